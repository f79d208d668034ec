//! What is reported, and what is left to the server. The messages of the server for the same objects
//! (Kubernetes 1.34) agree in every refusal.

use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size", "level"],
                "properties": {
                    "size": { "type": "integer", "minimum": 1, "maximum": 9 },
                    "level": { "type": "string", "default": "low" },
                    "color": { "type": "string", "enum": ["red", "blue"] },
                    "name": { "type": "string", "pattern": "^[a-z]+$", "maxLength": 5 },
                    "port": { "x-kubernetes-int-or-string": true },
                    "tags": { "type": "array", "maxItems": 2, "items": { "type": "string" } },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    "template": {
                        "type": "object",
                        "x-kubernetes-embedded-resource": true,
                        "properties": { "spec": { "type": "object" } },
                    },
                    "how": { "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
                             "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] },
                },
            },
            "status": { "type": "object" },
        },
    })
}

fn widget(spec: &Value) -> Value {
    json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w", "labels": {} }, "spec": spec })
}

#[test]
fn accepts_what_fits() {
    let spec = json!({
        "size": 3, "color": "red", "name": "abc", "port": "http", "tags": ["a"], "labels": { "any": "x" },
        "free": { "anything": [1] }, "how": { "a": "x" },
        "template": { "apiVersion": "v1", "kind": "Pod", "metadata": { "x": 1 }, "spec": {} },
    });
    assert_eq!(
        check(&widget(&spec), &schema(), UnknownFields::Refuse),
        Vec::<String>::new()
    );
}

#[test]
fn names_everything_that_does_not_fit_without_its_value() {
    let spec = json!({
        "size": 12, "color": "hunter2", "name": "HUNTER2", "port": 1.5, "tags": ["a", 1, "c"],
        "labels": { "a": 1 }, "how": {}, "sise": "hunter2",
    });
    let problems = check(&widget(&spec), &schema(), UnknownFields::Refuse);
    insta::assert_snapshot!(problems.join("\n"), @r#"
    spec.size: must be at most 9
    spec.color: must be one of "red", "blue"
    spec.name: must have at most 5 characters
    spec.name: must match "^[a-z]+$"
    spec.port: must be an integer or a string
    spec.tags: must have at most 2 items
    spec.tags[1]: must be of type string, not number
    spec.labels.a: must be of type string, not number
    spec.how: fits none of the alternatives (oneOf)
    spec.sise: is not a field of this kind
    "#);
    assert!(!problems.join("").to_lowercase().contains("hunter2"));
}

#[test]
fn a_missing_field_counts_unless_it_has_a_default() {
    assert_eq!(
        check(&widget(&json!({})), &schema(), UnknownFields::Refuse),
        ["spec.size: is required"]
    );
    let bare = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w" } });
    assert_eq!(
        check(&bare, &schema(), UnknownFields::Refuse),
        ["spec: is required"]
    );
}

#[test]
fn unknown_fields_are_the_servers_to_drop_when_asked() {
    let spec = json!({ "size": 1, "sise": 1 });
    assert!(check(&widget(&spec), &schema(), UnknownFields::Warn).is_empty());
}

#[test]
fn more_than_one_fitting_alternative_is_for_the_server_to_judge() {
    let spec = json!({ "size": 1, "how": { "a": "x", "b": "y" } });
    assert!(check(&widget(&spec), &schema(), UnknownFields::Refuse).is_empty());
}
