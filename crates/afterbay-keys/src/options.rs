//! What the operator chooses.

use std::fmt;
use std::path::PathBuf;

use afterbay_manifest::SecretBytes;

use crate::KeyEnvironment;

/// Where keys come from and what a file may ask for.
#[derive(Debug)]
pub struct KeyOptions {
    /// The environment of the process, as a value.
    pub environment: KeyEnvironment,
    /// Files with age identities, read besides those that the environment names.
    pub age_key_files: Vec<PathBuf>,
    /// RSA private keys for hiera-eyaml, in the order in which they are tried.
    pub rsa_keys: Vec<RsaKeySource>,
    /// How many keys are unwrapped at the same time; zero counts as one.
    pub concurrency: usize,
}

impl KeyOptions {
    /// Options that use what the environment offers and nothing else.
    pub fn new(environment: KeyEnvironment) -> Self {
        Self {
            environment,
            age_key_files: Vec::new(),
            rsa_keys: Vec::new(),
            concurrency: 16,
        }
    }
}

/// An RSA private key in PEM.
pub enum RsaKeySource {
    /// A file.
    File(PathBuf),
    /// The text itself, and what messages call it: the variable or the Secret it came from.
    Inline {
        /// What messages call it.
        name: String,
        /// The PEM text.
        pem: SecretBytes,
    },
}

impl fmt::Debug for RsaKeySource {
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

/// What a file may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Allow {
    /// Whatever it says, as `sops` does.
    #[default]
    Any,
    /// Only these, compared as written.
    Only(Vec<String>),
    /// Nothing.
    None,
}

impl Allow {
    /// Whether a file may name `value`.
    pub fn admits(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.iter().any(|entry| entry == value),
            Self::None => false,
        }
    }
}
