//! Wrapped data keys in, open data keys out.
//!
//! ```text
//! KeyOptions ──► KeyRing ── unwrap_all(Vec<KeyRequest>) ──► DataKeys
//!                   │  age identities   ─┐
//!                   │  OpenPGP keys      │
//!                   │  RSA private keys  ├─ each read once, when the first key asks for it
//!                   │  AWS KMS clients   │   (DataKeyCache: what was opened before)
//!                   │  GCP, Azure, Vault ─┘
//!                   ├─ notes() ──► what the report says about the keys used
//!                   └─ metrics() ──► calls made and saved
//! ```
//!
//! The only crate that links cloud SDKs. What a file names (an ARN, a role, a profile, a URL) is input from a
//! stranger: it is checked against its grammar before anything is sent anywhere. No failure stops the
//! others, and each is kept with its key.

mod azure;
mod cache;
mod environment;
mod gcp;
mod guarded;
mod identities;
mod key_file;
mod kms;
mod note;
mod options;
mod order;
mod outside_text;
mod pace;
mod pgp;
mod pkcs7;
mod ring;
mod vault;

pub use azure::AzureIdentityError;
pub use cache::{CacheLimits, CacheMetrics, DataKeyCache};
pub use environment::{CloudEnvironment, KeyEnvironment, Platform};
pub use note::KeyNote;
pub use options::{
    AgeOptions, Allow, AwsCredentials, AzureCredentials, AzureIdentity, AzureOptions, AzureProof, Endpoint,
    EndpointError, FixedCredentials, GcpCredentials, GcpOptions, KeyOptions, KmsLimits, KmsOptions,
    SecretSource, VaultCredentials, VaultOptions,
};
pub use order::{DecryptionOrder, DuplicateKind};
pub use pace::Rate;
pub use pgp::PgpOptions;
pub use ring::{KeyMetrics, KeyRing, OnUnwrapped};
