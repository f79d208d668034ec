//! Ciphertexts and keys of the real `openssl` (see `tests/data/README.md`).

mod vectors;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use afterbay_manifest::SecretBytes;
use proptest::prelude::*;

use super::{RsaKey, RsaKeys, pem};
use crate::options::SecretSource;

const PKCS1: &str = include_str!("../../tests/data/rsa-pkcs1.pem");
const PKCS8: &str = include_str!("../../tests/data/rsa-pkcs8.pem");
const OTHER: &str = include_str!("../../tests/data/other-rsa.pem");
const CERTIFICATE: &str = include_str!("../../tests/data/rsa-certificate.pem");
const CONTENT_KEY: &[u8] = include_bytes!("../../tests/data/data-key.bin");
const SEALED_32: &[u8] = include_bytes!("../../tests/data/content-key-32.rsa");
const SEALED_24: &[u8] = include_bytes!("../../tests/data/content-key-24.rsa");
const SEALED_OTHER: &[u8] = include_bytes!("../../tests/data/content-key-32-other.rsa");

fn key(pem: &str) -> RsaKey {
    RsaKey::new("test", pem::private_keys(pem.as_bytes()).unwrap().remove(0))
}

fn inline(name: &str, pem: &str) -> SecretSource {
    SecretSource::Inline {
        name: name.to_owned(),
        content: SecretBytes::new(pem.as_bytes().to_vec()),
    }
}

fn load(sources: &[SecretSource]) -> (RsaKeys, String) {
    let mut notes = BTreeSet::new();
    let keys = RsaKeys::load(sources, &mut notes);
    (
        keys,
        notes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[test]
fn opens_what_openssl_sealed() {
    for pem in [PKCS1, PKCS8] {
        assert_eq!(key(pem).unwrap(SEALED_32, 32), CONTENT_KEY);
        assert_eq!(key(pem).unwrap(SEALED_24, 24), &CONTENT_KEY[..24]);
    }
    assert_eq!(key(OTHER).unwrap(SEALED_OTHER, 32), CONTENT_KEY);
}

#[test]
fn opens_with_keys_of_unusual_sizes() {
    let cases: [(&str, &[u8]); 2] = [
        (
            include_str!("../../tests/data/rsa-1024.pem"),
            include_bytes!("../../tests/data/content-key-32-1024.rsa"),
        ),
        (
            include_str!("../../tests/data/rsa-2056.pem"),
            include_bytes!("../../tests/data/content-key-32-2056.rsa"),
        ),
    ];
    for (pem, sealed) in cases {
        assert_eq!(key(pem).unwrap(sealed, 32), CONTENT_KEY);
    }
}

#[test]
fn no_length_is_too_long_to_refuse() {
    let (keys, _) = load(&[inline("key", PKCS1)]);
    assert!(keys.unwrap(SEALED_32, usize::MAX).is_err());
}

#[test]
fn every_wrong_padding_looks_like_a_wrong_key() {
    let padding = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/padding")
            .join(name);
        std::fs::read(path).unwrap()
    };
    let key = key(PKCS1);
    assert_eq!(key.unwrap(&padding("good.rsa"), 32), CONTENT_KEY);
    let mut seen = HashSet::new();
    let wrong = [
        "first-byte",
        "block-type",
        "short-padding",
        "early-separator",
        "no-separator",
        "short-message",
    ];
    for name in wrong.into_iter().chain(["long-message"]) {
        let rejected = key.unwrap(&padding(&format!("{name}.rsa")), 32);
        assert_eq!(rejected.len(), 32, "{name}");
        assert_ne!(rejected, CONTENT_KEY, "{name}");
        assert_eq!(
            rejected,
            key.unwrap(&padding(&format!("{name}.rsa")), 32),
            "{name} is not repeatable"
        );
        assert!(
            seen.insert(rejected),
            "{name} gives the key of another ciphertext"
        );
    }
    // The same ciphertexts have a right message of another length: only the length decides.
    assert_eq!(key.unwrap(&padding("short-message.rsa"), 31), &CONTENT_KEY[..31]);
    assert_eq!(key.unwrap(&padding("long-message.rsa"), 33)[..32], *CONTENT_KEY);
}

#[test]
fn a_rejection_depends_on_the_private_key() {
    let (one, other) = (key(PKCS1), key(OTHER));
    assert_ne!(one.unwrap(b"short", 32), other.unwrap(b"short", 32));
    assert_eq!(one.unwrap(b"short", 32), key(PKCS8).unwrap(b"short", 32));
}

#[test]
fn ciphertexts_outside_the_modulus_are_rejected_alike() {
    for ciphertext in [
        &[][..],
        &[0; 256],
        &[0xff; 256],
        &[1; 255],
        &[1; 257],
        SEALED_OTHER,
    ] {
        for length in [0, 8, 16, 24, 32, 245, 246, 1000] {
            assert_eq!(key(PKCS1).unwrap(ciphertext, length).len(), length);
        }
    }
}

#[test]
fn one_candidate_for_each_key_in_order() {
    let (keys, notes) = load(&[
        inline("first", OTHER),
        inline("second", &format!("{CERTIFICATE}{PKCS8}")),
    ]);
    let candidates = keys.unwrap(SEALED_32, 32).unwrap();
    assert_eq!(notes, "");
    assert_eq!(candidates.len(), 2);
    assert_ne!(candidates[0].expose_bytes(), CONTENT_KEY);
    assert_eq!(candidates[1].expose_bytes(), CONTENT_KEY);
}

#[test]
fn takes_windows_line_ends_and_text_around() {
    let text = format!("RSA key of ann\r\n{}\r\nend\r\n", PKCS1.replace('\n', "\r\n"));
    assert_eq!(pem::private_keys(text.as_bytes()).unwrap().len(), 1);
    let indented = PKCS8.replace('\n', "\n    ");
    assert_eq!(pem::private_keys(indented.as_bytes()).unwrap().len(), 1);
    let body: String = PKCS8.lines().filter(|line| !line.starts_with('-')).collect();
    let one_line = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n{PKCS1}");
    assert_eq!(pem::private_keys(one_line.as_bytes()).unwrap().len(), 2);
}

#[test]
fn says_what_is_in_the_way() {
    let (encrypted_1, encrypted_8, ec) = (
        include_str!("../../tests/data/rsa-pkcs1-encrypted.pem"),
        include_str!("../../tests/data/rsa-pkcs8-encrypted.pem"),
        include_str!("../../tests/data/ec.pem"),
    );
    let (keys, notes) = load(&[
        SecretSource::File("/missing/private_key.pem".into()),
        inline("pkcs1 with passphrase", encrypted_1),
        inline("pkcs8 with passphrase", encrypted_8),
        inline("ec", ec),
        inline("certificate", CERTIFICATE),
        inline("cut", &PKCS1[..200]),
        inline("damaged", &PKCS1.replacen("MII", "MIJ", 1)),
        inline("text", "hunter2"),
        inline("empty", ""),
    ]);
    insta::assert_snapshot!(notes, @r"
    /missing/private_key.pem: no such file
    certificate: holds a certificate, and an RSA private key is needed
    cut: the PEM block is cut off
    damaged: the RSA PRIVATE KEY block is damaged, or has less than 1024 or more than 8192 bits
    ec: holds a private key of another kind, and an RSA private key is needed
    empty: holds no PEM block
    pkcs1 with passphrase: an RSA private key with a passphrase is not supported yet
    pkcs8 with passphrase: a private key with a passphrase is not supported yet
    text: holds no PEM block
    ");
    let attempts = keys.unwrap(SEALED_32, 32).unwrap_err();
    assert_eq!(attempts.len(), 10);
    insta::assert_debug_snapshot!(attempts.last().unwrap(), @r#"
    Attempt {
        with: "RSA private keys",
        reason: "none was offered",
        hint: Some(
            "offer the private key of hiera-eyaml with --eyaml-private-key-file",
        ),
    }
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_ciphertext_gives_a_key(ciphertext in prop::collection::vec(any::<u8>(), 0..300), length in 0usize..300) {
        prop_assert_eq!(key(PKCS1).unwrap(&ciphertext, length).len(), length);
    }

    #[test]
    fn any_pem_is_read_without_panic(text in "(-----BEGIN (RSA )?PRIVATE KEY-----\n)?\\PC{0,80}\n(-----END PRIVATE KEY-----)?") {
        let _ = pem::private_keys(text.as_bytes());
    }
}
