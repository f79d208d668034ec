//! Nodes to shapes.

use std::borrow::Cow;

use super::scalar::{Plan, plan};
use super::writer::Writer;
use super::{Body, Flavor, Leaf, Shape, Want};
use crate::yaml::number::{base64_lines, go_float};
use crate::yaml::scalar::{is_base60, is_old_boolean, reads_as_text};
use crate::{Node, Scalar, Value};

/// Objects as kustomize prints them: block style, two columns a level, lists not indented, long lines
/// folded at 80 columns, documents separated by `---`. Keys are written in the order of the maps; kustomize
/// sorts them before. Plaintext is included, whatever its provenance.
///
/// An integral float is written as an integer, as it is after Go's way through JSON.
pub fn emit<'a>(documents: impl IntoIterator<Item = &'a Node>) -> String {
    write(documents, Keys::AsTheyAre)
}

/// Objects as [`emit`] writes them, with the keys of every map in the order of Go: what `kustomize build` prints, byte
/// for byte.
pub fn emit_sorted<'a>(documents: impl IntoIterator<Item = &'a Node>) -> String {
    write(documents, Keys::Sorted)
}

/// The order of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    AsTheyAre,
    Sorted,
}

fn write<'a>(documents: impl IntoIterator<Item = &'a Node>, keys: Keys) -> String {
    let mut text = String::new();
    for (index, document) in documents.into_iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        let mut writer = Writer::new(Flavor::Kustomize);
        writer.document(&shape(document, keys));
        text.push_str(&writer.out);
    }
    text
}

fn shape(node: &Node, keys: Keys) -> Shape<'_> {
    Shape::new(match &node.value {
        Value::Scalar(scalar) => Body::Leaf(leaf(scalar, Flavor::Kustomize)),
        Value::Sequence(items) => Body::Sequence(items.iter().map(|item| shape(item, keys)).collect()),
        Value::Mapping(entries) => {
            let mut entries: Vec<(&String, &Node)> = entries.iter().collect();
            if keys == Keys::Sorted {
                entries = super::order::sort(entries, &|(key, _)| key);
            }
            let entries = entries.into_iter();
            Body::Mapping(
                entries
                    .map(|(key, value)| {
                        (
                            Shape::new(Body::Leaf(text(key, Flavor::Kustomize))),
                            shape(value, keys),
                        )
                    })
                    .collect(),
            )
        }
    })
}

/// A scalar as the flavor writes it.
pub(super) fn leaf(scalar: &Scalar, flavor: Flavor) -> Leaf<'_> {
    let word = |text: Cow<'static, str>| Leaf {
        text,
        want: Want::Plain,
        tag: None,
    };
    match scalar {
        Scalar::Null => word("null".into()),
        Scalar::Bool(true) => word("true".into()),
        Scalar::Bool(false) => word("false".into()),
        Scalar::Int(value) => word(value.to_string().into()),
        Scalar::Uint(value) => word(value.to_string().into()),
        Scalar::Float(value) => word(float(*value, flavor).into()),
        Scalar::Timestamp(time) => Leaf {
            text: time.into(),
            want: Want::Plain,
            tag: None,
        },
        Scalar::String(value) => text(value, flavor),
        Scalar::Bytes(bytes) => {
            let encoded = base64_lines(bytes);
            let want = if encoded.contains('\n') {
                Want::Literal
            } else {
                Want::Plain
            };
            Leaf {
                text: encoded.into(),
                want,
                tag: Some("!!binary"),
            }
        }
    }
}

/// 2^64: integral floats below it are integers after Go's way through JSON.
const INTEGERS: f64 = 18_446_744_073_709_551_616.0;

fn float(value: f64, flavor: Flavor) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    if flavor == Flavor::Kustomize && value.fract() == 0.0 && value > -INTEGERS / 2.0 && value < INTEGERS {
        return format!("{}", if value == 0.0 { 0.0 } else { value });
    }
    go_float(value)
}

/// Whether go-yaml v3 writes a text, as a value, without quotes and not as a block.
pub(crate) fn is_written_plain(value: &str) -> bool {
    plan(&text(value, Flavor::Sops), false, Flavor::Sops) == Plan::Plain
}

/// A text as the flavor writes it: in quotes where it would read as something else.
pub(super) fn text(text: &str, flavor: Flavor) -> Leaf<'_> {
    let leaf = |want, tag| Leaf {
        text: text.into(),
        want,
        tag,
    };
    if text.contains('\n') {
        return leaf(Want::Literal, None);
    }
    match (text, flavor) {
        ("<<", Flavor::Kustomize) => return leaf(Want::Double, None),
        ("<<", Flavor::Sops) => return leaf(Want::Plain, Some("!!merge")),
        _ => {}
    }
    let plain = reads_as_text(text) && !is_base60(text) && !is_old_boolean(text);
    leaf(if plain { Want::Plain } else { Want::Double }, None)
}
