//! Fingerprints of values that are not shown: equal for equal values, and of no use without the key.

use std::fmt;
use std::fmt::Write as _;

use afterbay_manifest::SecretBytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// The shortest key, in bytes: what can be guessed opens every fingerprint to guessing.
const SHORTEST_KEY: usize = 16;

/// The key under which fingerprints are made (HMAC-SHA256). Whoever has it can try guesses against them.
pub struct FingerprintKey(SecretBytes);

/// The key is shorter than 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key of fingerprints has at least {SHORTEST_KEY} bytes, best random ones; this one has {0}")]
pub struct WeakKey(usize);

impl FingerprintKey {
    /// Takes the key over.
    pub fn new(key: SecretBytes) -> Result<Self, WeakKey> {
        if key.len() < SHORTEST_KEY {
            return Err(WeakKey(key.len()));
        }
        Ok(Self(key))
    }

    /// The fingerprint of one value, in full.
    pub(super) fn value(&self, bytes: &[u8]) -> [u8; 32] {
        self.digest(b"value", bytes)
    }

    /// What identifies the whole content of an object.
    pub(crate) fn content(&self, bytes: &[u8]) -> [u8; 32] {
        self.digest(b"content", bytes)
    }

    /// What identifies what a workload refers to.
    pub(crate) fn references(&self, bytes: &[u8]) -> [u8; 32] {
        self.digest(b"references", bytes)
    }

    /// The key itself, for the Secret that keeps it.
    pub(crate) fn expose_key(&self) -> &[u8] {
        self.0.expose_bytes()
    }

    /// What it is for goes in first, so that a fingerprint for one purpose says nothing about another.
    fn digest(&self, purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
        // HMAC takes keys of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_bytes()) else {
            return [0; 32];
        };
        mac.update(purpose);
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

/// The bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> FingerprintKey {
        FingerprintKey::new(SecretBytes::new(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn equal_values_are_equal_under_one_key_only() {
        let (one, other) = (key("sixteen letters!"), key("sixteen letters?"));
        assert_eq!(one.value(b"hunter2"), one.value(b"hunter2"));
        assert_ne!(one.value(b"hunter2"), one.value(b"hunter3"));
        assert_ne!(one.value(b"hunter2"), other.value(b"hunter2"));
        assert_ne!(one.value(b"hunter2"), one.content(b"hunter2"));
    }

    #[test]
    fn the_construction_is_hmac_sha256() {
        // openssl dgst -sha256 -mac HMAC -macopt key:'sixteen letters!' of `value`, a zero byte and `hunter2`.
        let hex = hex(&key("sixteen letters!").value(b"hunter2"));
        insta::assert_snapshot!(hex, @"e9aae23f0726f6437adbba47dce8b5f838cbb7094ee56ce7dc1b1895756cd777");
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        let error = FingerprintKey::new(SecretBytes::new(b"hunter2".to_vec())).unwrap_err();
        insta::assert_snapshot!(error, @"a key of fingerprints has at least 16 bytes, best random ones; this one has 7");
    }
}
