//! hiera-eyaml tokens in objects.

use afterbay_manifest::{Attempt, Integrity, KeyFailure, Sealed};
use proptest::prelude::*;

use super::*;
use crate::testing::{gpg_token, render_text, token};

fn secret(field: &str, value: &str) -> RenderedSet {
    render_text(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: apps\n{field}:\n  a: '{value}'\n"
    ))
}

fn opened(rendered: RenderedSet) -> Result<DecryptedSet, DecryptErrors> {
    run_objects(rendered, OpenedFiles::default(), &DecryptOptions::default())
}

#[test]
fn tokens_of_a_secret_are_opened() {
    for (field, name, plain) in [
        ("stringData", "hiera-string", "correct horse battery staple"),
        ("stringData", "several", "user=one;password=two!"),
        ("stringData", "newline", "ends with a line end"),
        ("data", "base64", "aHVudGVyMg=="),
    ] {
        let set = opened(secret(field, &token(name))).unwrap();
        let object = &set.objects()[0];
        assert_eq!(text(object, &[field, "a"]), plain);
        assert_eq!(
            set.counts(),
            Counts {
                sealed: 1,
                mac_not_verified: 0,
                unbound: 0,
                unauthenticated: 1,
                unknown: 0,
            }
        );
        let source = object
            .body()
            .at(&[field, "a"])
            .unwrap()
            .provenance
            .sources()
            .next()
            .unwrap()
            .clone();
        let Sealed::Ciphertext {
            file,
            path,
            integrity,
            ..
        } = source
        else {
            panic!()
        };
        assert_eq!(
            (file.as_str(), path.to_string()),
            ("app.yaml", format!("{field}.a"))
        );
        assert_eq!(integrity, Integrity::Unauthenticated);
    }
}

#[test]
fn what_tokens_held_is_scrubbed() {
    let set = opened(secret("stringData", &format!("at {}", token("hiera-string")))).unwrap();
    assert_eq!(
        set.scrubber().scrub("x:correct horse battery staple:y"),
        "x:[REDACTED]:y"
    );
    let set = opened(secret("data", &token("base64"))).unwrap();
    assert_eq!(
        set.scrubber().scrub("\"hunter2\" aHVudGVyMg=="),
        "\"[REDACTED]\" [REDACTED]"
    );
}

#[test]
fn an_annotation_of_a_secret_is_a_value_too() {
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    note: {}\n",
        token("aes128")
    );
    let set = opened(render_text(&text)).unwrap();
    assert_eq!(
        super::text(&set.objects()[0], &["metadata", "annotations", "note"]),
        "opened with aes128"
    );
}

#[test]
fn a_config_map_with_a_token_is_refused() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: {}\n",
        token("aes256")
    );
    insta::assert_snapshot!(errors_of(opened(render_text(&text))), @r#"app.yaml:6:6: ConfigMap/c: data.a: ENC[PKCS7,…] is an eyaml token, and those are opened in values of a v1 Secret only; put it in a Secret, or let the operator allow it (--eyaml-kind ConfigMap)"#);
    let options = DecryptOptions {
        eyaml_kinds: vec!["ConfigMap".parse().unwrap()],
        ..DecryptOptions::default()
    };
    let set = run_objects(render_text(&text), OpenedFiles::default(), &options).unwrap();
    assert_eq!(
        super::text(&set.objects()[0], &["data", "a"]),
        "opened with aes256"
    );
    assert_eq!(set.counts().unauthenticated, 1);
}

#[test]
fn a_token_in_a_name_is_refused() {
    let token = token("aes256");
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: '{token}'\ntype: '{token}'\nstringData:\n  '{token}': x\n"
    );
    let errors = opened(render_text(&text)).unwrap_err();
    assert_eq!(errors.0.len(), 3, "{errors}");
    assert!(
        errors.to_string().matches("stands in a name").count() == 3,
        "{errors}"
    );
}

#[test]
fn every_failure_of_an_envelope_has_one_text() {
    let whole = token("second-only");
    let mut texts: Vec<String> = [
        whole.as_str(),
        &whole.replace("ENC[PKCS7,MII", "ENC[PKCS7,MIJ"),
        "ENC[PKCS7,aGVsbG8=]",
        &token("binary"),
    ]
    .iter()
    .map(|token| errors_of(opened(secret("stringData", token))))
    .collect();
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    insta::assert_snapshot!(texts[0], @r#"app.yaml:7:6: Secret/apps/s: stringData.a: no RSA key given opens this eyaml token to text: its key is not among those given, or the token is damaged, or it holds bytes that are not UTF-8 (put such a value in as base64, under data)"#);
}

#[test]
fn what_is_wrong_with_the_keys_is_said() {
    let rendered = secret("stringData", &token("aes256"));
    let tokens = scan_objects(&rendered, OpenedFiles::default(), &DecryptOptions::default());
    assert_eq!(tokens.key_requests()[0].subject, "app.yaml:7:6: stringData.a");
    let mut keys = DataKeys::default();
    keys.failed(
        tokens.key_requests()[0].groups[0][0].id(),
        KeyFailure {
            key: "eyaml pkcs7".to_owned(),
            attempts: vec![Attempt {
                with: "RSA private keys".to_owned(),
                reason: "none was offered".to_owned(),
                hint: Some("offer one".to_owned()),
            }],
        },
    );
    let error = finish(rendered, tokens, &keys, &DecryptOptions::default()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    app.yaml:7:6: Secret/apps/s: stringData.a: no RSA key given opens this eyaml token to text: its key is not among those given, or the token is damaged, or it holds bytes that are not UTF-8 (put such a value in as base64, under data)
      eyaml pkcs7: RSA private keys: none was offered
        hint: offer one
    "#);
}

#[test]
fn gpg_tokens_are_opened_and_not_bound() {
    let value = format!("at {} and {}", gpg_token(), token("aes128"));
    for (value, plain, unauthenticated) in [
        (gpg_token(), "the thirty-two bytes of a secret", 0),
        (
            value,
            "at the thirty-two bytes of a secret and opened with aes128",
            1,
        ),
    ] {
        let set = opened(secret("stringData", &value)).unwrap();
        assert_eq!(text(&set.objects()[0], &["stringData", "a"]), plain);
        let counts = Counts {
            sealed: 1,
            mac_not_verified: 0,
            unbound: 1,
            unauthenticated,
            unknown: 0,
        };
        assert_eq!(set.counts(), counts);
        assert_eq!(
            set.scrubber().scrub("x:the thirty-two bytes of a secret:y"),
            "x:[REDACTED]:y"
        );
    }
}

#[test]
fn gpg_tokens_that_do_not_open_say_why() {
    insta::assert_snapshot!(errors_of(opened(secret("stringData", "ENC[GPG,hQEMA0o0]"))), @r#"
    app.yaml:7:6: Secret/apps/s: stringData.a: this ENC[GPG,…] token did not open: no OpenPGP key given opens it
      pgp: keys.asc: none of its keys fits
    "#);
    insta::assert_snapshot!(errors_of(opened(secret("stringData", "ENC[GPG,=]"))), @"app.yaml:7:6: Secret/apps/s: stringData.a: this ENC[GPG,…] token did not open: it is not base64 of an OpenPGP message; copy it again, whole");
}

#[test]
fn all_objects_are_looked_at() {
    let text = (0..3).map(|index| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s{index}\nstringData:\n  a: {}\n",
            token("second-only")
        )
    });
    assert_eq!(
        opened(render_text(&text.collect::<Vec<_>>().join("---\n")))
            .unwrap_err()
            .0
            .len(),
        3
    );
}

proptest! {
    #[test]
    fn arbitrary_values_are_no_trouble(value in "[ -~]{0,40}(ENC\\[([A-Z0-9]{0,6},)?[A-Za-z0-9+/=]{0,60}\\]?){0,3}[ -~]{0,20}") {
        let value = value.replace('\'', "");
        for field in ["data", "stringData", "other"] {
            if let Ok(set) = opened(secret(field, &value)) {
                prop_assert_eq!(text(&set.objects()[0], &[field, "a"]), value.as_str());
            }
        }
    }
}
