//! What kustomize does to annotations on the way through a build, whatever the kustomization file says.
//!
//! It reads `metadata.annotations` as texts and writes them back, so `scrape: true` becomes `"true"`, exactly as
//! spelled; an empty map goes away; and so do the annotations it uses to keep its own books.

use std::collections::BTreeMap;

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair, Text};
use afterbay_manifest::{KeyPath, Mapping, Node, Position, Scalar, Value};

use crate::error::an;
use crate::namespace::Misshapen;

/// Drops an object at the end of a build, unless its value is `false`.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";

/// Keeps `namespace:` from moving an object.
const HELM_GENERATED: &str = "internal.config.kubernetes.io/helm-generated";

/// Annotations that kustomize removes at the end of every build.
const REMOVED: [&str; 12] = [
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// More of them, which come from `buildMetadata`.
const REMOVED_ORIGINS: [&str; 2] = [
    "config.kubernetes.io/origin",
    "alpha.config.kubernetes.io/transformations",
];

/// Annotations that would steer a build. kustomize takes them from a file as its own; here they are refused.
const STEERING: [&str; 6] = [
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/suffixes",
    "internal.config.kubernetes.io/needsHashSuffix",
];

/// The scalars of a document as spelled, by position.
pub(crate) type Spellings = BTreeMap<Position, Box<str>>;

/// Makes every annotation a text. `spellings` are asked for only when a value's spelling matters; without them a
/// value is spelled as JSON spells it, which is what kustomize does to the items of a list.
pub(crate) fn to_text(
    body: &mut Node,
    spellings: impl FnOnce() -> Option<Spellings>,
) -> Result<(), Misshapen> {
    let path = KeyPath::of_keys(["metadata", "annotations"]);
    let Some(metadata) = body.as_mapping_mut().and_then(|body| body.get_mut("metadata")) else {
        return Ok(());
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return Ok(());
    };
    let Some(annotations) = metadata.get_mut("annotations") else {
        return Ok(());
    };
    if annotations.is_null() || annotations.as_mapping().is_some_and(Mapping::is_empty) {
        metadata.shift_remove("annotations");
        return Ok(());
    }
    let found = annotations.kind_name();
    let Some(entries) = annotations.as_mapping_mut() else {
        return Err(Misshapen {
            path,
            problem: format!("is {} where a map of text to text is expected", an(found)),
        });
    };
    if let Some(key) = STEERING.iter().find(|key| entries.contains_key(**key)) {
        let problem = "is for kustomize's own books and would change the build; remove it".to_owned();
        return Err(Misshapen {
            path: path.key(key),
            problem,
        });
    }
    let spellings = if entries.values().any(needs_spelling) {
        spellings()
    } else {
        None
    };
    for (key, value) in entries.iter_mut() {
        let found = value.kind_name();
        let Some(text) = spell(value, spellings.as_ref()) else {
            let problem = format!("is {} where text is expected", an(found));
            return Err(Misshapen {
                path: path.key(key),
                problem,
            });
        };
        value.value = Value::Scalar(Scalar::String(text));
    }
    Ok(())
}

/// Whether an object is dropped at the end.
pub(crate) fn is_local(body: &Node) -> bool {
    annotation(body, LOCAL_CONFIG).is_some_and(|value| value.expose_str() != Some("false"))
}

/// Whether `namespace:` leaves an object alone.
pub(crate) fn is_helm_generated(body: &Node) -> bool {
    annotation(body, HELM_GENERATED).is_some_and(|value| value.expose_str() == Some("true"))
}

/// Takes out what kustomize removes at the end of a build.
pub(crate) fn remove_internal(body: &mut Node) {
    let Some(metadata) = body.as_mapping_mut().and_then(|body| body.get_mut("metadata")) else {
        return;
    };
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let Some(entries) = metadata.get_mut("annotations").and_then(Node::as_mapping_mut) else {
        return;
    };
    let removed = REMOVED.iter().chain(&REMOVED_ORIGINS).chain([&HELM_GENERATED]);
    for key in removed {
        entries.shift_remove(*key);
    }
    if entries.is_empty() {
        metadata.shift_remove("annotations");
    }
}

fn annotation<'a>(body: &'a Node, key: &str) -> Option<&'a Node> {
    body.at(&["metadata", "annotations"])?.get(key)
}

/// An unquoted date is resolved to another text than its spelling.
fn needs_spelling(value: &Node) -> bool {
    match &value.value {
        Value::Scalar(Scalar::String(text)) => {
            text.ends_with('Z') && text.starts_with(|first: char| first.is_ascii_digit())
        }
        Value::Scalar(_) => true,
        _ => false,
    }
}

/// The text of a value; `None` when it cannot be text.
fn spell(value: &Node, spellings: Option<&Spellings>) -> Option<String> {
    let Value::Scalar(scalar) = &value.value else {
        return None;
    };
    let asked = needs_spelling(value) && value.provenance.is_plain();
    let spelled = spellings
        .filter(|_| asked)
        .and_then(|spellings| spellings.get(&value.position));
    match (spelled, scalar) {
        (Some(text), _) => Some(text.to_string()),
        (_, Scalar::Bytes(_)) => None,
        (_, scalar) => Some(json_text(scalar)),
    }
}

/// A scalar as Go's `encoding/json` writes it, without quotes.
fn json_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(value) => value.to_string(),
        Scalar::Float(value) => float_text(*value),
        Scalar::Timestamp(text) | Scalar::String(text) => text.clone(),
        Scalar::Null | Scalar::Bytes(_) => "null".to_owned(),
    }
}

/// Shortest digits, with an exponent below 1e-6 and from 1e21 on; the exponent has a sign.
fn float_text(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// The spellings of every scalar of a document. An alias is spelled as what it stands for.
pub(crate) fn spellings(document: &Document) -> Spellings {
    let mut collector = Collector {
        anchors: BTreeMap::new(),
        spellings: BTreeMap::new(),
    };
    if let Some(root) = &document.root {
        collector.visit(root);
    }
    collector.spellings
}

struct Collector<'a> {
    anchors: BTreeMap<&'a str, &'a str>,
    spellings: Spellings,
}

impl<'a> Collector<'a> {
    fn visit(&mut self, element: &'a Element) {
        match &element.kind {
            ElementKind::Text(Text { text, .. }) => {
                if let Some(anchor) = &element.anchor {
                    self.anchors.insert(anchor, text);
                }
                self.spellings.insert(element.position, text.clone());
            }
            ElementKind::Alias(name) => {
                if let Some(text) = self.anchors.get(&**name) {
                    self.spellings.insert(element.position, (*text).into());
                }
            }
            ElementKind::Sequence(items) => {
                for item in items {
                    if let Item::Element(item) = item {
                        self.visit(item);
                    }
                }
            }
            ElementKind::Mapping(pairs) => {
                for pair in pairs {
                    if let Pair::Entry { value, .. } = pair {
                        self.visit(value);
                    }
                }
            }
            ElementKind::Opened(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::float_text;

    #[test]
    fn floats_are_spelled_as_go_spells_them() {
        let spelled = [1.5, 1e20, 1e21, 1.5e300, 1e-6, 1e-7, -2.5e-9, 0.0].map(float_text);
        assert_eq!(
            spelled,
            [
                "1.5",
                "100000000000000000000",
                "1e+21",
                "1.5e+300",
                "0.000001",
                "1e-7",
                "-2.5e-9",
                "0"
            ]
        );
    }
}
