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
//! What the real tool does decides (sops 3.13.3). Nothing here prints a value: errors name file, line and key path.
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
//!
//! # Where this differs from sops 3.13.3
//!
//! Opened here and refused there:
//! - streams of files that were sealed one by one, beside plain documents or not ([`SealedFile`]);
//! - an encrypted comment in a list under a rule that goes by comments, if the MAC holds in that reading;
//! - a file without `version`, or with one that is no semantic version: the library of sops does not ask either.
//!
//! Refused here and opened there:
//! - in a later document of a YAML stream a key that stands twice, `<<` with anything but maps, and a scalar that does
//!   not fit its tag;
//! - a value whose label says that it is a comment, and a comment whose label says that it is a number: sops prints its
//!   own structure in their place, or stops;
//! - text that is not UTF-8 in JSON, in keys, and in comments;
//! - JSON that ends behind a colon of the outermost object, and nesting deeper than 512 levels;
//! - floats in hexadecimal, and times with a comma, which no release ever wrote;
//! - `--extract` with an index into a map or of a comment, of which sops prints its own structure;
//! - YAML with a sealed comment that holds a character YAML cannot: what sops writes then is read by nothing, sops included.
//!
//! Read otherwise: an encrypted comment opens although its indentation made it one of an inner container. Below 3.3.0, every key with a broken AWS KMS context is tried with the contexts of that time, not the
//! first alone, nothing is encrypted anew, and no notice goes to standard output. Of key groups no more are asked for
//! than the threshold says. Printed otherwise: YAML texts that sops cannot read back (one of several lines that starts with
//! a tab or, in a list, with a line break; U+2028 and U+2029), comments with other line breaks than `\n`, and comments that
//! make the INI library panic.
//!
//! # Where releases of sops differ
//!
//! - INI: 3.13.0 and 3.13.1 leave the line breaks in the metadata to the library, all others escape them; both are read.
//! - Comments: 3.13.2 cannot open comments in lists; below 3.13.0 inline comments move above the line. Here they stay.
//! - JSON: below 3.13.2 integers beyond 2^53 lose digits, on sealing already. Here they are kept.
//! - Metadata: old releases wrote empty lists and numbers as text; both are read. The label `bytes` of the first
//!   releases makes sops panic, and is refused here.

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
