//! What the fakes encrypt with. The cipher is derived from the name of a key, so that a ciphertext outlives the
//! fake that made it.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use sha2::{Digest, Sha256};

const NONCE_LENGTH: usize = 12;

/// Nonce and ciphertext, of 28 bytes more than the plaintext.
pub(crate) fn seal(name: &str, plaintext: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_LENGTH];
    getrandom::fill(&mut nonce).expect("randomness");
    let text = cipher(name).encrypt(&Nonce::from(nonce), plaintext);
    [nonce.as_slice(), &text.expect("a short plaintext")].concat()
}

/// The plaintext, if it was sealed under this name and not altered.
pub(crate) fn open(name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
    cipher(name).decrypt(&Nonce::from(*nonce), text).ok()
}

fn cipher(name: &str) -> Aes256Gcm {
    let key: [u8; 32] = Sha256::digest(format!("fake key {name}")).into();
    Aes256Gcm::new(&key.into())
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn only_the_same_key_opens() {
        let mut sealed = seal("a", b"text");
        assert_eq!(open("a", &sealed).as_deref(), Some(&b"text"[..]));
        assert_eq!(open("b", &sealed), None);
        sealed[20] ^= 1;
        assert_eq!(open("a", &sealed), None);
        assert_eq!(open("a", b"short"), None);
    }
}
