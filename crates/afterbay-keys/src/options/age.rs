//! What the operator chooses about age.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use afterbay_manifest::SecretBytes;

/// The greatest work factor of scrypt that age itself accepts, as a power of two: four gibibytes of memory.
const AGE_WORK_FACTOR: u8 = 22;

/// Where age identities come from, besides the environment, and what may be done to use them.
#[derive(Debug)]
pub struct AgeOptions {
    /// Identities, in the order in which they are tried.
    pub identities: Vec<AgeSource>,
    /// Passphrases of identity files and SSH keys; each is tried on each that is protected with one.
    pub passphrases: Vec<PassphraseSource>,
    /// Names of the plugins that may be run as child processes: `yubikey` for `age-plugin-yubikey`.
    pub plugins: Vec<String>,
    /// The greatest work factor of scrypt that a protected identity file may ask for, as a power of two. Each
    /// step doubles time and memory; `2^18`, which `age -p` uses, takes 256 MiB.
    pub max_work_factor: u8,
    /// How long a plugin or a command may take; it may have to ask somebody.
    pub patience: Duration,
}

impl Default for AgeOptions {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            passphrases: Vec::new(),
            plugins: Vec::new(),
            max_work_factor: AGE_WORK_FACTOR,
            patience: Duration::from_mins(2),
        }
    }
}

/// age identities one a line, an SSH private key, or an age file that protects identities with a passphrase.
pub enum AgeSource {
    /// A file.
    File(PathBuf),
    /// The text itself, and what messages call it: the Secret it came from.
    Inline {
        /// What messages call it.
        name: String,
        /// The text.
        text: SecretBytes,
    },
}

impl fmt::Debug for AgeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline { name, .. } => f
                .debug_struct("Inline")
                .field("name", name)
                .finish_non_exhaustive(),
        }
    }
}

/// A passphrase. One line end after it is no part of it.
pub enum PassphraseSource {
    /// A file that holds it and nothing else.
    File(PathBuf),
    /// The passphrase itself, and what messages call it: the variable or the Secret it came from.
    Inline {
        /// What messages call it.
        name: String,
        /// The passphrase.
        value: SecretBytes,
    },
}

impl fmt::Debug for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Inline { name, .. } => f
                .debug_struct("Inline")
                .field("name", name)
                .finish_non_exhaustive(),
        }
    }
}
