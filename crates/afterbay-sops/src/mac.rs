//! The MAC: SHA-512 over the values of a file in order (sops `sops.go`, `ToBytes`), nothing between them.

use std::borrow::Cow;

use afterbay_manifest::Scalar;
use sha2::{Digest as _, Sha512};

use crate::number::plain_float;

/// What the hash is fed first with `mac_only_encrypted`: the SHA-256 of `sops`, so that the two kinds of
/// MAC never agree.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Which values the MAC covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MacScope {
    /// All values of the file.
    #[default]
    AllValues,
    /// Only the encrypted ones (`mac_only_encrypted`): plain values can be changed by anyone.
    OnlyEncrypted,
}

/// The MAC of a file while its values pass by.
pub(crate) struct Mac(Sha512);

impl Mac {
    pub(crate) fn new(scope: MacScope) -> Self {
        let mut hash = Sha512::new();
        if scope == MacScope::OnlyEncrypted {
            hash.update(ONLY_ENCRYPTED);
        }
        Self(hash)
    }

    pub(crate) fn update(&mut self, value: &Scalar) {
        match value {
            Scalar::Bytes(bytes) => self.0.update(bytes),
            value => self.0.update(&*sealed_text(value)),
        }
    }

    /// The digest as SOPS stores it, in upper-case hex.
    pub(crate) fn finish(self) -> String {
        use std::fmt::Write as _;
        self.0
            .finalize()
            .iter()
            .fold(String::with_capacity(128), |mut text, byte| {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{byte:02X}");
                text
            })
    }
}

/// A value as SOPS hashes and encrypts it; empty for null, and for bytes, which are what they are.
pub(crate) fn sealed_text(value: &Scalar) -> Cow<'_, str> {
    match value {
        Scalar::Null | Scalar::Bytes(_) => "".into(),
        Scalar::Bool(true) => "True".into(),
        Scalar::Bool(false) => "False".into(),
        Scalar::Int(value) => value.to_string().into(),
        Scalar::Uint(value) => value.to_string().into(),
        Scalar::Float(value) => plain_float(*value).into(),
        Scalar::Timestamp(text) | Scalar::String(text) => text.into(),
    }
}
