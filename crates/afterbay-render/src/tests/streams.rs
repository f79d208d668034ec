//! Objects from a pipe.

use afterbay_manifest::TreePath;
use afterbay_manifest::yaml::Table;
use insta::assert_snapshot;

use super::lines;
use crate::read_objects;

fn read(text: &str) -> String {
    let name = TreePath::parse("stdin").unwrap();
    match read_objects(text.as_bytes(), &name, Table::Kubectl) {
        Ok(set) => lines(set.objects.iter().map(|object| {
            let origin = object.origin();
            format!("{origin} document {} {}", origin.document, object.reference())
        })),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn yaml_documents_and_lists_in_place() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n\
                - {apiVersion: v1, kind: BList, items: [{apiVersion: v1, kind: B, metadata: {name: b}}]}\n\
                - {apiVersion: v1, kind: C, metadata: {name: c}}\n---\n---\napiVersion: v1\nkind: D\nmetadata: {name: d, namespace: ns}\n";
    assert_snapshot!(read(text), @r"
    stdin:4:3 document 0 A/a
    stdin:5:41 document 0 B/b
    stdin:6:3 document 0 C/c
    stdin:9:1 document 2 D/ns/d
    ");
}

#[test]
fn json_documents_one_after_another() {
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"A\",\n \"metadata\": {\"name\": \"a\"}}\n\n{\"apiVersion\": \"v1\", \"kind\": \"B\",\n\"metadata\": {\"name\": \"b\"}}\n{\"kind\": \"C\"}{}";
    assert_snapshot!(read(text), @"stdin:6:1: apiVersion is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text");
    let sound = text.replace("{\"kind\": \"C\"}{}", "");
    assert_snapshot!(read(&sound), @r"
    stdin:1:1 document 0 A/a
    stdin:4:1 document 1 B/b
    ");
}

#[test]
fn flow_yaml_is_not_taken_for_json() {
    assert_snapshot!(read("{apiVersion: v1, kind: A, metadata: {name: a}}\n---\n{apiVersion: v1, kind: B, metadata: {name: b}}\n"), @r"
    stdin:1:1 document 0 A/a
    stdin:3:1 document 1 B/b
    ");
}

#[test]
fn scalars_are_read_as_kubectl_reads_them() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {yes: yes, date: 2020-01-01}\n";
    let set = read_objects(
        text.as_bytes(),
        &TreePath::parse("stdin").unwrap(),
        Table::Kubectl,
    )
    .unwrap();
    assert_snapshot!(set.objects[0].body().expose_json()["data"], @r#"{"true":true,"date":"2020-01-01"}"#);
}

#[test]
fn errors_come_together() {
    assert_snapshot!(read("a: b\n---\ntext\n---\napiVersion: v1\nkind: AList\nitems: 5\n"), @r"
    stdin:1:1: apiVersion is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text
    stdin:3:1: a string where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name
    stdin:5:1: AList: items is an integer where a list of objects is expected
    ");
    assert_snapshot!(read("\n{\"kind\": \n"), @"stdin:2:1: unclosed bracket '{'");
    assert_snapshot!(read(""), @"");
}

/// The place is the one in the whole stream, also behind other JSON documents.
#[test]
fn scalars_that_tools_read_differently_are_named() {
    let name = TreePath::parse("stdin").unwrap();
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"A\",\n\"metadata\": {\"name\": \"a\"}}\n{\"apiVersion\": \"v1\", \"kind\": \"B\", \"metadata\": {\"name\": \"b\"}, \"on\": 1}\n";
    assert_eq!(
        read_objects(text.as_bytes(), &name, Table::Kubectl)
            .unwrap()
            .warnings,
        []
    );
    let yaml = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\nimmutable: yes\n";
    let warnings = read_objects(yaml.as_bytes(), &name, Table::Kubectl)
        .unwrap()
        .warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].to_string().starts_with("stdin:8:12: "),
        "{}",
        warnings[0]
    );
}
