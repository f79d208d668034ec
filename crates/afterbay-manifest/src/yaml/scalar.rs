//! What a scalar's text means: the tables of go-yaml v3 and v2, and what their programs make of them.
//!
//! Both parsers share one resolution: fixed words first, then by the first character a timestamp, an
//! integer of Go's `strconv.ParseInt(text, 0, 64)` with underscores removed, a decimal float. They differ in
//! the words `y`, `yes`, `on`, … (booleans in v2 only) and in timestamps, which v2 gives back as text.

use super::number::{go_integer, go_signed_digits, yaml_float};
use super::timestamp::{is_beyond_a_day, rfc3339};
use super::{Style, Table, Text};
use crate::Scalar;

const CORE: &str = "tag:yaml.org,2002:";

/// The type of a scalar by a table. `tag` is as in [`super::Element::tag`].
///
/// The error says what does not fit, in words that hold neither the text nor a part of it.
pub fn resolve_scalar(table: Table, text: &Text, tag: Option<&str>) -> Result<Scalar, String> {
    let as_text = || Ok(Scalar::String(text.text.to_string()));
    // go-yaml v3 forgets the tag `!`; v2 keeps it, and knows no type for it.
    let tag = if table == Table::Kubectl {
        tag
    } else {
        tag.filter(|tag| *tag != "!")
    };
    let Some(tag) = tag else {
        return match text.style {
            // kustomize writes it as '' on the way through text, because that is what is left in braces.
            Style::Absent if table == Table::Kustomize => as_text(),
            Style::Plain | Style::Absent => finish(table, implicit(table, &text.text, None), &text.text),
            Style::Single | Style::Double | Style::Literal | Style::Folded => as_text(),
        };
    };
    match tag.strip_prefix(CORE) {
        Some("binary") => binary(table, &text.text),
        Some(wanted @ ("bool" | "int" | "float" | "null" | "timestamp")) => {
            let found = implicit(table, &text.text, Some(wanted));
            finish(table, coerce(found, wanted)?, &text.text)
        }
        _ => as_text(),
    }
}

/// The type of a key, which may be infinite because it becomes text.
pub(super) fn resolve_key(table: Table, text: &Text, tag: Option<&str>) -> Result<Scalar, String> {
    match resolve_scalar(table, text, tag) {
        Err(_) if tag.is_none() && matches!(text.style, Style::Plain | Style::Absent) => {
            Ok(implicit(table, &text.text, None))
        }
        resolved => resolved,
    }
}

/// Turns what go-yaml read into what the table's program passes on.
fn finish(table: Table, scalar: Scalar, text: &str) -> Result<Scalar, String> {
    match (table, scalar) {
        (Table::Kubectl, Scalar::Timestamp(_)) => Ok(Scalar::String(text.to_owned())),
        (Table::Kustomize | Table::Sops, Scalar::Timestamp(time)) if is_beyond_a_day(&time) => Err(
            "a date whose time zone is a day or more off cannot be written back; quote it if it is text"
                .to_owned(),
        ),
        (Table::Kustomize, Scalar::Timestamp(time)) => Ok(Scalar::String(time)),
        (Table::Kustomize | Table::Kubectl, Scalar::Float(value)) if !value.is_finite() => Err(
            "infinity and not-a-number have no place in a Kubernetes object; quote it if it is text"
                .to_owned(),
        ),
        (_, scalar) => Ok(scalar),
    }
}

/// An explicit tag accepts its own type, and `!!float` an integer.
#[expect(
    clippy::cast_precision_loss,
    reason = "as go-yaml converts an integer under !!float"
)]
fn coerce(found: Scalar, wanted: &str) -> Result<Scalar, String> {
    match (found, wanted) {
        (Scalar::Int(value), "float") => Ok(Scalar::Float(value as f64)),
        (found, _) if type_name(&found) == wanted => Ok(found),
        (found, _) => Err(format!(
            "the text reads as !!{} and cannot be a !!{wanted}",
            type_name(&found)
        )),
    }
}

fn type_name(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Uint(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Timestamp(_) => "timestamp",
        Scalar::String(_) => "str",
        Scalar::Bytes(_) => "binary",
    }
}

/// What an untagged plain text is, timestamps as a type of their own in every table.
fn implicit(table: Table, text: &str, tag: Option<&str>) -> Scalar {
    if let Some(word) = word(text) {
        return word;
    }
    if table == Table::Kubectl
        && let Some(value) = old_boolean(text)
    {
        return Scalar::Bool(value);
    }
    let found = match text.as_bytes().first() {
        Some(b'.') => dotted_float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            let time = if matches!(tag, None | Some("timestamp")) {
                rfc3339(text)
            } else {
                None
            };
            time.map(Scalar::Timestamp).or_else(|| number(table, text))
        }
        _ => None,
    };
    found.unwrap_or_else(|| Scalar::String(text.to_owned()))
}

fn word(text: &str) -> Option<Scalar> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// Whether an untagged plain text is text to every table that knows the words of YAML 1.2 only.
pub(super) fn reads_as_text(text: &str) -> bool {
    matches!(implicit(Table::Sops, text, None), Scalar::String(_))
}

/// Whether a text is a boolean of YAML 1.1 that 1.2 dropped.
pub(super) fn is_old_boolean(text: &str) -> bool {
    old_boolean(text).is_some()
}

/// Whether YAML 1.1 had a number to base 60 for a text, such as `190:20:30`.
pub(super) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = whole.split(':');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let first = groups.next().unwrap_or_default();
    let mut others = groups.peekable();
    let sixty = |group: &str| matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && others.peek().is_some()
        && others.all(sixty)
        && digits(fraction)
}

/// The booleans of YAML 1.1 that 1.2 dropped.
fn old_boolean(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// A text that starts with a dot is given to Go's float parser as it is: underscores may stand between
/// digits only.
fn dotted_float(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let well_placed = bytes
        .iter()
        .enumerate()
        .all(|(at, byte)| *byte != b'_' || (digit(at.checked_sub(1)) && digit(at.checked_add(1))));
    if well_placed {
        yaml_float(&text.replace('_', "")).map(Scalar::Float)
    } else {
        None
    }
}

fn number(table: Table, text: &str) -> Option<Scalar> {
    let plain = text.replace('_', "");
    if let Some(integer) = go_integer(&plain) {
        return Some(integer);
    }
    if let Some(value) = yaml_float(&plain) {
        return Some(Scalar::Float(value));
    }
    // Both parsers try binary once more, v3 octal too; what is left for this is a sign behind the prefix.
    let (sign, unsigned) = plain
        .strip_prefix('-')
        .map_or(("", plain.as_str()), |rest| ("-", rest));
    if let Some(digits) = unsigned.strip_prefix("0b") {
        return go_signed_digits(sign, digits, 2);
    }
    if table == Table::Kubectl {
        return None;
    }
    unsigned
        .strip_prefix("0o")
        .and_then(|digits| go_signed_digits(sign, digits, 8))
}

fn binary(table: Table, text: &str) -> Result<Scalar, String> {
    let bytes = super::number::base64(text).ok_or("a !!binary value holds text that is not base64")?;
    match (String::from_utf8(bytes), table) {
        (Ok(text), _) => Ok(Scalar::String(text)),
        (Err(error), Table::Sops) => Ok(Scalar::Bytes(error.into_bytes())),
        (Err(_), Table::Kustomize | Table::Kubectl) => Err(
            "a !!binary value holds bytes that are not UTF-8, which no Kubernetes field can carry; put base64 text into data of a Secret or binaryData of a ConfigMap".to_owned(),
        ),
    }
}
