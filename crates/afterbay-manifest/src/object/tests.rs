//! Identity, its errors, and what is never shown.

use super::{Gvk, Object, ObjectError, Origin};
use crate::yaml::{Table, parse};
use crate::{Position, TreePath};

fn object(text: &str) -> Result<Object, ObjectError> {
    let body = parse(text.as_bytes()).unwrap()[0]
        .resolve(Table::Kustomize)
        .unwrap()
        .unwrap();
    let origin = Origin {
        file: TreePath::parse("apps/db.yaml").unwrap(),
        document: 0,
        position: Position::new(3, 1),
    };
    Object::new(body, origin)
}

#[test]
fn debug_shows_the_identity_only() {
    let secret = object(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\nstringData: {p: hunter2}\n",
    )
    .unwrap();
    assert_eq!(format!("{secret:?}"), "Object(Secret/apps/db)");
    assert!(secret.reference().gvk.is_secret());
}

#[test]
fn references_are_written_with_group_and_namespace() {
    let deployment =
        object("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: web}\n").unwrap();
    assert_eq!(deployment.reference().to_string(), "Deployment.apps/web/api");
    assert_eq!(deployment.reference().gvk.api_version(), "apps/v1");
    let namespace = object("apiVersion: v1\nkind: Namespace\nmetadata: {name: web, namespace: }\n").unwrap();
    assert_eq!(namespace.reference().to_string(), "Namespace/web");
    assert_eq!(namespace.origin().to_string(), "apps/db.yaml:3:1");
    assert!(!Gvk::new("example.com/v1", "Secret").is_secret());
}

#[test]
fn what_is_not_an_object_is_named_with_its_place() {
    let error = |text: &str| object(text).unwrap_err().to_string();
    insta::assert_snapshot!(error("- a\n"), @"apps/db.yaml:3:1: a list where a Kubernetes object is expected; an object is a map with apiVersion, kind and metadata.name");
    insta::assert_snapshot!(error("apiVersion: v1\nkind: Secret\nmetadata: {generateName: x-}\n"), @"apps/db.yaml:3:1: metadata.name is missing; every Kubernetes object needs apiVersion, kind and metadata.name as text");
    insta::assert_snapshot!(error("apiVersion: v1\nkind: ''\nmetadata: {name: 1}\n"), @"apps/db.yaml:3:1: kind is empty; every Kubernetes object needs apiVersion, kind and metadata.name as text");
    insta::assert_snapshot!(error("apiVersion: 1\nkind: Secret\nmetadata: {name: a}\n"), @"apps/db.yaml:3:1: apiVersion is an integer; every Kubernetes object needs apiVersion, kind and metadata.name as text");
}

#[test]
fn a_changed_body_changes_the_identity() {
    let secret = object("apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n").unwrap();
    let moved = secret
        .map_body(|body| {
            let metadata = body.as_mapping_mut().unwrap().get_mut("metadata").unwrap();
            metadata
                .as_mapping_mut()
                .unwrap()
                .insert("namespace".to_owned(), crate::Node::plain("apps"));
        })
        .unwrap();
    assert_eq!(moved.reference().to_string(), "Secret/apps/db");
    assert_eq!(
        moved
            .into_body()
            .at(&["metadata", "namespace"])
            .unwrap()
            .as_plain_str(),
        Some("apps")
    );
}
