//! Opened values that strayed. The later stages can do to an object what these tests do by hand.

use afterbay_manifest::{Mapping, Provenance, Sealed, Value};

use super::*;
use crate::testing::{render_text, set, tree_of};

/// Opens fixtures and hands over the objects for tampering.
fn open(names: &[&str]) -> (Vec<Object>, OpenedFiles) {
    let tree = tree_of(names);
    let options = DecryptOptions::default();
    let sealed = scan(&tree, inputs(&tree), &options).unwrap();
    let keys = data_keys(&sealed);
    let (tree, opened) = overlay(tree, sealed, &keys, &options).unwrap();
    (render(&tree).objects, opened)
}

fn config_map() -> Object {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels: {}\ndata: {}\n";
    render_text(text).objects.remove(0)
}

fn put(object: Object, keys: &[&str], key: &str, node: Node) -> Object {
    let change = |body: &mut Node| {
        let map = keys.iter().fold(body, |node, key| {
            node.as_mapping_mut().unwrap().get_mut(*key).unwrap()
        });
        map.as_mapping_mut().unwrap().insert(key.to_owned(), node);
    };
    object.map_body(change).unwrap()
}

#[test]
fn a_config_map_generated_from_an_encrypted_file_is_refused() {
    let (objects, opened) = open(&["secret.yaml"]);
    let user = objects[0].body().at(&["stringData", "user"]).unwrap().clone();
    let stray = put(config_map(), &["data"], "user", user);
    let result = run_objects(set(vec![stray]), opened, &DecryptOptions::default());
    insta::assert_snapshot!(errors_of(result), @r#"app.yaml:1:1: ConfigMap/c: data.user holds what was opened from secret.yaml (stringData.user); an opened value may stand only under data or stringData of a v1 Secret, or at the kind and key path where its own file declares it; put it in a Secret, or let the operator allow it (--allow-opened-in ConfigMap:data.user)"#);
}

/// What a generator makes of a whole encrypted file: its text, with the provenance of the file.
#[test]
fn a_config_map_that_holds_a_whole_encrypted_file_is_refused() {
    let files = tree_of(&["secret.yaml"]);
    let options = DecryptOptions::default();
    let sealed = scan(&files, inputs(&files), &options).unwrap();
    let keys = data_keys(&sealed);
    let (files, opened) = overlay(files, sealed, &keys, &options).unwrap();
    let (_, file) = files.file(&TreePath::parse("secret.yaml").unwrap()).unwrap();
    let (content, provenance) = file.expose_content();
    let mut node = Node::plain(std::str::from_utf8(content).unwrap());
    node.provenance = provenance;
    let generated = put(config_map(), &["data"], "secret.yaml", node.clone());
    let errors = run_objects(set(vec![generated]), opened, &options).unwrap_err();
    let [DecryptError::Unconfined { path, from, .. }] = errors.0.as_slice() else {
        panic!("{errors}")
    };
    assert_eq!(path.to_string(), "data[\"secret.yaml\"]");
    assert!(!from.is_empty());
    assert!(
        from.iter().all(
            |source| matches!(source, Sealed::Ciphertext { file, .. } if file.as_str() == "secret.yaml")
        )
    );

    let (_, opened) = open(&["secret.yaml"]);
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData: {}\n";
    let generated = put(
        render_text(secret).objects.remove(0),
        &["stringData"],
        "secret.yaml",
        node,
    );
    run_objects(set(vec![generated]), opened, &options).unwrap();
}

#[test]
fn the_operator_can_allow_a_place() {
    let allowed = DecryptOptions {
        allowed_places: vec!["ConfigMap:data.user".parse().unwrap()],
        ..DecryptOptions::default()
    };
    for (key, is_allowed) in [("user", true), ("other", false)] {
        let (objects, opened) = open(&["secret.yaml"]);
        let user = objects[0].body().at(&["stringData", "user"]).unwrap().clone();
        let stray = put(config_map(), &["data"], key, user);
        assert_eq!(
            run_objects(set(vec![stray]), opened, &allowed).is_ok(),
            is_allowed,
            "{key}"
        );
    }
}

#[test]
fn another_key_path_or_another_kind_is_refused() {
    let (mut objects, opened) = open(&["widget.yaml"]);
    let token = objects[0].body().at(&["spec", "token"]).unwrap().clone();
    let moved = put(objects.remove(0), &["spec"], "displayName", token.clone());
    let label = put(config_map(), &["metadata", "labels"], "token", token);
    let errors = run_objects(set(vec![moved, label]), opened, &DecryptOptions::default()).unwrap_err();
    let paths: Vec<String> = errors
        .0
        .iter()
        .map(|error| match error {
            DecryptError::Unconfined { object, path, .. } => format!("{object} {path}"),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(
        paths,
        [
            "Widget.example.org/w spec.displayName",
            "ConfigMap/c metadata.labels.token"
        ]
    );
}

#[test]
fn a_secret_may_hold_any_opened_value_as_data_only() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  labels: {}\nstringData: {}\n";
    for (keys, is_allowed) in [(&["stringData"][..], true), (&["metadata", "labels"], false)] {
        let (objects, opened) = open(&["widget.yaml"]);
        let token = objects[0].body().at(&["spec", "token"]).unwrap().clone();
        let object = put(render_text(secret).objects.remove(0), keys, "token", token);
        assert_eq!(
            run_objects(set(vec![object]), opened, &DecryptOptions::default()).is_ok(),
            is_allowed
        );
    }
}

/// A patch that adds an item in front moves the others; they are still where their file put them.
#[test]
fn positions_in_lists_do_not_count() {
    let (mut objects, opened) = open(&["widget.yaml"]);
    let moved = objects.remove(0).map_body(|body| {
        let users = body.as_mapping_mut().unwrap()["spec"]
            .as_mapping_mut()
            .unwrap()
            .get_mut("users")
            .unwrap();
        let Value::Sequence(items) = &mut users.value else {
            panic!()
        };
        items.reverse();
    });
    run_objects(set(vec![moved.unwrap()]), opened, &DecryptOptions::default()).unwrap();
}

/// Keys can come from an encrypted file too: then the map says so.
#[test]
fn the_structure_of_a_map_counts() {
    let (objects, opened) = open(&["secret.yaml"]);
    let provenance = objects[0]
        .body()
        .at(&["stringData", "user"])
        .unwrap()
        .provenance
        .clone();
    let mut keys = Node::plain(Mapping::new());
    keys.as_mapping_mut()
        .unwrap()
        .insert("key".to_owned(), Node::plain("x"));
    keys.provenance = provenance;
    let object = put(config_map(), &[], "data", keys);
    let errors = run_objects(set(vec![object]), opened, &DecryptOptions::default()).unwrap_err();
    assert!(
        errors
            .to_string()
            .contains("data holds what was opened from secret.yaml (stringData.user)"),
        "{errors}"
    );
}

#[test]
fn a_value_looked_up_in_the_cluster_belongs_into_secrets() {
    let mut looked_up = Node::plain("x");
    looked_up.provenance = Provenance::sealed(Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: "vars".to_owned(),
    });
    let object = put(config_map(), &["data"], "x", looked_up);
    let errors = run_objects(
        set(vec![object]),
        OpenedFiles::default(),
        &DecryptOptions::default(),
    )
    .unwrap_err();
    assert!(
        errors
            .to_string()
            .contains("opened from Secret vars of the cluster"),
        "{errors}"
    );
}

/// A value made from two sources may stand only where both may.
#[test]
fn every_source_counts() {
    let (mut objects, opened) = open(&["secret.yaml", "widget.yaml"]);
    let user = objects[0]
        .body()
        .at(&["stringData", "user"])
        .unwrap()
        .provenance
        .clone();
    let widget = objects.remove(1).map_body(|body| {
        let token = body.as_mapping_mut().unwrap()["spec"]
            .as_mapping_mut()
            .unwrap()
            .get_mut("token")
            .unwrap();
        token.provenance = token.provenance.union(&user);
    });
    let errors = run_objects(set(vec![widget.unwrap()]), opened, &DecryptOptions::default()).unwrap_err();
    let [DecryptError::Unconfined { from, .. }] = errors.0.as_slice() else {
        panic!("{errors}")
    };
    assert_eq!(from.len(), 1);
}
