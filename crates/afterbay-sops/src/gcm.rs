//! Opening AES-256-GCM with a nonce of any length (NIST SP 800-38D), which SOPS files may carry.
//!
//! SOPS writes 32-byte nonces and reads every non-empty one; the crates of the field fix the length at
//! compile time. The primitives are theirs; here is only how the first counter block comes from the nonce.

use aes::Aes256;
use ctr::cipher::{BlockCipherEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipherCore as _};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::universal_hash::UniversalHash as _;
use ghash::{Block, GHash};
use subtle::ConstantTimeEq as _;

/// Length of the key in bytes.
pub(crate) const KEY: usize = 32;
/// Length of the tag in bytes.
const TAG: usize = 16;
/// Length of the nonce that needs no hashing.
const SHORT_NONCE: usize = 12;

/// A key with its schedule; both are wiped on drop.
pub(crate) struct Gcm {
    cipher: Aes256,
    ghash: GHash,
}

impl Gcm {
    pub(crate) fn new(key: &[u8; KEY]) -> Self {
        let cipher = Aes256::new(key.into());
        let mut subkey = ghash::Key::default();
        cipher.encrypt_block(&mut subkey);
        Self {
            cipher,
            ghash: GHash::new(&subkey),
        }
    }

    /// Decrypts `sealed` (ciphertext, then tag) in place and cuts the tag off; `None`, with `sealed`
    /// untouched, if the tag does not fit.
    pub(crate) fn open(&self, nonce: &[u8], associated: &[u8], sealed: &mut Vec<u8>) -> Option<()> {
        let (ciphertext, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let mut counter: CtrCore<&Aes256, Ctr32BE> =
            CtrCore::inner_iv_init(&self.cipher, &self.first_block(nonce));
        let mut mask = Block::default();
        counter.write_keystream_block(&mut mask);
        if !bool::from(self.tag(&mask, associated, ciphertext).as_slice().ct_eq(tag)) {
            return None;
        }
        sealed.truncate(ciphertext.len());
        counter.apply_keystream_partial(sealed.as_mut_slice().into());
        Some(())
    }

    /// The block called J0 in section 7.1.
    fn first_block(&self, nonce: &[u8]) -> Block {
        let mut block = Block::default();
        if nonce.len() == SHORT_NONCE {
            block[..SHORT_NONCE].copy_from_slice(nonce);
            block[TAG - 1] = 1;
            return block;
        }
        let mut ghash = self.ghash.clone();
        ghash.update_padded(nonce);
        block[8..].copy_from_slice(&bits(nonce));
        ghash.update(&[block]);
        ghash.finalize()
    }

    fn tag(&self, mask: &Block, associated: &[u8], ciphertext: &[u8]) -> Block {
        let mut ghash = self.ghash.clone();
        ghash.update_padded(associated);
        ghash.update_padded(ciphertext);
        let mut lengths = Block::default();
        lengths[..8].copy_from_slice(&bits(associated));
        lengths[8..].copy_from_slice(&bits(ciphertext));
        ghash.update(&[lengths]);
        let mut tag = ghash.finalize();
        for (byte, mask) in tag.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        tag
    }
}

/// The length in bits as GCM writes it.
fn bits(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64 * 8).to_be_bytes()
}

#[cfg(test)]
mod tests {
    //! Against the crate for the lengths it takes, and NIST's vectors for others.

    use aes_gcm::aead::{Aead as _, Payload, array::ArraySize};
    use aes_gcm::{AesGcm, KeyInit as _, Nonce};
    use proptest::prelude::*;

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
}
