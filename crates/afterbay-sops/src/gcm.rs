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
    /// untouched, if the tag does not fit or there is no nonce.
    pub(crate) fn open(&self, nonce: &[u8], associated: &[u8], sealed: &mut Vec<u8>) -> Option<()> {
        if nonce.is_empty() {
            return None;
        }
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
mod tests;
