//! SOPS files that are the entries of a v1 Secret, which kustomize-controller opens in its second pass
//! (`internal/decryptor/decryptor.go`): under `data` in base64, and, beyond it, under `stringData` as they are.

use std::collections::BTreeMap;

use afterbay_manifest::{DataKeys, KeyPath, KeyRequest, Place, SecretBytes, Segment, TreePath};
use afterbay_sops::{Format, OpenPolicy, OpenedFile, OpenedPart, SealedFile, SopsErrors};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::leftover;
use crate::overlay::values_of;

/// The sealed entries of a build, by the index of the object and the key path.
#[derive(Debug, Default)]
pub(crate) struct NestedFiles(BTreeMap<(usize, KeyPath), Result<SealedFile, SopsErrors>>);

/// What an entry opened to. Holds plaintext.
pub(crate) struct OpenedEntry {
    /// What goes in its place: base64 under `data`.
    pub(crate) value: String,
    /// Everything that must not be repeated: the whole file and each value in it.
    pub(crate) values: Vec<SecretBytes>,
    /// What was opened, and what became of the MACs.
    pub(crate) parts: Vec<OpenedPart>,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

/// Why an entry did not open.
pub(crate) enum EntryFailure {
    /// The file in it cannot be read or opened.
    Sops(SopsErrors),
    /// It opened to bytes that `stringData` cannot hold.
    NotText,
}

impl NestedFiles {
    /// Looks into an entry. True if there is a SOPS file in it; what is wrong with the file is said when it is opened.
    pub(crate) fn find(&mut self, object: usize, path: &KeyPath, text: &str) -> bool {
        let Some(entry) = Entry::at(path) else {
            return false;
        };
        let Some(bytes) = entry.bytes(text) else {
            return false;
        };
        // A file that is opened has tokens; without them there is nothing to open, whatever it looks like.
        let Some(format) = Format::of_content(&bytes).filter(|_| contains_token(&bytes)) else {
            return false;
        };
        let found = match SealedFile::detect(&entry.file(), &bytes, format) {
            Ok(None) => return false,
            Ok(Some(sealed)) => Ok(sealed),
            Err(errors) => Err(errors),
        };
        self.0.insert((object, path.clone()), found);
        true
    }

    /// What must be unwrapped before the entry is opened.
    pub(crate) fn key_requests(&self, object: usize, path: &KeyPath, subject: &str) -> Vec<KeyRequest> {
        let found = self.0.get(&(object, path.clone()));
        let requests = found
            .iter()
            .filter_map(|found| found.as_ref().ok())
            .flat_map(SealedFile::key_requests);
        requests
            .map(|request| KeyRequest {
                subject: subject.to_owned(),
                ..request.clone()
            })
            .collect()
    }

    /// Opens an entry; `None` if there is no SOPS file in it.
    pub(crate) fn open(
        &self,
        object: usize,
        path: &KeyPath,
        keys: &DataKeys,
        policy: OpenPolicy,
    ) -> Option<Result<OpenedEntry, EntryFailure>> {
        let found = self.0.get(&(object, path.clone()))?;
        let entry = Entry::at(path)?;
        Some(match found {
            Ok(sealed) => entry.open(sealed, keys, policy),
            Err(errors) => Err(EntryFailure::Sops(errors.clone())),
        })
    }
}

/// An entry of a Secret.
#[derive(Clone, Copy)]
struct Entry<'a> {
    key: &'a str,
    is_base64: bool,
}

impl<'a> Entry<'a> {
    fn at(path: &'a KeyPath) -> Option<Self> {
        let [Segment::Key(field), Segment::Key(key)] = path.segments() else {
            return None;
        };
        let is_base64 = match &**field {
            "data" => true,
            "stringData" => false,
            _ => return None,
        };
        Some(Self { key, is_base64 })
    }

    fn bytes(self, text: &str) -> Option<Vec<u8>> {
        if self.is_base64 {
            leftover::decode_data(text)
        } else {
            Some(text.as_bytes().to_vec())
        }
    }

    /// The entry as a file, which is how messages name places in it.
    fn file(self) -> TreePath {
        TreePath::parse(self.key).unwrap_or_default()
    }

    /// The store that readers of the entry expect, by its key; `None` where the key does not tell.
    fn expected(self) -> Option<Format> {
        if self.key.ends_with(".dockerconfigjson") {
            return Some(Format::Json);
        }
        Format::of_path(&self.file())
    }

    fn open(
        self,
        sealed: &SealedFile,
        keys: &DataKeys,
        policy: OpenPolicy,
    ) -> Result<OpenedEntry, EntryFailure> {
        let opened = sealed.clone().open(keys, policy).map_err(EntryFailure::Sops)?;
        let converted = match self.expected() {
            Some(format) if format != sealed.format() => {
                Some(opened.emit(format).map_err(EntryFailure::Sops)?)
            }
            _ => None,
        };
        let mut values: Vec<SecretBytes> = opened.documents.iter().flat_map(values_of).collect();
        let OpenedFile {
            text,
            parts,
            warnings,
            ..
        } = opened;
        let text = converted.unwrap_or(text);
        let value = if self.is_base64 {
            BASE64_STANDARD.encode(text.expose_bytes())
        } else {
            let text = str::from_utf8(text.expose_bytes()).map_err(|_| EntryFailure::NotText)?;
            text.to_owned()
        };
        values.push(text);
        Ok(OpenedEntry {
            value,
            values,
            parts,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }
}

fn contains_token(bytes: &[u8]) -> bool {
    afterbay_sops::contains_token(&String::from_utf8_lossy(bytes))
}

/// The errors of a file in an entry, each on a line of its own below the entry.
pub(crate) fn below(errors: &SopsErrors) -> String {
    errors.to_string().replace('\n', "\n  ")
}

/// The place of an entry, for what is said about the file in it.
pub(crate) fn warning(place: &Place, path: &KeyPath, text: &str) -> afterbay_manifest::Warning {
    afterbay_manifest::Warning {
        place: Some(place.clone()),
        message: format!("{path}: {text}"),
    }
}
