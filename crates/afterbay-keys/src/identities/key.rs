//! One identity of any kind.

use std::time::Duration;

use age::{DecryptError, Identity, x25519};
use age_core::format::{FileKey, Stanza};

use super::hybrid::HybridIdentity;
use super::passphrase::Passphrases;
use super::plugin::PluginIdentity;
use super::ssh::{LockedSshKey, SshKey};

/// How many characters of a public key a message shows. Post-quantum ones have two thousand.
const SHOWN: usize = 140;

/// What an identity does with the stanzas of a header: nothing fits, or the file key, or that a stanza which
/// is meant for it is damaged.
pub(super) type Unwrapped = Option<Result<FileKey, DecryptError>>;

/// One identity.
pub(super) enum Key {
    X25519(x25519::Identity),
    Hybrid(Box<HybridIdentity>),
    Ssh(SshKey),
    LockedSsh(Box<LockedSshKey>),
    Plugin(PluginIdentity),
}

/// What has to be done to use an identity. The later comes only when nothing before has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Arithmetic.
    Little,
    /// Deriving a key from a passphrase, which takes up to seconds.
    Unlock,
    /// Running a plugin, which may want a hand on a hardware key.
    Plugin,
}

impl Effort {
    pub(super) const ALL: [Self; 3] = [Self::Little, Self::Unlock, Self::Plugin];
}

/// What identities may use.
pub(super) struct Means<'a> {
    pub(super) passphrases: &'a Passphrases,
    /// Names of the plugins that may be run.
    pub(super) plugins: &'a [String],
    /// How long a plugin may take.
    pub(super) patience: Duration,
}

/// Why an identity that may fit could not be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
}

impl Key {
    pub(super) fn effort(&self) -> Effort {
        match self {
            Self::X25519(_) | Self::Hybrid(_) | Self::Ssh(_) => Effort::Little,
            Self::LockedSsh(_) => Effort::Unlock,
            Self::Plugin(_) => Effort::Plugin,
        }
    }

    pub(super) fn unwrap(&self, stanzas: &[Stanza], means: &Means<'_>) -> Result<Unwrapped, Trouble> {
        match self {
            Self::X25519(identity) => Ok(identity.unwrap_stanzas(stanzas)),
            Self::Hybrid(identity) => Ok(identity.unwrap_stanzas(stanzas)),
            Self::Ssh(key) => Ok(key.unwrap(stanzas)),
            Self::LockedSsh(key) => key.unwrap(stanzas, means.passphrases),
            Self::Plugin(identity) => identity.unwrap(stanzas, means),
        }
    }

    /// The recipient, which is no secret. A plugin knows that of its identities, and nobody else does.
    pub(super) fn public(&self) -> Option<String> {
        match self {
            Self::X25519(identity) => Some(identity.to_public().to_string()),
            Self::Hybrid(identity) => Some(identity.public()),
            Self::Ssh(key) => Some(key.public().to_owned()),
            Self::LockedSsh(key) => Some(key.public().to_owned()),
            Self::Plugin(_) => None,
        }
    }

    /// What messages call it, unless what is wrong with it is told already.
    pub(super) fn listed(&self) -> Option<String> {
        match self {
            Self::LockedSsh(key) if key.is_shut() => None,
            _ => self.public().map(|public| shortened(&public)),
        }
    }
}

fn shortened(public: &str) -> String {
    if public.len() > SHOWN {
        let start: String = public.chars().take(SHOWN / 2).collect();
        format!("{start}…")
    } else {
        public.to_owned()
    }
}

impl Trouble {
    pub(super) fn new(reason: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            reason: reason.into(),
            hint: hint.map(str::to_owned),
        }
    }
}
