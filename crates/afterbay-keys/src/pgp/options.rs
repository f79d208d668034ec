//! What the operator chooses about OpenPGP.

use std::path::PathBuf;

use crate::options::SecretSource;

/// Where OpenPGP keys and their passphrases come from, besides the environment.
#[derive(Debug, Default)]
pub struct PgpOptions {
    /// Secret keys, armored or binary, any number of them in each source, in the order in which they are tried.
    pub keys: Vec<SecretSource>,
    /// Homes of GnuPG, read instead of `GNUPGHOME` and `~/.gnupg`.
    pub homes: Vec<PathBuf>,
    /// Passphrases, each tried with every protected key.
    pub passphrases: Vec<SecretSource>,
}
