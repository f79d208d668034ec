//! Post-quantum identities: `AGE-SECRET-KEY-PQ-1…` for `age1pq1…`, stanza `mlkem768x25519` (C2SP age), which
//! the age library does not have yet.

mod hpke;
mod x_wing;

use age::DecryptError;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{bech32_decode, bech32_encode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::Hrp;
use zeroize::Zeroizing;

use x_wing::{Ciphertext, SecretKey};

const STANZA: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const PUBLIC: &str = "age1pq";
const SECRET: &str = "age-secret-key-pq-";

/// Bytes of the tag that ChaCha20-Poly1305 adds.
const TAG: usize = 16;

/// A post-quantum identity.
pub(crate) struct HybridIdentity(SecretKey);

impl HybridIdentity {
    /// Reads the text form, which is upper case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let seed = bech32_decode(
            text,
            |_| (),
            |prefix| (prefix.to_lowercase() == SECRET).then_some(()).ok_or(()),
            |_, bytes| Ok(Zeroizing::new(bytes.collect::<Vec<u8>>())),
        )
        .ok()?;
        Some(Self(SecretKey::new(&seed)?))
    }

    /// The recipient in its text form, of 1,959 characters.
    pub(crate) fn public(&self) -> String {
        Hrp::parse(PUBLIC)
            .map(|prefix| bech32_encode(prefix, &self.0.public()))
            .unwrap_or_default()
    }
}

impl age::Identity for HybridIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != STANZA {
            return None;
        }
        let invalid = || Some(Err(DecryptError::InvalidHeader));
        let [share] = stanza.args.as_slice() else {
            return invalid();
        };
        let share = BASE64_STANDARD_NO_PAD.decode(share).ok();
        let Some(share) = share.as_deref().and_then(Ciphertext::new) else {
            return invalid();
        };
        // The length goes first, so that nobody can craft a stanza that opens under many keys.
        if stanza.body.len() != FILE_KEY_BYTES + TAG {
            return invalid();
        }
        let Some(shared) = self.0.decapsulate(&share) else {
            return invalid();
        };
        // Of a wrong key the KEM makes another shared secret, so only this tells whether the stanza is ours.
        let opened = hpke::open(&shared, INFO, &stanza.body)?;
        Some(FileKey::try_init_with_mut(|key| {
            let opened = opened.as_slice().try_into();
            *key = opened.map_err(|_| DecryptError::InvalidHeader)?;
            Ok(())
        }))
    }
}
