//! What `replacements` are told.

use afterbay_manifest::{Node, Position};

use super::Target;
use crate::decode::Decoder;
use crate::fieldspec::Selector;

/// A replacement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replacement {
    pub(crate) source: Option<ReplacementSource>,
    pub(crate) source_value: Option<String>,
    pub(crate) targets: Option<Vec<ReplacementTarget>>,
    /// A file with replacements, in place of all else.
    pub(crate) path: String,
    pub(crate) position: Position,
}

/// Where a replacement takes its value.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplacementSource {
    pub(crate) gvk: Selector,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: Option<FieldOptions>,
}

/// Where a replacement puts it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReplacementTarget {
    pub(crate) select: Option<Target>,
    pub(crate) reject: Vec<Target>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: Option<FieldOptions>,
}

/// How a replacement treats a field.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) create: bool,
}

impl Replacement {
    const FIELDS: [&str; 4] = ["source", "sourceValue", "targets", "path"];

    pub(crate) fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self {
            position: node.position,
            ..Self::default()
        };
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "source" => {
                all.source = (!value.is_null()).then(|| ReplacementSource::read(decoder, value, at));
            }
            "sourceValue" => all.source_value = decoder.optional_text(value, at),
            "targets" => {
                all.targets = (!value.is_null()).then(|| decoder.list(value, at, ReplacementTarget::read));
            }
            _ => all.path = decoder.text(value, at),
        });
        all
    }
}

impl ReplacementSource {
    const FIELDS: [&str; 7] = [
        "group",
        "version",
        "kind",
        "name",
        "namespace",
        "fieldPath",
        "options",
    ];

    fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self::default();
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "group" => all.gvk.group = decoder.text(value, at),
            "version" => all.gvk.version = decoder.text(value, at),
            "kind" => all.gvk.kind = decoder.text(value, at),
            "name" => all.name = decoder.text(value, at),
            "namespace" => all.namespace = decoder.text(value, at),
            "fieldPath" => all.field_path = decoder.text(value, at),
            _ => all.options = FieldOptions::optional(decoder, value, at),
        });
        all
    }
}

impl ReplacementTarget {
    const FIELDS: [&str; 4] = ["select", "reject", "fieldPaths", "options"];

    fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut all = Self::default();
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "select" => all.select = Target::optional(decoder, value, at),
            "reject" => all.reject = decoder.list(value, at, Target::read),
            "fieldPaths" => all.field_paths = decoder.texts(value, at),
            _ => all.options = FieldOptions::optional(decoder, value, at),
        });
        all
    }
}

impl FieldOptions {
    const FIELDS: [&str; 4] = ["delimiter", "index", "encoding", "create"];

    fn optional(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Option<Self> {
        if node.is_null() {
            return None;
        }
        let mut all = Self::default();
        decoder.fields(node, at, &Self::FIELDS, |decoder, name, at, value| match name {
            "delimiter" => all.delimiter = decoder.text(value, at),
            "index" => all.index = decoder.integer(value, at),
            "create" => all.create = decoder.boolean(value, at),
            // kustomize reads it and does nothing with it.
            _ => {
                decoder.text(value, at);
            }
        });
        Some(all)
    }
}
