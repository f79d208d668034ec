//! The dotenv store (`stores/dotenv/store.go`): lines of `NAME=value`, no quotes, `\n` for a line break.

use afterbay_manifest::yaml::{Comment, Document, Element, ElementKind, Pair};
use afterbay_manifest::{Position, Provenance};

use crate::emit::{Refused, scalar_text};
use crate::flat::{self, element, name};
use crate::metadata;
use crate::store::{Loaded, StoreError, scalar_of, text_of};

/// What the names of the metadata start with.
const PREFIX: &str = "sops_";

/// Whether a line holds a field that only metadata has.
pub(crate) fn is_metadata_line(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(PREFIX.as_bytes()) else {
        return false;
    };
    let name = rest.split(|byte| *byte == b'=').next().unwrap_or_default();
    name.len() < rest.len()
        && std::str::from_utf8(name).is_ok_and(|name| metadata::is_telling(flat::field(name)))
}

/// Reads a file. The metadata is taken out of it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Loaded, StoreError> {
    let mut pairs = Vec::new();
    let mut entries = Vec::new();
    let mut telling = false;
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let position = Position::new(u32::try_from(index + 1).unwrap_or(u32::MAX), 1);
        let utf8 = |bytes: &[u8], what: &str| text_of(bytes, position, what);
        match line {
            [] => {}
            [b'#', comment @ ..] => pairs.push(Pair::Comment(Comment {
                text: utf8(comment, "a comment")?.into(),
                position,
                inline: false,
            })),
            _ => {
                let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
                    return Err(StoreError {
                        position,
                        message: "a line that is neither `NAME=value` nor a comment".to_owned(),
                    });
                };
                let key = utf8(&line[..equals], "a name")?;
                let value = value(&line[equals + 1..], position);
                match key.strip_prefix(PREFIX) {
                    Some(field) => {
                        telling |= metadata::is_telling(flat::field(field));
                        entries.push(flat::Entry {
                            key: field.to_owned(),
                            value,
                        });
                    }
                    None => pairs.push(Pair::Entry {
                        key: name(key, position),
                        value,
                    }),
                }
            }
        }
    }
    let start = entries
        .first()
        .map_or(Position::new(1, 1), |entry| entry.value.position);
    Ok(Loaded {
        document: Document {
            index: 0,
            root: Some(element(ElementKind::Mapping(pairs), Position::new(1, 1))),
            comments: Vec::new(),
            position: Position::new(1, 1),
        },
        block: telling.then(|| flat::unflatten(entries, start)),
    })
}

/// A value as SOPS loads it: `\n` is a line break, and there is no other escape.
fn value(bytes: &[u8], position: Position) -> Element {
    let mut value = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\\n") {
        value.extend_from_slice(&rest[..at]);
        value.push(b'\n');
        rest = &rest[at + 2..];
    }
    value.extend_from_slice(rest);
    element(ElementKind::Opened(scalar_of(value), Provenance::PLAIN), position)
}

/// The text of a document as `sops` prints it.
pub(crate) fn emit(document: &Document) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    let pairs = match document.root.as_ref().map(|root| &root.kind) {
        Some(ElementKind::Mapping(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    for pair in pairs {
        match pair {
            Pair::Comment(comment) => {
                out.push(b'#');
                out.extend_from_slice(comment.text.as_bytes());
            }
            Pair::Entry { key, value } => {
                let ElementKind::Text(name) = &key.kind else {
                    continue;
                };
                let text = match &value.kind {
                    ElementKind::Opened(scalar, _) => scalar_text(scalar),
                    _ => {
                        return Err(Refused::at(
                            value,
                            &[&name.text],
                            "dotenv holds no lists and no maps",
                        ));
                    }
                };
                out.extend_from_slice(name.text.as_bytes());
                out.push(b'=');
                for byte in text.iter() {
                    match byte {
                        b'\n' => out.extend_from_slice(b"\\n"),
                        byte => out.push(*byte),
                    }
                }
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}
