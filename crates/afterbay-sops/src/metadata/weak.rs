//! Weakly typed fields, as `mapstructure` decodes them: case-insensitive names, numbers and booleans as
//! text and back, one map where a list of maps is due.

use afterbay_manifest::yaml::{Element, ElementKind, Item, Pair};
use afterbay_manifest::{Position, Scalar};

use crate::number::{parse_bool, plain_float};

/// The fields of a map of the block.
pub(super) struct Fields<'a> {
    pairs: &'a [Pair],
    position: Position,
    /// What messages put before a field's name: `age[0].`.
    prefix: String,
}

/// A field that cannot be read.
pub(super) struct Refusal {
    pub(super) position: Position,
    pub(super) message: String,
}

impl<'a> Fields<'a> {
    /// The fields of a map; none of anything else.
    pub(super) fn of(element: &'a Element) -> Self {
        Self::named(element, String::new())
    }

    fn named(element: &'a Element, prefix: String) -> Self {
        let pairs = match &element.kind {
            ElementKind::Mapping(pairs) => pairs.as_slice(),
            _ => &[],
        };
        Self {
            pairs,
            position: element.position,
            prefix,
        }
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Names and values, in the order of the file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Element)> {
        self.pairs.iter().filter_map(|pair| match pair {
            Pair::Entry {
                key:
                    Element {
                        kind: ElementKind::Text(text),
                        ..
                    },
                value,
            } => Some((&*text.text, value)),
            _ => None,
        })
    }

    /// The value of a field: the exact name wins over another spelling, and a later entry over an
    /// earlier one, which JSON can hold.
    fn get(&self, name: &str) -> Option<&'a Element> {
        let exact = self.entries().filter(|(key, _)| *key == name).last();
        exact
            .or_else(|| self.entries().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }

    /// Where a field stands, or the map if it is missing.
    pub(super) fn position_of(&self, name: &str) -> Position {
        self.get(name).map_or(self.position, |element| element.position)
    }

    /// A text field; empty if it is missing or null.
    pub(super) fn text(&self, name: &str) -> Result<String, Refusal> {
        self.get(name).map_or_else(|| Ok(String::new()), text)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Refusal> {
        let Some(element) = self.get(name) else {
            return Ok(false);
        };
        match scalar(element) {
            Some(Scalar::Null) => Ok(false),
            Some(Scalar::Bool(value)) => Ok(*value),
            Some(Scalar::Int(value)) => Ok(*value != 0),
            Some(Scalar::Uint(value)) => Ok(*value != 0),
            Some(Scalar::Float(value)) => Ok(*value != 0.0),
            Some(Scalar::String(text)) if text.is_empty() => Ok(false),
            Some(Scalar::String(text)) => {
                parse_bool(text).ok_or_else(|| refusal(element, "is not a boolean"))
            }
            _ => Err(refusal(element, "is not a boolean")),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, Refusal> {
        let Some(element) = self.get(name) else {
            return Ok(0);
        };
        match scalar(element) {
            Some(Scalar::Null) => Ok(0),
            Some(Scalar::Bool(value)) => Ok((*value).into()),
            Some(Scalar::Int(value)) => Ok(*value),
            Some(Scalar::Float(value)) => Ok(truncated(*value)),
            Some(Scalar::String(text)) if text.is_empty() => Ok(0),
            Some(Scalar::String(text)) => {
                parse_integer(text).ok_or_else(|| refusal(element, "is not an integer"))
            }
            _ => Err(refusal(element, "is not an integer")),
        }
    }

    /// A list of maps: a single map counts as a list of one, null and an empty map as an empty list.
    pub(super) fn maps(&self, name: &str) -> Result<Vec<Fields<'a>>, Refusal> {
        let Some(element) = self.get(name) else {
            return Ok(Vec::new());
        };
        let items: Vec<&Element> = match &element.kind {
            ElementKind::Sequence(items) => items
                .iter()
                .filter_map(|item| match item {
                    Item::Element(element) => Some(element),
                    Item::Comment(_) => None,
                })
                .collect(),
            ElementKind::Mapping(pairs) if !pairs.iter().any(|pair| matches!(pair, Pair::Entry { .. })) => {
                Vec::new()
            }
            ElementKind::Opened(Scalar::Null, _) => Vec::new(),
            _ => vec![element],
        };
        let named = |(index, item): (usize, &'a Element)| match &item.kind {
            ElementKind::Mapping(_) | ElementKind::Opened(Scalar::Null, _) => {
                Ok(Self::named(item, format!("{}{name}[{index}].", self.prefix)))
            }
            _ => Err(refusal(item, "is not a list of maps")),
        };
        items.into_iter().enumerate().map(named).collect()
    }

    /// A map of texts.
    pub(super) fn text_map(&self, name: &str) -> Result<Vec<(String, String)>, Refusal> {
        let Some(element) = self.get(name) else {
            return Ok(Vec::new());
        };
        match &element.kind {
            ElementKind::Mapping(_) => Self::of(element)
                .entries()
                .map(|(key, value)| Ok((key.to_owned(), text(value)?)))
                .collect(),
            ElementKind::Opened(Scalar::Null, _) => Ok(Vec::new()),
            ElementKind::Sequence(items) if items.is_empty() => Ok(Vec::new()),
            _ => Err(refusal(element, "is not a map of texts")),
        }
    }
}

/// The integer part, which is what Go's conversion keeps.
#[expect(clippy::cast_possible_truncation, reason = "it is what is wanted")]
fn truncated(value: f64) -> i64 {
    value as i64
}

/// `strconv.ParseInt(text, 0, 64)` without underscores.
fn parse_integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let radixes = [("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)];
    let (digits, radix) = radixes
        .iter()
        .find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, *radix)))
        .filter(|(digits, _)| !digits.is_empty())
        .unwrap_or((&lower, 10));
    let digits_only = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    i64::from_str_radix(&format!("{sign}{digits}"), radix)
        .ok()
        .filter(|_| digits_only)
}

fn text(element: &Element) -> Result<String, Refusal> {
    match scalar(element) {
        Some(Scalar::Null) => Ok(String::new()),
        Some(Scalar::String(text)) => Ok(text.clone()),
        Some(Scalar::Bool(value)) => Ok(if *value { "1" } else { "0" }.to_owned()),
        Some(Scalar::Int(value)) => Ok(value.to_string()),
        Some(Scalar::Uint(value)) => Ok(value.to_string()),
        Some(Scalar::Float(value)) => Ok(plain_float(*value)),
        Some(Scalar::Timestamp(_)) => Err(refusal(
            element,
            "is a bare timestamp, which sops refuses here; put it in quotes",
        )),
        Some(Scalar::Bytes(_)) | None => Err(refusal(element, "is not text")),
    }
}

fn scalar(element: &Element) -> Option<&Scalar> {
    match &element.kind {
        ElementKind::Opened(scalar, _) => Some(scalar),
        _ => None,
    }
}

fn refusal(element: &Element, message: &str) -> Refusal {
    Refusal {
        position: element.position,
        message: message.to_owned(),
    }
}
