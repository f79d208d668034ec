//! JSON as `sops decrypt` prints it: Go's `encoding/json` with HTML escaping, indented by tabs, comments
//! left out.

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{Scalar, push_go_json};

use crate::number::json_float;

/// The text of an object; `None` if a value has no JSON form (`.inf`, `.nan`).
pub(crate) fn emit(document: &Document) -> Option<Vec<u8>> {
    let mut out = String::new();
    match &document.root {
        Some(root) => element(&mut out, root, 0)?,
        None => out.push_str("{}"),
    }
    out.push('\n');
    Some(out.into_bytes())
}

/// A value on its own, without a line break behind it.
pub(crate) fn emit_value(value: &Element) -> Option<Vec<u8>> {
    let mut out = String::new();
    element(&mut out, value, 0)?;
    Some(out.into_bytes())
}

/// A value on one line without spaces, as the INI store writes what it cannot hold: an empty list is null there, as Go has
/// it. `None` for maps, of which Go writes SOPS's own structure, and for what JSON lacks.
pub(crate) fn emit_line(value: &Element) -> Option<Vec<u8>> {
    let mut out = String::new();
    line(&mut out, value)?;
    Some(out.into_bytes())
}

fn line(out: &mut String, value: &Element) -> Option<()> {
    let ElementKind::Sequence(items) = &value.kind else {
        let ElementKind::Opened(value, _) = &value.kind else {
            return None;
        };
        return scalar(out, value);
    };
    if items.is_empty() {
        return scalar(out, &Scalar::Null);
    }
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        let Item::Element(item) = item else { return None };
        if index > 0 {
            out.push(',');
        }
        line(out, item)?;
    }
    out.push(']');
    Some(())
}

fn element(out: &mut String, value: &Element, depth: usize) -> Option<()> {
    match &value.kind {
        ElementKind::Opened(value, _) => scalar(out, value)?,
        ElementKind::Text(text) => string(out, &text.text),
        ElementKind::Alias(_) => return None,
        ElementKind::Sequence(items) => {
            let values = items.iter().filter_map(|item| match item {
                Item::Element(element) => Some(element),
                Item::Comment(_) => None,
            });
            container(out, ['[', ']'], depth, values, |out, value| {
                element(out, value, depth + 1)
            })?;
        }
        ElementKind::Mapping(pairs) => {
            let entries = pairs.iter().filter_map(|pair| match pair {
                Pair::Entry { key, value } => Some((key, value)),
                Pair::Comment(_) => None,
            });
            container(out, ['{', '}'], depth, entries, |out, (key, value)| {
                element(out, key, depth + 1)?;
                out.push_str(": ");
                element(out, value, depth + 1)
            })?;
        }
    }
    Some(())
}

/// Members between brackets, one a line; nothing between them if there are none.
fn container<T>(
    out: &mut String,
    [open, close]: [char; 2],
    depth: usize,
    members: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T) -> Option<()>,
) -> Option<()> {
    let break_line = |out: &mut String, depth| {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', depth));
    };
    out.push(open);
    let mut empty = true;
    for member in members {
        if !empty {
            out.push(',');
        }
        empty = false;
        break_line(out, depth + 1);
        write(out, member)?;
    }
    if !empty {
        break_line(out, depth);
    }
    out.push(close);
    Some(())
}

fn scalar(out: &mut String, value: &Scalar) -> Option<()> {
    match value {
        Scalar::Null => out.push_str("null"),
        Scalar::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Scalar::Int(value) => out.push_str(&value.to_string()),
        Scalar::Uint(value) => out.push_str(&value.to_string()),
        Scalar::Float(value) => out.push_str(&json_float(*value)?),
        Scalar::Timestamp(text) | Scalar::String(text) => string(out, text),
        Scalar::Bytes(bytes) => lossy(out, bytes),
    }
    Some(())
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    text.chars().for_each(|character| push_go_json(out, character));
    out.push('"');
}

/// A Go string that is not UTF-8: each byte that is none of a character becomes U+FFFD, written as an escape.
fn lossy(out: &mut String, bytes: &[u8]) {
    out.push('"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let (text, tail) = rest.split_at(valid);
        String::from_utf8_lossy(text)
            .chars()
            .for_each(|character| push_go_json(out, character));
        rest = match tail {
            [] => &[],
            [_, tail @ ..] => {
                out.push_str("\\ufffd");
                tail
            }
        };
    }
    out.push('"');
}
