//! Values that are the same to the server.
//!
//! | declared | live | where |
//! |---|---|---|
//! | any | the same | everywhere; `80` and `"80"` differ also where both are allowed |
//! | null | nothing, or null | Kubernetes' own kinds, which have no null |
//! | null | null | custom resources |
//! | `""`, `0`, `false`, `[]`, `{}` | nothing | fields that leave out what is empty, by the table of kinds |
//! | a quantity | what the server rounds it to and writes it as | fields of quantities |
//! | base64 | base64 of the same bytes, without line breaks | fields of bytes |
//! | a structure | the same with what defaults fill in | where it is replaced as a whole |

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::quantity;
use crate::shape::{Empty, Kind, Shape};

/// Go's `base64.StdEncoding`, but for line breaks.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// What a live value is to a declared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    /// The same text.
    Identical,
    /// What the server makes of it.
    Equivalent,
    /// Something else, as far as is known.
    Other,
}

/// Compares values that are owned as a whole.
pub(super) fn compare(shape: Shape<'_>, declared: &Value, live: Option<&Value>, empty: Empty) -> Live {
    match live {
        Some(live) if live == declared => Live::Identical,
        _ if is_same(shape, declared, live, empty) => Live::Equivalent,
        _ => Live::Other,
    }
}

fn is_same(shape: Shape<'_>, declared: &Value, live: Option<&Value>, empty: Empty) -> bool {
    let Some(live) = live.filter(|live| !live.is_null()) else {
        let is_nothing = live.is_none();
        return match declared {
            Value::Null if live.is_some() => true,
            Value::Null => shape.is_typed() && empty != Empty::Written,
            declared => is_nothing && empty == Empty::Dropped && is_empty(declared),
        };
    };
    if live == declared {
        return true;
    }
    match (shape.kind(), declared, live) {
        (Kind::Quantity(finest), declared, Value::String(live)) => {
            let text = match declared {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return false,
            };
            quantity::canonical(&text, finest).is_some_and(|canonical| canonical == *live)
        }
        (Kind::Bytes, Value::String(declared), Value::String(live)) => {
            canonical_base64(declared).is_some_and(|canonical| canonical == *live)
        }
        (Kind::Structure { .. }, Value::Object(declared), Value::Object(live)) => {
            is_same_structure(shape, declared, live)
        }
        (Kind::Map { of, .. }, Value::Object(declared), Value::Object(live)) => {
            declared.len() == live.len()
                && declared
                    .iter()
                    .all(|(key, value)| is_same(of, value, live.get(key), Empty::Kept))
        }
        (Kind::List { of, .. }, Value::Array(declared), Value::Array(live)) => {
            declared.len() == live.len()
                && declared
                    .iter()
                    .zip(live)
                    .all(|(declared, live)| is_same(of, declared, Some(live), Empty::Kept))
        }
        _ => false,
    }
}

/// What a structure that is replaced as a whole declares is there, and what is there besides comes of defaults.
fn is_same_structure(shape: Shape<'_>, declared: &Map<String, Value>, live: &Map<String, Value>) -> bool {
    let is_declared = declared.iter().all(|(name, value)| {
        shape
            .field(name)
            .is_some_and(|field| is_same(field.shape, value, live.get(name), field.empty))
    });
    let is_filled_in = |name: &str, value: &Value| {
        let is_written = shape
            .field(name)
            .is_some_and(|field| field.empty == Empty::Written);
        is_written && is_empty(value) || shape.default(name).is_some_and(|default| *default == *value)
    };
    is_declared
        && live
            .iter()
            .all(|(name, value)| declared.contains_key(name) || is_filled_in(name, value))
}

/// Go's zero value, as JSON has it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// What the server makes of base64: it skips line breaks, and does not look at the bits behind the last byte.
fn canonical_base64(text: &str) -> Option<String> {
    let lines: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    BASE64.decode(lines).ok().map(|bytes| BASE64.encode(bytes))
}
