//! What the operator chooses.

mod age;
mod cloud;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use afterbay_manifest::SecretBytes;
use aws_credential_types::Credentials;
use thiserror::Error;

use crate::KeyEnvironment;
use crate::cache::{DataKeyCache, Identity};
use crate::order::DecryptionOrder;
use crate::pace::Rate;
use crate::pgp::PgpOptions;
pub use age::AgeOptions;
pub use cloud::{
    AzureCredentials, AzureIdentity, AzureOptions, AzureProof, GcpCredentials, GcpOptions, VaultCredentials,
    VaultOptions,
};

/// Where keys come from and what a file may ask for.
#[derive(Debug)]
pub struct KeyOptions {
    /// The environment of the process, as a value.
    pub environment: KeyEnvironment,
    /// age identities besides those that the environment names, and what they may use.
    pub age: AgeOptions,
    /// RSA private keys in PEM for hiera-eyaml, in the order in which they are tried.
    pub rsa_keys: Vec<SecretSource>,
    /// Where OpenPGP keys come from, besides the environment.
    pub pgp: PgpOptions,
    /// How AWS KMS is called.
    pub kms: KmsOptions,
    /// How Google Cloud KMS is called.
    pub gcp: GcpOptions,
    /// How Azure Key Vault is called.
    pub azure: AzureOptions,
    /// How Vault is called.
    pub vault: VaultOptions,
    /// Kinds of keys that are tried before all others.
    pub decryption_order: DecryptionOrder,
    /// How many requests are worked on at the same time; zero counts as one.
    pub concurrency: usize,
    /// How fast each key service, and each of its keys, is asked.
    pub rate: Rate,
    /// Data keys of earlier runs; shared by every ring that is given the same one. Off by default.
    pub cache: Arc<DataKeyCache>,
}

impl KeyOptions {
    /// Options that use what the environment offers; more can be put in beside it.
    pub fn new(environment: KeyEnvironment) -> Self {
        Self {
            environment,
            age: AgeOptions::default(),
            rsa_keys: Vec::new(),
            pgp: PgpOptions::default(),
            kms: KmsOptions::default(),
            gcp: GcpOptions::default(),
            azure: AzureOptions::default(),
            vault: VaultOptions::default(),
            decryption_order: DecryptionOrder::default(),
            // A service that answers in 20 ms is asked 3,200 times a second.
            concurrency: 64,
            rate: Rate::default(),
            cache: Arc::default(),
        }
    }

    /// Options that take nothing from where the process runs: no variable, no file or command that a variable
    /// names, no file of the user, no credentials of the machine. What is to be used has to be put in as a value.
    pub fn explicit() -> Self {
        let mut options = Self::new(KeyEnvironment::default());
        options.kms.credentials = AwsCredentials::None;
        options.gcp.credentials = GcpCredentials::None;
        options.azure.credentials = AzureCredentials::None;
        options.vault.credentials = VaultCredentials::None;
        options
    }
}

/// Where something secret is: keys, identities or a passphrase.
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// The content itself, and what messages call it: the variable or the Secret it came from.
    Inline {
        /// What messages call it.
        name: String,
        /// The content.
        content: SecretBytes,
    },
}

impl fmt::Debug for SecretSource {
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

/// How AWS KMS is called.
#[derive(Debug, Default)]
pub struct KmsOptions {
    /// Where KMS and STS are, instead of the region's own endpoints. Wins over `AWS_ENDPOINT_URL` and its
    /// kin, which the SDK reads with [`AwsCredentials::Chain`]. Never taken from a file.
    pub endpoint: Option<Endpoint>,
    /// Where credentials come from.
    pub credentials: AwsCredentials,
    /// Which roles (`role`) a file may name.
    pub allow_role: Allow,
    /// Which profiles (`aws_profile`) a file may name.
    pub allow_profile: Allow,
    /// How long, and how often.
    pub limits: KmsLimits,
}

/// Where credentials for AWS come from.
#[derive(Debug, Default)]
pub enum AwsCredentials {
    /// The SDK's default chain: environment, shared configuration, SSO, web identity, container, instance.
    #[default]
    Chain,
    /// These, whatever profile a file names. Nothing of the environment and of the machine is read: no variable,
    /// no shared configuration, no metadata service.
    Fixed(FixedCredentials),
    /// None: AWS is not called.
    None,
}

impl AwsCredentials {
    /// Who asks with these credentials at a place. The chain is the one of this process, whoever asks.
    pub(crate) fn identity(&self, place: &[&[u8]]) -> Identity {
        let credentials: [&[u8]; 4] = match self {
            Self::Chain => [b"chain", b"", b"", b""],
            Self::None => [b"none", b"", b"", b""],
            Self::Fixed(fixed) => [
                b"fixed",
                fixed.access_key_id.as_bytes(),
                fixed.secret_access_key.expose_bytes(),
                fixed
                    .session_token
                    .as_ref()
                    .map_or(b"", SecretBytes::expose_bytes),
            ],
        };
        Identity::of(credentials.into_iter().chain(place.iter().copied()))
    }
}

/// An access key given as a value.
#[derive(Debug)]
pub struct FixedCredentials {
    /// The id, which is no secret.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: SecretBytes,
    /// The token of temporary credentials.
    pub session_token: Option<SecretBytes>,
}

impl FixedCredentials {
    /// The SDK's type, which keeps its own copy and wipes it. Bytes that are not UTF-8 cannot be valid
    /// and are replaced, so that AWS refuses them.
    pub(crate) fn to_sdk(&self) -> Credentials {
        let text = |secret: &SecretBytes| String::from_utf8_lossy(secret.expose_bytes()).into_owned();
        let token = self.session_token.as_ref().map(text);
        Credentials::new(
            &self.access_key_id,
            text(&self.secret_access_key),
            token,
            None,
            "afterbay",
        )
    }
}

/// Limits of one unwrapping by a key service, and of one request for credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsLimits {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until one attempt is answered.
    pub attempt: Duration,
    /// Until it is given up, all attempts and waits together.
    pub total: Duration,
    /// How often at most; throttling and 5xx are tried again, nothing else.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles from there and is drawn at random.
    pub first_wait: Duration,
}

impl Default for KmsLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(30),
            attempts: 5,
            first_wait: Duration::from_millis(500),
        }
    }
}

/// The URL of a service: scheme, host and port, perhaps a path; no credentials in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why a text is not an endpoint. Does not repeat it, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an endpoint has the form http://HOST:PORT or https://HOST, without user, query and fragment")]
pub struct EndpointError;

impl Endpoint {
    /// Takes an `http` or `https` URL.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let rest = rest.ok_or(EndpointError)?;
        let host = rest.split('/').next().unwrap_or_default();
        let clean = |c: u8| c.is_ascii_graphic() && !matches!(c, b'@' | b'?' | b'#' | b'\\');
        if host.is_empty() || host.starts_with(':') || !rest.bytes().all(clean) {
            return Err(EndpointError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
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

#[cfg(test)]
mod tests;
