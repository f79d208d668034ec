//! What is unchanged, and what is in doubt. Managed fields are written as Kubernetes 1.34 writes them; that it judges the same
//! is held against the server itself (e2e `unchanged_as_the_server_says`).

use serde_json::json;

use super::*;

const OURS: &str = "afterbay";

/// The verdict on an object whose live counterpart is `live` and whose fields we own as `owned`.
fn verdict(declared: &Value, live: &Value, owned: &Value) -> Result<(), Doubt> {
    verdict_beside(declared, live, owned, &[])
}

fn entry(manager: &str, operation: &str, version: &Value, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields })
}

fn verdict_beside(declared: &Value, live: &Value, owned: &Value, others: &[Value]) -> Result<(), Doubt> {
    let mut live = live.clone();
    let mut entries = vec![entry(OURS, "Apply", &declared["apiVersion"], owned)];
    entries.extend(others.iter().cloned());
    live["metadata"]["managedFields"] = json!(entries);
    check_as(declared, &live, None)
}

fn check_as(declared: &Value, live: &Value, schema: Option<&Value>) -> Result<(), Doubt> {
    let gvk = Gvk::new(
        declared["apiVersion"].as_str().unwrap(),
        declared["kind"].as_str().unwrap(),
    );
    let shape = match schema {
        Some(schema) => Some(Shape::Schema(schema)),
        None => Shape::built_in(&gvk),
    };
    let declared = Declared {
        gvk: &gvk,
        body: declared,
        shape,
        manager: OURS,
    };
    check(&declared, live)
}

fn what(verdict: Result<(), Doubt>) -> String {
    verdict.map_or_else(|doubt| doubt.to_string(), |()| "unchanged".to_owned())
}

fn secret() -> (Value, Value, Value) {
    let declared = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "db", "namespace": "shop", "labels": { "app": "db" } },
        "data": { "a": "b25l", "b": "" },
    });
    let live = json!({
        "metadata": { "name": "db", "namespace": "shop", "uid": "u", "labels": { "app": "db", "theirs": "x" } },
        "type": "Opaque",
        "data": { "a": "b25l", "b": "", "theirs": "eA==" },
    });
    let owned = json!({
        "f:data": { "f:a": {}, "f:b": {} },
        "f:metadata": { "f:labels": { "f:app": {} } },
    });
    // Entries of maps own themselves only where they are maps again.
    (declared, live, owned)
}

#[test]
fn what_is_as_we_applied_it_is_unchanged() {
    let (declared, live, owned) = secret();
    assert_eq!(verdict(&declared, &live, &owned), Ok(()));
    let beside = entry(
        "stranger",
        "Update",
        &json!("v1"),
        &json!({ "f:data": { "f:a": {} } }),
    );
    assert_eq!(verdict_beside(&declared, &live, &owned, &[beside]), Ok(()));
}

#[test]
fn another_value_or_another_set_of_fields_is_no_match() {
    let (declared, live, owned) = secret();
    let mut other = live.clone();
    other["data"]["a"] = json!("dHdv");
    assert_eq!(what(verdict(&declared, &other, &owned)), "data.a: another value");
    other["data"].as_object_mut().unwrap().shift_remove("a");
    assert_eq!(what(verdict(&declared, &other, &owned)), "data.a: another value");

    let mut more = owned.clone();
    more["f:data"]["f:gone"] = json!({});
    assert_eq!(
        what(verdict(&declared, &live, &more)),
        "data: it declares other fields than we own"
    );
    more = owned.clone();
    more["f:type"] = json!({});
    assert_eq!(
        what(verdict(&declared, &live, &more)),
        "we own a field that it does not declare"
    );
    more = owned.clone();
    more["f:metadata"]["f:annotations"] = json!({ "f:gone": {} });
    assert_eq!(
        what(verdict(&declared, &live, &more)),
        "metadata: it declares other fields than we own"
    );
    let mut fewer = owned.clone();
    fewer["f:data"].as_object_mut().unwrap().shift_remove("f:a");
    assert_eq!(
        what(verdict(&declared, &live, &fewer)),
        "data.a: it declares other fields than we own"
    );
    fewer.as_object_mut().unwrap().shift_remove("f:metadata");
    assert!(verdict(&declared, &live, &fewer).is_err());
}

#[test]
fn what_is_not_plainly_ours_is_in_doubt() {
    let (declared, live, owned) = secret();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut live = live.clone();
        live["metadata"]["managedFields"] = json!([entry(OURS, "Apply", &json!("v1"), &owned)]);
        change(&mut live);
        what(check_as(&declared, &live, None))
    };
    let entries = |live: &mut Value, entries: Value| live["metadata"]["managedFields"] = entries;
    assert_eq!(with(&|_| ()), "unchanged");
    assert_eq!(
        with(&|live| live["metadata"]["deletionTimestamp"] = json!("2026-11-27T00:00:00Z")),
        "it is being deleted"
    );
    assert_eq!(
        with(&|live| entries(live, json!([]))),
        "we have not applied it, or more than once"
    );
    assert_eq!(
        with(&|live| entries(live, json!([entry(OURS, "Update", &json!("v1"), &owned)]))),
        "we have not applied it, or more than once"
    );
    assert_eq!(
        with(&|live| entries(live, json!([entry(OURS, "Apply", &json!("v2"), &owned)]))),
        "we applied it in another version"
    );
    assert_eq!(
        with(&|live| {
            let mut twice = entry(OURS, "Apply", &json!("v1"), &owned);
            twice["fieldsType"] = json!("FieldsV2");
            entries(live, json!([twice]));
        }),
        "fields of an unknown type"
    );
    let one = entry(OURS, "Apply", &json!("v1"), &owned);
    let left = entry(
        "kubectl",
        "Update",
        &json!("v1"),
        &json!({ "f:stringData": { "f:a": {} } }),
    );
    assert_eq!(
        with(&|live| entries(live, json!([one, left]))),
        "somebody applied its stringData"
    );
    let mut versioned = declared.clone();
    versioned["metadata"]["resourceVersion"] = json!("7");
    assert_eq!(
        what(verdict(&versioned, &live, &owned)),
        "metadata that the server sets"
    );
}

#[test]
fn kinds_and_fields_that_nobody_knows_are_in_doubt() {
    let (mut declared, live, owned) = secret();
    declared["tape"] = json!("Opaque");
    assert_eq!(
        what(verdict(&declared, &live, &owned)),
        "a field that is not known"
    );
    declared["apiVersion"] = json!("example.com/v1");
    assert_eq!(
        what(verdict(&declared, &live, &owned)),
        "a kind without known schema"
    );
}

/// A Deployment's container beside the live one, and what we own of it.
fn container(declared: &Value, live: &Value, owned: &Value) -> Result<(), Doubt> {
    container_beside(declared, live, owned, &[])
}

fn deployment(container: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "template": { "spec": { "containers": [container] } } },
    })
}

fn owned_container(fields: &Value) -> Value {
    json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": { r#"k:{"name":"web"}"#: fields } } } } })
}

fn container_beside(declared: &Value, live: &Value, owned: &Value, others: &[Value]) -> Result<(), Doubt> {
    let named = |value: &Value| {
        let mut value = value.clone();
        value["name"] = json!("web");
        value
    };
    let mut owned = owned.clone();
    owned["."] = json!({});
    owned["f:name"] = json!({});
    verdict_beside(
        &deployment(&named(declared)),
        &deployment(&named(live)),
        &owned_container(&owned),
        others,
    )
}

#[test]
fn a_quantity_is_the_one_that_the_server_makes_of_it() {
    let resources =
        |cpu: Value, memory: Value| json!({ "resources": { "requests": { "cpu": cpu, "memory": memory } } });
    let owned = json!({ "f:resources": { "f:requests": { "f:cpu": {}, "f:memory": {} } } });
    let live = resources(json!("500m"), json!("1Gi"));
    for (cpu, memory) in [("0.5", "1024Mi"), ("500m", "1Gi"), (".5", "1048576Ki")] {
        let declared = resources(json!(cpu), json!(memory));
        assert_eq!(container(&declared, &live, &owned), Ok(()), "{cpu} {memory}");
    }
    let number = resources(json!(0.5), json!("1Gi"));
    assert_eq!(container(&number, &live, &owned), Ok(()));
    // The same amount, which the server would write otherwise.
    for (cpu, memory) in [("0.6", "1Gi"), ("500m", "1073741824")] {
        let declared = resources(json!(cpu), json!(memory));
        assert!(container(&declared, &live, &owned).is_err(), "{cpu} {memory}");
    }
}

#[test]
fn a_form_that_differs_is_in_doubt_where_others_own_the_field() {
    let declared = json!({ "resources": { "requests": { "cpu": "0.5" } } });
    let live = json!({ "resources": { "requests": { "cpu": "500m" } } });
    let owned = json!({ "f:resources": { "f:requests": { "f:cpu": {} } } });
    let other = |fields: &Value| entry("scaler", "Update", &json!("apps/v1"), &owned_container(fields));
    let beside = other(&json!({ "f:image": {} }));
    assert_eq!(container_beside(&declared, &live, &owned, &[beside]), Ok(()));
    let shared = other(&owned);
    assert_eq!(
        what(container_beside(
            &declared,
            &live,
            &owned,
            std::slice::from_ref(&shared)
        )),
        "spec.template.spec.containers.[].resources.requests.cpu: another form of the value, and another owner"
    );
    assert_eq!(container_beside(&live, &live, &owned, &[shared]), Ok(()));
}

#[test]
fn a_missing_key_of_a_list_is_its_default() {
    let owned = json!({ "f:ports": { r#"k:{"containerPort":80,"protocol":"TCP"}"#: { ".": {}, "f:containerPort": {} } } });
    let declared = json!({ "ports": [{ "containerPort": 80 }] });
    let live = json!({ "ports": [{ "containerPort": 80, "protocol": "TCP" }] });
    assert_eq!(container(&declared, &live, &owned), Ok(()));
    let live = json!({ "ports": [{ "containerPort": 80, "protocol": "UDP" }] });
    assert!(container(&declared, &live, &owned).is_err());
    let both = json!({ "ports": [{ "containerPort": 80 }, { "containerPort": 80, "protocol": "TCP" }] });
    assert!(container(&both, &live, &owned).is_err());
}

#[test]
fn items_that_merge_keep_the_order_of_the_live_list() {
    let declared = json!({ "env": [{ "name": "a", "value": "1" }, { "name": "b", "value": "2" }] });
    let item = json!({ ".": {}, "f:name": {}, "f:value": {} });
    let owned = json!({ "f:env": { r#"k:{"name":"a"}"#: item, r#"k:{"name":"b"}"#: item } });
    assert_eq!(container(&declared, &declared, &owned), Ok(()));
    let between = json!({ "env": [
        { "name": "x" }, { "name": "a", "value": "1" }, { "name": "y" }, { "name": "b", "value": "2" },
    ] });
    assert_eq!(container(&declared, &between, &owned), Ok(()));
    let turned = json!({ "env": [{ "name": "b", "value": "2" }, { "name": "a", "value": "1" }] });
    assert!(what(container(&declared, &turned, &owned)).contains("not in this order"));
    let twice = json!({ "env": [
        { "name": "a", "value": "1" }, { "name": "b", "value": "2" }, { "name": "a", "value": "3" },
    ] });
    assert!(container(&declared, &twice, &owned).is_err());
    let gone = json!({ "env": [{ "name": "a", "value": "1" }] });
    assert!(container(&declared, &gone, &owned).is_err());
    // An item that left the revision.
    assert!(container(&gone, &declared, &owned).is_err());
}

#[test]
fn an_integer_is_not_a_text() {
    let port = |port: Value| json!({ "livenessProbe": { "httpGet": { "port": port } } });
    let owned = json!({ "f:livenessProbe": { "f:httpGet": { "f:port": {} } } });
    assert_eq!(container(&port(json!(80)), &port(json!(80)), &owned), Ok(()));
    assert_eq!(container(&port(json!("80")), &port(json!("80")), &owned), Ok(()));
    assert!(container(&port(json!("80")), &port(json!(80)), &owned).is_err());
}

#[test]
fn what_is_empty_is_left_out_or_kept_as_its_type_says() {
    // Of the type string, with `omitempty`.
    let owned = json!({ "f:env": { r#"k:{"name":"a"}"#: { ".": {}, "f:name": {}, "f:value": {} } } });
    let declared = json!({ "env": [{ "name": "a", "value": "" }] });
    let live = json!({ "env": [{ "name": "a" }] });
    assert_eq!(container(&declared, &live, &owned), Ok(()));
    // A list: an empty one owns nothing where lists merge, and itself where they are replaced.
    let live = json!({ "image": "web" });
    let none = json!({ "image": "web", "env": [], "args": [] });
    let owned = json!({ "f:image": {}, "f:args": {} });
    assert_eq!(container(&none, &live, &owned), Ok(()));
    assert!(container(&none, &json!({ "image": "web", "args": ["a"] }), &owned).is_err());
    // A pointer: an empty value is not the same as none.
    let probe = json!({ "livenessProbe": {} });
    let owned = json!({ "f:livenessProbe": {} });
    assert!(container(&probe, &json!({}), &owned).is_err());
    assert_eq!(container(&probe, &probe, &owned), Ok(()));
    let filled = json!({ "livenessProbe": { "periodSeconds": 10 } });
    assert_eq!(container(&probe, &filled, &owned), Ok(()));
    // A map.
    let mut declared = deployment(&json!({ "name": "web" }));
    declared["metadata"]["annotations"] = json!({});
    let mut owned = owned_container(&json!({ ".": {}, "f:name": {} }));
    owned["f:metadata"] = json!({ "f:annotations": {} });
    let mut live = deployment(&json!({ "name": "web" }));
    assert_eq!(verdict(&declared, &live, &owned), Ok(()));
    live["metadata"]["annotations"] = json!({ "deployment.kubernetes.io/revision": "1" });
    assert_eq!(verdict(&declared, &live, &owned), Ok(()));
}

#[test]
fn null_is_nothing() {
    let declared = json!({ "image": "web", "livenessProbe": null, "env": null, "workingDir": null });
    let owned = json!({ "f:image": {}, "f:livenessProbe": {}, "f:env": {}, "f:workingDir": {} });
    assert_eq!(container(&declared, &json!({ "image": "web" }), &owned), Ok(()));
    assert!(container(&declared, &json!({ "image": "web", "workingDir": "/" }), &owned).is_err());
    let owned = json!({ "f:image": {} });
    assert!(container(&declared, &json!({ "image": "web" }), &owned).is_err());
}

#[test]
fn base64_is_compared_as_the_server_writes_it() {
    let declared = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "binaryData": { "k": "YWJj\nZGVm\n" } });
    let live = json!({ "metadata": { "name": "a" }, "binaryData": { "k": "YWJjZGVm" } });
    let owned = json!({ "f:binaryData": { "f:k": {} } });
    assert_eq!(verdict(&declared, &live, &owned), Ok(()));
    let live = json!({ "metadata": { "name": "a" }, "binaryData": { "k": "YWJj" } });
    assert!(verdict(&declared, &live, &owned).is_err());
}

#[test]
fn what_is_replaced_as_a_whole_may_have_known_defaults() {
    let from = |field: Value| json!({ "env": [{ "name": "a", "valueFrom": field }] });
    let owned = |field: &str| json!({ "f:env": { r#"k:{"name":"a"}"#: { ".": {}, "f:name": {}, "f:valueFrom": { field: {} } } } });
    let declared = from(json!({ "fieldRef": { "fieldPath": "metadata.name" } }));
    let live = from(json!({ "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } }));
    assert_eq!(container(&declared, &live, &owned("f:fieldRef")), Ok(()));
    let other = from(json!({ "fieldRef": { "apiVersion": "v2", "fieldPath": "metadata.name" } }));
    assert!(container(&declared, &other, &owned("f:fieldRef")).is_err());
    let declared = from(json!({ "resourceFieldRef": { "resource": "limits.cpu" } }));
    let live = from(json!({ "resourceFieldRef": { "resource": "limits.cpu", "divisor": "0" } }));
    assert_eq!(container(&declared, &live, &owned("f:resourceFieldRef")), Ok(()));

    let policy = |port: &Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "a" },
            "spec": { "podSelector": {}, "ingress": [{ "ports": [port] }] },
        })
    };
    let owned = json!({ "f:spec": { "f:podSelector": {}, "f:ingress": {} } });
    let declared = policy(&json!({ "port": 80 }));
    assert_eq!(
        verdict(
            &declared,
            &policy(&json!({ "port": 80, "protocol": "TCP" })),
            &owned
        ),
        Ok(())
    );
    assert!(
        verdict(
            &declared,
            &policy(&json!({ "port": 80, "protocol": "UDP" })),
            &owned
        )
        .is_err()
    );
}

#[test]
fn sets_are_compared_item_by_item() {
    let object = |finalizers: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "finalizers": finalizers } });
    let owned = json!({ "f:metadata": { "f:finalizers": { r#"v:"a/b""#: {}, r#"v:"a/c""#: {} } } });
    let declared = object(json!(["a/b", "a/c"]));
    assert_eq!(verdict(&declared, &declared, &owned), Ok(()));
    assert_eq!(
        verdict(&declared, &object(json!(["a/b", "x/x", "a/c"])), &owned),
        Ok(())
    );
    for other in [json!(["a/c", "a/b"]), json!(["a/b"]), json!([])] {
        assert!(verdict(&declared, &object(other), &owned).is_err());
    }
    assert!(verdict(&object(json!(["a/b", "a/b"])), &declared, &owned).is_err());
    assert!(verdict(&object(json!(["a/b"])), &declared, &owned).is_err());
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
        "size": { "type": "integer" },
        "note": { "type": "string", "nullable": true },
        "rules": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": { "type": "object", "properties": { "name": { "type": "string" }, "ways": { "type": "array", "items": { "type": "string" } } } },
        },
        "whole": { "type": "array", "items": { "type": "object", "properties": {
            "name": { "type": "string" }, "from": { "type": "string", "default": "env" },
        } } },
        "by": { "type": "object", "additionalProperties": { "type": "object", "properties": { "x": { "type": "integer" } } } },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    } } } })
}

/// The verdict on a custom resource.
fn custom(spec: &Value, live: &Value, owned: &Value) -> Result<(), Doubt> {
    let object = |spec: &Value| json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "a" }, "spec": spec });
    let mut live = object(live);
    live["metadata"]["managedFields"] = json!([entry(
        OURS,
        "Apply",
        &json!("example.com/v1"),
        &json!({ "f:spec": owned })
    )]);
    check_as(&object(spec), &live, Some(&schema()))
}

#[test]
fn custom_resources_follow_their_schema() {
    let spec = json!({
        "size": 1, "note": null,
        "rules": [{ "name": "a", "ways": ["x"] }],
        "by": { "one": { "x": 1 } },
        "free": { "a": { "b": [1] }, "c": 1 },
    });
    let owned = json!({
        "f:size": {}, "f:note": {},
        "f:rules": { r#"k:{"name":"a"}"#: { ".": {}, "f:name": {}, "f:ways": {} } },
        "f:by": { "f:one": { ".": {}, "f:x": {} } },
        "f:free": { "f:a": { ".": {}, "f:b": {} }, "f:c": {} },
    });
    assert_eq!(custom(&spec, &spec, &owned), Ok(()));
    // Nothing but the very same value is the same.
    let mut live = spec.clone();
    live["size"] = json!(1.0);
    assert!(custom(&spec, &live, &owned).is_err());
    live = spec.clone();
    live.as_object_mut().unwrap().shift_remove("note");
    assert!(custom(&spec, &live, &owned).is_err());
    // A map that owns itself, and one that does not, are applied under different schemas.
    let mut other = owned.clone();
    other["f:by"]["f:one"].as_object_mut().unwrap().shift_remove(".");
    assert!(custom(&spec, &spec, &other).is_err());
    other = owned.clone();
    other["f:rules"] = json!({});
    assert!(custom(&spec, &spec, &other).is_err());
}

#[test]
fn defaults_of_a_schema_fill_what_is_replaced_as_a_whole() {
    let spec = json!({ "whole": [{ "name": "a" }] });
    let owned = json!({ "f:whole": {} });
    let live = |from: &str| json!({ "whole": [{ "name": "a", "from": from }] });
    assert_eq!(custom(&spec, &live("env"), &owned), Ok(()));
    assert!(custom(&spec, &live("file"), &owned).is_err());
}

#[test]
fn a_doubt_names_no_value_and_nothing_that_a_terminal_obeys() {
    let (mut declared, live, owned) = secret();
    declared["data"]["\u{1b}[2J"] = json!("aHVudGVyMg==");
    assert_eq!(
        what(verdict(&declared, &live, &owned)),
        "data.[\"\\u{1b}[2J\"]: it declares other fields than we own"
    );
}
