//! The one type for plaintext bytes.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

/// Bytes that must not be seen: wiped on drop, never printed, never cloned.
///
/// There is no `Display`, `Clone`, `PartialEq` or `Serialize`; [`SecretBytes::expose_bytes`] is the
/// only way out, and `cargo xtask tidy` holds the list of files that may call it.
pub struct SecretBytes(SecretSlice<u8>);

impl SecretBytes {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The plaintext. Every caller is listed in `cargo xtask tidy`.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Number of bytes, which is not secret.
    pub fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}
