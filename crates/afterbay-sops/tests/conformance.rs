//! Every vector of `fixtures/sops` against what the real `sops decrypt` made of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::io::Read as _;

use afterbay_manifest::yaml::{Element, ElementKind, Item, Pair};
use afterbay_manifest::{
    DataKey, DataKeys, Integrity, KeyFailure, KeyRequest, Provenance, Sealed, SecretBytes, TreePath,
    WrappedKey,
};
use afterbay_sops::{Format, MacOutcome, MacPolicy, OpenedFile, SealedFile, SopsErrors};
use fixtures::sops::{Outcome, VECTORS, Vector};
use insta::assert_snapshot;

/// What sops prints for these is lost or not YAML: a text of several lines that starts with a tab becomes
/// `null`, and the indentation of one that starts with a line break and stands in a list is misstated. Here
/// the value is kept.
const KEPT_HERE: [&str; 2] = ["leading-line-break-in-list", "leading-tab"];

/// Sops refuses these streams; here each document with a block is a file of its own.
const OPENED_HERE: [&str; 5] = [
    "joined-plain-first",
    "joined-rules-differ",
    "joined-two-files",
    "joined-two-streams",
    "joined-with-plain",
];

/// Sops opens these; here they are refused, loudly.
const REFUSED_HERE: [&str; 2] = ["json-trailing-text", "stream-key-twice-in-later-document"];

fn path(vector: &Vector) -> TreePath {
    TreePath::parse(&vector.file_name()).unwrap()
}

fn detect(vector: &Vector) -> Result<Option<SealedFile>, SopsErrors> {
    let path = path(vector);
    SealedFile::detect(&path, vector.sealed, Format::of_path(&path).unwrap())
}

fn unwrap_age(identities: &str, enc: &str) -> Result<DataKey, String> {
    let identities = age::IdentityFile::from_buffer(identities.as_bytes())
        .unwrap()
        .into_identities()
        .unwrap();
    let armored = age::armor::ArmoredReader::new(enc.as_bytes());
    let decryptor = age::Decryptor::new(armored).map_err(|error| error.to_string())?;
    let mut key = Vec::new();
    let identities = identities
        .iter()
        .map(|identity| &**identity as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|error| error.to_string())?;
    reader.read_to_end(&mut key).unwrap();
    Ok(DataKey::new(SecretBytes::new(key)))
}

fn unwrap_all<'a>(requests: impl Iterator<Item = &'a KeyRequest>, identities: &str) -> DataKeys {
    let mut keys = DataKeys::default();
    for key in requests.flat_map(KeyRequest::keys) {
        let opened = match key {
            WrappedKey::Age { enc, .. } => unwrap_age(identities, enc),
            other => Err(format!("{other} is not for this test")),
        };
        match opened {
            Ok(data_key) => keys.opened(key.id(), vec![data_key]),
            Err(_) => keys.failed(
                key.id(),
                KeyFailure {
                    key: key.to_string(),
                    attempts: Vec::new(),
                },
            ),
        }
    }
    keys
}

fn open(vector: &Vector, policy: MacPolicy) -> Result<Option<OpenedFile>, SopsErrors> {
    let Some(sealed) = detect(vector)? else {
        return Ok(None);
    };
    let keys = unwrap_all(sealed.key_requests(), vector.identities());
    sealed.open(&keys, policy).map(Some)
}

fn named(name: &str) -> &'static Vector {
    Vector::named(name).unwrap()
}

fn text(opened: &OpenedFile) -> &str {
    std::str::from_utf8(opened.text.expose_bytes()).unwrap()
}

#[test]
fn does_what_sops_does() {
    let mut wrong = Vec::new();
    for vector in VECTORS {
        let outcome = open(vector, MacPolicy::Require);
        let expected = match vector.outcome {
            _ if OPENED_HERE.contains(&vector.name) || KEPT_HERE.contains(&vector.name) => continue,
            Outcome::Opens(_) if REFUSED_HERE.contains(&vector.name) => None,
            Outcome::Opens(text) => Some(text),
            Outcome::Refused(_) | Outcome::RefusedByMac(_) => None,
        };
        match (expected, outcome) {
            (Some(expected), Ok(Some(opened))) if opened.text.expose_bytes() == expected => {}
            (Some(expected), Ok(Some(opened))) => wrong.push(format!(
                "{}: other text\n--- sops\n{}--- here\n{}",
                vector.name,
                String::from_utf8_lossy(expected),
                text(&opened)
            )),
            (Some(_), Ok(None)) => wrong.push(format!("{}: not seen as sealed", vector.name)),
            (Some(_), Err(errors)) => wrong.push(format!("{}: refused: {errors}", vector.name)),
            (None, Ok(Some(_))) => wrong.push(format!("{}: opened, and sops refuses it", vector.name)),
            // Without metadata it is a plain file, and the tokens in it are found.
            (None, Ok(None)) => {
                if SopsErrors::stray_tokens(&path(vector), vector.sealed).is_none() {
                    wrong.push(format!("{}: neither refused nor found", vector.name));
                }
            }
            (None, Err(_)) => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        VECTORS.len(),
        wrong.join("\n\n")
    );
}

/// Also the streams that are read in another way as long as the MAC counts.
#[test]
fn without_the_mac_it_does_what_sops_does_with_ignore_mac() {
    for vector in VECTORS {
        let Outcome::RefusedByMac(expected) = vector.outcome else {
            continue;
        };
        // Sops prints its own structure, `{value: …, inline: false}`, in place of the value.
        if vector.name == "value-relabelled-comment" {
            assert!(open(vector, MacPolicy::Off).is_err());
            continue;
        }
        let opened = open(vector, MacPolicy::Off).unwrap().unwrap();
        let expected = std::str::from_utf8(expected).unwrap();
        assert_eq!(text(&opened), expected, "{}", vector.name);
        assert_eq!(
            text(&open(vector, MacPolicy::Warn).unwrap().unwrap()),
            expected,
            "{}",
            vector.name
        );
    }
}

fn expected(name: &str) -> &'static str {
    match named(name).outcome {
        Outcome::Opens(text) => std::str::from_utf8(text).unwrap(),
        _ => panic!("{name} was refused"),
    }
}

#[test]
fn files_joined_to_a_stream_are_opened_one_by_one() {
    let [first, second, hidden] = ["joined-part-1", "joined-part-2", "joined-part-3"].map(expected);
    let plain = "apiVersion: v1\nkind: ConfigMap\ndata:\n    \"yes\": \"no\" # kept\n";
    for (name, parts) in [
        ("joined-two-files", vec![first, second]),
        ("joined-with-plain", vec![first, plain, second]),
        ("joined-plain-first", vec![plain, first]),
        ("joined-rules-differ", vec![first, hidden]),
        (
            "joined-two-streams",
            vec![expected("multi-document"), expected("multi-document-rule")],
        ),
    ] {
        let opened = open(named(name), MacPolicy::Require).unwrap().unwrap();
        assert_eq!(text(&opened), parts.join("---\n"), "{name}");
        assert!(
            opened.parts.iter().all(|part| part.mac == MacOutcome::Verified),
            "{name}"
        );
    }
}

#[test]
fn texts_that_sops_cannot_print_are_kept() {
    let kept = |name| text(&open(named(name), MacPolicy::Require).unwrap().unwrap()).to_owned();
    assert_eq!(expected("leading-tab"), "tab_first: null\n");
    assert_eq!(kept("leading-tab"), "tab_first: |-\n    \ttext\n    more\n");
    assert_eq!(
        expected("leading-line-break-in-list"),
        "list:\n    - text: |4-\n\n        more\n"
    );
    assert_eq!(
        kept("leading-line-break-in-list"),
        "list:\n    - text: |2-\n\n        more\n"
    );
}

/// What the vectors hold in plain or encrypted, and no message may repeat.
const CANARIES: [&str; 5] = ["hunter2", "correct horse", "aHVudGVyMg", "admin", "hello"];

#[test]
fn refusals_say_where_and_what_and_no_value() {
    let mut report = String::new();
    for vector in VECTORS {
        let stray = || SopsErrors::stray_tokens(&path(vector), vector.sealed).map_or(Ok(None), Err);
        let outcome = open(vector, MacPolicy::Require);
        if let Err(errors) = if matches!(outcome, Ok(None)) {
            stray()
        } else {
            outcome
        } {
            report = report + &errors.to_string() + "\n";
            let debug = format!("{errors:?}");
            assert!(
                CANARIES
                    .iter()
                    .all(|canary| !report.contains(canary) && !debug.contains(canary)),
                "{}",
                vector.name
            );
        }
    }
    assert_snapshot!(report, @r#"
    added-plain-value.yaml:31:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    base64-truncated.yaml:13:15: stringData.password: the token's `data` is not base64; it is truncated or damaged
    empty-instead-of-token.yaml:30:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    encrypted-comment-regex-in-list.yaml:21:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    foreign-keys-without-date.yaml:30:11: sops metadata: `pgp[0].created_at` is missing
    joined-one-tampered.yaml:25:8: stringData.c: plain text where the selection rule wants an encrypted value; it was never encrypted, or replaced
    json-byte-order-mark.json:1:1: expected an object; sops takes only an object at the top of a JSON file
    json-mac-missing.json:10:10: sops metadata has no mac, so nothing shows that the file was not altered; encrypt it again with sops, or let it pass with --mac warn
    json-tampered-value.json:8:15: stringData.password: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    json-trailing-text.json:23:1: expected the end of the file after the object
    json-truncated.json:13:323: a string is not closed, and the file ends
    json-two-blocks.json:11:10: sops metadata: a second `sops` entry in the same document; remove the one that sops did not write
    key-twice.yaml:14:5: stringData.username: the key stands twice in its map; remove one
    lastmodified-bare.yaml:29:19: sops metadata: `lastmodified` is a bare timestamp, which sops refuses here; put it in quotes
    lastmodified-missing.yaml:18:5: sops metadata: `lastmodified` is missing; restore the block that sops wrote
    list-at-the-top.yaml:16:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    mac-empty.yaml:30:10: sops metadata has no mac, so nothing shows that the file was not altered; encrypt it again with sops, or let it pass with --mac warn
    mac-missing.yaml:18:5: sops metadata has no mac, so nothing shows that the file was not altered; encrypt it again with sops, or let it pass with --mac warn
    mac-of-another-file.yaml:30:10: the mac of the sops metadata (or its lastmodified) was altered: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    mac-plain.yaml:30:10: the mac of the sops metadata (or its lastmodified) was altered: plain text where the selection rule wants an encrypted value; it was never encrypted, or replaced
    mac-relabelled.yaml:30:10: the mac of the sops metadata (or its lastmodified) was altered: unknown type label "bytes"; known are str, int, float, bool, time and comment
    merge-key-not-a-map.yaml:1:9: <<: `<<` takes a map or a list of maps
    metadata-missing.yaml:11:6: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-missing.yaml:12:15: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-missing.yaml:13:15: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-missing.yaml:13:164: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-missing.yaml:16:12: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-not-a-map.yaml:11:6: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-not-a-map.yaml:12:15: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-not-a-map.yaml:13:15: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-not-a-map.yaml:13:164: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-not-a-map.yaml:16:12: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; restore the `sops` block
    metadata-of-another-file.yaml: none of its 3 encrypted values opens with the data key: the `sops` block belongs to another file, or all values were altered, moved or had their keys renamed; restore the file
    metadata-only.yaml:14:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    no-keys.yaml:18:5: sops metadata: no keys found in file; restore the `age`, `kms`, … list that sops wrote
    nonce-truncated.yaml:13:15: stringData.password: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    not-yaml.yaml:32:4: unclosed bracket '['
    null-instead-of-token.yaml:30:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    number-as-key.yaml:14:5: stringData: a map key is not text but of the kind integer; sops supports only text keys, put it in quotes
    number-instead-of-token.yaml:13:15: stringData.password: a plain integer where the selection rule wants an encrypted value; it was never encrypted, or replaced
    one-key-group-empty.yaml:19:11: sops metadata: the only key group has no keys; restore the block that sops wrote
    plain-instead-of-token.yaml:13:15: stringData.password: plain text where the selection rule wants an encrypted value; it was never encrypted, or replaced
    removed-value.yaml:29:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    scalar-at-the-top.yaml:16:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-document-removed.yaml:20:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-documents-swapped.yaml:20:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-first-block-missing.yaml:27:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-key-twice-in-later-document.yaml:26:1: extra: the key stands twice in its map; remove one
    stream-plain-document-added.yaml:30:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-plain-value-tampered.yaml:20:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    stream-tampered.yaml:28:15: data.greeting: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    swapped-list-items.yaml:32:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    swapped-values.yaml:12:15: stringData.username: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    swapped-values.yaml:13:15: stringData.password: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    tampered-lastmodified.yaml:30:10: the mac of the sops metadata (or its lastmodified) was altered: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    tampered-mac.yaml:30:10: the mac of the sops metadata (or its lastmodified) was altered: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    tampered-plain-value.yaml:30:10: the mac does not match the values: a value was added, removed, moved or changed after the file was encrypted; restore the file, or edit it with sops
    tampered-value.yaml:13:15: stringData.password: AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed
    token-truncated.yaml:13:15: stringData.password: starts with ENC[AES256_GCM and is not a whole token; it is truncated or damaged
    two-key-groups.yaml:3:5: its data key is split over 2 key groups, of which 2 must open, and 1 did
      age age1g5tywjsj9zx8ksge6gm7ppvy6uu42gnpq8dts4x0ts6rswyllgystn58x5
    two-rules.yaml:18:5: sops metadata has both `unencrypted_suffix` (line 28) and `encrypted_regex` (line 29); sops allows one selection rule per file, remove all but the one it was encrypted with
    type-that-does-not-fit.yaml:13:15: stringData.password: opened, but what it holds is no int; its type label was altered
    unknown-type.yaml:13:15: stringData.password: unknown type label "text"; known are str, int, float, bool, time and comment
    value-relabelled-bytes.yaml:13:15: stringData.password: unknown type label "bytes"; known are str, int, float, bool, time and comment
    value-relabelled-comment.yaml:13:15: stringData.password: opened, but it is a comment where a value is due; its type label was altered
    wrong-key.yaml:18:5: none of the keys in its sops metadata could be used
      age age1hakdmu7mzs7y8vl3ln055vz680ufk34pje6zw4mq5np8ltx4zp8q3tp2gz
    "#);
}

/// A MAC that does not hold is let through only when asked, and shows in outcome and provenance.
#[test]
fn the_policy_decides_about_the_mac() {
    for (name, warned) in [
        ("tampered-plain-value", MacOutcome::Mismatch),
        ("mac-missing", MacOutcome::Missing),
        ("tampered-mac", MacOutcome::Unreadable),
        ("tampered-lastmodified", MacOutcome::Unreadable),
        ("removed-value", MacOutcome::Mismatch),
    ] {
        let vector = named(name);
        assert!(open(vector, MacPolicy::Require).is_err(), "{name}");
        let opened = open(vector, MacPolicy::Warn).unwrap().unwrap();
        assert_eq!(opened.parts[0].mac, warned, "{name}");
        assert_eq!(opened.warnings.len(), 1, "{name}");
        assert_eq!(integrities(&opened), [Integrity::MacNotVerified], "{name}");
        let opened = open(vector, MacPolicy::Off).unwrap().unwrap();
        assert_eq!(opened.parts[0].mac, MacOutcome::Off, "{name}");
        assert!(opened.warnings.is_empty(), "{name}");
        assert_eq!(integrities(&opened), [Integrity::MacNotVerified], "{name}");
    }
    let opened = open(named("secret-encrypted-regex"), MacPolicy::Warn)
        .unwrap()
        .unwrap();
    assert_eq!(integrities(&opened), [Integrity::Verified]);
    // AES-GCM is not a matter of policy.
    assert!(open(named("tampered-value"), MacPolicy::Off).is_err());
}

/// The different integrities among all sealed leaves and the text as a whole.
fn integrities(opened: &OpenedFile) -> Vec<Integrity> {
    let mut found: Vec<Integrity> = provenances(opened)
        .iter()
        .chain([&opened.provenance])
        .flat_map(Provenance::sources)
        .map(|source| match source {
            Sealed::Ciphertext { integrity, .. } => *integrity,
            Sealed::Lookup { .. } => panic!("nothing is looked up here"),
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn provenances(opened: &OpenedFile) -> Vec<Provenance> {
    fn visit(element: &Element, found: &mut Vec<Provenance>) {
        match &element.kind {
            ElementKind::Opened(_, provenance) => found.push(provenance.clone()),
            ElementKind::Sequence(items) => items.iter().for_each(|item| {
                if let Item::Element(item) = item {
                    visit(item, found);
                }
            }),
            ElementKind::Mapping(pairs) => pairs.iter().for_each(|pair| {
                if let Pair::Entry { value, .. } = pair {
                    visit(value, found);
                }
            }),
            ElementKind::Text(_) | ElementKind::Alias(_) => {}
        }
    }
    let mut found = Vec::new();
    opened
        .documents
        .iter()
        .filter_map(|document| document.root.as_ref())
        .for_each(|root| visit(root, &mut found));
    found
}

#[test]
fn every_leaf_knows_where_it_comes_from() {
    let opened = open(named("multi-document-rule"), MacPolicy::Require)
        .unwrap()
        .unwrap();
    let sealed: Vec<String> = provenances(&opened)
        .iter()
        .flat_map(Provenance::sources)
        .map(|source| match source {
            Sealed::Ciphertext {
                file,
                document,
                path,
                integrity,
            } => format!("{file} {document} {path} {integrity:?}"),
            Sealed::Lookup { .. } => panic!("nothing is looked up here"),
        })
        .collect();
    assert_eq!(
        sealed,
        [
            "multi-document-rule.yaml 0 stringData.password Verified",
            "multi-document-rule.yaml 1 data.greeting Verified",
            "multi-document-rule.yaml 2 stringData.password Verified",
        ]
    );
    assert_eq!(opened.encrypted(), 3);
}

#[test]
fn what_sops_drops_or_keeps_silently_is_said() {
    let warnings = |name| -> String {
        let opened = open(named(name), MacPolicy::Require).unwrap().unwrap();
        opened
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_snapshot!(warnings("comment-plain"), @"comment-plain.yaml:11:5: a comment where an encrypted one is due: plain text, which old versions of sops left; it is kept as it is");
    assert_snapshot!(warnings("stream-later-block-dropped"), @"stream-later-block-dropped.yaml:21:1: the `sops` entry of a later document is dropped, as sops does");
    assert_snapshot!(warnings("multi-document"), @"");
}
