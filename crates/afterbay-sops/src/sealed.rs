//! A sealed file: found by its metadata, opened with its data keys.
//!
//! # Streams of YAML documents
//!
//! SOPS reads a stream as one file: the `sops` block of the first document holds for all documents, the MAC
//! is over all of them, and the `sops` entries of later documents, into which it writes copies of the block,
//! are dropped unread. People also join files that were encrypted one by one, which SOPS refuses. The order
//! of attempts is fixed:
//!
//! 1. If the first document has a block, the stream is read as SOPS reads it. If that succeeds under the
//!    given [`MacPolicy`] (with [`MacPolicy::Off`] and [`MacPolicy::Warn`] the MAC does not decide, as with
//!    `sops decrypt --ignore-mac`), it is the result, whatever later documents hold.
//! 2. Otherwise, if there are several different blocks, or the only one is not in the first document, every
//!    [`Part`] is a file of its own, with its own data key and its own MAC: a document with a block, or
//!    several in a row with copies of the same one. The documents without a block are plain.
//!
//! So a stream that SOPS accepts is never read differently. The second reading is not tried as long as the
//! first cannot be decided: because the data key of the first document is missing, or because what stopped it
//! here would not stop SOPS, such as a key that stands twice in a later document.
//!
//! # Comments in lists
//!
//! Under the rules that go by comments SOPS cannot open what it sealed itself where a comment in a list is
//! encrypted: it no longer sees that it is a comment. If that reading fails, the one that sees it is tried, and
//! counts only with a verified MAC.

mod opened;
mod strict;

use afterbay_manifest::yaml::{Document, Element, Pair};
use afterbay_manifest::{KeyRequest, Place, Position, TreePath};

use crate::error::ErrorList;
use crate::integrity::Found;
use crate::load::load;
use crate::metadata::{self, Metadata};
use crate::store::{Stored, read};
use crate::token::{contains_mark, may_be_sealed};
use crate::{Format, SopsError, SopsErrors};

pub use opened::{MacOutcome, MacPolicy, OpenedFile, OpenedPart};

/// A file with SOPS metadata, not yet opened. Holds no plaintext of encrypted values.
#[derive(Debug, Clone)]
pub struct SealedFile {
    file: TreePath,
    format: Format,
    documents: Vec<Document>,
    parts: Vec<Part>,
    /// What is not as SOPS writes it, as far as reading showed it.
    found: Vec<Found>,
    /// The block of dotenv, which is no entry of the document.
    block: Option<Element>,
}

/// What one `sops` block says.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where the block stands first.
    pub place: Place,
    /// Indexes, from 0, of the YAML documents in a row that hold it or a copy of it; never empty.
    pub documents: Vec<usize>,
    /// The wrapped data key, or the groups of keys that its shares are wrapped with.
    pub request: KeyRequest,
    /// What else the block says.
    pub metadata: Metadata,
}

impl SealedFile {
    /// Reads a file; `None` if it has no SOPS metadata.
    ///
    /// A plain file costs a search and no parse. A file that is not even of its store is an error only if it
    /// holds SOPS tokens: other files are for others to judge. Use [`crate::find_tokens`] to tell whether a
    /// file without metadata holds tokens all the same.
    pub fn detect(file: &TreePath, bytes: &[u8], format: Format) -> Result<Option<Self>, SopsErrors> {
        if !may_be_sealed(bytes) {
            return Ok(None);
        }
        Self::read(file, bytes, format).map_err(|errors| conflicts(file, bytes).unwrap_or(errors))
    }

    fn read(file: &TreePath, bytes: &[u8], format: Format) -> Result<Option<Self>, SopsErrors> {
        let Stored {
            mut documents,
            block,
            found,
        } = match read(file, bytes, format) {
            Ok(read) => read,
            Err(_) if !contains_mark(bytes) => return Ok(None),
            Err(errors) => return Err(errors),
        };
        let single = documents.len() == 1;
        let mut errors = ErrorList::new(file);
        let mut parts: Vec<Part> = Vec::new();
        let block = block.transpose().unwrap_or_else(|error| {
            errors.push(SopsError::Metadata {
                place: Place::new(file.clone(), error.position),
                message: error.message,
            });
            None
        });
        if let Some(block) = &block {
            parts.extend(part_of(file, block, 0, single, &mut errors));
        }
        // Where the metadata is no entry, an entry of that name is a value.
        let entries = if format == Format::Dotenv {
            0
        } else {
            documents.len()
        };
        for document in documents.iter_mut().take(entries) {
            if !metadata::blocks(document).any(metadata::is_metadata) {
                continue;
            }
            if format == Format::Yaml {
                load(file, document, &mut errors);
            }
            if let Some(part) = part(file, document, single, &mut errors) {
                match parts.last_mut().filter(|last| last.continues_with(&part)) {
                    Some(last) => last.documents.extend(part.documents),
                    None => parts.push(part),
                }
            }
        }
        if parts.is_empty() && errors.is_empty() {
            return Ok(None);
        }
        errors.finish(Some(Self {
            file: file.clone(),
            format,
            documents,
            parts,
            found,
            block,
        }))
    }

    /// Reads a file whose store is to be found out: by its name, if that tells one, else by what is in it.
    ///
    /// `named` is what the name tells ([`Format::of_path`]). A name for YAML or JSON decides alone. Under any other a
    /// file of any store is found, and one that only looks like a sealed file is a plain one.
    pub fn find(file: &TreePath, named: Option<Format>, bytes: &[u8]) -> Result<Option<Self>, SopsErrors> {
        let found = match named {
            Some(format) => Self::detect(file, bytes, format),
            None => Ok(None),
        };
        if matches!(found, Ok(Some(_))) || matches!(named, Some(Format::Yaml | Format::Json)) {
            return found;
        }
        let Some(other) = Format::of_content(bytes).filter(|format| Some(*format) != named) else {
            return found;
        };
        match Self::detect(file, bytes, other) {
            Err(errors)
                if errors
                    .errors
                    .iter()
                    .any(|error| matches!(error, SopsError::Syntax { .. } | SopsError::Conflict { .. })) =>
            {
                found
            }
            other => other,
        }
    }

    /// The file.
    pub fn file(&self) -> &TreePath {
        &self.file
    }

    /// Its store.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its `sops` blocks, in document order; never empty.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What must be unwrapped before [`SealedFile::open`].
    pub fn key_requests(&self) -> impl Iterator<Item = &KeyRequest> {
        self.parts.iter().map(|part| &part.request)
    }
}

impl Part {
    /// Whether the next document holds a copy of this block. Two blocks written by themselves never have
    /// the same MAC, because its nonce is random.
    fn continues_with(&self, next: &Self) -> bool {
        self.documents.last().map(|last| last + 1) == next.documents.first().copied()
            && !self.metadata.mac.is_empty()
            && self.metadata.mac == next.metadata.mac
            && self.request.groups == next.request.groups
    }
}

/// The places where Git left both sides of a merge in a file; `None` if it has none.
fn conflicts(file: &TreePath, bytes: &[u8]) -> Option<SopsErrors> {
    const MARKER: &[u8] = b"<<<<<<< ";
    let mut errors = ErrorList::new(file);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.starts_with(MARKER) {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let place = Place::new(file.clone(), Position::new(number, 1));
            errors.push(SopsError::Conflict { place });
        }
    }
    (!errors.is_empty()).then(|| errors.into_errors())
}

/// Reads the block of a loaded document.
fn part(file: &TreePath, document: &Document, single: bool, errors: &mut ErrorList) -> Option<Part> {
    let mut blocks = metadata::blocks(document);
    let block = blocks.next()?;
    if let Some(second) = blocks.next() {
        let place = Place::new(file.clone(), second.position);
        let message =
            "a second `sops` entry in the same document; remove the one that sops did not write".to_owned();
        errors.push(SopsError::Metadata { place, message });
        return None;
    }
    part_of(file, block, document.index, single, errors)
}

fn part_of(
    file: &TreePath,
    block: &Element,
    document: usize,
    single: bool,
    errors: &mut ErrorList,
) -> Option<Part> {
    let (metadata, keys) = metadata::read(file, block, errors)?;
    let subject = if single {
        file.to_string()
    } else {
        format!("{file} (document {})", document + 1)
    };
    Some(Part {
        place: Place::new(file.clone(), block.position),
        documents: vec![document],
        request: KeyRequest {
            subject,
            groups: keys.groups,
            needed: keys.needed,
        },
        metadata,
    })
}

/// Whether a pair is the `sops` entry.
fn is_block(pair: &Pair) -> bool {
    matches!(pair, Pair::Entry { key, .. } if metadata::is_block_key(key))
}

#[cfg(test)]
mod tests;
