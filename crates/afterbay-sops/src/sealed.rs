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
//! first cannot be decided, because the data key of the first document is missing.

mod opened;

use afterbay_manifest::yaml::{self, Document, Pair};
use afterbay_manifest::{KeyRequest, Place, TreePath};

use crate::error::ErrorList;
use crate::load::load;
use crate::metadata::{self, Metadata};
use crate::token::{contains_mark, may_be_sealed};
use crate::{Format, SopsError, SopsErrors, json};

pub use opened::{MacOutcome, MacPolicy, OpenedFile, OpenedPart};

/// A file with SOPS metadata, not yet opened. Holds no plaintext of encrypted values.
#[derive(Debug)]
pub struct SealedFile {
    file: TreePath,
    format: Format,
    documents: Vec<Document>,
    parts: Vec<Part>,
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
    /// A plain file costs a search and no parse. A file that is not even YAML or JSON is an error only if it
    /// holds SOPS tokens: other files are for others to judge. Use [`crate::find_tokens`] to tell whether a
    /// file without metadata holds tokens all the same.
    pub fn detect(file: &TreePath, bytes: &[u8], format: Format) -> Result<Option<Self>, SopsErrors> {
        if !may_be_sealed(bytes) {
            return Ok(None);
        }
        let mut documents = match read(file, bytes, format) {
            Ok(documents) => documents,
            Err(_) if !contains_mark(bytes) => return Ok(None),
            Err(errors) => return Err(errors),
        };
        let single = documents.len() == 1;
        let mut errors = ErrorList::new(file);
        let mut parts: Vec<Part> = Vec::new();
        for document in &mut documents {
            if !metadata::blocks(document).any(metadata::is_metadata) {
                continue;
            }
            if format == Format::Yaml {
                *document = load(file, document, &mut errors);
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
        }))
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

fn read(file: &TreePath, bytes: &[u8], format: Format) -> Result<Vec<Document>, SopsErrors> {
    let mut errors = ErrorList::new(file);
    let mut refuse = |position, message| {
        errors.push(SopsError::Syntax {
            place: Place::new(file.clone(), position),
            message,
        });
    };
    match format {
        Format::Json => match json::parse(bytes) {
            Ok(document) => return Ok(vec![document]),
            Err(error) => refuse(error.position, error.message),
        },
        Format::Yaml => match yaml::parse(bytes) {
            Ok(documents) => return Ok(documents),
            Err(yaml) => yaml
                .0
                .into_iter()
                .for_each(|error| refuse(error.position, error.message)),
        },
    }
    Err(errors.into_errors())
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
    let (metadata, keys) = metadata::read(file, block, errors)?;
    let subject = if single {
        file.to_string()
    } else {
        format!("{file} (document {})", document.index + 1)
    };
    Some(Part {
        place: Place::new(file.clone(), block.position),
        documents: vec![document.index],
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
