//! The SOPS file format, without IO: YAML and JSON files encrypted value by value under one data key.
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

mod cipher;
mod error;
mod format;
mod gcm;
mod json;
mod load;
mod mac;
mod metadata;
mod number;
mod open;
mod pattern;
mod rules;
mod sealed;
mod timestamp;
mod token;

pub use error::{SopsError, SopsErrors, TokenProblem};
pub use format::Format;
pub use mac::MacScope;
pub use metadata::Metadata;
pub use pattern::Pattern;
pub use rules::SelectionRule;
pub use sealed::{MacOutcome, MacPolicy, OpenedFile, OpenedPart, Part, SealedFile};
pub use token::{contains_token, find_tokens};
