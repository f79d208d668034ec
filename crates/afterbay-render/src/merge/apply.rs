//! A strategic-merge patch and what kustomize does around it: name, namespace and kind of the object are restored.

use afterbay_manifest::{Mapping, Node, Scalar, Spelling, Value};

use super::error::MergeError;
use super::schema::Schema;
use super::strategic::{Outcome, strategic};

/// How a patch is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the object was found by a `target`, or by `patchesStrategicMerge`. kustomize then reads labels and annotations
    /// of the patch as texts first, so `null` sets the text `null` instead of deleting.
    pub by_target: bool,
    /// Whether the patch may give the object another name.
    pub allow_name_change: bool,
    /// Whether the patch may give the object another kind.
    pub allow_kind_change: bool,
}

/// Applies a strategic-merge patch to an object.
///
/// Name, namespace and kind stay those of the object; of the patch they only say which object is meant, unless the options
/// allow a change.
pub fn apply(
    target: &mut Node,
    patch: &Node,
    options: Options,
    schema: &Schema,
) -> Result<Outcome, MergeError> {
    let name = target.at(&["metadata", "name"]).cloned();
    let namespace = target.at(&["metadata", "namespace"]).cloned();
    let kind = target.get("kind").cloned();
    let outcome = if options.by_target {
        let mut patch = patch.clone();
        read_as_texts(&mut patch, "labels");
        read_as_texts(&mut patch, "annotations");
        if let (Some(entries), Some(api_version)) = (patch.as_mapping_mut(), target.get("apiVersion")) {
            entries.insert("apiVersion".to_owned(), api_version.clone());
        }
        strategic(target, &patch, schema)?
    } else {
        strategic(target, patch, schema)?
    };
    if outcome == Outcome::Deleted {
        return Ok(Outcome::Deleted);
    }
    if !options.allow_kind_change {
        restore(target, "kind", kind);
    }
    let metadata = target.as_mapping_mut().map(|fields| {
        let metadata = fields
            .entry("metadata".to_owned())
            .or_insert_with(|| Node::plain(Mapping::new()));
        if metadata.is_null() {
            *metadata = Node::plain(Mapping::new());
        }
        metadata
    });
    if let Some(metadata) = metadata {
        if !options.allow_name_change {
            restore(metadata, "name", name);
        }
        let is_named = |namespace: &Node| namespace.expose_spelling().is_some_and(|text| !text.is_empty());
        restore(metadata, "namespace", namespace.filter(is_named));
    }
    Ok(Outcome::Kept)
}

/// Puts a field back; one that was not there goes away.
fn restore(map: &mut Node, field: &str, value: Option<Node>) {
    let Some(entries) = map.as_mapping_mut() else {
        return;
    };
    match value {
        Some(value) => {
            entries.insert(field.to_owned(), value);
        }
        None => {
            entries.shift_remove(field);
        }
    }
}

/// Makes a text of every label or annotation, spelled as it was; without any, the field goes away.
pub(super) fn read_as_texts(object: &mut Node, field: &str) {
    let metadata = object
        .as_mapping_mut()
        .and_then(|fields| fields.get_mut("metadata"))
        .and_then(Node::as_mapping_mut);
    let Some(metadata) = metadata else { return };
    match metadata.get_mut(field).map(|node| &mut node.value) {
        Some(Value::Mapping(entries)) if !entries.is_empty() => {
            for value in entries.values_mut() {
                let text = value.expose_spelling().unwrap_or_default().into_owned();
                value.value = Scalar::String(text).into();
                value.spelling = Spelling::Plain;
                value.quote_if_ambiguous();
            }
        }
        Some(_) => {
            metadata.shift_remove(field);
        }
        None => {}
    }
}
