//! Which objects the `target` of a patch means.

use std::borrow::Cow;

use afterbay_manifest::{Gvk, Node};
use regex::Regex;
use thiserror::Error;

use super::labels::LabelSelector;
use crate::scope;

/// What stands for the namespace of an object that has none, and for that of a cluster-scoped one. Patterns see these.
const DEFAULT_NAMESPACE: &str = "default";
const NO_NAMESPACE: &str = "_non_namespaceable_";

/// The fields of a `target`, as written; an empty one fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// A regular expression for the API group.
    pub group: String,
    /// A regular expression for the version.
    pub version: String,
    /// A regular expression for the kind.
    pub kind: String,
    /// A regular expression for the name.
    pub name: String,
    /// A regular expression for the namespace.
    pub namespace: String,
    /// A label selector.
    pub label_selector: String,
    /// A label selector for annotations.
    pub annotation_selector: String,
}

/// Why a `target` is no selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} of the target {problem}")]
pub struct TargetError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// A `target`, ready to be asked.
#[derive(Debug, Clone)]
pub struct Selector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

/// How an object is, or was, called. A cluster-scoped object has a namespace of its own kind, see [`Identity::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    name: &'a str,
    namespace: &'a str,
}

impl<'a> Identity<'a> {
    /// The name and namespace of an object of a kind. No namespace is the one called `default`; of a cluster-scoped kind the
    /// namespace does not count.
    pub fn new(gvk: &Gvk, name: &'a str, namespace: Option<&'a str>) -> Self {
        let namespace = if scope::is_cluster_scoped(gvk) {
            NO_NAMESPACE
        } else {
            namespace
                .filter(|text| !text.is_empty())
                .unwrap_or(DEFAULT_NAMESPACE)
        };
        Self { name, namespace }
    }
}

impl Selector {
    /// Compiles the patterns. They have to fit from start to end.
    pub fn new(target: &Target) -> Result<Self, TargetError> {
        Ok(Self {
            group: pattern("group", &target.group)?,
            version: pattern("version", &target.version)?,
            kind: pattern("kind", &target.kind)?,
            name: pattern("name", &target.name)?,
            namespace: pattern("namespace", &target.namespace)?,
            labels: labels("labelSelector", &target.label_selector)?,
            annotations: labels("annotationSelector", &target.annotation_selector)?,
        })
    }

    /// Whether the kind fits.
    pub fn fits_kind(&self, group: &str, version: &str, kind: &str) -> bool {
        fits(self.group.as_ref(), group)
            && fits(self.version.as_ref(), version)
            && fits(self.kind.as_ref(), kind)
    }

    /// Whether name and namespace fit.
    pub fn fits_name(&self, name: &str, namespace: &str) -> bool {
        fits(self.name.as_ref(), name) && fits(self.namespace.as_ref(), namespace)
    }

    /// Whether labels and annotations are those asked for.
    pub fn fits_metadata(&self, object: &Node) -> bool {
        self.labels.matches(|key| text(object, "labels", key))
            && self.annotations.matches(|key| text(object, "annotations", key))
    }

    /// Whether an object is meant: by its kind, its labels, and by the name and namespace that it has or had in its file.
    pub fn selects(&self, object: &Node, gvk: &Gvk, original: Identity<'_>, current: Identity<'_>) -> bool {
        self.fits_kind(&gvk.group, &gvk.version, &gvk.kind)
            && (fits(self.name.as_ref(), original.name) || fits(self.name.as_ref(), current.name))
            && (fits(self.namespace.as_ref(), original.namespace)
                || fits(self.namespace.as_ref(), current.namespace))
            && self.fits_metadata(object)
    }
}

/// Whether a part fits; without a pattern everything does.
fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

/// The text of a label or annotation, as spelled.
fn text<'n>(object: &'n Node, field: &str, key: &str) -> Option<Cow<'n, str>> {
    let value = object.at(&["metadata", field, key])?;
    Some(value.expose_spelling().unwrap_or_default())
}

fn pattern(field: &'static str, text: &str) -> Result<Option<Regex>, TargetError> {
    if text.is_empty() {
        return Ok(None);
    }
    // The pattern alone first: it must not close the parentheses around it.
    let compiled = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
    compiled.map(Some).map_err(|error| {
        // The message of the library draws the pattern over several lines; its last one says what is wrong.
        let message = error.to_string();
        let reason = message.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        TargetError {
            field,
            problem: format!("{text:?} is no regular expression: {reason}"),
        }
    })
}

fn labels(field: &'static str, text: &str) -> Result<LabelSelector, TargetError> {
    LabelSelector::parse(text).map_err(|problem| TargetError {
        field,
        problem: format!("{text:?} cannot be read: {problem}"),
    })
}
