//! SSH private keys, which open what is encrypted to `ssh-ed25519` and `ssh-rsa`.

use std::sync::OnceLock;

use age::ssh::{EncryptedKey, Identity, Recipient, UnsupportedKey};
use age::{DecryptError, Identity as _};
use age_core::format::Stanza;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::DecodePrivateKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::{Key, Trouble, Unwrapped};
use super::passphrase::{self, Passphrases};

/// Largest key read, in bytes. One of RSA with 16,384 bits has a fifth of it.
const LIMIT: usize = 64 << 10;

/// Bytes of a hash of the public key that a stanza carries.
const TAG: usize = 4;

/// First line of PKCS#8, which the age library does not read.
const PKCS8: &str = "-----BEGIN PRIVATE KEY-----";

/// A private key that is ready.
pub(super) struct SshKey {
    identity: Identity,
    public: String,
}

/// A private key that a passphrase protects. Its public key is legible.
pub(super) struct LockedSshKey {
    encrypted: EncryptedKey,
    public: String,
    /// How a stanza names this key.
    tag: Option<String>,
    opened: OnceLock<Result<Identity, Trouble>>,
}

/// Whether a header has a stanza for an SSH key.
pub(super) fn is_asked_for(stanzas: &[Stanza]) -> bool {
    stanzas.iter().any(is_stanza)
}

/// Whether it is one for an SSH key.
pub(super) fn is_stanza(stanza: &Stanza) -> bool {
    matches!(stanza.tag.as_str(), "ssh-ed25519" | "ssh-rsa")
}

/// Reads the text of a private key. What is wrong is told without quoting it.
pub(super) fn parse(text: &[u8]) -> Result<Key, &'static str> {
    if text.len() > LIMIT {
        return Err("has more than 65536 bytes, which is no SSH private key");
    }
    let text = str::from_utf8(text)
        .map_err(|_| "is not UTF-8 text")?
        .trim_start();
    let rewritten;
    let text = if text.starts_with(PKCS8) {
        rewritten = rsa_from_pkcs8(text).ok_or("is a private key in PKCS#8 that is damaged or not of RSA")?;
        rewritten.as_str()
    } else {
        text
    };
    let identity = Identity::from_buffer(text.as_bytes(), None)
        .map_err(|_| "is a private key that is damaged, or none that age takes")?;
    let public = Recipient::try_from(identity.clone()).map(|recipient| recipient.to_string());
    match (identity, public) {
        (Identity::Unsupported(kind), _) => Err(unsupported(&kind)),
        (_, Err(_)) => Err("is an SSH private key of a kind that age does not take"),
        (identity @ Identity::Unencrypted(_), Ok(public)) => Ok(Key::Ssh(SshKey { identity, public })),
        (Identity::Encrypted(encrypted), Ok(public)) => Ok(Key::LockedSsh(Box::new(LockedSshKey {
            encrypted,
            tag: tag(&public),
            public,
            opened: OnceLock::new(),
        }))),
    }
}

fn unsupported(kind: &UnsupportedKey) -> &'static str {
    match kind {
        UnsupportedKey::EncryptedPem => {
            "is protected with a passphrase in the old PEM format; `ssh-keygen -p -f FILE` writes it in the new one"
        }
        UnsupportedKey::EncryptedSsh(_) => {
            "is protected with a cipher that is not supported; `ssh-keygen -p -Z aes256-ctr -f FILE` changes it"
        }
        UnsupportedKey::Hardware(_) => "stands for a key in hardware, which age cannot use",
        UnsupportedKey::Type(_) => "is an SSH private key of a kind that age does not take",
    }
}

/// The PKCS#1 text of an RSA key in PKCS#8.
fn rsa_from_pkcs8(text: &str) -> Option<Zeroizing<String>> {
    let key = rsa::PrivateKey::from_pkcs8_pem(text.trim_end()).ok()?;
    key.to_pkcs1_pem(LineEnding::LF).ok()
}

/// The first bytes of the hash of a public key, as stanzas have them.
fn tag(public: &str) -> Option<String> {
    let key = BASE64_STANDARD.decode(public.split(' ').nth(1)?).ok()?;
    Some(BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(key)[..TAG]))
}

impl SshKey {
    pub(super) fn unwrap(&self, stanzas: &[Stanza]) -> Unwrapped {
        unwrap(&self.identity, stanzas)
    }

    pub(super) fn public(&self) -> &str {
        &self.public
    }
}

impl LockedSshKey {
    /// Unlocks the key if a stanza names it.
    pub(super) fn unwrap(&self, stanzas: &[Stanza], passphrases: &Passphrases) -> Result<Unwrapped, Trouble> {
        let names_it = |stanza: &Stanza| is_stanza(stanza) && stanza.args.first() == self.tag.as_ref();
        if !stanzas.iter().any(names_it) {
            return Ok(None);
        }
        match self.opened.get_or_init(|| self.open(passphrases)) {
            Ok(identity) => Ok(unwrap(identity, stanzas)),
            Err(trouble) => Err(trouble.clone()),
        }
    }

    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// Whether unlocking it was tried in vain.
    pub(super) fn is_shut(&self) -> bool {
        matches!(self.opened.get(), Some(Err(_)))
    }

    fn open(&self, passphrases: &Passphrases) -> Result<Identity, Trouble> {
        let mut open = passphrases
            .iter()
            .filter_map(|passphrase| self.encrypted.decrypt(passphrase.clone()).ok());
        open.next()
            .map(Identity::from)
            .ok_or_else(|| passphrase::missing(passphrases))
    }
}

/// A stanza that names the key and does not open with it is damaged.
fn unwrap(identity: &Identity, stanzas: &[Stanza]) -> Unwrapped {
    identity.unwrap_stanzas(stanzas).map(|unwrapped| {
        unwrapped.map_err(|error| match error {
            DecryptError::DecryptionFailed => DecryptError::InvalidHeader,
            error => error,
        })
    })
}
