//! Wrapped data keys in, open data keys out.
//!
//! ```text
//! KeyOptions ──► KeyRing ── unwrap_all(Vec<KeyRequest>) ──► DataKeys
//!                   │  age identities   ─┐
//!                   │  RSA private keys  ├─ each read once, when the first key asks for it
//!                   │  AWS KMS clients  ─┘   (DataKeyCache: what was opened before)
//!                   ├─ notes() ──► what the report says about the keys used
//!                   └─ metrics() ──► calls made and saved
//! ```
//!
//! The only crate that links cloud SDKs. What a file names (an ARN, a role, a profile) is input from a
//! stranger: it is checked against its grammar before anything is sent anywhere. No failure stops the
//! others, and each is kept with its key.

mod cache;
mod environment;
mod identities;
mod key_file;
mod kms;
mod note;
mod options;
mod order;
mod outside_text;
mod pace;
mod pkcs7;
mod ring;

pub use cache::{CacheLimits, CacheMetrics, DataKeyCache};
pub use environment::{KeyEnvironment, Platform};
pub use note::KeyNote;
pub use options::{
    Allow, AwsCredentials, Endpoint, EndpointError, FixedCredentials, KeyOptions, KmsLimits, KmsOptions,
    RsaKeySource,
};
pub use order::{DecryptionOrder, DuplicateKind};
pub use pace::Rate;
pub use ring::{KeyMetrics, KeyRing};
