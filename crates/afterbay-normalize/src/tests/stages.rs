//! The stage behind the real one before it, on a file made by the real sops (`fixtures/decrypt`).

use std::fs;

use afterbay_decrypt::{DecryptOptions, DecryptedSet};
use afterbay_manifest::yaml::Table;
use afterbay_manifest::{
    DataKey, DataKeys, FileTree, Object, Origin, RenderedSet, Revision, SecretBytes, TreePath,
};

use crate::normalize;

const SEALED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../fixtures/decrypt/sealed/secret.yaml"
);

/// The file, decrypted with its data key.
fn decrypted() -> DecryptedSet {
    let options = DecryptOptions::default();
    let path = TreePath::parse("secret.yaml").unwrap();
    let mut tree = FileTree::new();
    tree.insert_file(path.clone(), fs::read(SEALED).unwrap(), false);
    let sealed = afterbay_decrypt::scan(&tree, [&path], &options);
    let mut keys = DataKeys::default();
    for wrapped in sealed
        .key_requests()
        .iter()
        .flat_map(|request| request.keys().cloned().collect::<Vec<_>>())
    {
        keys.opened(wrapped.id(), vec![data_key()]);
    }
    let (tree, opened) = afterbay_decrypt::overlay(tree, sealed, &keys, &options);
    let documents = tree.file(&path).unwrap().1.documents().unwrap().into_owned();
    let body = documents[0].resolve(Table::Kustomize).unwrap().unwrap();
    let origin = Origin {
        file: path,
        document: 0,
        position: body.position,
    };
    let objects = vec![Object::new(body, origin).unwrap()];
    let rendered = RenderedSet {
        revision: Revision::UNKNOWN,
        objects,
        warnings: Vec::new(),
    };
    let tokens = afterbay_decrypt::scan_objects(&rendered, opened, &options);
    afterbay_decrypt::finish(rendered, tokens, &DataKeys::default(), &options).unwrap()
}

fn data_key() -> DataKey {
    let hex = fs::read_to_string(format!("{SEALED}.datakey")).unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    DataKey::new(SecretBytes::new((0..64).step_by(2).map(byte).collect()))
}

#[test]
fn opened_values_arrive_with_their_provenance_and_are_scrubbed_in_every_form() {
    let set = normalize(decrypted()).unwrap();
    let data = set.objects()[0].body().get("data").unwrap();
    let texts: Vec<&str> = ["password", "user", "port"]
        .map(|key| data.get(key).unwrap().expose_str().unwrap())
        .to_vec();
    assert_eq!(texts, ["YzRuNHJ5LXNlYWxlZA==", "YzRuNHJ5LXVzZXI=", "NTQzMg=="]);
    assert!(
        data.as_mapping()
            .unwrap()
            .values()
            .all(|value| !value.provenance.is_plain())
    );
    assert!(set.objects()[0].body().get("stringData").is_none());
    // The file holds base64; a server may print what it stands for.
    assert_eq!(set.scrubber().scrub("got c4n4ry-sealed."), "got [REDACTED].");
    assert!(!format!("{set:?}").contains("c4n4ry-sealed"));
}

/// Where no proof can be made any more, the objects that are left are still looked at.
#[test]
fn objects_without_a_proof_are_checked() {
    let object = |data: serde_json::Value| {
        let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data});
        let origin = Origin {
            file: TreePath::parse("a.yaml").unwrap(),
            document: 0,
            position: afterbay_manifest::Position::new(1, 1),
        };
        Object::new(afterbay_manifest::Node::from_json(&secret), origin).unwrap()
    };
    crate::check(vec![object(serde_json::json!({"a": "aGk="}))]).unwrap();
    let errors = crate::check(vec![object(serde_json::json!({"a": "not base64"}))]).unwrap_err();
    assert_eq!(errors.findings().len(), 1);
    assert!(
        errors.findings()[0].message.contains("data.a is not base64"),
        "{errors}"
    );
}
