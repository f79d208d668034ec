//! Nothing that can be printed prints a secret.

use afterbay_manifest::TreePath;

use super::*;
use crate::testing::{sealed, set, token, tree, tree_of};

/// Plaintexts of the fixtures, and their base64.
const CANARIES: [&str; 8] = [
    "c4n4ry",
    "YzRuNHJ5",
    "M0bjRyeS",
    "jNG40cnk",
    "correct horse",
    "Y29ycmVjdCBob3JzZ",
    "opened with aes256",
    "b3BlbmVkIHdpdGgg",
];

fn clean(what: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

#[test]
fn no_debug_text_shows_a_secret() {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: {}\n  b: {}\n",
        token("aes256"),
        token("hiera-string")
    );
    let mut files: Vec<(&str, String)> = [
        "secret.yaml",
        "whole.yaml",
        "widget.yaml",
        "list.yaml",
        "stream.yaml",
    ]
    .iter()
    .map(|name| (*name, sealed(name)))
    .collect();
    files.push(("tokens.yaml", secret));
    let tree = tree(&files);
    let options = DecryptOptions::default();
    let found = scan(&tree, inputs(&tree), &options).unwrap();
    clean("SealedFiles", &format!("{found:#?}"));
    let keys = data_keys(&found);
    clean("DataKeys", &format!("{keys:#?}"));
    let (tree, opened) = overlay(tree, found, &keys, &options).unwrap();
    clean("FileTree", &format!("{tree:#?}"));
    clean("OpenedFiles", &format!("{opened:#?}"));
    let rendered = render(&tree);
    clean("RenderedSet", &format!("{rendered:#?}"));
    let tokens = scan_objects(&rendered, opened, &options);
    clean("SealedTokens", &format!("{tokens:#?}"));
    let keys = unwrap_all(tokens.key_requests(), &[rsa_key("first.pkcs8")]);
    let decrypted = finish(rendered, tokens, &keys, &options).unwrap();
    assert_eq!(
        text(&decrypted.objects()[5], &["stringData", "a"]),
        "opened with aes256",
        "the secret is there"
    );
    clean("DecryptedSet", &format!("{decrypted:#?}"));
    clean("DecryptedParts", &format!("{:#?}", decrypted.into_parts()));
}

/// Every opened value at a place where it may not be, in one set, and tokens that do not open.
#[test]
fn no_error_shows_a_secret() {
    let names = ["secret.yaml", "whole.yaml", "widget.yaml", "list.yaml"];
    let files = tree_of(&names);
    let options = DecryptOptions::default();
    let found = scan(&files, inputs(&files), &options).unwrap();
    let keys = data_keys(&found);
    let (files, opened) = overlay(files, found, &keys, &options).unwrap();
    let strays = render(&files).objects.into_iter().map(|object| {
        let change = |body: &mut Node| {
            let mapping = body.as_mapping_mut().unwrap();
            mapping.insert("kind".to_owned(), Node::plain("Stray"));
            let copied = mapping.clone();
            mapping.insert("copy".to_owned(), Node::plain(copied));
        };
        object.map_body(change).unwrap()
    });
    let bad = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  a: 'correct horse {}'\n",
        token("second-only")
    );
    let strays = strays.chain(crate::testing::render_text(&bad).objects).collect();
    let errors = run_objects(set(strays), opened, &options).unwrap_err();
    assert!(errors.0.len() > 15, "{errors}");
    clean("Display", &errors.to_string());
    clean("Debug", &format!("{errors:#?}"));
}

/// What stands in place of a token can be plaintext, and a wrong type label lets it out of AES-GCM.
#[test]
fn no_error_about_a_tampered_file_shows_a_secret() {
    let sealed = sealed("secret.yaml");
    let user = sealed
        .lines()
        .find(|line| line.trim_start().starts_with("user:"))
        .unwrap();
    for replacement in [
        "    user: c4n4ry-in-the-open".to_owned(),
        user.replace("type:str", "type:int"),
        user.replace("data:", "data:AAAA"),
    ] {
        let tree = tree(&[("secret.yaml", sealed.replace(user, &replacement))]);
        let options = DecryptOptions::default();
        let found = scan(&tree, [TreePath::parse("secret.yaml").unwrap()], &options).unwrap();
        let keys = data_keys(&found);
        let errors = overlay(tree, found, &keys, &options).unwrap_err();
        clean("Display", &errors.to_string());
        clean("Debug", &format!("{errors:#?}"));
        assert!(errors.to_string().contains("stringData.user"), "{errors}");
    }
}
