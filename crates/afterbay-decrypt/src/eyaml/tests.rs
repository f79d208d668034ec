//! Tokens made by OpenSSL and hiera-eyaml (`fixtures/eyaml`), and tokens nobody made.

use afterbay_manifest::{DataKey, SecretBytes};
use proptest::prelude::*;
use rsa::PrivateKey;

use super::*;
use crate::testing::{fixture, gpg_token, rsa_key, token, token_names, unwrap_all};

/// What afterbay does not open although OpenSSL does; see the README of the fixtures.
const NOT_OPENED: [&str; 4] = ["binary", "camellia", "indefinite", "oaep"];

fn open_with(text: &str, private: &[PrivateKey]) -> Option<Result<OpenedScalar, TokenFailure>> {
    open(text, &unwrap_all(&key_requests(text, "test"), private))
}

fn opened(text: &str, private: &[PrivateKey]) -> Option<String> {
    open_with(text, private)?
        .ok()
        .map(|opened| opened.value.to_string())
}

#[test]
fn opens_what_openssl_and_hiera_eyaml_wrote() {
    let (first, second) = (rsa_key("first.pkcs8"), rsa_key("second.pkcs1"));
    for name in token_names() {
        let plain = fixture(&format!("tokens/{name}.plain"));
        let key = if name == "second-only" { &second } else { &first };
        let result = open_with(&token(&name), std::slice::from_ref(key));
        if NOT_OPENED.contains(&name.as_str()) {
            assert_eq!(
                result.unwrap().err(),
                Some(TokenFailure::Envelope(Vec::new())),
                "{name}"
            );
        } else {
            assert_eq!(
                result
                    .unwrap()
                    .unwrap_or_else(|_| panic!("{name}"))
                    .value
                    .as_bytes(),
                plain,
                "{name}"
            );
        }
    }
}

#[test]
fn finds_the_right_key_among_several_in_any_order() {
    let mut keys = [
        rsa_key("longer.pkcs8"),
        rsa_key("second.pkcs1"),
        rsa_key("first.pkcs8"),
    ];
    for _ in 0..2 {
        assert_eq!(
            opened(&token("aes256"), &keys).as_deref(),
            Some("opened with aes256")
        );
        assert_eq!(
            opened(&token("second-only"), &keys).as_deref(),
            Some("for the second key")
        );
        keys.reverse();
    }
}

#[test]
fn any_recipient_will_do() {
    for key in ["first.pkcs8", "second.pkcs1"] {
        assert_eq!(
            opened(&token("two-recipients"), &[rsa_key(key)]).as_deref(),
            Some("second, then first")
        );
    }
    assert_eq!(key_requests(&token("two-recipients"), "test").len(), 2);
}

#[test]
fn every_failure_is_the_same() {
    let whole = token("aes256");
    let cut = whole.replace("ENC[PKCS7,MII", "ENC[PKCS7,II");
    for (what, text, key) in [
        ("wrong key", whole.as_str(), "second.pkcs1"),
        ("key of another length", &whole, "longer.pkcs8"),
        ("damaged envelope", &cut, "first.pkcs8"),
        ("no envelope at all", "ENC[PKCS7,aGVsbG8=]", "first.pkcs8"),
        ("no base64", "ENC[PKCS7,=====]", "first.pkcs8"),
        ("not text", &token("binary"), "first.pkcs8"),
    ] {
        let failure = open_with(text, &[rsa_key(key)]).unwrap().err();
        assert_eq!(failure, Some(TokenFailure::Envelope(Vec::new())), "{what}");
    }
}

#[test]
fn other_tokens_and_other_text_are_left_alone() {
    for text in [
        "plain",
        "",
        "ENC[",
        "ENC[]",
        "ENC[...]",
        "ENC[aGVsbG8=]",
        "ENC[VAULT,aGVsbG8=]",
        "ENC[PKCS7,a-b]",
    ] {
        assert!(open_with(text, &[]).is_none(), "{text}");
        assert!(!is_sealed(text), "{text}");
    }
    let mixed = format!("a=ENC[VAULT,aGVsbG8=] b={}", token("lower-case"));
    assert_eq!(
        opened(&mixed, &[rsa_key("first.pkcs8")]).as_deref(),
        Some("a=ENC[VAULT,aGVsbG8=] b=one")
    );
}

/// A token of each scheme in one scalar. What the message holds is known; opening it is tested where keys are.
#[test]
fn messages_are_opened_where_they_stand() {
    let gpg = gpg_token();
    let private = [rsa_key("first.pkcs8")];
    let mixed = format!(
        "user={gpg};password={};again={}",
        token("aes128"),
        gpg.replace("GPG", "gpg")
    );
    let requests = key_requests(&mixed, "test");
    assert_eq!(requests.len(), 3, "one for each token");
    let keys = unwrap_all(&requests, &private);
    let opened = open(&mixed, &keys).unwrap().unwrap();
    assert_eq!(
        opened.value.as_str(),
        "user=the thirty-two bytes of a secret;password=opened with aes128;again=the thirty-two bytes of a secret"
    );
    assert_eq!(opened.tokens.len(), 3);
    assert_eq!(
        opened.integrity,
        [Integrity::Unbound, Integrity::Unauthenticated]
            .into_iter()
            .collect()
    );
    let alone = open(&gpg, &keys).unwrap().unwrap();
    assert_eq!(alone.integrity, [Integrity::Unbound].into_iter().collect());
}

#[test]
fn a_message_that_does_not_open_says_why() {
    let gpg = gpg_token();
    let failure = |text: &str, keys: &DataKeys| match open(text, keys).unwrap().err() {
        Some(TokenFailure::Message(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        failure("ENC[GPG,=====]", &DataKeys::default()),
        MessageFailure::NotBase64
    );
    let message = key_requests(&gpg, "test")[0].groups[0][0].clone();
    let mut keys = DataKeys::default();
    keys.opened(message.id(), vec![DataKey::new(SecretBytes::new(vec![0xff]))]);
    assert_eq!(failure(&gpg, &keys), MessageFailure::NotText);
    let mut keys = DataKeys::default();
    let reason = KeyFailure {
        key: "pgp".to_owned(),
        attempts: Vec::new(),
    };
    keys.failed(message.id(), reason.clone());
    assert_eq!(failure(&gpg, &keys), MessageFailure::Keys(vec![reason]));
}

#[test]
fn what_looks_like_a_token_is_named_without_its_content() {
    for (text, name) in [
        ("x ENC[PKCS7,MIIB]", "ENC[PKCS7,…]"),
        ("ENC[GPG,hQEM", "ENC[GPG,…]"),
        ("ENC[VAULT,s3cret", "ENC[…]"),
        ("ENC[MIIBiQYJKoZIhvcNAQcDoA==]", "ENC[…]"),
        ("ENC[MIIBiQYJKoZIhvcNAQcDoA==", "ENC[…]"),
        ("ENC[s3cret]", "ENC[…]"),
        ("use ENC[<token>] here", "ENC[…]"),
        ("ENC[", "ENC[…]"),
    ] {
        assert_eq!(find_sealed(text), Some(name), "{text}");
    }
    for other in ["enc[PKCS7,MIIB]", "ENC (PKCS7)", "[ENC]", ""] {
        assert_eq!(find_sealed(other), None, "{other}");
    }
}

#[test]
fn one_line_end_goes_away() {
    for (text, left) in [
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\r", "a"),
        ("a\n\n", "a\n"),
        ("a", "a"),
        ("", ""),
        ("\n", ""),
    ] {
        let mut chomped = text.to_owned();
        chomp(&mut chomped);
        assert_eq!(chomped, left, "{text:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_no_trouble(text in ".{0,80}(ENC\\[([A-Za-z0-9]{0,6},)?[A-Za-z0-9+/ =\n]{0,80}\\]?){0,3}.{0,20}") {
        let result = open(&text, &DataKeys::default());
        prop_assert_eq!(result.is_some(), is_sealed(&text));
        let _ = (find_sealed(&text), key_requests(&text, "test"));
    }

    #[test]
    fn arbitrary_envelopes_are_no_trouble(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let text = format!("ENC[PKCS7,{}]", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes));
        let failure = open(&text, &DataKeys::default()).map(Result::err);
        prop_assert_eq!(failure, Some(Some(TokenFailure::Envelope(Vec::new()))));
    }
}

/// Every byte of an envelope changed in turn: the same failure, or, for want of integrity, other text.
#[test]
fn tampering_gives_one_failure_or_other_text() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let private = [rsa_key("first.pkcs8")];
    let text = token("aes256");
    let envelope = BASE64_STANDARD
        .decode(text.trim_start_matches("ENC[PKCS7,").trim_end_matches(']'))
        .unwrap();
    let wrapped = wrapped_key(&text);
    let wrapped = envelope
        .windows(wrapped.len())
        .position(|window| window == wrapped)
        .map(|at| at..at + 256)
        .unwrap();
    let (mut failures, mut others, mut same) = (0, 0, 0);
    for at in 0..envelope.len() {
        // RSA is slow without optimization, and one wrong bit in its ciphertext is like another.
        let patterns: &[u8] = if wrapped.contains(&at) {
            &[0x01]
        } else {
            &[0x01, 0x80, 0xff]
        };
        for pattern in patterns {
            let mut tampered = envelope.clone();
            tampered[at] ^= pattern;
            let tampered = format!("ENC[PKCS7,{}]", BASE64_STANDARD.encode(tampered));
            match open_with(&tampered, &private).unwrap() {
                Err(failure) => {
                    assert_eq!(failure, TokenFailure::Envelope(Vec::new()), "byte {at}");
                    failures += 1;
                }
                Ok(opened) if opened.value.as_str() == "opened with aes256" => same += 1,
                Ok(_) => others += 1,
            }
        }
    }
    assert!(
        failures > 300 && others > 10 && same > 10,
        "{failures} failures, {others} other texts, {same} same"
    );
}

fn wrapped_key(text: &str) -> Vec<u8> {
    match &key_requests(text, "test")[0].groups[0][0] {
        afterbay_manifest::WrappedKey::Pkcs7 { encrypted_key, .. } => encrypted_key.clone(),
        other => panic!("{other}"),
    }
}
