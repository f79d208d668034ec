//! SOPS files: what is found, what is opened, what is said.

use afterbay_manifest::{Attempt, DataKey, FileTree, Integrity, KeyFailure, Sealed, SecretBytes, TreePath};

use super::*;
use crate::testing::{data_key, sealed, set, tree, tree_of};

#[test]
fn a_secret_is_opened_where_it_stands() {
    let set = run(tree_of(&["secret.yaml"]), &DecryptOptions::default()).unwrap();
    let secret = &set.objects()[0];
    assert_eq!(secret.reference().to_string(), "Secret/apps/db");
    assert_eq!(text(secret, &["stringData", "user"]), "c4n4ry-user");
    assert_eq!(text(secret, &["data", "password"]), "YzRuNHJ5LXNlYWxlZA==");
    assert_eq!(
        sealed_paths(secret),
        ["data.password", "stringData.user", "stringData.port"]
    );
    assert_eq!(
        set.counts(),
        Counts {
            sealed: 3,
            mac_not_verified: 0,
            unbound: 0,
            unauthenticated: 0,
            unknown: 0,
        }
    );
    assert_eq!(set.files().len(), 1);
    assert_eq!(
        (set.files()[0].mac, set.files()[0].opened),
        (MacOutcome::Verified, 3)
    );
    let source = secret
        .body()
        .at(&["stringData", "user"])
        .unwrap()
        .provenance
        .sources()
        .next()
        .unwrap()
        .clone();
    let Sealed::Ciphertext {
        file,
        document,
        path,
        integrity,
    } = source
    else {
        panic!()
    };
    assert_eq!(
        (file.as_str(), document, path.to_string().as_str()),
        ("secret.yaml", 0, "stringData.user")
    );
    assert_eq!(integrity, Integrity::Verified);
}

#[test]
fn what_was_opened_is_scrubbed_from_foreign_texts() {
    let set = run(tree_of(&["secret.yaml"]), &DecryptOptions::default()).unwrap();
    let scrubbed = set
        .scrubber()
        .scrub("c4n4ry-user YzRuNHJ5LXNlYWxlZA== c4n4ry-sealed db");
    assert_eq!(scrubbed, "[REDACTED] [REDACTED] [REDACTED] db");
}

#[test]
fn a_file_without_rule_keeps_its_names_in_the_open() {
    let set = run(tree_of(&["whole.yaml"]), &DecryptOptions::default()).unwrap();
    let secret = &set.objects()[0];
    assert_eq!(secret.reference().to_string(), "Secret/apps/whole");
    assert_eq!(
        secret.body().at(&["type"]).unwrap().as_plain_str(),
        Some("kubernetes.io/basic-auth")
    );
    assert_eq!(
        sealed_paths(secret),
        ["metadata.labels.team", "stringData.password"]
    );
    assert_eq!(
        set.scrubber().scrub("Secret whole in apps: c4n4ry-whole"),
        "Secret whole in apps: [REDACTED]"
    );
}

/// The binary store holds one text; what a build reads of it is sealed value by value.
#[test]
fn a_text_sealed_as_a_whole_is_read_as_what_it_says() {
    let set = run(tree_of(&["secret.bin"]), &DecryptOptions::default()).unwrap();
    let secret = &set.objects()[0];
    assert_eq!(secret.reference().to_string(), "Secret/apps/text");
    assert_eq!(
        sealed_paths(secret),
        ["metadata.labels.team", "stringData.password"]
    );
    assert_eq!(text(secret, &["stringData", "password"]), "c4n4ry-text");
    assert_eq!((set.counts().sealed, set.counts().mac_not_verified), (2, 0));
    let scrubbed = set.scrubber().scrub("Secret text: c4n4ry-text, c4n4ry-team");
    assert!(
        scrubbed.starts_with("Secret text") && !scrubbed.contains("c4n4ry"),
        "{scrubbed}"
    );
}

#[test]
fn a_name_that_was_selected_stays_sealed() {
    let tree = tree_of(&["chosen-name.yaml"]);
    let options = DecryptOptions::default();
    let found = scan(&tree, inputs(&tree), &options).unwrap();
    let keys = data_keys(&found);
    let (tree, _) = overlay(tree, found, &keys, &options).unwrap();
    let file = tree
        .file(&TreePath::parse("chosen-name.yaml").unwrap())
        .unwrap()
        .1;
    let body = file.documents().unwrap()[0]
        .resolve(afterbay_manifest::yaml::Table::Kustomize)
        .unwrap()
        .unwrap();
    assert_eq!(body.at(&["metadata", "name"]).unwrap().as_plain_str(), None);
}

#[test]
fn custom_resources_lists_and_streams() {
    let set = run(
        tree_of(&["widget.yaml", "list.yaml", "stream.yaml"]),
        &DecryptOptions::default(),
    )
    .unwrap();
    let names: Vec<String> = set
        .objects()
        .iter()
        .map(|object| object.reference().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "Secret/one",
            "Widget.example.org/two",
            "Namespace/apps",
            "Secret/apps/second",
            "Widget.example.org/w"
        ]
    );
    assert_eq!(text(&set.objects()[1], &["spec", "token"]), "c4n4ry-item");
    assert_eq!(
        sealed_paths(&set.objects()[4]),
        [
            "spec.token",
            "spec.users[0].name",
            "spec.users[0].pin",
            "spec.users[1].name",
            "spec.users[1].pin"
        ]
    );
    assert_eq!(
        set.files()
            .iter()
            .map(|file| file.documents.len())
            .collect::<Vec<_>>(),
        [1, 2, 1]
    );
}

#[test]
fn files_that_are_not_sealed_are_not_asked_for() {
    let files = [
        ("a.yaml", "kind: sops\n".to_owned()),
        ("b.json", "{\"sops\": 1}".to_owned()),
        ("c.txt", "sops: [not, metadata]\n".to_owned()),
        (
            "d.md",
            "# ENC[AES256_GCM,data:…] is how it looks\n\nsops:\n- a: [\n".to_owned(),
        ),
    ];
    let found = scan(&tree(&files), inputs(&tree(&files)), &DecryptOptions::default()).unwrap();
    assert_eq!(found.files().count(), 0);
    assert_eq!(found.key_requests(), []);
}

/// Generators read files whatever they are called.
#[test]
fn files_of_every_store_are_found() {
    let mut tree = FileTree::new();
    for (name, vector) in [
        ("app.env", "dotenv-values"),
        ("app.ini", "ini-values"),
        ("logo", "binary-all-bytes"),
        (".env.production", "dotenv-regex"),
        ("manifest", "secret-encrypted-regex"),
        (".dockerconfigjson", "json-nested"),
        ("settings.env", "binary-json"),
    ] {
        let bytes = fixtures::sops::Vector::named(vector).unwrap().sealed;
        tree.insert_file(TreePath::parse(name).unwrap(), bytes, false);
    }
    let options = DecryptOptions {
        exempt_paths: vec![TreePath::parse("logo").unwrap()],
        ..DecryptOptions::default()
    };
    let found = scan(&tree, inputs(&tree), &options).unwrap();
    let formats: Vec<String> = found
        .files
        .iter()
        .map(|sealed| format!("{} {}", sealed.file(), sealed.format().as_str()))
        .collect();
    assert_eq!(
        formats,
        [
            ".dockerconfigjson json",
            ".env.production dotenv",
            "app.env dotenv",
            "app.ini ini",
            "manifest yaml",
            "settings.env binary"
        ]
    );
    let exempt: Vec<String> = found.exemptions().map(ToString::to_string).collect();
    assert_eq!(exempt, ["logo: document stays sealed: path logo is exempt"]);
}

#[test]
fn a_file_that_is_read_twice_is_opened_once() {
    let mut tree = tree_of(&["secret.yaml"]);
    tree.insert_link(TreePath::parse("link.yaml").unwrap(), "secret.yaml");
    let found = scan(&tree, inputs(&tree), &DecryptOptions::default()).unwrap();
    assert_eq!(
        found.files().map(TreePath::as_str).collect::<Vec<_>>(),
        ["secret.yaml"]
    );
    let keys = data_keys(&found);
    let (tree, opened) = overlay(tree, found, &keys, &DecryptOptions::default()).unwrap();
    let rendered = render(&tree);
    assert_eq!(rendered.objects.len(), 2);
    assert_eq!(
        run_objects(rendered, opened, &DecryptOptions::default())
            .unwrap()
            .counts()
            .sealed,
        6
    );
}

#[test]
fn an_input_that_is_not_there_is_named() {
    let missing = TreePath::parse("gone.yaml").unwrap();
    let error = scan(&tree(&[]), [&missing], &DecryptOptions::default()).unwrap_err();
    insta::assert_snapshot!(error, @r#"gone.yaml: no such file or directory in this revision"#);
}

/// Each failure of each file at once, with the keys tried.
#[test]
fn all_failures_of_all_files_are_said() {
    let tampered = sealed("widget.yaml").replace("size: 3", "size: 4");
    let tree = tree(&[
        ("apps/secret.yaml", sealed("secret.yaml")),
        ("apps/whole.yaml", sealed("whole.yaml")),
        ("apps/widget.yaml", tampered),
    ]);
    let options = DecryptOptions::default();
    let found = scan(&tree, inputs(&tree), &options).unwrap();
    let mut keys = DataKeys::default();
    for (request, key) in found
        .key_requests()
        .iter()
        .zip([None, Some("secret.yaml"), Some("widget.yaml")])
    {
        let wrapped = &request.groups[0][0];
        match key {
            None => keys.failed(
                wrapped.id(),
                KeyFailure {
                    key: "age age1test".to_owned(),
                    attempts: vec![Attempt {
                        with: "SOPS_AGE_KEY_FILE".to_owned(),
                        reason: "none of its 2 identities opens it".to_owned(),
                        hint: Some("ask for the file to be encrypted to yours".to_owned()),
                    }],
                },
            ),
            Some(name) => keys.opened(wrapped.id(), vec![data_key(name)]),
        }
    }
    let errors = overlay(tree, found, &keys, &options).unwrap_err();
    let errors: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
    let [secret, whole, widget] = errors.as_slice() else {
        panic!("{errors:#?}")
    };
    assert!(
        secret.starts_with("apps/secret.yaml:") && whole.starts_with("apps/whole.yaml"),
        "{errors:#?}"
    );
    assert!(
        widget.starts_with("apps/widget.yaml:") && widget.contains("mac"),
        "{errors:#?}"
    );
    assert!(
        secret.contains("SOPS_AGE_KEY_FILE: none of its 2 identities opens it\n      hint: ask for the file"),
        "{secret}"
    );
}

#[test]
fn without_a_verified_mac_every_leaf_says_so() {
    let tampered = sealed("widget.yaml").replace("size: 3", "size: 4");
    for (mac, outcome, warnings) in [
        (MacPolicy::Warn, MacOutcome::Mismatch, 1),
        (MacPolicy::Off, MacOutcome::Off, 0),
    ] {
        let options = DecryptOptions {
            mac,
            ..DecryptOptions::default()
        };
        let set = run(tree(&[("widget.yaml", tampered.clone())]), &options).unwrap();
        assert_eq!(set.files()[0].mac, outcome);
        assert_eq!(
            set.counts(),
            Counts {
                sealed: 5,
                mac_not_verified: 5,
                unbound: 0,
                unauthenticated: 0,
                unknown: 0,
            }
        );
        assert_eq!(set.warnings().len(), warnings, "{:?}", set.warnings());
    }
}

#[test]
fn a_key_of_the_wrong_length_is_an_error() {
    let tree = tree_of(&["secret.yaml"]);
    let options = DecryptOptions::default();
    let found = scan(&tree, inputs(&tree), &options).unwrap();
    let mut keys = DataKeys::default();
    keys.opened(
        found.key_requests()[0].groups[0][0].id(),
        vec![DataKey::new(SecretBytes::new(vec![0; 16]))],
    );
    let error = overlay(tree, found, &keys, &options).unwrap_err();
    assert!(error.to_string().starts_with("secret.yaml:"), "{error}");
}

/// A key service is asked before anything is opened; what it repeats of another file's values is gone in the end.
#[test]
fn answers_of_key_services_are_scrubbed_against_what_was_opened() {
    let tree = tree_of(&["secret.yaml", "whole.yaml"]);
    let options = DecryptOptions::default();
    let found = crate::scan(&tree, inputs(&tree), &options);
    let requests = found.key_requests();
    let mut keys = DataKeys::default();
    keys.opened(requests[0].groups[0][0].id(), vec![data_key("secret.yaml")]);
    keys.failed(
        requests[1].groups[0][0].id(),
        KeyFailure {
            key: "arn:aws:kms:eu-west-1:1:key/k".to_owned(),
            attempts: vec![Attempt {
                with: "AWS KMS in eu-west-1".to_owned(),
                reason: "access denied: c4n4ry-user may not, nor YzRuNHJ5LXNlYWxlZA==".to_owned(),
                hint: None,
            }],
        },
    );
    let (tree, opened) = crate::overlay(tree, found, &keys, &options);
    let whole = tree.file(&TreePath::parse("whole.yaml").unwrap()).unwrap().1;
    assert!(whole.is_left_sealed() && !whole.is_opened());
    let said = opened.check().unwrap_err().to_string();
    assert!(
        said.contains("access denied: [REDACTED] may not, nor [REDACTED]"),
        "{said}"
    );
}

/// The last pass makes no set out of files that did not open, and hands on what is sound.
#[test]
fn what_did_not_open_is_remembered_to_the_end() {
    let tree = tree_of(&["secret.yaml", "widget.yaml"]);
    let options = DecryptOptions::default();
    let found = crate::scan(&tree, inputs(&tree), &options);
    let mut keys = DataKeys::default();
    keys.opened(
        found.key_requests()[1].groups[0][0].id(),
        vec![data_key("widget.yaml")],
    );
    let (tree, opened) = crate::overlay(tree, found, &keys, &options);
    let widget = set(render(&tree)
        .objects
        .into_iter()
        .filter(|object| object.reference().name == "w")
        .collect());
    let tokens = scan_objects(&widget, opened, &options);
    let Unfinished { errors, parts } = finish(widget, tokens, &DataKeys::default(), &options).unwrap_err();
    let [DecryptError::Sops(error)] = errors.0.as_slice() else {
        panic!("{errors}")
    };
    assert_eq!(error.file.as_str(), "secret.yaml");
    assert_eq!(parts.objects.len(), 1);
    assert!(
        errors.findings()[0]
            .hint
            .as_deref()
            .unwrap()
            .starts_with("any one of these keys is enough")
    );
}

/// A tail behind a token passes the MAC; an exception about the MAC is for its path alone.
#[test]
fn integrity_and_exceptions_reach_the_files() {
    let password = sealed("secret.yaml");
    let line = password.lines().find(|line| line.contains("user: ENC[")).unwrap();
    let tailed = password.replace(line, &format!("{line} and more"));
    let options = DecryptOptions::default();
    run(tree(&[("secret.yaml", tailed.clone())]), &options).unwrap();
    let strict = DecryptOptions {
        integrity: IntegrityPolicy::Strict,
        ..DecryptOptions::default()
    };
    run(tree_of(&["secret.yaml"]), &strict).unwrap();
    let errors = run(tree(&[("secret.yaml", tailed)]), &strict).unwrap_err();
    assert!(
        errors.to_string().contains("text stands behind the token"),
        "{errors}"
    );

    let tampered = sealed("widget.yaml").replace("size: 3", "size: 4");
    let excepted = |path| DecryptOptions {
        mac_for: vec![MacException {
            path: TreePath::parse(path).unwrap(),
            mac: MacPolicy::Warn,
        }],
        ..DecryptOptions::default()
    };
    let files = [("apps/widget.yaml", tampered)];
    let set = run(tree(&files), &excepted("apps")).unwrap();
    assert_eq!(set.files()[0].mac, MacOutcome::Mismatch);
    assert!(run(tree(&files), &excepted("infra")).is_err());
}
