//! Wrapped data keys in, open data keys out.
//!
//! ```text
//! KeyOptions ──► KeyRing ── unwrap_all(Vec<KeyRequest>) ──► DataKeys
//!                   │  age identities   ─┐
//!                   │  RSA private keys  ├─ each read once, when the first key asks for it
//!                   │  AWS KMS clients  ─┘
//!                   └─ notes() ──► what the report says about the keys used
//! ```
//!
//! The only crate that links cloud SDKs. What a file names (an ARN, a role, a profile) is input from a
//! stranger: it is checked against its grammar before anything is sent anywhere. No failure stops the
//! others, and each is kept with its key.

mod environment;
mod identities;
mod key_file;
mod kms;
mod note;
mod options;
mod outside_text;
mod pkcs7;
mod ring;

pub use environment::{KeyEnvironment, Platform};
pub use note::KeyNote;
pub use options::{
    Allow, AwsCredentials, Endpoint, EndpointError, FixedCredentials, KeyOptions, KmsLimits, KmsOptions,
    RsaKeySource,
};
pub use ring::KeyRing;
