//! Which keys of a Secret nobody would ever remove.

use serde_json::json;

use super::*;

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "fieldsV1": fields })
}

fn item(keys: &[&str], entries: &[Value]) -> Item {
    let data: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), json!("aHVudGVyMg==")))
        .collect();
    serde_json::from_value(json!({
        "metadata": {
            "name": "db", "namespace": "shop", "uid": "u", "resourceVersion": "7", "managedFields": entries,
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "hunter2" },
        },
        "data": data,
    }))
    .unwrap()
}

/// One key a line, with who left it.
fn told(keys: &[&str], entries: &[Value]) -> String {
    let found = Examination::of(
        "https://a.test/",
        vec![item(keys, entries)],
        &ApplyOptions::default(),
    );
    let keys = found.secrets.iter().flat_map(|secret| &secret.keys);
    let lines = keys.map(|key| {
        format!("{} {}", key.key, key.left_by.join(","))
            .trim_end()
            .to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_key_is_left_where_nobody_owns_it_or_only_who_is_gone() {
    let ours = entry(
        "afterbay",
        "Apply",
        &json!({ "f:data": { ".": {}, "f:ours": {}, "f:shared": {} } }),
    );
    let told = told(
        &[
            "nobody",
            "ours",
            "shared",
            "kubectl",
            "edited",
            "flux-string",
            "flux-data",
            "operator",
            "own-update",
            "mixed",
        ],
        &[
            ours,
            entry(
                "kubectl-client-side-apply",
                "Update",
                &json!({ "f:data": { "f:kubectl": {}, "f:shared": {} } }),
            ),
            entry(
                "kubectl-edit",
                "Update",
                &json!({ "f:data": { "f:edited": {}, "f:mixed": {} } }),
            ),
            entry(
                "kustomize-controller",
                "Apply",
                &json!({ "f:stringData": { "f:flux-string": {}, "f:ours": {} }, "f:data": { "f:flux-data": {} } }),
            ),
            entry(
                "operator",
                "Update",
                &json!({ "f:data": { "f:operator": {}, "f:mixed": {} } }),
            ),
            entry("afterbay", "Update", &json!({ "f:data": { "f:own-update": {} } })),
        ],
    );
    insta::assert_snapshot!(told, @r"
    edited kubectl-edit
    flux-string kustomize-controller
    kubectl kubectl-client-side-apply
    nobody
    own-update afterbay
    ");
}

#[test]
fn the_secrets_of_others_are_not_examined() {
    let theirs = entry("kubectl", "Apply", &json!({ "f:data": {} }));
    let found = Examination::of(
        "https://a.test/",
        vec![item(&["nobody"], &[theirs])],
        &ApplyOptions::default(),
    );
    assert_eq!((found.examined, found.others, found.keys()), (0, 1, 0));
    // What applies the status of something is not what applies it.
    let mut status = entry("afterbay", "Apply", &json!({}));
    status["subresource"] = json!("status");
    let found = Examination::of(
        "https://a.test/",
        vec![item(&["nobody"], &[status])],
        &ApplyOptions::default(),
    );
    assert_eq!((found.examined, found.others), (0, 1));
}

#[test]
fn consent_is_to_these_keys_of_these_objects_in_this_state() {
    let ours = || entry("afterbay", "Apply", &json!({ "f:data": {} }));
    let of = |server: &str, keys: &[&str], change: fn(&mut Item)| {
        let mut item = item(keys, &[ours()]);
        change(&mut item);
        Examination::of(server, vec![item], &ApplyOptions::default()).id
    };
    let one = of("https://a.test/", &["a", "b"], |_| ());
    assert_eq!(one, of("https://a.test/", &["a", "b"], |_| ()));
    assert_eq!(one.len(), 16);
    for other in [
        of("https://b.test/", &["a", "b"], |_| ()),
        of("https://a.test/", &["a"], |_| ()),
        of("https://a.test/", &["a", "b"], |item| {
            item.metadata.uid = "v".to_owned();
        }),
        of("https://a.test/", &["a", "b"], |item| {
            item.metadata.resource_version = "8".to_owned();
        }),
        of("https://a.test/", &["a", "b"], |item| {
            item.metadata.name = "other".to_owned();
        }),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn no_value_is_in_what_was_found() {
    let ours = entry("afterbay", "Apply", &json!({ "f:data": {} }));
    let found = Examination::of(
        "https://a.test/",
        vec![item(&["a"], &[ours])],
        &ApplyOptions::default(),
    );
    let text = format!("{found:?}{}", serde_json::to_string(&found).unwrap());
    assert!(
        !text.contains("hunter2") && !text.contains("aHVudGVyMg"),
        "{text}"
    );
}
