//! The body of an object: a tree of values in which every leaf knows its provenance and position.

use std::fmt;

use indexmap::IndexMap;

use crate::{KeyPath, Position, Provenance};

mod spelling;

pub use spelling::Spelling;

/// A value with its provenance and its position in the file it was read from.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where the value comes from. On a sequence or mapping it says where the *structure* comes
    /// from; [`Node::leaves`] visits what matters.
    pub provenance: Provenance,
    /// Line and column of the value.
    pub position: Position,
    /// How the scalar was spelled; [`Spelling::Plain`] on lists and maps.
    pub spelling: Spelling,
}

/// What a [`Node`] holds.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A leaf.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A map with string keys, in the order of the file.
    Mapping(Mapping),
}

/// A resolved leaf.
#[derive(Clone, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits 64 bits with sign.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// A floating point number.
    Float(f64),
    /// A point in time as RFC 3339 text; only [`crate::yaml::Table::Sops`] yields it.
    Timestamp(String),
    /// Text.
    String(String),
    /// Bytes that are not UTF-8, which a SOPS leaf may hold; Kubernetes text cannot.
    Bytes(Vec<u8>),
}

/// A map with string keys in the order of the file.
pub type Mapping = IndexMap<String, Node>;

impl Node {
    /// A plain value that no file holds.
    pub fn plain(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            provenance: Provenance::PLAIN,
            position: Position::UNKNOWN,
            spelling: Spelling::Plain,
        }
    }

    /// The entry of a mapping, if this is a mapping and has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key)
    }

    /// The value at a path of mapping keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The mapping, if it is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The mapping, if it is one, to change.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_sequence(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a *plain* string. A sealed string answers `None`: it is not for reading by name.
    pub fn as_plain_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::String(text)) if self.provenance.is_plain() => Some(text),
            _ => None,
        }
    }

    /// The text of a string whatever its provenance. Callers are listed in `cargo xtask tidy`.
    pub fn expose_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(Scalar::Null))
    }

    /// What kind of value this is, as messages call it.
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => scalar.kind_name(),
            Value::Sequence(_) => "list",
            Value::Mapping(_) => "map",
        }
    }

    /// Visits every leaf with its path, depth first in file order. Empty lists and maps are leaves.
    pub fn leaves<'a>(&'a self, visit: &mut dyn FnMut(&KeyPath, &'a Self)) {
        self.visit(&mut KeyPath::root(), visit);
    }

    fn visit<'a>(&'a self, path: &mut KeyPath, visit: &mut dyn FnMut(&KeyPath, &'a Self)) {
        match &self.value {
            Value::Sequence(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    path.push(crate::Segment::Index(index));
                    item.visit(path, visit);
                    path.pop();
                }
            }
            Value::Mapping(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    path.push(crate::Segment::Key(key.as_str().into()));
                    value.visit(path, visit);
                    path.pop();
                }
            }
            _ => visit(path, self),
        }
    }

    /// The value as JSON, plaintext included, numbers as Go's `encoding/json` writes them
    /// (`1.0` is `1`). Callers are listed in `cargo xtask tidy`.
    ///
    /// Bytes that are not UTF-8 and numbers that JSON lacks (`.inf`, `.nan`) become `null`; the
    /// stages refuse them before this point.
    pub fn expose_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar(scalar) => scalar.expose_json(),
            Value::Sequence(items) => items.iter().map(Self::expose_json).collect(),
            Value::Mapping(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.expose_json()))
                    .collect(),
            ),
        }
    }

    /// A tree of plain nodes from JSON.
    pub fn from_json(json: &serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Scalar(Scalar::Null),
            serde_json::Value::Bool(value) => Value::Scalar(Scalar::Bool(*value)),
            serde_json::Value::Number(number) => Value::Scalar(Scalar::from_json_number(number)),
            serde_json::Value::String(text) => Value::Scalar(Scalar::String(text.clone())),
            serde_json::Value::Array(items) => Value::Sequence(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(entries) => Value::Mapping(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from_json(value)))
                    .collect(),
            ),
        };
        Self::plain(value)
    }
}

impl Scalar {
    /// What kind of value this is, as messages call it.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Uint(_) => "integer",
            Self::Float(_) => "number",
            Self::Timestamp(_) => "timestamp",
            Self::String(_) => "string",
            Self::Bytes(_) => "binary string",
        }
    }

    fn expose_json(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::Bytes(_) => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Uint(value) => (*value).into(),
            Self::Float(value) => float_json(*value),
            Self::Timestamp(text) | Self::String(text) => text.as_str().into(),
        }
    }

    fn from_json_number(number: &serde_json::Number) -> Self {
        number
            .as_i64()
            .map(Self::Int)
            .or_else(|| number.as_u64().map(Self::Uint))
            .or_else(|| number.as_f64().map(Self::Float))
            .unwrap_or(Self::Null)
    }
}

/// An integral float is written without fraction, as Go does, so that an integer field accepts it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "guarded: integral and within the exact range of f64"
)]
fn float_json(value: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        (value as i64).into()
    } else {
        value.into()
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Scalar(Scalar::String(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Scalar(Scalar::String(text))
    }
}

impl From<Mapping> for Value {
    fn from(mapping: Mapping) -> Self {
        Self::Mapping(mapping)
    }
}

impl From<Vec<Node>> for Value {
    fn from(items: Vec<Node>) -> Self {
        Self::Sequence(items)
    }
}

impl fmt::Debug for Node {
    /// Prints kind and position, never the value: what a leaf holds may be plaintext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<{} at {}:{}>",
            self.kind_name(),
            self.position.line,
            self.position.column
        )
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar(scalar) => scalar.kind_name(),
            Self::Sequence(_) => "list",
            Self::Mapping(_) => "map",
        })
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind_name())
    }
}

#[cfg(test)]
mod tests;
