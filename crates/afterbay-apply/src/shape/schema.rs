//! Structural schemas of custom resources, as server-side apply reads them.

use std::borrow::Cow;

use serde_json::Value;

use super::{Empty, Field, Items, Kind, Merge, Shape};

pub(super) fn read(schema: &Value) -> Kind<'_> {
    if schema["x-kubernetes-embedded-resource"] == true || schema.get("$ref").is_some() {
        return Kind::Unknown;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return Kind::Scalar;
    }
    match schema["type"].as_str() {
        Some("object") => object(schema),
        Some("array") => list(schema),
        Some("string" | "integer" | "number" | "boolean") => Kind::Scalar,
        None if keeps_unknown(schema) => Kind::Free,
        _ => Kind::Unknown,
    }
}

fn object(schema: &Value) -> Kind<'_> {
    let merge = match schema["x-kubernetes-map-type"].as_str() {
        None | Some("granular") => Merge::Fields,
        Some("atomic") => Merge::Whole,
        Some(_) => return Kind::Unknown,
    };
    let has_fields = schema["properties"]
        .as_object()
        .is_some_and(|fields| !fields.is_empty());
    let additional = &schema["additionalProperties"];
    match (has_fields, additional.is_object()) {
        (true, false) => Kind::Structure { name: None, merge },
        (false, true) => Kind::Map {
            of: Shape::Schema(additional),
            merge,
        },
        (false, false) if keeps_unknown(schema) && merge == Merge::Fields => Kind::Free,
        _ => Kind::Unknown,
    }
}

fn list(schema: &Value) -> Kind<'_> {
    let of = &schema["items"];
    if !of.is_object() {
        return Kind::Unknown;
    }
    let items = match schema["x-kubernetes-list-type"].as_str() {
        None | Some("atomic") => Items::Whole,
        Some("set") => Items::Set,
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            let keys: Vec<_> = keys
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(|key| {
                    let default = of["properties"][key].get("default");
                    (key, default.map(Cow::Borrowed))
                })
                .collect();
            Items::Keyed(keys)
        }
        Some(_) => return Kind::Unknown,
    };
    Kind::List {
        of: Shape::Schema(of),
        items,
    }
}

fn keeps_unknown(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
}

/// A field that the schema has, or one that it lets pass.
pub(super) fn field<'s>(schema: &'s Value, name: &str) -> Option<Field<'s>> {
    let shape = schema["properties"].get(name).map(Shape::Schema)?;
    Some(Field {
        shape,
        empty: Empty::Kept,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_understood_is_unknown() {
        for schema in [
            json!({ "type": "object", "x-kubernetes-embedded-resource": true, "properties": { "a": {} } }),
            json!({ "type": "object" }),
            json!({ "type": "object", "x-kubernetes-map-type": "new", "properties": { "a": {} } }),
            json!({ "type": "object", "additionalProperties": true }),
            json!({ "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "new" }),
            json!({ "type": "array" }),
            json!({ "type": "thing" }),
            json!({ "$ref": "#/components/schemas/a" }),
            json!({}),
        ] {
            assert_eq!(read(&schema), Kind::Unknown, "{schema}");
        }
    }

    #[test]
    fn lists_and_maps_merge_as_they_say() {
        let of = json!({ "type": "object", "properties": { "name": { "type": "string" }, "from": { "default": "env" } } });
        let list = |kind: &str| json!({ "type": "array", "items": of, "x-kubernetes-list-type": kind, "x-kubernetes-list-map-keys": ["name", "from"] });
        let keyed = list("map");
        let Kind::List { items, .. } = read(&keyed) else {
            panic!("{keyed}");
        };
        let from = json!("env");
        assert_eq!(
            items,
            Items::Keyed(vec![("name", None), ("from", Some(Cow::Borrowed(&from)))])
        );
        let whole = json!({ "type": "object", "x-kubernetes-map-type": "atomic", "properties": { "a": {} } });
        assert!(matches!(
            read(&whole),
            Kind::Structure {
                merge: Merge::Whole,
                ..
            }
        ));
        let free = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        assert_eq!(read(&free), Kind::Free);
        let port = json!({ "x-kubernetes-int-or-string": true, "anyOf": [] });
        assert_eq!(read(&port), Kind::Scalar);
    }
}
