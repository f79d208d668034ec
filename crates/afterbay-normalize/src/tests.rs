//! Tests of the stage on objects, and of its proof over real stages.

mod against_server;
mod properties;
mod refused;
mod stages;

use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{Node, Object, Origin, TreePath};

use crate::set::{Normalized, objects_of};

/// The objects of a YAML text.
fn objects(text: &str) -> Vec<Object> {
    let documents = yaml::parse(text.as_bytes()).unwrap();
    documents
        .iter()
        .map(|document| object(document.resolve(Table::Kustomize).unwrap().unwrap()))
        .collect()
}

fn object(node: Node) -> Object {
    let origin = Origin {
        file: TreePath::parse("objects.yaml").unwrap(),
        document: 0,
        position: node.position,
    };
    Object::new(node, origin).unwrap()
}

fn normalized(text: &str) -> Normalized {
    objects_of(objects(text))
}

/// The one object of a text, normalized, as JSON.
fn json(text: &str) -> serde_json::Value {
    let normalized = normalized(text);
    assert_eq!(normalized.errors, []);
    normalized.objects[0].body().expose_json()
}

#[test]
fn string_data_becomes_data_in_its_place() {
    let secret = json(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: s3cret\ntype: example.com/db\n",
    );
    insta::assert_snapshot!(
        secret,
        @r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"data":{"password":"czNjcmV0"},"type":"example.com/db"}"#
    );
}

#[test]
fn no_secret_hides_in_a_list() {
    let normalized = normalized(
        "apiVersion: v1\nkind: List\nmetadata: {name: all}\nitems:\n- apiVersion: v1\n  kind: SecretList\n  metadata: {name: inner}\n  \
         items:\n  - {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: x}}\n- {apiVersion: v1, kind: ConfigMap, \
         metadata: {name: b}}\n---\napiVersion: example.com/v1\nkind: ShoppingList\nmetadata: {name: c}\nspec: {}\n",
    );
    assert_eq!(normalized.errors, []);
    let bodies: Vec<String> = normalized
        .objects
        .iter()
        .map(|object| format!("{} {}", object.origin(), object.body().expose_json()))
        .collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    objects.yaml:9:5 {"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"k":"eA=="}}
    objects.yaml:10:3 {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}
    objects.yaml:12:1 {"apiVersion":"example.com/v1","kind":"ShoppingList","metadata":{"name":"c"},"spec":{}}
    "#);
}

#[test]
fn the_type_is_left_as_written() {
    for (written, expected) in [
        ("", None),
        ("type: ''\n", Some("")),
        ("type: Opaque\n", Some("Opaque")),
    ] {
        let secret = json(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\n{written}"
        ));
        assert_eq!(secret.get("type").and_then(serde_json::Value::as_str), expected);
    }
}

#[test]
fn only_the_v1_secret_is_a_secret() {
    let other = json(
        "apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: 1}\ndata: [x]\n",
    );
    assert_eq!(other["stringData"]["a"], 1);
}

#[test]
fn what_the_cluster_writes_goes_away() {
    let text = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
                metadata: {name: a, creationTimestamp: null, labels: {status: kept}}\nspec: {status: kept}\n\
                status: {conditions: [], storedVersions: []}\n---\n\
                apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, creationTimestamp: '2020-01-01T00:00:00Z'}\n\
                status: {replicas: 1}\n---\n\
                apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nstatus: {}\n";
    let normalized = normalized(text);
    let bodies: Vec<String> = normalized
        .objects
        .iter()
        .map(|object| object.body().expose_json().to_string())
        .collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"a","labels":{"status":"kept"}},"spec":{"status":"kept"}}
    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}}
    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"b"}}
    "#);
    let warnings: Vec<String> = normalized.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"objects.yaml:10:9: status of Deployment.apps/a is not applied: the cluster writes it; remove it");
}

#[test]
fn positions_stay() {
    let normalized =
        normalized("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  a: x\n  b: y\n");
    let value = normalized.objects[0].body().at(&["data", "b"]).unwrap();
    assert_eq!((value.position.line, value.position.column), (6, 6));
}

#[test]
fn debug_output_holds_no_value() {
    let normalized =
        normalized("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: canary}\n");
    let text = format!("{:?}", normalized.objects);
    assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"));
}
