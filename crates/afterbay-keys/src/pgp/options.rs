//! What the operator chooses about OpenPGP.

use std::fmt;
use std::path::PathBuf;

use afterbay_manifest::SecretBytes;

use crate::options::PassphraseSource;

/// Where OpenPGP keys and their passphrases come from, besides the environment.
#[derive(Debug, Default)]
pub struct PgpOptions {
    /// Secret keys, in the order in which they are tried.
    pub keys: Vec<PgpKeySource>,
    /// Homes of GnuPG, read instead of `GNUPGHOME` and `~/.gnupg`.
    pub homes: Vec<PathBuf>,
    /// Passphrases, each tried with every protected key.
    pub passphrases: Vec<PassphraseSource>,
}

/// OpenPGP secret keys, armored or binary, any number of them.
pub enum PgpKeySource {
    /// A file.
    File(PathBuf),
    /// The keys themselves, and what messages call them: the variable or the Secret they came from.
    Inline {
        /// What messages call them.
        name: String,
        /// The keys.
        key: SecretBytes,
    },
}

impl fmt::Debug for PgpKeySource {
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
