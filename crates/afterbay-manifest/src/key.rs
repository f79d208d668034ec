//! Data keys, wrapped and open.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::SecretBytes;

/// A data key as a file holds it, encrypted to one recipient. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WrappedKey {
    /// Encrypted to an age recipient (`age1…`, `ssh-ed25519 …`).
    Age {
        /// The recipient as written.
        recipient: String,
        /// The armored age file.
        enc: String,
    },
    /// Encrypted by AWS KMS.
    AwsKms(AwsKmsKey),
    /// The content key of a hiera-eyaml PKCS7 envelope, encrypted to an RSA key (PKCS#1 v1.5).
    Pkcs7 {
        /// The RSA ciphertext.
        encrypted_key: Vec<u8>,
        /// Length of the content key in bytes, which the content cipher tells.
        key_length: usize,
    },
    /// A kind of key that the format knows and this version cannot use yet.
    Unsupported(UnsupportedKey),
}

/// An AWS KMS entry of SOPS metadata (`kms`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwsKmsKey {
    /// The ARN as written; not yet checked against its grammar.
    pub arn: String,
    /// Role to assume before the call, as the file names it.
    pub role: Option<String>,
    /// Encryption context.
    pub context: BTreeMap<String, String>,
    /// Profile of the shared configuration, as the file names it.
    pub aws_profile: Option<String>,
    /// The ciphertext blob.
    pub ciphertext: Vec<u8>,
}

/// A key that is recognised and cannot be used yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnsupportedKey {
    /// What it is, in SOPS's words: `pgp`, `gcp_kms`, `azure_kv`, `hc_vault`, `hckms`.
    pub kind: &'static str,
    /// Fingerprint, resource id or URL as written.
    pub id: String,
}

/// Identifies a wrapped key within a run; equal ciphertext for the same recipient is one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(WrappedKey);

impl WrappedKey {
    /// The identity of this key within a run.
    pub fn id(&self) -> KeyId {
        KeyId(self.clone())
    }
}

impl fmt::Display for WrappedKey {
    /// Kind and recipient, as error lists print them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { recipient, .. } => write!(f, "age {recipient}"),
            Self::AwsKms(key) => write!(f, "aws kms {}", key.arn),
            Self::Pkcs7 { .. } => f.write_str("eyaml pkcs7"),
            Self::Unsupported(key) => write!(f, "{} {}", key.kind, key.id),
        }
    }
}

/// What one sealed thing needs: any one of its keys opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What is sealed, as messages name it: a file and, for a token, its key path.
    pub subject: String,
    /// The keys, in the order the file's format tries them.
    pub alternatives: Vec<WrappedKey>,
}

/// An open data key.
#[derive(Debug)]
pub struct DataKey(SecretBytes);

impl DataKey {
    /// Takes the key bytes over.
    pub fn new(bytes: SecretBytes) -> Self {
        Self(bytes)
    }

    /// The key bytes. Callers are listed in `cargo xtask tidy`.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose_bytes()
    }
}

/// One way a key was tried, and why it did not work. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// With what: `identities of SOPS_AGE_KEY_FILE`, `kms.eu-west-1.amazonaws.com`.
    pub with: String,
    /// Why it failed.
    pub reason: String,
    /// What to do about it, when something can be done.
    pub hint: Option<String>,
}

/// A key that could not be unwrapped, with everything that was tried. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFailure {
    /// The key, as [`WrappedKey`] displays.
    pub key: String,
    /// What was tried.
    pub attempts: Vec<Attempt>,
}

/// The outcome of unwrapping: for each key tried, the data keys or the reasons.
#[derive(Debug, Default)]
pub struct DataKeys {
    outcomes: HashMap<KeyId, Result<Vec<DataKey>, KeyFailure>>,
}

impl DataKeys {
    /// Records that a key opened. PKCS#1 v1.5 cannot tell a right key from a wrong one, so there may
    /// be one candidate for each private key; every other kind has exactly one.
    pub fn opened(&mut self, id: KeyId, candidates: Vec<DataKey>) {
        self.outcomes.insert(id, Ok(candidates));
    }

    /// Records that a key did not open.
    pub fn failed(&mut self, id: KeyId, failure: KeyFailure) {
        self.outcomes.entry(id).or_insert(Err(failure));
    }

    /// What became of a key; `None` if it was not tried, because another one had opened already.
    pub fn outcome(&self, key: &WrappedKey) -> Option<Result<&[DataKey], &KeyFailure>> {
        self.outcomes.get(&key.id()).map(|outcome| match outcome {
            Ok(keys) => Ok(keys.as_slice()),
            Err(failure) => Err(failure),
        })
    }

    /// The first open data keys among the alternatives of a request, or every failure.
    pub fn first_open(&self, request: &KeyRequest) -> Result<&[DataKey], Vec<KeyFailure>> {
        let mut failures = Vec::new();
        for key in &request.alternatives {
            match self.outcome(key) {
                Some(Ok(candidates)) => return Ok(candidates),
                Some(Err(failure)) => failures.push(failure.clone()),
                None => {}
            }
        }
        Err(failures)
    }
}
