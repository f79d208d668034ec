//! What can be wrong with a sealed file, all of it at once, and never with a value in the text.

use std::fmt::{self, Write as _};

use afterbay_manifest::{KeyFailure, KeyPath, Place, TreePath};
use thiserror::Error;

use crate::emit::Refused;
use crate::{Format, SharesProblem, StrictFinding, find_tokens};

/// How many errors of one file are kept; the rest is counted.
const KEPT: usize = 20;

/// One thing that is wrong with a sealed file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SopsError {
    /// The text is not of its store, or holds what SOPS's store refuses.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What, without any value.
        message: String,
    },
    /// The `sops` block cannot be used.
    #[error("{place}: sops metadata: {message}")]
    Metadata {
        /// The field, or the block.
        place: Place,
        /// What, and what to do.
        message: String,
    },
    /// Git left both sides of a merge in the file.
    #[error(
        "{place}: a conflict marker of Git (`<<<<<<<`): the merge of this file was not finished, and the values of both \
         sides together have no mac that holds; take one side as a whole (`git checkout --ours FILE` or `--theirs`), and \
         make the changes of the other again with `sops edit`"
    )]
    Conflict {
        /// The marker.
        place: Place,
    },
    /// Two selection rules; which values are encrypted cannot be told.
    #[error(
        "{place}: sops metadata has both `{first}` (line {first_line}) and `{second}` (line {second_line}); \
         sops allows one selection rule per file, remove all but the one it was encrypted with"
    )]
    TwoRules {
        /// The block.
        place: Place,
        /// The first rule.
        first: &'static str,
        /// Its line.
        first_line: u32,
        /// The second rule.
        second: &'static str,
        /// Its line.
        second_line: u32,
    },
    /// The data key is split over several key groups, and too few of them opened.
    #[error(
        "{place}: its data key is split over {groups} key groups, of which {needed} must open, and {opened} did{}",
        tried(failures)
    )]
    TooFewShares {
        /// The block.
        place: Place,
        /// How many groups.
        groups: usize,
        /// How many of them are needed.
        needed: usize,
        /// How many opened.
        opened: usize,
        /// Each key that did not open, and why.
        failures: Vec<KeyFailure>,
    },
    /// The shares of the data key do not fit together.
    #[error(
        "{place}: the shares of its data key do not make one: {problem}; restore the block that sops wrote"
    )]
    Shares {
        /// The block.
        place: Place,
        /// What is wrong.
        problem: SharesProblem,
    },
    /// A value cannot be opened.
    #[error("{place}: {path}: {problem}")]
    Value {
        /// Where the value stands.
        place: Place,
        /// Its key path.
        path: KeyPath,
        /// What is wrong.
        problem: TokenProblem,
    },
    /// A key of a map is not text.
    #[error(
        "{place}: {path}: a map key is not text but of the kind {found}; sops supports only text keys, put it in quotes"
    )]
    KeyNotText {
        /// Where the key stands.
        place: Place,
        /// The map.
        path: KeyPath,
        /// What it is instead.
        found: &'static str,
    },
    /// None of the keys in the metadata opened.
    #[error(
        "{place}: none of the keys in its sops metadata could be used{}",
        tried(failures)
    )]
    NoDataKey {
        /// The block.
        place: Place,
        /// Each key and why it did not open; empty when none was tried.
        failures: Vec<KeyFailure>,
    },
    /// The data key is there, and opens no value at all.
    #[error(
        "{place}: none of its {values} encrypted values opens with the data key: the `sops` block belongs to another \
         file, or all values were altered, moved or had their keys renamed; restore the file"
    )]
    WrongKey {
        /// The file.
        place: Place,
        /// How many values were tried.
        values: usize,
    },
    /// What a key service returned is no AES-256 key.
    #[error("{place}: the data key of {key} has {length} bytes where AES-256 takes 32; its entry is damaged")]
    DataKeyLength {
        /// The block.
        place: Place,
        /// The key that it was wrapped with.
        key: String,
        /// Bytes in the key.
        length: usize,
    },
    /// The metadata has no MAC.
    #[error(
        "{place}: sops metadata has no mac, so nothing shows that the file was not altered; \
         encrypt it again with sops, or let it pass with --mac warn"
    )]
    MacMissing {
        /// The block.
        place: Place,
    },
    /// The MAC itself cannot be opened.
    #[error("{place}: the mac of the sops metadata (or its lastmodified) was altered: {problem}")]
    MacUnreadable {
        /// The `mac` field.
        place: Place,
        /// What is wrong with it.
        problem: TokenProblem,
    },
    /// The MAC does not belong to the values.
    #[error(
        "{place}: the mac does not match the values: after sops wrote the file ({written}) {}",
        changed(plain, *more_plain)
    )]
    MacMismatch {
        /// The `mac` field.
        place: Place,
        /// When sops wrote the file, as it says itself.
        written: String,
        /// The first of the plain values that the MAC covers.
        plain: Vec<KeyPath>,
        /// How many more of them there are.
        more_plain: usize,
    },
    /// The file shows an alteration, or another writer than SOPS, where its MAC does not.
    #[error("{place}: {}{finding}; refused by --integrity strict", at(path))]
    NotStrict {
        /// Where.
        place: Place,
        /// The key path; the root for the file.
        path: KeyPath,
        /// What was found.
        finding: StrictFinding,
    },
    /// Something that a store cannot write, such as infinity in JSON or a list in dotenv.
    #[error("{place}: {}cannot be written as {format}: {message}", at(path))]
    NotWritable {
        /// The value, or the file.
        place: Place,
        /// Its key path; the root for the file.
        path: KeyPath,
        /// The name of the store.
        format: &'static str,
        /// Why, without any value.
        message: String,
    },
    /// Ciphertext in a file that has no `sops` block.
    #[error(
        "{place}: holds `ENC[AES256_GCM` but no sops metadata, so no key can be found for it; \
         restore the `sops` block"
    )]
    TokenWithoutMetadata {
        /// Where the token starts.
        place: Place,
    },
}

/// What is wrong with one encrypted value. Holds nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenProblem {
    /// Plain text where ciphertext is due.
    #[error(
        "plain text where the selection rule wants an encrypted value; it was never encrypted, or replaced"
    )]
    PlainText,
    /// A plain value that is not text where ciphertext is due.
    #[error(
        "a plain {found} where the selection rule wants an encrypted value; it was never encrypted, or replaced"
    )]
    PlainValue {
        /// What it is.
        found: &'static str,
    },
    /// Starts as a token and does not go on as one.
    #[error("starts with ENC[AES256_GCM and is not a whole token; it is truncated or damaged")]
    Truncated,
    /// A part is not base64.
    #[error("the token's `{part}` is not base64; it is truncated or damaged")]
    Base64 {
        /// `data`, `iv` or `tag`.
        part: &'static str,
    },
    /// The nonce is empty.
    #[error("the token's `iv` is empty")]
    EmptyNonce,
    /// The type label is none of SOPS's. It is not shown: what follows a token up to a bracket belongs to it.
    #[error("unknown type label; known are str, int, float, bool, time and comment")]
    UnknownType,
    /// AES-GCM refused it.
    #[error(
        "AES-GCM refused it: the data key is the wrong one, or the value was altered, moved or its key renamed"
    )]
    Authentication,
    /// AES-GCM refused it, and not other values of the file, so the data key is the right one.
    #[error(
        "does not open, and others do: the value was altered or moved, or its key or one above was renamed"
    )]
    Altered,
    /// It opened, and is a comment.
    #[error("opened, but it is a comment where a value is due; its type label was altered")]
    CommentAsValue,
    /// It opened, and is not of its type.
    #[error("opened, but what it holds is no {label}; its type label was altered")]
    NotOfType {
        /// The label.
        label: &'static str,
    },
}

/// Everything that is wrong with one file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct SopsErrors {
    /// The file.
    pub file: TreePath,
    /// The errors in the order of the file, at most 20.
    pub errors: Vec<SopsError>,
    /// How many more there are.
    pub more: usize,
    /// Whether sops may read on where one of them stopped the reading.
    pub(crate) only_here: bool,
}

impl SopsErrors {
    /// What is wrong with a file that holds SOPS tokens and no metadata: each token is named. `None` if it
    /// holds none.
    pub fn stray_tokens(file: &TreePath, bytes: &[u8]) -> Option<Self> {
        let mut errors = ErrorList::new(file);
        for position in find_tokens(bytes) {
            errors.push(SopsError::TokenWithoutMetadata {
                place: Place::new(file.clone(), position),
            });
        }
        (!errors.is_empty()).then(|| errors.into_errors())
    }

    /// What a store cannot hold.
    pub(crate) fn not_writable(file: &TreePath, format: Format, refused: Vec<Refused>) -> Self {
        let mut errors = ErrorList::new(file);
        for refused in refused {
            errors.push(SopsError::NotWritable {
                place: Place::new(file.clone(), refused.position),
                path: refused.path,
                format: format.as_str(),
                message: refused.message,
            });
        }
        errors.into_errors()
    }
}

impl fmt::Display for SopsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more errors", self.file),
        }
    }
}

/// Collects the errors of a file, bounded.
pub(crate) struct ErrorList {
    file: TreePath,
    errors: Vec<SopsError>,
    more: usize,
    only_here: bool,
}

impl ErrorList {
    pub(crate) fn new(file: &TreePath) -> Self {
        Self {
            file: file.clone(),
            errors: Vec::new(),
            more: 0,
            only_here: false,
        }
    }

    /// An error of which it is not sure that sops stops at it as well.
    pub(crate) fn push_only_here(&mut self, error: SopsError) {
        self.only_here = true;
        self.push(error);
    }

    pub(crate) fn push(&mut self, error: SopsError) {
        if self.errors.len() < KEPT {
            self.errors.push(error);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn extend(&mut self, other: SopsErrors) {
        for error in other.errors {
            self.push(error);
        }
        self.more += other.more;
        self.only_here |= other.only_here;
    }

    /// Values have opened, so that it is not for the data key that others did not.
    pub(crate) fn key_is_right(&mut self) {
        for error in &mut self.errors {
            if let SopsError::Value { problem, .. } = error
                && *problem == TokenProblem::Authentication
            {
                *problem = TokenProblem::Altered;
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The value if nothing went wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, SopsErrors> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(self.into_errors())
        }
    }

    pub(crate) fn into_errors(self) -> SopsErrors {
        SopsErrors {
            file: self.file,
            errors: self.errors,
            more: self.more,
            only_here: self.only_here,
        }
    }
}

/// A key path in front of a message; nothing for the root.
pub(crate) fn at(path: &KeyPath) -> String {
    if path.segments().is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

/// What may have happened to the values of a file. Each encrypted one opened at its key, so none of them was altered.
fn changed(plain: &[KeyPath], more: usize) -> String {
    if plain.is_empty() {
        return "an encrypted value was added, removed, moved or emptied".to_owned();
    }
    let mut names: Vec<String> = plain.iter().map(ToString::to_string).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    format!(
        "a plain value was changed (it has {}), or a value was added, removed, moved or emptied",
        names.join(", ")
    )
}

/// The keys tried with their reasons, one a line.
fn tried(failures: &[KeyFailure]) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    for failure in failures {
        text.push_str("\n  ");
        text.push_str(&failure.key);
        for attempt in &failure.attempts {
            let _ = write!(text, "\n    {}: {}", attempt.with, attempt.reason);
            if let Some(hint) = &attempt.hint {
                let _ = write!(text, "\n      hint: {hint}");
            }
        }
    }
    text
}
