//! Fields of an object as kstatus looks them up: what has another type than it expects is an error in one place and absent in
//! another.

use serde_json::Value;

/// A field on this path; `None` where it is absent, an error where something on the way is no map.
pub(super) fn nested<'a>(object: &'a Value, path: &[&str]) -> Result<Option<&'a Value>, String> {
    let mut value = object;
    for (depth, field) in path.iter().enumerate() {
        match value {
            Value::Null => return Ok(None),
            Value::Object(map) => match map.get(*field) {
                Some(next) => value = next,
                None => return Ok(None),
            },
            _ => return Err(format!("{} is not a map", path[..depth].join("."))),
        }
    }
    Ok(Some(value))
}

/// A whole number; an error where it is something else (`NestedInt64`).
pub(super) fn nested_int(object: &Value, path: &[&str]) -> Result<Option<i64>, String> {
    match nested(object, path)? {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{} is not a whole number", path.join("."))),
        },
    }
}

/// A text; an error where it is something else (`NestedString`).
pub(super) fn nested_text<'a>(object: &'a Value, path: &[&str]) -> Result<Option<&'a str>, String> {
    match nested(object, path)? {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(format!("{} is not a text", path.join("."))),
        },
    }
}

fn found<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let steps: Vec<&str> = path.split('.').collect();
    nested(object, &steps).ok().flatten()
}

/// A whole number, or the default whatever else is there (`GetIntField`).
pub(super) fn int(object: &Value, path: &str, default: i64) -> i64 {
    found(object, path).and_then(Value::as_i64).unwrap_or(default)
}

/// A text, or the default whatever else is there (`GetStringField`).
pub(super) fn text<'a>(object: &'a Value, path: &str, default: &'a str) -> &'a str {
    found(object, path).and_then(Value::as_str).unwrap_or(default)
}

/// A condition of a status.
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

impl Condition<'_> {
    pub(super) fn is(&self, kind: &str, status: &str) -> bool {
        self.kind == kind && self.status == status
    }
}

/// The conditions; an error where they have another form (`GetObjectWithConditions`).
pub(super) fn conditions(object: &Value) -> Result<Vec<Condition<'_>>, String> {
    let list = match nested(object, &["status", "conditions"])? {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err("status.conditions is not a list".to_owned()),
    };
    list.iter().map(condition).collect()
}

fn condition(entry: &Value) -> Result<Condition<'_>, String> {
    if !entry.is_object() && !entry.is_null() {
        return Err("an entry of status.conditions is not a map".to_owned());
    }
    let text = |key: &str| match &entry[key] {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text.as_str()),
        _ => Err(format!("{key} of an entry of status.conditions is not a text")),
    };
    Ok(Condition {
        kind: text("type")?,
        status: text("status")?,
        reason: text("reason")?,
        message: text("message")?,
    })
}
