//! What is sent of an ignored field.

use afterbay_manifest::Gvk;
use serde_json::json;

use super::*;

fn pointer(text: &str) -> Pointer {
    text.parse().unwrap()
}

/// What is sent of the body, whose fields are `ours`, and applied by `others` too.
fn spared(body: &Value, live: &Value, ours: &Value, others: &Value, pointers: &[&str]) -> Value {
    let ownership = Ownership {
        ours: vec![ours],
        appliers: vec![others],
        rest: Vec::new(),
    };
    let pointers: Vec<Pointer> = pointers.iter().map(|text| pointer(text)).collect();
    let mut body = body.clone();
    assert!(spare(&mut body, live, &ownership, &pointers).is_empty());
    body
}

#[test]
fn what_is_ours_is_sent_as_it_is_and_what_is_not_is_left_out() {
    let body = json!({ "spec": { "replicas": 3, "paused": true } });
    let live = json!({ "spec": { "replicas": 7, "paused": true } });
    let (ours, none) = (
        json!({ "f:spec": { "f:replicas": {}, "f:paused": {} } }),
        json!({}),
    );
    let of = |ours: &Value, others: &Value| spared(&body, &live, ours, others, &["/spec/replicas"]);
    // A value of ours that is not what the revision says now: sent as it is, or it would go back to its default.
    assert_eq!(
        of(&ours, &none),
        json!({ "spec": { "replicas": 7, "paused": true } })
    );
    // Somebody has changed it: it is not ours any more, and is not made so.
    let theirs = json!({ "f:spec": { "f:paused": {} } });
    assert_eq!(of(&theirs, &none), json!({ "spec": { "paused": true } }));
    // Somebody applies it too, and would have a conflict.
    assert_eq!(
        of(&ours, &json!({ "f:spec": { "f:replicas": {} } })),
        json!({ "spec": { "paused": true } })
    );
}

#[test]
fn what_left_the_revision_below_an_ignored_field_stays() {
    let live = json!({ "data": { "a": "1", "b": "2", "c": "3" } });
    let ours = json!({ "f:data": { ".": {}, "f:a": {}, "f:b": {} } });
    assert_eq!(
        spared(
            &json!({ "data": { "a": "9", "new": "9" } }),
            &live,
            &ours,
            &json!({}),
            &["/data"]
        ),
        json!({ "data": { "a": "1", "b": "2" } })
    );
    assert_eq!(
        spared(&json!({}), &live, &ours, &json!({}), &["/data/b"]),
        json!({ "data": { "b": "2" } })
    );
    // With nothing to keep, nothing is made.
    assert_eq!(
        spared(&json!({}), &live, &ours, &json!({}), &["/spec/x/y"]),
        json!({})
    );
}

#[test]
fn an_atomic_value_is_sent_whole() {
    let live = json!({ "spec": { "args": ["x"], "map": { "a": 1, "b": 2 } } });
    let ours = json!({ "f:spec": { "f:args": {}, "f:map": {} } });
    let body = json!({ "spec": { "args": ["y", "z"], "map": { "a": 3 } } });
    assert_eq!(
        spared(&body, &live, &ours, &json!({}), &["/spec/args", "/spec/map"]),
        live
    );
}

#[test]
fn items_are_found_by_what_identifies_them() {
    let body = json!({ "list": [{ "name": "a", "image": "a:1" }, { "name": "b", "image": "b:1" }, { "name": "new" }] });
    // Another order, and one that only the cluster has.
    let live = json!({ "list": [
        { "name": "sidecar" }, { "name": "b", "image": "b:7", "pull": "Always" }, { "name": "a", "image": "a:7" },
    ] });
    let item = |name: &str| format!("k:{}", json!({ "name": name }));
    let fields = json!({ ".": {}, "f:name": {}, "f:image": {} });
    let ours = json!({ "f:list": { item("a"): fields, item("b"): fields } });
    assert_eq!(
        spared(
            &body,
            &live,
            &ours,
            &json!({}),
            &["/list/1/image", "/list/2/image"]
        ),
        json!({ "list": [{ "name": "a", "image": "a:1" }, { "name": "b", "image": "b:7" }, { "name": "new" }] })
    );
    // The list as a whole: what is ours of it.
    assert_eq!(
        spared(&body, &live, &ours, &json!({}), &["/list"]),
        json!({ "list": [{ "name": "b", "image": "b:7" }, { "name": "a", "image": "a:7" }] })
    );
    // An item that somebody else applies is given up.
    let theirs = json!({ "f:list": { item("b"): fields } });
    assert_eq!(
        spared(&body, &live, &ours, &theirs, &["/list/1"]),
        json!({ "list": [{ "name": "a", "image": "a:1" }, { "name": "new" }] })
    );
    // Items that nothing identifies.
    let ownership = Ownership {
        ours: Vec::new(),
        appliers: Vec::new(),
        rest: Vec::new(),
    };
    let unheeded = spare(&mut body.clone(), &live, &ownership, &[pointer("/list/0/image")]);
    assert_eq!(unheeded, [pointer("/list/0/image")]);
}

#[test]
fn a_set_keeps_the_items_that_are_ours() {
    let live = json!({ "metadata": { "finalizers": ["a", "b"] } });
    let ours = json!({ "f:metadata": { "f:finalizers": { "v:\"a\"": {} } } });
    let body = json!({ "metadata": { "finalizers": ["c"] } });
    assert_eq!(
        spared(&body, &live, &ours, &json!({}), &["/metadata/finalizers"]),
        json!({ "metadata": { "finalizers": ["a"] } })
    );
}

#[test]
fn an_outcome_is_compared_as_if_the_field_were_as_it_is() {
    let (body, live) = (
        json!({ "spec": { "a": 1, "b": 1 } }),
        json!({ "spec": { "b": 2 } }),
    );
    let ownership = Ownership {
        ours: Vec::new(),
        appliers: Vec::new(),
        rest: Vec::new(),
    };
    let mut outcome = json!({ "spec": { "a": 5, "b": 1 } });
    settle(&mut outcome, &body, &live, &ownership, &[pointer("/spec/a")]);
    assert_eq!(outcome, json!({ "spec": { "b": 1 } }));
}

#[test]
fn rules_say_which_objects_they_are_about() {
    let object = ObjectRef {
        gvk: Gvk::new("apps/v1", "Deployment"),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    for (text, expected) in [
        ("Deployment:/spec/replicas", true),
        ("Deployment.apps:/spec/replicas", true),
        ("*:/spec/replicas", true),
        ("Deployment.apps/web:/spec/replicas", true),
        ("Deployment.apps/shop/web:/spec/replicas", true),
        ("Deployment/far/web:/spec/replicas", false),
        ("Deployment/db:/spec/replicas", false),
        ("Deployment.example.com:/spec/replicas", false),
        ("StatefulSet:/spec/replicas", false),
    ] {
        let rule: IgnoreRule = text.parse().unwrap();
        assert_eq!(rule.is_about(&object), expected, "{text}");
        assert_eq!(String::from(rule), text);
    }
    let escaped: IgnoreRule = "Secret:/metadata/annotations/a~1b~0c".parse().unwrap();
    assert_eq!(escaped.pointer.keys(), ["metadata", "annotations", "a/b~c"]);
    assert_eq!(escaped.pointer.to_string(), "/metadata/annotations/a~1b~0c");
    for wrong in [
        "",
        "Deployment",
        "Deployment:spec",
        ":/spec",
        "Deployment.:/spec",
        "Deployment//web:/spec",
    ] {
        assert!(wrong.parse::<IgnoreRule>().is_err(), "{wrong}");
    }
    for identity in [
        "/",
        "/kind",
        "/metadata",
        "/metadata/name",
        "/metadata/uid",
        "/metadata/labels",
        "/metadata/labels/applyset.kubernetes.io~1part-of",
    ] {
        assert!(
            format!("*:{identity}").parse::<IgnoreRule>().is_err(),
            "{identity}"
        );
    }
}

#[test]
fn an_object_names_fields_of_its_own() {
    let object = ObjectRef {
        gvk: Gvk::new("v1", "Secret"),
        namespace: None,
        name: "s".to_owned(),
    };
    let desired = json!({ "metadata": { "annotations": { ANNOTATION: "/data/a, /kind\n/data/b" } } });
    let (found, wrong) = pointers(&["Secret:/data/c".parse().unwrap()], &object, &desired);
    assert_eq!(found, ["/data/c", "/data/a", "/data/b"].map(pointer));
    assert_eq!(wrong.len(), 1);
}
