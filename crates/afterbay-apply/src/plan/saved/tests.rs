//! Saved plans against plans made later.

use serde_json::{Value, json};

use super::*;

fn object(kind: &str, name: &str, action: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": kind, "namespace": "shop", "name": name, "action": action,
        "fields": ["data.k"], "live": "uid u, version 7", "content": "sha256:aa",
    })
}

fn document(objects: &[Value]) -> Value {
    let (left, rest): (Vec<Value>, Vec<Value>) = objects
        .iter()
        .cloned()
        .partition(|object| object["action"] == "prune" || object["action"] == "hold");
    json!({
        "version": 1, "program": "afterbay 0.1.0", "server": "https://a.test/", "revision": "main@sha1:aa",
        "inventory": "shop/shop", "id": "0123456789abcdef", "counts": {},
        "stages": [{ "name": "rest", "objects": rest }, { "name": "prune", "objects": left }],
    })
}

fn parsed(document: &Value) -> SavedPlan {
    SavedPlan::parse(document.to_string().as_bytes()).unwrap()
}

fn base() -> [Value; 2] {
    [
        object("Secret", "db", "change"),
        object("ConfigMap", "old", "prune"),
    ]
}

/// What differs once the second document was changed.
fn after(change: impl FnOnce(&mut Value)) -> String {
    let then = document(&base());
    let mut now = then.clone();
    change(&mut now);
    parsed(&then).differences(&parsed(&now)).join("\n")
}

#[test]
fn a_plan_that_is_as_it_was_has_no_difference() {
    assert_eq!(after(|_| {}), "");
    // What the server says besides, and which program asked, decides nothing.
    assert_eq!(after(|now| now["warnings"] = json!(["w"])), "");
    assert_eq!(after(|now| now["program"] = json!("afterbay 0.2.0")), "");
    // Consent turns what is held into what is pruned, and back.
    assert_eq!(
        after(|now| {
            now["stages"][1]["objects"][0]["action"] = json!("hold");
            now["stages"][1]["objects"][0]["reason"] = json!("held back: …");
        }),
        ""
    );
}

#[test]
fn every_difference_is_named() {
    insta::assert_snapshot!(after(|now| {
        now["revision"] = json!("main@sha1:bb");
        now["server"] = json!("https://b.test/");
        now["inventory"] = Value::Null;
    }), @r"
    revision: planned main@sha1:aa, now main@sha1:bb
    server: planned https://a.test/, now https://b.test/
    inventory: planned shop/shop, now none
    ");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"][0]["live"] = json!("uid u, version 8")), @"Secret/shop/db: the live object was changed since: planned for uid u, version 7, now uid u, version 8");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"][0]["live"] = Value::Null), @"Secret/shop/db: the live object was changed since: planned for uid u, version 7, now absent");
    insta::assert_snapshot!(after(|now| now["stages"][1]["objects"][0]["live"] = json!("uid v, version 7")), @"ConfigMap/shop/old: the live object was changed since: planned for uid u, version 7, now uid v, version 7");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"][0]["content"] = json!("sha256:bb")), @"Secret/shop/db: its content is another");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"][0]["fields"] = json!([])), @"Secret/shop/db: what changes in it is another: planned data.k, now nothing");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"][0]["action"] = json!("recreate")), @"Secret/shop/db: was to change, and is to recreate now");
    insta::assert_snapshot!(after(|now| now["stages"][0]["objects"] = json!([object("Secret", "new", "create")])), @r"
    Secret/shop/db: was to change, and there is nothing to do about it now
    Secret/shop/new: is to create now, and the plan does not have it
    ");
    insta::assert_snapshot!(after(|now| now["id"] = json!("fedcba9876543210")), @"the objects of the revision are others");
}

#[test]
fn content_that_nothing_identifies_is_named() {
    let mut objects = base();
    objects[0]["content"] = Value::Null;
    // What is deleted has no content.
    objects[1]["content"] = Value::Null;
    assert_eq!(parsed(&document(&objects)).unidentified(), ["Secret/shop/db"]);
}

#[test]
fn what_is_no_plan_is_not_quoted() {
    let errors = [
        "password: hunter2",
        "{\"version\": 1, \"hunter2\": 1}",
        "{\"version\": 7}",
        "",
    ]
    .map(|text| SavedPlan::parse(text.as_bytes()).unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"), @r"
    it is no saved plan (line 1, column 1); `afterbay plan -o json` makes one
    it is no saved plan (line 1, column 28); `afterbay plan -o json` makes one
    it was saved in version 7 of the format, and this program reads version 1; make a new plan
    it is no saved plan (line 1, column 0); `afterbay plan -o json` makes one
    ");
}

#[test]
fn what_is_saved_is_read_again() {
    let plan = parsed(&document(&base()));
    let text = serde_json::to_vec(&plan).unwrap();
    assert_eq!(SavedPlan::parse(&text), Ok(plan));
}
