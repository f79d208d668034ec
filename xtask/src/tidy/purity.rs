//! Which files do no IO and read no clock. `arrows.rs` holds what their crates may link; this holds what they take from
//! the standard library, which every crate links.

use super::files::Source;

/// Folders and files whose code takes bytes and returns values.
const PURE: [&str; 10] = [
    "crates/afterbay-manifest/src/",
    "crates/afterbay-sops/src/",
    "crates/afterbay-decrypt/src/",
    "crates/afterbay-render/src/",
    "crates/afterbay-normalize/src/",
    "crates/afterbay-apply/src/diff.rs",
    "crates/afterbay-apply/src/diff/",
    "crates/afterbay-apply/src/plan.rs",
    "crates/afterbay-apply/src/plan/",
    "crates/afterbay-apply/src/order.rs",
];

/// What reaches outside, with the reason to say.
const OUTSIDE: [(&str, &str); 13] = [
    ("std::fs", "files"),
    ("std::io::stdin", "standard input"),
    ("std::env", "the environment"),
    ("std::net", "the network"),
    ("std::process", "processes"),
    ("std::thread", "threads"),
    ("std::os", "the system"),
    ("std::{", "it cannot be seen here: one `use` a module"),
    ("SystemTime", "a clock"),
    ("Instant", "a clock"),
    ("now_utc", "a clock"),
    ("tokio", "an async runtime"),
    ("async", "async code"),
];

/// Every use of the outside in a file that has none.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let pure = sources
        .iter()
        .filter(|source| !source.is_test() && PURE.iter().any(|pure| source.path.starts_with(pure)));
    let mut problems: Vec<String> = pure.flat_map(check_file).collect();
    // A file that is renamed takes its entry along.
    problems.extend(PURE.iter().filter_map(|pure| {
        let found = sources.iter().any(|source| source.path.starts_with(pure));
        (!found).then(|| format!("{pure}: is in the list of xtask/src/tidy/purity.rs and does not exist"))
    }));
    problems
}

fn check_file(source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in source.product().lines().enumerate() {
        // What stands behind `//` is for people.
        let code = line.split("//").next().unwrap_or_default();
        for (name, what) in OUTSIDE {
            if mentions(code, name) {
                problems.push(format!(
                    "{}:{}: does no IO and reads no clock, and must not use {name} ({what})",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    problems
}

/// Whether a line of code has the name as whole words.
fn mentions(code: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).unwrap_or_default().chars().next_back();
        let after = code.get(at + name.len()..).unwrap_or_default().chars().next();
        let ends_open = name.ends_with('{');
        !before.is_some_and(is_word) && (ends_open || !after.is_some_and(is_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn breaches(path: &str, text: &str) -> Vec<String> {
        let problems = check(&[source(path, text)]);
        problems
            .into_iter()
            .filter(|problem| problem.starts_with(path) && problem.contains("must not use"))
            .collect()
    }

    #[test]
    fn every_way_outside_is_found_in_every_pure_place() {
        for place in PURE {
            let path = if place.ends_with('/') {
                format!("{place}new.rs")
            } else {
                place.to_owned()
            };
            for (name, _) in OUTSIDE {
                let text = format!("//! x\n\nfn f() {{\n    let x = {name} ;\n}}\n");
                let found = breaches(&path, &text);
                assert!(
                    found.len() == 1 && found[0].starts_with(&format!("{path}:4:")),
                    "{path}: {name}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn the_forms_of_an_import_are_found() {
        let path = "crates/afterbay-render/src/new.rs";
        for text in [
            "use std::fs;",
            "use std::fs::File;",
            "use std::{fs, path::Path};",
            "let now = std::time::Instant::now();",
            "use std::time::{Duration, SystemTime};",
            "pub async fn render() {}",
            "let home = std::env::var(\"HOME\");",
        ] {
            assert!(!breaches(path, text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_use_is_not_found() {
        let path = "crates/afterbay-render/src/new.rs";
        for text in [
            "// std::fs is for others",
            "/// Unlike [`std::fs::read`].",
            "use std::fmt;",
            "let x = env!(\"CARGO_PKG_VERSION\");",
            "struct Instantly;",
            "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
        ] {
            assert_eq!(breaches(path, text), Vec::<String>::new(), "{text}");
        }
        assert!(breaches("crates/afterbay-source/src/cache.rs", "use std::fs;").is_empty());
        assert!(breaches("crates/afterbay-render/src/tests/rules.rs", "use std::fs;").is_empty());
    }

    #[test]
    fn an_entry_without_a_file_is_found() {
        assert_eq!(check(&[]).len(), PURE.len());
    }
}
