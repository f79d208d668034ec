//! Objects that are to be healthy although nobody applies them here.

use std::fmt;
use std::str::FromStr;

use afterbay_manifest::Gvk;
use serde::{Deserialize, Serialize};

/// A kind in a group, in whatever version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
}

impl GroupKind {
    pub(crate) fn is_of(&self, gvk: &Gvk) -> bool {
        self.group == gvk.group && self.kind == gvk.kind
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.kind)
        } else {
            write!(f, "{}/{}", self.group, self.kind)
        }
    }
}

/// Reads `group/Kind`, the form of Flux's `--custom-apply-stage-kinds`; without a group it is the core group.
impl FromStr for GroupKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (group, kind) = text.split_once('/').unwrap_or(("", text));
        if kind.is_empty() || kind.contains('/') || (group.is_empty() && text.starts_with('/')) {
            return Err(format!(
                "{text:?} is not GROUP/KIND, such as rbac.authorization.k8s.io/Role"
            ));
        }
        Ok(Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
        })
    }
}

/// One object to wait for, as an entry of Flux's `spec.healthChecks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// The kind, with its group.
    pub kind: GroupKind,
    /// `None` for kinds that live in no namespace, and for the namespace of the run.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GroupKind { group, kind } = &self.kind;
        let dot = if group.is_empty() { "" } else { "." };
        write!(f, "{kind}{dot}{group}/")?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// The groups of built-in kinds that are named without one, as `kubectl` has them.
const WELL_KNOWN: [(&str, &[&str]); 5] = [
    ("apps", &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]),
    ("batch", &["Job", "CronJob"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("policy", &["PodDisruptionBudget"]),
];

/// Reads `Kind[.group]/[NAMESPACE/]NAME`. Built-in workloads need no group.
impl FromStr for HealthCheck {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, None, name),
            [kind, namespace, name] => (kind, Some(namespace), name),
            _ => ("", None, ""),
        };
        let (kind, group) = match kind.split_once('.') {
            Some((kind, group)) => (kind, group),
            None => (kind, well_known(kind)),
        };
        if kind.is_empty() || name.is_empty() || namespace == Some("") {
            return Err(format!(
                "{text:?} is not KIND[.GROUP]/[NAMESPACE/]NAME, such as Deployment/web/shop"
            ));
        }
        Ok(Self {
            kind: GroupKind {
                group: group.to_owned(),
                kind: kind.to_owned(),
            },
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

fn well_known(kind: &str) -> &'static str {
    let known = WELL_KNOWN.iter().find(|(_, kinds)| kinds.contains(&kind));
    known.map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read_and_told_again() {
        for (text, told) in [
            ("Deployment/web/shop", "Deployment.apps/web/shop"),
            ("Namespace/web", "Namespace/web"),
            ("Widget.example.com/web/a", "Widget.example.com/web/a"),
            ("Job/a", "Job.batch/a"),
        ] {
            let check: HealthCheck = text.parse().unwrap();
            assert_eq!(check.to_string(), told);
        }
        for text in [
            "",
            "Deployment",
            "/a",
            "Deployment/",
            "Deployment//a",
            "A/b/c/d",
            ".apps/a",
        ] {
            assert!(text.parse::<HealthCheck>().is_err(), "{text}");
        }
    }

    #[test]
    fn kinds_of_a_stage_are_read_as_flux_reads_them() {
        let read = |text: &str| text.parse::<GroupKind>().map(|kind| (kind.group, kind.kind));
        let pair = |group: &str, kind: &str| Ok((group.to_owned(), kind.to_owned()));
        assert_eq!(read("apps/Deployment"), pair("apps", "Deployment"));
        assert_eq!(read("ConfigMap"), pair("", "ConfigMap"));
        for text in ["", "/Role", "apps/", "a/b/c"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
