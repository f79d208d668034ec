//! Holds an object against the structural schema of its CRD, for kinds the server does not serve yet.
//!
//! Defaults are filled in first, as the server does before it looks. Covered: `type`, `nullable`,
//! `properties`, `additionalProperties`, `items`, `required`, `enum`, the bounds of numbers, lengths and
//! counts, `pattern`, `allOf`, `anyOf`, `not` where its schema can be told for certain, keys of lists
//! (`x-kubernetes-list-type`), `x-kubernetes-int-or-string`, `x-kubernetes-preserve-unknown-fields`,
//! `x-kubernetes-embedded-resource`, and unknown fields. Not covered, and left to the server's dry-run of
//! the stage: `format`, the "not more than one" half of `oneOf`, and CEL rules. What is reported here the
//! server refuses as well.

mod defaults;
mod lists;

use afterbay_manifest::KeyPath;
use regex::Regex;
use serde_json::{Map, Value};

use crate::UnknownFields;

/// More problems than this are not listed; the first ones show what is wrong.
const LISTED: usize = 20;

/// What does not fit, by key path; no values of the object.
pub(crate) fn check(object: &Value, schema: &Value, unknown: UnknownFields) -> Vec<String> {
    let mut check = Check {
        problems: Vec::new(),
        unknown,
    };
    let mut object = object.clone();
    defaults::fill(&mut object, schema);
    check.value(&KeyPath::root(), &object, schema, Place::Resource);
    check.problems.truncate(LISTED);
    check.problems
}

struct Check {
    problems: Vec<String>,
    unknown: UnknownFields,
}

/// Whether `apiVersion`, `kind` and `metadata` are the server's own here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Resource,
    Field,
    /// Inside `allOf`, `anyOf`, `oneOf` or `not`, which say nothing about which fields exist.
    Junctor,
}

impl Place {
    /// Where a field or item is whose parent is here.
    fn below(self) -> Self {
        match self {
            Self::Resource | Self::Field => Self::Field,
            Self::Junctor => Self::Junctor,
        }
    }
}

impl Check {
    fn say(&mut self, path: &KeyPath, problem: impl AsRef<str>) {
        let problem = problem.as_ref();
        self.problems.push(if path.is_root() {
            problem.to_owned()
        } else {
            format!("{path}: {problem}")
        });
    }

    fn value(&mut self, path: &KeyPath, value: &Value, schema: &Value, place: Place) {
        // The server drops a null that has a default, and refuses others only in ways of its own.
        if value.is_null() {
            return;
        }
        if !self.has_type(path, value, schema) {
            return;
        }
        self.one_of_listed(path, value, schema);
        match value {
            Value::Object(fields) => self.object(path, fields, schema, place),
            Value::Array(items) => self.array(path, items, schema, place),
            Value::String(text) => self.string(path, text, schema),
            Value::Number(number) => self.number(path, number, schema),
            Value::Null | Value::Bool(_) => {}
        }
        self.junctors(path, value, schema);
    }

    fn has_type(&mut self, path: &KeyPath, value: &Value, schema: &Value) -> bool {
        if schema["x-kubernetes-int-or-string"] == true {
            let fits = value.is_string() || is_integer(value);
            if !fits {
                self.say(path, "must be an integer or a string");
            }
            return fits;
        }
        let Some(wanted) = schema["type"].as_str() else {
            return true;
        };
        let fits = match wanted {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => is_integer(value),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            _ => true,
        };
        if !fits {
            self.say(path, format!("must be of type {wanted}, not {}", type_of(value)));
        }
        fits
    }

    fn one_of_listed(&mut self, path: &KeyPath, value: &Value, schema: &Value) {
        let Some(listed) = schema["enum"].as_array() else {
            return;
        };
        if !listed.iter().any(|other| is_same(other, value)) {
            let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
            self.say(path, format!("must be one of {}", listed.join(", ")));
        }
    }

    fn object(&mut self, path: &KeyPath, fields: &Map<String, Value>, schema: &Value, place: Place) {
        let properties = schema["properties"].as_object();
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(name) {
                self.say(&path.key(name), "is required");
            }
        }
        self.count(
            path,
            fields.len(),
            schema,
            ["minProperties", "maxProperties"],
            "fields",
        );
        let is_resource = place == Place::Resource || schema["x-kubernetes-embedded-resource"] == true;
        let keeps_unknown = schema["x-kubernetes-preserve-unknown-fields"] == true || place == Place::Junctor;
        let additional = &schema["additionalProperties"];
        for (name, value) in fields {
            if is_resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                continue;
            }
            let path = path.key(name);
            let below = place.below();
            match properties.and_then(|known| known.get(name)) {
                Some(property) => self.value(&path, value, property, below),
                None if additional.is_object() => self.value(&path, value, additional, below),
                None if additional == true || keeps_unknown => {}
                None if self.unknown == UnknownFields::Refuse => {
                    self.say(&path, "is not a field of this kind");
                }
                None => {}
            }
        }
    }

    fn array(&mut self, path: &KeyPath, items: &[Value], schema: &Value, place: Place) {
        self.count(path, items.len(), schema, ["minItems", "maxItems"], "items");
        for (index, problem) in lists::problems(items, schema) {
            self.say(&path.index(index), problem);
        }
        let schema = &schema["items"];
        if schema.is_object() {
            for (index, item) in items.iter().enumerate() {
                self.value(&path.index(index), item, schema, place.below());
            }
        }
    }

    fn string(&mut self, path: &KeyPath, text: &str, schema: &Value) {
        self.count(
            path,
            text.chars().count(),
            schema,
            ["minLength", "maxLength"],
            "characters",
        );
        let Some(pattern) = schema["pattern"].as_str() else {
            return;
        };
        // Outside ASCII, and about the vertical tab, Go's classes and ours differ.
        if !pattern.is_ascii() || !text.is_ascii() || text.contains('\u{b}') {
            return;
        }
        if Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)) {
            self.say(path, format!("must match {pattern:?}"));
        }
    }

    fn number(&mut self, path: &KeyPath, number: &serde_json::Number, schema: &Value) {
        let Some(number) = number.as_f64() else {
            return;
        };
        if let Some(minimum) = schema["minimum"].as_f64() {
            let is_exclusive = schema["exclusiveMinimum"] == true;
            if number < minimum || is_exclusive && number <= minimum {
                self.say(
                    path,
                    format!(
                        "must be {} {minimum}",
                        if is_exclusive { "above" } else { "at least" }
                    ),
                );
            }
        }
        if let Some(maximum) = schema["maximum"].as_f64() {
            let is_exclusive = schema["exclusiveMaximum"] == true;
            if number > maximum || is_exclusive && number >= maximum {
                self.say(
                    path,
                    format!(
                        "must be {} {maximum}",
                        if is_exclusive { "below" } else { "at most" }
                    ),
                );
            }
        }
    }

    fn count(&mut self, path: &KeyPath, count: usize, schema: &Value, [least, most]: [&str; 2], what: &str) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if let Some(least) = schema[least].as_u64().filter(|least| count < *least) {
            self.say(path, format!("must have at least {least} {what}"));
        }
        if let Some(most) = schema[most].as_u64().filter(|most| count > *most) {
            self.say(path, format!("must have at most {most} {what}"));
        }
    }

    fn junctors(&mut self, path: &KeyPath, value: &Value, schema: &Value) {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(path, value, part, Place::Junctor);
        }
        // An alternative that fails here fails at the server too. That more than one of `oneOf` fits
        // cannot be told, because the server may find a fault that is not looked for here.
        for name in ["anyOf", "oneOf"] {
            let Some(alternatives) = schema[name].as_array().filter(|list| !list.is_empty()) else {
                continue;
            };
            if !alternatives.iter().any(|part| self.fits(path, value, part)) {
                self.say(path, format!("fits none of the alternatives ({name})"));
            }
        }
        let excluded = &schema["not"];
        // Fields that the server drops it does not see here, and a null it reads in ways of its own.
        let is_plain = self.unknown == UnknownFields::Refuse && !has_null(value);
        if is_plain && is_certain(excluded) && self.fits(path, value, excluded) {
            self.say(path, "fits what must not be (not)");
        }
    }

    fn fits(&self, path: &KeyPath, value: &Value, schema: &Value) -> bool {
        let mut check = Self {
            problems: Vec::new(),
            unknown: self.unknown,
        };
        check.value(path, value, schema, Place::Junctor);
        check.problems.is_empty()
    }
}

/// Whether everything in the schema is looked at here, so that "no problem found" means that it fits.
fn is_certain(schema: &Value) -> bool {
    let all = |list: &Value| list.as_array().is_some_and(|parts| parts.iter().all(is_certain));
    schema.as_object().is_some_and(|fields| {
        !fields.is_empty()
            && fields.iter().all(|(name, value)| match name.as_str() {
                "required" | "enum" | "minimum" | "maximum" | "minLength" | "maxLength" | "minItems"
                | "maxItems" => true,
                "properties" => value
                    .as_object()
                    .is_some_and(|known| known.values().all(is_certain)),
                "allOf" | "anyOf" => all(value),
                _ => false,
            })
    })
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// Equal, where `1` and `1.0` are: whether the server tells them apart depends on who wrote them.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        #[expect(clippy::float_cmp, reason = "both come from the same reader")]
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn is_integer(value: &Value) -> bool {
    value.as_i64().is_some()
        || value.as_u64().is_some()
        || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
