//! Fields whose differences are neither reported nor corrected.
//!
//! What a revision declares cannot just be left out of an apply: the server takes a field that its manager does not send any more away from
//! the object, or back to its default. Nor can it be sent: that is a conflict, or a correction. What the server takes for
//! "as it is" is what the manager owns already, with the values that are there, and that is what is sent of an ignored field
//! ([`spare`]): nothing where somebody else has changed it meanwhile, since then it is not ours any more. Only what another manager
//! *applies* too is given up, so that it can change it without a conflict. An object that does not exist is created whole.

mod spare;

use std::fmt;
use std::str::FromStr;

use afterbay_manifest::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use spare::{Ownership, settle, spare};

use crate::inventory::PART_OF;

/// The annotation by which an object names fields of its own: JSON pointers, separated by commas or blanks.
const ANNOTATION: &str = "afterbay.dev/ignore-difference";

/// A field of some objects whose differences are ignored: `KIND[.GROUP][/[NAMESPACE/]NAME]:/JSON/POINTER`, with `*` for any kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IgnoreRule {
    text: String,
    kind: String,
    group: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    pointer: Pointer,
}

/// The keys of a JSON pointer (RFC 6901); a number is the index of an item of the list in the revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.0 {
            write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl FromStr for Pointer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys = text
            .strip_prefix('/')
            .ok_or_else(|| format!("{text:?} is no JSON pointer; write one such as /spec/replicas"))?;
        let keys: Vec<String> = keys
            .split('/')
            .map(|key| key.replace("~1", "/").replace("~0", "~"))
            .collect();
        let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
        let is_identity = match *texts {
            ["" | "metadata"] | ["apiVersion" | "kind", ..] | ["metadata", "labels"] => true,
            ["metadata", "labels", label] => label == PART_OF,
            ["metadata", field, ..] => {
                !matches!(field, "labels" | "annotations" | "finalizers" | "ownerReferences")
            }
            _ => false,
        };
        if is_identity {
            return Err(format!(
                "{text:?} says what the object is and whose, which cannot be ignored; name single labels and other fields"
            ));
        }
        Ok(Self(keys))
    }
}

impl FromStr for IgnoreRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, pointer) = text
            .split_once(":/")
            .ok_or_else(|| format!("{text:?} is not KIND[.GROUP][/[NAMESPACE/]NAME]:/JSON/POINTER"))?;
        let mut parts = target.splitn(3, '/');
        let kind = parts.next().unwrap_or_default();
        let (namespace, name) = match (parts.next(), parts.next()) {
            (Some(namespace), Some(name)) => (Some(namespace), Some(name)),
            (name, _) => (None, name),
        };
        let (kind, group) = match kind.split_once('.') {
            Some((kind, group)) => (kind, Some(group)),
            None => (kind, None),
        };
        let named = [Some(kind), group, namespace, name];
        if named.iter().flatten().any(|part| part.is_empty()) {
            return Err(format!(
                "{text:?} is not KIND[.GROUP][/[NAMESPACE/]NAME]:/JSON/POINTER"
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            pointer: format!("/{pointer}").parse()?,
        })
    }
}

impl TryFrom<String> for IgnoreRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IgnoreRule> for String {
    fn from(rule: IgnoreRule) -> Self {
        rule.text
    }
}

impl IgnoreRule {
    fn is_about(&self, object: &ObjectRef) -> bool {
        let is =
            |wanted: &Option<String>, found: Option<&String>| wanted.is_none() || wanted.as_ref() == found;
        (self.kind == "*" || self.kind == object.gvk.kind)
            && is(&self.group, Some(&object.gvk.group))
            && is(&self.namespace, object.namespace.as_ref())
            && is(&self.name, Some(&object.name))
    }
}

/// The fields of an object that are ignored, by the rules and by what the revision itself says, and what is wrong with that.
pub(crate) fn pointers(
    rules: &[IgnoreRule],
    object: &ObjectRef,
    desired: &Value,
) -> (Vec<Pointer>, Vec<String>) {
    let mut pointers: Vec<Pointer> = rules
        .iter()
        .filter(|rule| rule.is_about(object))
        .map(|rule| rule.pointer.clone())
        .collect();
    let mut wrong = Vec::new();
    let said = desired["metadata"]["annotations"][ANNOTATION]
        .as_str()
        .unwrap_or_default();
    for text in said.split([',', ' ', '\n']).filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(pointer) => pointers.push(pointer),
            Err(problem) => wrong.push(format!("the annotation {ANNOTATION}: {problem}")),
        }
    }
    (pointers, wrong)
}

#[cfg(test)]
mod tests;
