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

mod error;
mod format;
mod sealed;
mod token;

pub use error::{SopsError, SopsErrors, TokenProblem};
pub use format::Format;
pub use sealed::{MacOutcome, MacPolicy, OpenedFile, OpenedPart, Part, SealedFile};
pub use token::{contains_token, find_tokens};
