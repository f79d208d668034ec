//! Which crate may depend on which, from `cargo metadata`.

use anyhow::Context as _;
use serde_json::Value;

use crate::shell::{cargo, output};

/// `from` depends on `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    /// Whether it is a dependency of the tests only.
    pub(super) dev: bool,
}

/// What each of our crates may link, of ours. What is not in the table may link nothing of ours.
const ARROWS: [(&str, &[&str]); 10] = [
    ("afterbay-source", &["afterbay-manifest"]),
    ("afterbay-sops", &["afterbay-manifest"]),
    ("afterbay-decrypt", &["afterbay-manifest", "afterbay-sops"]),
    ("afterbay-keys", &["afterbay-manifest"]),
    ("afterbay-render", &["afterbay-manifest"]),
    ("afterbay-normalize", &["afterbay-manifest", "afterbay-decrypt"]),
    ("afterbay-apply", &["afterbay-manifest", "afterbay-normalize"]),
    (
        "afterbay-pipeline",
        &[
            "afterbay-manifest",
            "afterbay-source",
            "afterbay-sops",
            "afterbay-decrypt",
            "afterbay-keys",
            "afterbay-render",
            "afterbay-normalize",
            "afterbay-apply",
        ],
    ),
    (
        "afterbay",
        &[
            "afterbay-manifest",
            "afterbay-source",
            "afterbay-sops",
            "afterbay-decrypt",
            "afterbay-keys",
            "afterbay-render",
            "afterbay-normalize",
            "afterbay-apply",
            "afterbay-pipeline",
        ],
    ),
    // What reads what strangers write.
    (
        "fuzz-targets",
        &[
            "afterbay-manifest",
            "afterbay-sops",
            "afterbay-decrypt",
            "afterbay-keys",
            "afterbay-render",
        ],
    ),
];

/// What the tests of a crate may link besides.
const TEST_ARROWS: [(&str, &[&str]); 3] = [
    ("afterbay", &["afterbay-fakes"]),
    // The canaries are looked for over the whole way from a sealed file to its values, which begins with a key.
    (
        "afterbay-keys",
        &["afterbay-fakes", "afterbay-sops", "afterbay-decrypt"],
    ),
    // There is one way to make a `NormalizedSet`, and it begins there.
    ("afterbay-apply", &["afterbay-decrypt"]),
];

/// Crates that only one of ours may link, by the start of their name.
const OWNED: [(&str, &[&str], &str); 9] = [
    ("kube", &["afterbay-apply"], "only apply talks to the cluster"),
    (
        "k8s-openapi",
        &["afterbay-apply"],
        "only apply talks to the cluster",
    ),
    ("gix", &["afterbay-source"], "only source reads Git"),
    (
        "reqwest",
        &["afterbay-source", "afterbay-keys"],
        "only source and keys speak HTTP by themselves",
    ),
    ("aws-", &["afterbay-keys"], "only keys links cloud SDKs"),
    ("google-", &["afterbay-keys"], "only keys links cloud SDKs"),
    (
        "granit-parser",
        &["afterbay-manifest"],
        "there is one YAML reader",
    ),
    (
        "age",
        &["afterbay-keys", "afterbay-sops (dev)", "afterbay-decrypt (dev)"],
        "only keys opens age files",
    ),
    ("anyhow", &["afterbay", "xtask", "e2e"], "stages have error enums"),
];

/// Crates that do no IO, and what would give it to them.
const PURE: [&str; 5] = [
    "afterbay-manifest",
    "afterbay-sops",
    "afterbay-decrypt",
    "afterbay-render",
    "afterbay-normalize",
];
const IO: [&str; 5] = ["tokio", "hyper", "reqwest", "futures", "rustix"];

/// Every dependency of a workspace member.
pub(super) fn edges() -> anyhow::Result<Vec<Edge>> {
    let text = output(&mut cargo([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--offline",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            edges.push(Edge {
                from: package["name"].as_str().unwrap_or_default().to_owned(),
                to: dependency["name"].as_str().unwrap_or_default().to_owned(),
                dev: dependency["kind"] == "dev",
            });
        }
    }
    Ok(edges)
}

/// Every edge that should not be.
pub(super) fn check(edges: &[Edge]) -> Vec<String> {
    edges.iter().filter_map(breach).collect()
}

fn breach(edge: &Edge) -> Option<String> {
    let Edge { from, to, dev } = edge;
    let ours = is_ours(to);
    if ours && !may_link(from, to, *dev) {
        return Some(format!(
            "{from} must not depend on {to}; the arrows are in ARCHITECTURE.md"
        ));
    }
    if !ours && PURE.contains(&from.as_str()) && IO.contains(&to.as_str()) && !dev {
        return Some(format!("{from} does no IO and must not depend on {to}"));
    }
    if !from.starts_with("afterbay") {
        return None;
    }
    let (_, owners, reason) = OWNED.iter().find(|(name, ..)| is_named(to, name))?;
    let in_tests = format!("{from} (dev)");
    let owned = owners.contains(&from.as_str()) || (*dev && owners.contains(&in_tests.as_str()));
    (!owned).then(|| format!("{from} must not depend on {to}: {reason}"))
}

/// `aws-` stands for all that begin so; `gix` for itself and `gix-*`.
fn is_named(to: &str, name: &str) -> bool {
    to == name || (name.ends_with('-') && to.starts_with(name)) || to.starts_with(&format!("{name}-"))
}

fn is_ours(name: &str) -> bool {
    name.starts_with("afterbay") || ["xtask", "e2e", "fuzz-targets", "fixtures"].contains(&name)
}

fn may_link(from: &str, to: &str, dev: bool) -> bool {
    if to == "fixtures" {
        return dev || from == "e2e" || from == "fuzz-targets";
    }
    if (from, to) == ("e2e", "afterbay-fakes") {
        return true;
    }
    let listed = |arrows: &[(&str, &[&str])]| {
        arrows
            .iter()
            .any(|(name, allowed)| *name == from && allowed.contains(&to))
    };
    listed(&ARROWS) || (dev && listed(&TEST_ARROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [&str; 7] = [
        "afterbay-source",
        "afterbay-sops",
        "afterbay-decrypt",
        "afterbay-keys",
        "afterbay-render",
        "afterbay-normalize",
        "afterbay-apply",
    ];

    fn edge(from: &str, to: &str) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            dev: false,
        }
    }

    #[test]
    fn the_tree_as_it_is_has_no_breach() {
        assert_eq!(check(&edges().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn every_arrow_that_is_added_is_found() {
        let today = edges().unwrap();
        let ours: Vec<&str> = STAGES
            .into_iter()
            .chain([
                "afterbay-manifest",
                "afterbay-pipeline",
                "afterbay",
                "afterbay-fakes",
                "xtask",
                "e2e",
                "fuzz-targets",
                "fixtures",
            ])
            .collect();
        for from in &ours {
            for to in &ours {
                let allowed = from == to || may_link(from, to, false);
                let mut edges = today.clone();
                edges.push(edge(from, to));
                if !allowed {
                    assert!(
                        check(&edges).iter().any(|problem| problem.contains(to)),
                        "{from} -> {to} was not found"
                    );
                }
            }
        }
    }

    #[test]
    fn the_forbidden_arrows_of_the_design_are_found() {
        for (from, to) in [
            ("afterbay-render", "afterbay-source"),
            ("afterbay-sops", "afterbay-keys"),
            ("afterbay-decrypt", "afterbay-keys"),
            ("afterbay-source", "kube"),
            ("afterbay-normalize", "kube-client"),
            ("afterbay-decrypt", "aws-sdk-kms"),
            ("afterbay-render", "gix"),
            ("afterbay-render", "tokio"),
            ("afterbay-manifest", "reqwest"),
            ("afterbay-keys", "anyhow"),
            ("e2e", "afterbay-apply"),
            ("afterbay-keys", "fuzz-targets"),
            ("xtask", "afterbay-manifest"),
            ("afterbay-apply", "afterbay-pipeline"),
        ] {
            assert_eq!(check(&[edge(from, to)]).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn every_crate_that_only_one_may_link_is_found() {
        for (name, owners, reason) in OWNED {
            // `aws-` stands for all that begin so.
            let to = if name.ends_with('-') {
                format!("{name}sdk-kms")
            } else {
                name.to_owned()
            };
            for from in STAGES
                .into_iter()
                .chain(["afterbay-manifest", "afterbay-pipeline", "afterbay"])
            {
                for dev in [false, true] {
                    let in_tests = format!("{from} (dev)");
                    let owned = owners.contains(&from) || (dev && owners.contains(&in_tests.as_str()));
                    let added = Edge {
                        dev,
                        ..edge(from, &to)
                    };
                    let problems = check(&[added]);
                    let pure = !dev && PURE.contains(&from) && IO.contains(&to.as_str());
                    assert_eq!(
                        problems.len(),
                        usize::from(!owned),
                        "{from} -> {to}, dev {dev}: {problems:?}"
                    );
                    assert!(owned || pure || problems[0].ends_with(reason), "{problems:?}");
                }
            }
        }
    }

    #[test]
    fn every_crate_that_does_io_is_found_where_there_is_none() {
        for from in PURE {
            for to in IO {
                assert_eq!(check(&[edge(from, to)]).len(), 1, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn an_arrow_that_tests_may_not_have_is_found() {
        for (from, to) in [
            ("afterbay-render", "afterbay-source"),
            ("afterbay-sops", "afterbay-keys"),
            ("afterbay-decrypt", "afterbay-apply"),
            ("afterbay-normalize", "kube"),
            ("afterbay-render", "age"),
            ("e2e", "afterbay-apply"),
            ("afterbay-keys", "fuzz-targets"),
            ("xtask", "afterbay-manifest"),
        ] {
            let dev = Edge {
                dev: true,
                ..edge(from, to)
            };
            assert_eq!(check(&[dev]).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_use_fixtures_and_the_product_may_not() {
        let dev = Edge {
            dev: true,
            ..edge("afterbay-sops", "fixtures")
        };
        assert!(check(&[dev]).is_empty());
        assert_eq!(check(&[edge("afterbay-sops", "fixtures")]).len(), 1);
    }

    #[test]
    fn an_arrow_of_tests_is_none_of_the_product() {
        let dev = Edge {
            dev: true,
            ..edge("afterbay-apply", "afterbay-decrypt")
        };
        assert!(check(&[dev]).is_empty());
        assert_eq!(check(&[edge("afterbay-apply", "afterbay-decrypt")]).len(), 1);
    }
}
