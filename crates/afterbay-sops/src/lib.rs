//! The SOPS file format, without IO: YAML, JSON, dotenv, INI and binary files encrypted value by value under one
//! data key.
//!
//! ```text
//! bytes ──detect──► SealedFile { parts: Metadata + KeyRequest } ──open(DataKeys, MacPolicy)──► OpenedFile
//!                        │                                                                │
//!                 ask any key service for                          documents with provenance per leaf,
//!                 the wrapped data keys                            the text `sops decrypt` prints, MAC outcome
//! ```
//!
//! What the real tool does decides (sops 3.13.3); where this crate refuses more, it says so at the
//! place. Nothing here prints a value: errors name file, line and key path.
//!
//! ```
//! use afterbay_manifest::{DataKeys, TreePath};
//! use afterbay_sops::{Format, MacPolicy, SealedFile, SopsErrors};
//!
//! fn decrypt(path: &TreePath, bytes: &[u8], keys: &DataKeys) -> Result<Option<Vec<u8>>, SopsErrors> {
//!     let Some(sealed) = SealedFile::find(path, Format::of_path(path), bytes)? else { return Ok(None) };
//!     // `sealed.key_requests()` says which keys to unwrap first.
//!     let opened = sealed.open(keys, MacPolicy::Require)?;
//!     Ok(Some(opened.text.expose_bytes().to_vec()))
//! }
//! ```

mod cipher;
mod dotenv;
mod emit;
mod error;
mod extract;
mod flat;
mod format;
mod gcm;
mod ini;
mod integrity;
mod json;
mod load;
mod mac;
mod metadata;
mod number;
mod open;
mod pattern;
mod rules;
mod sealed;
mod shamir;
mod store;
mod timestamp;
mod token;

pub use error::{SopsError, SopsErrors, TokenProblem};
pub use extract::{ExtractError, ExtractPath, ExtractPathError};
pub use format::Format;
pub use integrity::{IntegrityPolicy, OpenPolicy, StrictFinding};
pub use mac::MacScope;
pub use metadata::Metadata;
pub use pattern::Pattern;
pub use rules::SelectionRule;
pub use sealed::{MacOutcome, MacPolicy, OpenedFile, OpenedPart, Part, SealedFile};
pub use shamir::SharesProblem;
pub use token::{contains_token, find_tokens};
