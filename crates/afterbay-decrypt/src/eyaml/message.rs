//! The message inside a GPG token: OpenPGP in base64 (hiera-eyaml-gpg `encryptors/gpg.rb`).

use std::fmt;

use afterbay_manifest::{DataKeys, KeyFailure, PgpKey, WrappedKey};
use base64::Engine as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::envelope::BASE64;
use crate::error::tried;

/// A message that nobody has looked into; `None` if the token is not base64.
pub(crate) struct Message(Option<WrappedKey>);

/// Why a message did not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageFailure {
    /// The token is not base64.
    NotBase64,
    /// It opened, and what it holds is not UTF-8.
    NotText,
    /// No key opened it; what was tried.
    Keys(Vec<KeyFailure>),
}

impl fmt::Display for MessageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("it is not base64 of an OpenPGP message; copy it again, whole"),
            Self::NotText => {
                f.write_str("it holds bytes that are not UTF-8; put such a value in as base64, under data")
            }
            Self::Keys(failures) => write!(f, "no OpenPGP key given opens it{}", tried(failures)),
        }
    }
}

impl Message {
    /// Reads the base64 of a token.
    pub(crate) fn parse(body: &str) -> Self {
        let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let message = BASE64.decode(packed).ok();
        Self(message.map(|message| {
            WrappedKey::Pgp(PgpKey {
                fingerprint: String::new(),
                message,
            })
        }))
    }

    /// What has to be opened: the message names its recipients itself.
    pub(crate) fn key(self) -> Option<WrappedKey> {
        self.0
    }

    /// The value, which is what the message was opened to.
    pub(crate) fn open(&self, keys: &DataKeys) -> Result<Zeroizing<String>, MessageFailure> {
        let message = self.0.as_ref().ok_or(MessageFailure::NotBase64)?;
        let opened = match keys.outcome(message) {
            Some(Ok(opened)) => opened.first(),
            Some(Err(failure)) => return Err(MessageFailure::Keys(vec![failure.clone()])),
            None => None,
        };
        let opened = opened.ok_or(MessageFailure::Keys(Vec::new()))?;
        String::from_utf8(opened.expose_bytes().to_vec())
            .map(Zeroizing::new)
            .map_err(|error| {
                // The error holds the bytes that were not text.
                error.into_bytes().zeroize();
                MessageFailure::NotText
            })
    }
}
