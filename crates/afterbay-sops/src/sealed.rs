//! A sealed file: found by its metadata, opened with its data keys.

use afterbay_manifest::{DataKeys, KeyRequest, Place, Provenance, SecretBytes, TreePath, Warning, yaml};

use crate::{Format, SopsErrors};

/// What to do about the MAC of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MacPolicy {
    /// A MAC that is missing or does not match is an error, as in `sops decrypt`.
    #[default]
    Require,
    /// It is checked, and a failure becomes a warning.
    Warn,
    /// It is not looked at, as with `sops decrypt --ignore-mac`.
    Off,
}

/// What became of the MAC of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MacOutcome {
    /// It belongs to the values.
    Verified,
    /// It does not belong to the values.
    Mismatch,
    /// There is none.
    Missing,
    /// It could not be opened.
    Unreadable,
    /// It was not looked at.
    Off,
}

/// A file with SOPS metadata, not yet opened. Holds no plaintext of encrypted values.
#[derive(Debug)]
pub struct SealedFile {
    file: TreePath,
    format: Format,
    parts: Vec<Part>,
}

/// What one `sops` block says.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where the block stands.
    pub place: Place,
    /// Index of the YAML document that holds it, from 0.
    pub document: usize,
    /// The wrapped data key: any one of the alternatives opens it.
    pub request: KeyRequest,
}

/// An opened file. Holds plaintext.
#[derive(Debug)]
pub struct OpenedFile {
    /// The documents without `sops` blocks. Every scalar of a sealed document is an
    /// [`yaml::ElementKind::Opened`] as SOPS reads it, plain ones with plain provenance.
    pub documents: Vec<yaml::Document>,
    /// What `sops decrypt` prints.
    pub text: SecretBytes,
    /// The union over the file, for consumers of `text`.
    pub provenance: Provenance,
    /// What was opened: one part, or one for each document that is a file of its own.
    pub parts: Vec<OpenedPart>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// The outcome for one part of an opened file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedPart {
    /// Index into [`SealedFile::parts`].
    pub part: usize,
    /// Indexes of the documents that it covers.
    pub documents: Vec<usize>,
    /// What became of its MAC.
    pub mac: MacOutcome,
    /// Number of encrypted values opened, comments not counted.
    pub encrypted: usize,
}

impl SealedFile {
    /// Reads a file; `None` if it has no SOPS metadata.
    pub fn detect(file: &TreePath, bytes: &[u8], format: Format) -> Result<Option<Self>, SopsErrors> {
        let _ = (file, bytes, format);
        Ok(None)
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

    /// Opens every encrypted value and checks the MAC.
    ///
    /// `keys` holds what became of [`SealedFile::key_requests`]. Every value that cannot be opened is
    /// reported, not only the first.
    pub fn open(&self, keys: &DataKeys, policy: MacPolicy) -> Result<OpenedFile, SopsErrors> {
        let _ = (keys, policy);
        Err(SopsErrors {
            file: self.file.clone(),
            errors: Vec::new(),
            more: 0,
        })
    }
}
