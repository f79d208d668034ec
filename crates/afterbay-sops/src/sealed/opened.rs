//! Opening: the readings of a stream in their order, the MAC, the text.

use afterbay_manifest::yaml::{self, Document, Element, ElementKind};
use afterbay_manifest::{
    DataKey, DataKeys, Integrity, KeyFailure, KeyPath, KeyRequest, Place, Position, Provenance, Scalar,
    Sealed, SecretBytes, TreePath, Warning,
};

use super::strict::other_blocks;
use super::{Part, SealedFile, is_block};
use crate::cipher::{Cipher, Opened, Plain};
use crate::emit::emit;
use crate::error::ErrorList;
use crate::integrity::Found;
use crate::load::load;
use crate::open::{ListComments, Opening, Walked};
use crate::{Format, IntegrityPolicy, OpenPolicy, SopsError, SopsErrors, shamir};

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

/// An opened file. Holds plaintext.
#[derive(Debug)]
pub struct OpenedFile {
    /// The file.
    pub file: TreePath,
    /// Its store.
    pub format: Format,
    /// The documents without `sops` blocks: one, unless it is a YAML stream. INI is a map of maps, binary a map with the
    /// one key `data`. Every scalar of a sealed document is an
    /// [`yaml::ElementKind::Opened`] as SOPS reads it, the plain ones with plain provenance.
    pub documents: Vec<Document>,
    /// Its `sops` blocks, which [`OpenedPart::part`] counts; never empty.
    pub blocks: Vec<Part>,
    /// What `sops decrypt` prints.
    pub text: SecretBytes,
    /// Where `text` comes from: each sealed document as a whole.
    pub provenance: Provenance,
    /// What was opened: one part, or one for each document that is a file of its own.
    pub parts: Vec<OpenedPart>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// The outcome for one part of an opened file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedPart {
    /// Index into [`OpenedFile::blocks`].
    pub part: usize,
    /// Indexes of the documents that it covers.
    pub documents: Vec<usize>,
    /// What became of its MAC.
    pub mac: MacOutcome,
    /// Number of encrypted values opened, comments not counted.
    pub encrypted: usize,
}

impl OpenedFile {
    /// Number of encrypted values opened.
    pub fn encrypted(&self) -> usize {
        self.parts.iter().map(|part| part.encrypted).sum()
    }
}

/// One way to read the file.
struct Reading {
    documents: Vec<Document>,
    parts: Vec<OpenedPart>,
    warnings: Vec<Warning>,
    /// What is not as SOPS writes it.
    found: Vec<Found>,
}

impl SealedFile {
    /// Opens every encrypted value and checks the MAC, and what else the policy asks for; a [`MacPolicy`] alone is a
    /// policy too.
    ///
    /// `keys` holds what became of [`SealedFile::key_requests`]. Every value that cannot be opened is
    /// reported, not only the first. What is sealed makes room for what is opened, so a large file is in memory once.
    pub fn open(mut self, keys: &DataKeys, policy: impl Into<OpenPolicy>) -> Result<OpenedFile, SopsErrors> {
        let OpenPolicy {
            mac: policy,
            integrity,
        } = policy.into();
        let strict = (integrity == IntegrityPolicy::Strict).then(|| self.findings());
        let documents = std::mem::take(&mut self.documents);
        let reading = self.read_as_sops(documents, keys, policy)?;
        if let Some(found) = strict {
            self.refuse(found, &reading.found)?;
        }
        self.finish(reading)
    }

    /// As a stream, and only where SOPS refuses that as files.
    fn read_as_sops(
        &self,
        documents: Vec<Document>,
        keys: &DataKeys,
        policy: MacPolicy,
    ) -> Result<Reading, SopsErrors> {
        let ciphers: Vec<Result<Cipher, SopsError>> =
            self.parts.iter().map(|part| cipher(part, keys)).collect();
        match (self.parts.as_slice(), ciphers.as_slice()) {
            ([only], [Ok(cipher)]) if only.documents.first() == Some(&0) => {
                self.as_stream(documents, only, cipher, policy)
            }
            ([first, ..], [cipher, ..]) if first.documents.first() == Some(&0) => match cipher {
                Ok(cipher) => match self.as_stream(documents.clone(), first, cipher, policy) {
                    Err(errors) if !errors.only_here => self.as_files(documents, &ciphers, policy),
                    outcome => outcome,
                },
                Err(_) => Err(self.missing_keys(&ciphers)),
            },
            _ => self.as_files(documents, &ciphers, policy),
        }
    }

    fn missing_keys(&self, ciphers: &[Result<Cipher, SopsError>]) -> SopsErrors {
        let mut errors = ErrorList::new(&self.file);
        ciphers
            .iter()
            .filter_map(|cipher| cipher.as_ref().err())
            .for_each(|error| errors.push(error.clone()));
        errors.into_errors()
    }

    /// As SOPS reads it: the block of the first document holds for all.
    fn as_stream(
        &self,
        mut documents: Vec<Document>,
        part: &Part,
        cipher: &Cipher,
        policy: MacPolicy,
    ) -> Result<Reading, SopsErrors> {
        let mut errors = ErrorList::new(&self.file);
        if self.format == Format::Yaml {
            for document in &mut documents {
                load(&self.file, document, &mut errors);
            }
        }
        let mut loaded = errors.finish(documents)?;
        let mut warnings = Vec::new();
        let found = other_blocks(&loaded);
        for document in &mut loaded {
            if let Some(position) = self
                .remove_block(document)
                .filter(|_| !part.documents.contains(&document.index))
            {
                let message = "the `sops` entry of a later document is dropped, as sops does".to_owned();
                warnings.push(Warning {
                    place: Some(Place::new(self.file.clone(), position)),
                    message,
                });
            }
        }
        let covered: Vec<usize> = loaded.iter().map(|document| document.index).collect();
        let mut reading = Reading {
            documents: loaded,
            parts: Vec::new(),
            warnings,
            found,
        };
        self.open_part(0, part, cipher, &covered, policy, &mut reading)?;
        Ok(reading)
    }

    /// Every document with a block as a file of its own, the others plain.
    fn as_files(
        &self,
        documents: Vec<Document>,
        ciphers: &[Result<Cipher, SopsError>],
        policy: MacPolicy,
    ) -> Result<Reading, SopsErrors> {
        let mut errors = ErrorList::new(&self.file);
        let mut reading = Reading {
            documents,
            parts: Vec::new(),
            warnings: Vec::new(),
            found: Vec::new(),
        };
        for (index, (part, cipher)) in self.parts.iter().zip(ciphers).enumerate() {
            let cipher = match cipher {
                Ok(cipher) => cipher,
                Err(error) => {
                    errors.push(error.clone());
                    continue;
                }
            };
            for document in reading
                .documents
                .iter_mut()
                .filter(|document| part.documents.contains(&document.index))
            {
                self.remove_block(document);
            }
            if let Err(refused) = self.open_part(index, part, cipher, &part.documents, policy, &mut reading) {
                errors.extend(refused);
            }
        }
        errors.finish(reading)
    }

    fn open_part(
        &self,
        index: usize,
        part: &Part,
        cipher: &Cipher,
        covered: &[usize],
        policy: MacPolicy,
        reading: &mut Reading,
    ) -> Result<(), SopsErrors> {
        let rule = &part.metadata.rule;
        let walk = |documents: &mut [Document], integrity, list_comments| {
            let opening = Opening {
                file: &self.file,
                metadata: &part.metadata,
                cipher,
                integrity,
                format: self.format,
                list_comments,
            };
            opening.walk(
                documents
                    .iter_mut()
                    .filter(|document| covered.contains(&document.index)),
            )
        };
        // Kept for a second walk, should the MAC turn out not to hold.
        let again = policy == MacPolicy::Warn || (policy == MacPolicy::Require && rule.is_by_comment());
        let before = again.then(|| reading.documents.clone());
        let integrity = if policy == MacPolicy::Off {
            Integrity::MacNotVerified
        } else {
            Integrity::Verified
        };
        let mut walked = walk(&mut reading.documents, integrity, ListComments::Items);
        let mut checked = walked
            .as_ref()
            .ok()
            .map(|walked| self.check_mac(part, cipher, walked, policy));
        if let Some(before) = before.as_ref().filter(|_| rule.is_by_comment())
            && !matches!(checked, Some(Ok(_)))
        {
            let mut documents = before.clone();
            let second = walk(&mut documents, Integrity::Verified, ListComments::Comments);
            let verified = second
                .as_ref()
                .ok()
                .filter(|walked| walked.list_comments)
                .and_then(|walked| self.check_mac(part, cipher, walked, policy).ok());
            if let Some(outcome) = verified {
                reading.documents = documents;
                walked = second;
                checked = Some(Ok(outcome));
            }
        }
        let walked = walked?;
        let mac = match checked.unwrap_or(Ok(MacOutcome::Off)) {
            Ok(outcome) => outcome,
            Err((_, error)) if policy == MacPolicy::Require => {
                let mut errors = ErrorList::new(&self.file);
                errors.push(error);
                return Err(errors.into_errors());
            }
            Err((outcome, error)) => {
                reading.warnings.push(Warning {
                    place: None,
                    message: error.to_string(),
                });
                outcome
            }
        };
        if let (Some(before), false) = (before, mac == MacOutcome::Verified) {
            reading.documents = before;
            walk(
                &mut reading.documents,
                Integrity::MacNotVerified,
                ListComments::Items,
            )?;
        }
        reading.warnings.extend(self.comment_warnings(&walked));
        reading.found.extend(walked.found);
        reading.parts.push(OpenedPart {
            part: index,
            documents: covered.to_vec(),
            mac,
            encrypted: walked.encrypted,
        });
        Ok(())
    }

    /// Compares the MAC of the metadata with the one of the values.
    fn check_mac(
        &self,
        part: &Part,
        cipher: &Cipher,
        walked: &Walked,
        policy: MacPolicy,
    ) -> Result<MacOutcome, (MacOutcome, SopsError)> {
        if policy == MacPolicy::Off {
            return Ok(MacOutcome::Off);
        }
        let metadata = &part.metadata;
        let place = Place::new(self.file.clone(), metadata.mac_position);
        if metadata.mac.is_empty() {
            return Err((MacOutcome::Missing, SopsError::MacMissing { place }));
        }
        match cipher.open(&metadata.mac, &metadata.last_modified) {
            Ok(Opened {
                plain: Plain::Scalar(Scalar::String(mac)),
                ..
            }) if mac == walked.mac => Ok(MacOutcome::Verified),
            Ok(_) => {
                let (plain, more_plain) = walked.plain.clone();
                let error = SopsError::MacMismatch {
                    place,
                    written: metadata.last_modified.clone(),
                    plain,
                    more_plain,
                };
                Err((MacOutcome::Mismatch, error))
            }
            Err(problem) => Err((
                MacOutcome::Unreadable,
                SopsError::MacUnreadable { place, problem },
            )),
        }
    }

    fn comment_warnings(&self, walked: &Walked) -> Vec<Warning> {
        let warning = |found: Option<(usize, Position)>, what: &str| {
            let (count, position) = found?;
            let message = match count {
                1 => format!("a comment {what}; it is kept as it is"),
                _ => format!("{count} comments {what}; they are kept as they are"),
            };
            Some(Warning {
                place: Some(Place::new(self.file.clone(), position)),
                message,
            })
        };
        let plain = warning(
            walked.plain_comments,
            "where an encrypted one is due: plain text, which old versions of sops left",
        );
        let sealed = warning(walked.sealed_comments, "cannot be decrypted");
        plain.into_iter().chain(sealed).collect()
    }

    fn finish(self, reading: Reading) -> Result<OpenedFile, SopsErrors> {
        let Reading {
            documents,
            parts,
            mut warnings,
            found: _,
        } = reading;
        warnings.extend(self.found.iter().map(|found| Warning {
            place: Some(Place::new(self.file.clone(), found.position)),
            message: format!("{}{}", crate::error::at(&found.path), found.finding),
        }));
        let text = self.text(&documents)?;
        let provenance = self.provenance(&parts);
        Ok(OpenedFile {
            file: self.file,
            format: self.format,
            documents,
            blocks: self.parts,
            text,
            provenance,
            parts,
            warnings,
        })
    }

    /// What `sops decrypt` prints.
    fn text(&self, documents: &[Document]) -> Result<SecretBytes, SopsErrors> {
        emit(documents, self.format)
            .map_err(|refused| SopsErrors::not_writable(&self.file, self.format, refused))
    }

    /// Takes the `sops` entries out of a document; where the first stood, if there was one.
    fn remove_block(&self, document: &mut Document) -> Option<Position> {
        let Some(Element {
            kind: ElementKind::Mapping(pairs),
            ..
        }) = &mut document.root
        else {
            return None;
        };
        // Dotenv has its metadata elsewhere, so there it is a value.
        if self.format == Format::Dotenv {
            return None;
        }
        let position = pairs.iter().find_map(|pair| match pair {
            yaml::Pair::Entry { key, .. } if is_block(pair) => Some(key.position),
            _ => None,
        });
        pairs.retain(|pair| !is_block(pair));
        position
    }

    /// Each sealed document as a whole.
    fn provenance(&self, parts: &[OpenedPart]) -> Provenance {
        let mut union = Provenance::PLAIN;
        for part in parts {
            let integrity = match part.mac {
                MacOutcome::Verified => Integrity::Verified,
                _ => Integrity::MacNotVerified,
            };
            for document in &part.documents {
                let source = Sealed::Ciphertext {
                    file: self.file.clone(),
                    document: *document,
                    path: KeyPath::root(),
                    integrity,
                };
                union = union.union(&Provenance::sealed(source));
            }
        }
        union
    }
}

/// The data key of a part, ready for use.
fn cipher(part: &Part, keys: &DataKeys) -> Result<Cipher, SopsError> {
    let place = part.place.clone();
    let request = &part.request;
    let (opened, _) = keys.open_groups(request);
    let shares: Vec<&[u8]> = opened
        .iter()
        .filter_map(|candidates| candidates.first())
        .map(DataKey::expose_bytes)
        .collect();
    let groups = request.groups.len();
    let ready = |bytes: &[u8]| {
        Cipher::new(bytes).ok_or_else(|| SopsError::DataKeyLength {
            place: place.clone(),
            key: opened_by(request, keys),
            length: bytes.len(),
        })
    };
    match shares.as_slice() {
        [] => Err(SopsError::NoDataKey {
            place,
            failures: failures(request, keys),
        }),
        [key] if groups == 1 => ready(key),
        shares if shares.len() < part.metadata.shamir_threshold.max(2) => Err(SopsError::TooFewShares {
            place,
            groups,
            needed: part.metadata.shamir_threshold.max(2),
            opened: shares.len(),
            failures: failures(request, keys),
        }),
        shares => match shamir::combine(shares) {
            Ok(key) => ready(&key),
            Err(problem) => Err(SopsError::Shares { place, problem }),
        },
    }
}

/// Each key that was tried and did not open, in the group it is in, if there are several. Groups count from 0, as SOPS
/// counts them.
fn failures(request: &KeyRequest, keys: &DataKeys) -> Vec<KeyFailure> {
    let mut failures = Vec::new();
    for (index, group) in request.groups.iter().enumerate() {
        if group.iter().any(|key| matches!(keys.outcome(key), Some(Ok(_)))) {
            continue;
        }
        for failure in group.iter().filter_map(|key| keys.outcome(key)?.err()) {
            let mut failure = failure.clone();
            if request.groups.len() > 1 {
                failure.key = format!("key_groups[{index}]: {}", failure.key);
            }
            failures.push(failure);
        }
    }
    failures
}

/// The keys that opened.
fn opened_by(request: &KeyRequest, keys: &DataKeys) -> String {
    let opened = request
        .keys()
        .filter(|key| matches!(keys.outcome(key), Some(Ok(_))));
    opened.map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
