//! Data keys, wrapped and open.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::{Scrubber, SecretBytes};

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
    /// Encrypted to an OpenPGP key.
    Pgp(PgpKey),
    /// Encrypted by AWS KMS.
    AwsKms(AwsKmsKey),
    /// Encrypted by Google Cloud KMS.
    GcpKms(GcpKmsKey),
    /// Encrypted to a key of Azure Key Vault.
    AzureKeyVault(AzureKeyVaultKey),
    /// Encrypted by the transit engine of HashiCorp Vault or OpenBao.
    Vault(VaultKey),
    /// The content key of a hiera-eyaml PKCS7 envelope, encrypted to an RSA key (PKCS#1 v1.5).
    Pkcs7 {
        /// The RSA ciphertext.
        encrypted_key: Vec<u8>,
        /// Length of the content key in bytes, which the content cipher tells.
        key_length: usize,
    },
    /// A key that is recognized and cannot be used.
    Unsupported(UnsupportedKey),
}

/// The kinds of keys, by the names that SOPS has for them in its metadata and in `--decryption-order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `age`
    Age,
    /// `pgp`
    Pgp,
    /// `kms`
    AwsKms,
    /// `gcp_kms`
    GcpKms,
    /// `hckms`
    HuaweiKms,
    /// `azure_kv`
    AzureKeyVault,
    /// `hc_vault`
    Vault,
    /// `pkcs7`, which only hiera-eyaml has
    Pkcs7,
}

impl KeyKind {
    /// Every kind of SOPS, in the order of its metadata (`stores.go` `internalGroupFrom`).
    pub const OF_SOPS: [Self; 7] = [
        Self::AwsKms,
        Self::GcpKms,
        Self::HuaweiKms,
        Self::AzureKeyVault,
        Self::Vault,
        Self::Pgp,
        Self::Age,
    ];

    /// The name in SOPS's metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Pgp => "pgp",
            Self::AwsKms => "kms",
            Self::GcpKms => "gcp_kms",
            Self::HuaweiKms => "hckms",
            Self::AzureKeyVault => "azure_kv",
            Self::Vault => "hc_vault",
            Self::Pkcs7 => "pkcs7",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An OpenPGP entry of SOPS metadata (`pgp`), or a hiera-eyaml `ENC[GPG,…]` token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PgpKey {
    /// The fingerprint as the file names it; empty in a token, whose message names its recipients itself.
    pub fingerprint: String,
    /// The OpenPGP message, armored or binary; opened, its content is the data key or the value.
    pub message: Vec<u8>,
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

/// A Google Cloud KMS entry of SOPS metadata (`gcp_kms`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GcpKmsKey {
    /// `projects/…/locations/…/keyRings/…/cryptoKeys/…` as written; not yet checked.
    pub resource_id: String,
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
}

/// An Azure Key Vault entry of SOPS metadata (`azure_kv`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AzureKeyVaultKey {
    /// The URL of the vault as written; not yet checked.
    pub vault_url: String,
    /// The name of the key.
    pub name: String,
    /// The version of the key; empty for the newest.
    pub version: String,
    /// The RSA-OAEP-256 ciphertext.
    pub ciphertext: Vec<u8>,
}

/// A Vault transit entry of SOPS metadata (`hc_vault`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultKey {
    /// The address of the server as written; not yet checked.
    pub vault_address: String,
    /// The mount path of the transit engine.
    pub engine_path: String,
    /// The name of the key.
    pub key_name: String,
    /// The ciphertext as Vault writes it: `vault:v1:…`.
    pub ciphertext: String,
}

/// A key that is recognized and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnsupportedKey {
    /// What it is.
    pub kind: KeyKind,
    /// Fingerprint, resource id or URL as written.
    pub id: String,
    /// Why it cannot be used: `its enc is not base64`.
    pub reason: String,
}

/// Identifies a wrapped key within a run; equal ciphertext for the same recipient is one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(WrappedKey);

impl WrappedKey {
    /// The identity of this key within a run.
    pub fn id(&self) -> KeyId {
        KeyId(self.clone())
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Age { .. } => KeyKind::Age,
            Self::Pgp(_) => KeyKind::Pgp,
            Self::AwsKms(_) => KeyKind::AwsKms,
            Self::GcpKms(_) => KeyKind::GcpKms,
            Self::AzureKeyVault(_) => KeyKind::AzureKeyVault,
            Self::Vault(_) => KeyKind::Vault,
            Self::Pkcs7 { .. } => KeyKind::Pkcs7,
            Self::Unsupported(key) => key.kind,
        }
    }
}

impl fmt::Display for WrappedKey {
    /// Kind and recipient, as error lists print them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { recipient, .. } => write!(f, "age {recipient}"),
            Self::Pgp(key) if key.fingerprint.is_empty() => f.write_str("pgp"),
            Self::Pgp(key) => write!(f, "pgp {}", key.fingerprint),
            Self::AwsKms(key) => write!(f, "aws kms {}", key.arn),
            Self::GcpKms(key) => write!(f, "gcp kms {}", key.resource_id),
            Self::AzureKeyVault(key) => {
                write!(
                    f,
                    "azure key vault {}/keys/{}/{}",
                    key.vault_url, key.name, key.version
                )
            }
            Self::Vault(key) => {
                write!(
                    f,
                    "vault {}/v1/{}/keys/{}",
                    key.vault_address, key.engine_path, key.key_name
                )
            }
            Self::Pkcs7 { .. } => f.write_str("eyaml pkcs7"),
            Self::Unsupported(key) => write!(f, "{} {}", key.kind, key.id),
        }
    }
}

/// What one sealed thing needs: a key of each of so many groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// What is sealed, as messages name it: a file and, for a token, its key path.
    pub subject: String,
    /// Groups of keys, each in the order the file's format tries them. Any key of a group opens what the
    /// group holds: the data key if there is one group, else a share of it (SOPS's `key_groups`).
    pub groups: Vec<Vec<WrappedKey>>,
    /// How many groups have to be opened; the rest need not be tried.
    pub needed: usize,
}

impl KeyRequest {
    /// A request that any one of the keys opens.
    pub fn any_of(subject: String, alternatives: Vec<WrappedKey>) -> Self {
        Self {
            subject,
            groups: vec![alternatives],
            needed: 1,
        }
    }

    /// Every key of every group.
    pub fn keys(&self) -> impl Iterator<Item = &WrappedKey> {
        self.groups.iter().flatten()
    }
}

/// An open data key.
#[derive(Debug)]
pub struct DataKey {
    bytes: SecretBytes,
    opened_with: Option<String>,
}

impl DataKey {
    /// Takes the key bytes over.
    pub fn new(bytes: SecretBytes) -> Self {
        Self {
            bytes,
            opened_with: None,
        }
    }

    /// The same with the name of the source of the private key, which has to be safe to print.
    #[must_use]
    pub fn opened_with(self, source: &str) -> Self {
        Self {
            opened_with: Some(source.to_owned()),
            ..self
        }
    }

    /// Where the private key came from, for a candidate that may turn out to be none.
    pub fn source(&self) -> Option<&str> {
        self.opened_with.as_deref()
    }

    /// The key bytes. Callers are listed in `cargo xtask tidy`.
    pub fn expose_bytes(&self) -> &[u8] {
        self.bytes.expose_bytes()
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

impl KeyFailure {
    /// Takes opened values out of what key services answered. They are asked before the values of a run are known, so
    /// this comes later than their answer.
    pub fn scrub(&mut self, scrubber: &Scrubber) {
        for attempt in &mut self.attempts {
            attempt.reason = scrubber.scrub(&attempt.reason);
        }
    }
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

    /// The open data keys of a request with one group, or every failure.
    pub fn first_open(&self, request: &KeyRequest) -> Result<&[DataKey], Vec<KeyFailure>> {
        let (mut opened, failures) = self.open_groups(request);
        if opened.is_empty() {
            Err(failures)
        } else {
            Ok(opened.swap_remove(0))
        }
    }

    /// What each group of a request that opened holds, in the order of the groups, and the failure of every
    /// key that was tried and did not open.
    pub fn open_groups(&self, request: &KeyRequest) -> (Vec<&[DataKey]>, Vec<KeyFailure>) {
        let (mut opened, mut failures) = (Vec::new(), Vec::new());
        for group in &request.groups {
            for key in group {
                match self.outcome(key) {
                    Some(Ok(candidates)) => {
                        opened.push(candidates);
                        break;
                    }
                    Some(Err(failure)) => failures.push(failure.clone()),
                    None => {}
                }
            }
        }
        (opened, failures)
    }
}
