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

/// What is wrong with a `spec.list` under a schema of the list.
fn of_list(schema: &Value, list: &Value) -> Vec<String> {
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": { "list": schema } } } });
    check(&widget(&json!({ "list": list })), &schema, UnknownFields::Refuse)
}

fn rules() -> Value {
    json!({
        "type": "array",
        "items": { "type": "object", "properties": {
            "name": { "type": "string" }, "value": { "type": "string" }, "from": { "type": "string", "default": "env" },
        } },
    })
}

#[test]
fn a_rule_about_items_in_a_junctor_says_nothing_about_their_other_fields() {
    for junctor in ["allOf", "anyOf", "oneOf"] {
        let mut schema = rules();
        schema[junctor] = json!([{ "items": { "properties": { "name": { "minLength": 2 } } } }]);
        let fits = json!([{ "name": "ab", "value": "x" }]);
        assert_eq!(of_list(&schema, &fits), Vec::<String>::new(), "{junctor}");
        assert_eq!(
            of_list(&schema, &json!([{ "name": "a", "value": "x" }])).len(),
            1,
            "{junctor}"
        );
    }
}

#[test]
fn a_default_counts_in_a_junctor() {
    for junctor in ["allOf", "anyOf", "oneOf"] {
        let mut schema = rules();
        schema["items"][junctor] = json!([{ "required": ["from"] }]);
        assert_eq!(
            of_list(&schema, &json!([{ "name": "a" }, { "from": null }])),
            Vec::<String>::new(),
            "{junctor}"
        );
        schema["items"][junctor] = json!([{ "required": ["value"] }]);
        assert_eq!(of_list(&schema, &json!([{ "name": "a" }])).len(), 1, "{junctor}");
    }
}

#[test]
fn what_must_not_be_is_told_where_it_is_certain() {
    let mut schema = rules();
    schema["items"]["not"] = json!({ "required": ["name", "value"] });
    let both = json!([{ "name": "a" }, { "name": "a", "value": "hunter2" }]);
    assert_eq!(
        of_list(&schema, &both),
        ["spec.list[1]: fits what must not be (not)"]
    );
    schema["items"]["not"] = json!({ "properties": { "name": { "pattern": "^a$" } } });
    assert!(
        of_list(&schema, &both).is_empty(),
        "a pattern is not told for certain"
    );
}

#[test]
fn keys_of_a_list_are_there_and_differ() {
    let mut schema = rules();
    schema["x-kubernetes-list-type"] = json!("map");
    schema["x-kubernetes-list-map-keys"] = json!(["name", "from"]);
    let fits = json!([{ "name": "a" }, { "name": "b" }, { "name": "a", "from": "file" }]);
    assert_eq!(of_list(&schema, &fits), Vec::<String>::new());
    let wrong = json!([{ "name": "a" }, { "name": "a", "from": "env" }, { "from": "file" }]);
    insta::assert_snapshot!(of_list(&schema, &wrong).join("\n"), @r"
    spec.list[1]: has the name, from of another item
    spec.list[2]: has no name, which is a key of the list
    ");
    let set = json!({ "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } });
    assert_eq!(
        of_list(&set, &json!(["a", "b", "a"])),
        ["spec.list[2]: is in the set twice"]
    );
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    let schema = json!({ "type": "array", "items": { "type": "number", "enum": [1, 2.5] } });
    assert_eq!(of_list(&schema, &json!([1.0, 2.5])), Vec::<String>::new());
}
