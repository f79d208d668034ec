//! SOPS files as entries of Secrets.

use afterbay_sops::{Format, SealedFile};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::sops::{VECTORS, Vector};

use super::vectors::unwrap_all;
use super::*;
use crate::testing::render_text;

fn secret(field: &str, key: &str, value: &str) -> RenderedSet {
    render_text(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: apps\n{field}:\n  {key}: {value:?}\n"
    ))
}

fn in_data(key: &str, content: &[u8]) -> RenderedSet {
    secret("data", key, &BASE64_STANDARD.encode(content))
}

fn open(
    rendered: RenderedSet,
    identities: &str,
    options: &DecryptOptions,
) -> Result<DecryptedSet, DecryptErrors> {
    let tokens = scan_objects(&rendered, OpenedFiles::default(), options);
    let keys = unwrap_all(tokens.key_requests(), identities);
    finish(rendered, tokens, &keys, options).map_err(|unfinished| unfinished.errors)
}

fn opened(rendered: RenderedSet) -> Result<DecryptedSet, DecryptErrors> {
    open(rendered, fixtures::sops::IDENTITIES, &DecryptOptions::default())
}

fn entry(set: &DecryptedSet, key: &str) -> String {
    let bytes = BASE64_STANDARD
        .decode(text(&set.objects()[0], &["data", key]))
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn vector(name: &str) -> &'static Vector {
    Vector::named(name).unwrap()
}

fn contains_token(text: &[u8]) -> bool {
    afterbay_sops::contains_token(&String::from_utf8_lossy(text))
}

/// What the file opens to by itself, if it does.
fn as_file(vector: &Vector) -> Option<Vec<u8>> {
    let path = afterbay_manifest::TreePath::parse(&vector.file_name()).unwrap();
    let format = Format::of_content(vector.sealed)?;
    let sealed = SealedFile::detect(&path, vector.sealed, format).ok()??;
    let requests: Vec<_> = sealed.key_requests().cloned().collect();
    let keys = unwrap_all(&requests, vector.identities());
    let opened = sealed.open(&keys, MacPolicy::Require).ok()?;
    Some(opened.text.expose_bytes().to_vec())
}

#[test]
fn an_entry_opens_to_what_the_file_opens_to() {
    let (mut same, mut refused) = (0, 0);
    for vector in VECTORS {
        // A key that tells no store leaves the file in its own.
        let set = open(
            in_data("entry", vector.sealed),
            vector.identities(),
            &DecryptOptions::default(),
        );
        match (as_file(vector), set) {
            (Some(expected), Ok(set)) => {
                let value = BASE64_STANDARD
                    .decode(text(&set.objects()[0], &["data", "entry"]))
                    .unwrap();
                assert_eq!(value, expected, "{}", vector.name);
                same += 1;
            }
            (None, Err(_)) => refused += 1,
            // What SOPS leaves sealed in its output is a leftover here.
            (Some(expected), Err(_)) if contains_token(&expected) => refused += 1,
            // A file without anything sealed in it is a plain value.
            (_, Ok(_)) if !String::from_utf8_lossy(vector.sealed).contains("ENC[") => {}
            (expected, set) => panic!("{}: {:?}, {set:?}", vector.name, expected.is_some()),
        }
    }
    assert!(same > 60 && refused > 40, "{same} {refused}");
}

#[test]
fn the_key_tells_the_store_that_its_readers_expect() {
    let dotenv = vector("dotenv-values");
    let set = opened(in_data("config.json", dotenv.sealed)).unwrap();
    assert!(entry(&set, "config.json").starts_with("{\n"), "{set:?}");
    let json = vector("json-nested");
    let set = opened(in_data(".dockerconfigjson", json.sealed)).unwrap();
    assert!(entry(&set, ".dockerconfigjson").starts_with("{\n"));
    let set = opened(in_data("config.yaml", json.sealed)).unwrap();
    assert!(!entry(&set, "config.yaml").starts_with('{'));
}

#[test]
fn string_data_is_looked_into_as_well() {
    let yaml = vector("secret-without-rule");
    let rendered = secret("stringData", "app.yaml", str::from_utf8(yaml.sealed).unwrap());
    let set = opened(rendered).unwrap();
    let expected = as_file(yaml).unwrap();
    assert_eq!(
        text(&set.objects()[0], &["stringData", "app.yaml"]).as_bytes(),
        expected
    );
    let binary = vector("binary-all-bytes");
    let rendered = secret("stringData", "raw", str::from_utf8(binary.sealed).unwrap());
    insta::assert_snapshot!(errors_of(opened(rendered)), @r#"app.yaml:7:8: Secret/apps/s: stringData.raw: the SOPS file in it holds bytes that are not UTF-8, and stringData takes text only; put the file in as base64, under data"#);
}

#[test]
fn what_an_entry_held_is_reported_and_scrubbed() {
    let set = opened(in_data("app.yaml", vector("secret-encrypted-regex").sealed)).unwrap();
    assert_eq!(sealed_paths(&set.objects()[0]), [r#"data["app.yaml"]"#]);
    assert_eq!((set.counts().sealed, set.counts().mac_not_verified), (1, 0));
    let [report] = set.files() else {
        panic!("{:?}", set.files())
    };
    assert_eq!(report.place.to_string(), "app.yaml:7:13");
    assert_eq!(report.mac, MacOutcome::Verified);
    assert!(report.opened > 0);
    let plain = entry(&set, "app.yaml");
    assert_eq!(set.scrubber().scrub(&plain), "[REDACTED]");
}

#[test]
fn a_mac_that_does_not_hold_refuses_the_entry_or_marks_it() {
    let tampered = vector("tampered-plain-value").sealed;
    insta::assert_snapshot!(errors_of(opened(in_data("a.yaml", tampered))), @r#"
    app.yaml:7:11: Secret/apps/s: data["a.yaml"]: the SOPS file in it does not open:
      a.yaml:30:10: the mac does not match the values: after sops wrote the file (2026-11-24T04:02:13Z) a plain value was changed (it has apiVersion, kind, metadata.name, metadata.namespace, metadata.labels.app, 1 more), or a value was added, removed, moved or emptied
    "#);
    let options = DecryptOptions {
        mac: MacPolicy::Warn,
        ..DecryptOptions::default()
    };
    let set = open(in_data("a.yaml", tampered), fixtures::sops::IDENTITIES, &options).unwrap();
    assert_eq!(set.counts().mac_not_verified, 1);
    insta::assert_snapshot!(set.warnings()[0].to_string(), @r#"app.yaml:7:11: data["a.yaml"]: a.yaml:30:10: the mac does not match the values: after sops wrote the file (2026-11-24T04:02:13Z) a plain value was changed (it has apiVersion, kind, metadata.name, metadata.namespace, metadata.labels.app, 1 more), or a value was added, removed, moved or emptied"#);
}

#[test]
fn a_wrong_key_names_the_entry() {
    let rendered = in_data("a.env", vector("dotenv-values").sealed);
    let errors = errors_of(open(
        rendered,
        fixtures::sops::OTHER_IDENTITIES,
        &DecryptOptions::default(),
    ));
    insta::assert_snapshot!(errors, @r#"
    app.yaml:7:10: Secret/apps/s: data["a.env"]: the SOPS file in it does not open:
      a.env:12:1: none of the keys in its sops metadata could be used
        age age1hakdmu7mzs7y8vl3ln055vz680ufk34pje6zw4mq5np8ltx4zp8q3tp2gz
    "#);
}

#[test]
fn elsewhere_a_sops_file_is_left_over() {
    let value = BASE64_STANDARD.encode(vector("secret-without-rule").sealed);
    let text =
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    a: {value}\n");
    // Base64 in an annotation is text like any other: nobody decodes it.
    assert!(opened(render_text(&text)).is_ok());
    let sealed = str::from_utf8(vector("json-nested").sealed).unwrap();
    let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: {sealed:?}\n");
    insta::assert_snapshot!(errors_of(opened(render_text(&text))), @r#"app.yaml:6:6: ConfigMap/c: data.a: a whole SOPS file as a value, and those are opened in entries of a v1 Secret only; keep it as a file that the build reads, or put it into a Secret"#);
}
