//! Which of the files that a build reads are sealed, and by which keys.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use afterbay_manifest::yaml::Document;
use afterbay_manifest::{File, FileTree, KeyRequest, Place, TreePath, yaml};
use afterbay_sops::{Format, SealedFile};

use crate::exemption::{self, Exemptions};
use crate::head::Head;
use crate::{DecryptError, DecryptErrors, DecryptOptions, Exemption, ExemptionReason};

/// The sealed files of a build. Holds no plaintext of encrypted values.
#[derive(Debug, Default)]
pub struct SealedFiles {
    pub(crate) files: Vec<SealedFile>,
    pub(crate) exemptions: Exemptions,
    /// What is wrong already, and the files concerned, which are not opened.
    pub(crate) errors: Vec<DecryptError>,
    pub(crate) unusable: BTreeSet<TreePath>,
}

impl SealedFiles {
    /// Itself if nothing is wrong so far. Who goes on without asking hears of it from [`crate::finish`].
    pub fn check(mut self) -> Result<Self, DecryptErrors> {
        let errors = std::mem::take(&mut self.errors);
        DecryptErrors::check(errors, self)
    }

    /// What must be unwrapped before [`crate::overlay`], in the order of the files.
    pub fn key_requests(&self) -> Vec<KeyRequest> {
        self.files
            .iter()
            .flat_map(SealedFile::key_requests)
            .cloned()
            .collect()
    }

    /// The files that [`crate::overlay`] will open.
    pub fn files(&self) -> impl Iterator<Item = &TreePath> {
        self.files.iter().map(SealedFile::file)
    }

    /// The documents that stay sealed, in the order of files.
    pub fn exemptions(&self) -> impl Iterator<Item = &Exemption> {
        self.exemptions.as_sorted()
    }
}

/// Finds the SOPS files of every store among the files that a build reads.
///
/// A name for YAML or JSON tells the store; any other file is sealed if its content says so, because generators read
/// files of all names.
///
/// What is exempt is found here, in the files as they are, so that nothing that was opened can exempt
/// itself. What is wrong with a file is kept in the result, and the others go on.
pub fn scan<P: Borrow<TreePath>>(
    tree: &FileTree,
    inputs: impl IntoIterator<Item = P>,
    options: &DecryptOptions,
) -> SealedFiles {
    let mut scan = Scan {
        options,
        seen: BTreeSet::new(),
        sealed: SealedFiles::default(),
    };
    for path in inputs {
        match tree.file(path.borrow()) {
            Ok((real, file)) => scan.file(path.borrow(), &real, file),
            Err(error) => scan.sealed.errors.push(error.into()),
        }
    }
    scan.sealed
}

struct Scan<'a> {
    options: &'a DecryptOptions,
    seen: BTreeSet<TreePath>,
    sealed: SealedFiles,
}

impl Scan<'_> {
    fn file(&mut self, path: &TreePath, real: &TreePath, file: &File) {
        let before = self.sealed.errors.len();
        self.look_into(path, real, file);
        if self.sealed.errors.len() > before {
            self.sealed.unusable.insert(real.clone());
        }
    }

    fn look_into(&mut self, path: &TreePath, real: &TreePath, file: &File) {
        if self.is_exempt(path, real, file) || !self.seen.insert(real.clone()) {
            return;
        }
        let named = Format::of_path(path).or_else(|| Format::of_path(real));
        match SealedFile::find(real, named, file.source()) {
            Ok(Some(sealed)) if self.is_exempt_as_a_whole(path, &sealed) => {}
            Ok(sealed) => self.sealed.files.extend(sealed),
            Err(errors) => self.sealed.errors.push(errors.into()),
        }
    }

    /// Records a file that holds no objects and lies where the operator keeps files sealed. What is made of it is
    /// judged like any object.
    fn is_exempt_as_a_whole(&mut self, path: &TreePath, sealed: &SealedFile) -> bool {
        if matches!(sealed.format(), Format::Yaml | Format::Json) {
            return false;
        }
        let Some(reason) = ExemptionReason::of(path, None, false, self.options) else {
            return false;
        };
        let exemption = Exemption {
            file: path.clone(),
            document: 0,
            object: format!("{} file", sealed.format().as_str()),
            reason,
        };
        self.sealed.exemptions.record(exemption, sealed.file());
        true
    }

    /// Records what of a file is exempt. True if nothing of it is to be opened.
    fn is_exempt(&mut self, path: &TreePath, real: &TreePath, file: &File) -> bool {
        if !self.may_be_exempt(path, file.source()) {
            return false;
        }
        // What is wrong with the text is said by the reader of SOPS files or by the build.
        let Ok(documents) = yaml::parse(file.source()) else {
            return false;
        };
        let heads = documents
            .iter()
            .filter_map(|document| Some((document, Head::of(document)?)));
        let sealed: Vec<(&Document, Head)> = heads.filter(|(_, head)| head.sealed).collect();
        let reason = |head: &Head| ExemptionReason::of(path, head.gvk.as_ref(), head.annotated, self.options);
        let exempt: Vec<_> = sealed
            .iter()
            .filter_map(|(document, head)| Some((*document, head, reason(head)?)))
            .collect();
        let of_sops = sealed.iter().filter(|(_, head)| head.sops).count();
        let whole = exempt.iter().filter(|(_, head, _)| head.sops).count() == of_sops;
        for (document, head) in sealed
            .iter()
            .filter(|(_, head)| head.annotated_item && reason(head).is_none())
        {
            self.sealed.errors.push(DecryptError::PartlyExempt {
                place: Place::new(path.clone(), document.position),
                object: format!("an item of {}", head.object),
                reason: ExemptionReason::Annotation,
            });
        }
        for (document, head, reason) in exempt {
            let place = Place::new(path.clone(), document.position);
            let object = head.object.clone();
            if head.is_secret() && !reason.covers_secrets(self.options) {
                self.sealed.errors.push(DecryptError::SecretExempt {
                    place,
                    object,
                    reason,
                });
            } else if head.sops && !whole {
                self.sealed.errors.push(DecryptError::PartlyExempt {
                    place,
                    object,
                    reason,
                });
            } else {
                let exemption = Exemption {
                    file: path.clone(),
                    document: document.index,
                    object,
                    reason,
                };
                self.sealed.exemptions.record(exemption, real);
            }
        }
        whole && of_sops > 0
    }

    /// Whether the documents of a file have to be looked at. A search costs less than a parse, and
    /// nearly no file has anything exempt in it.
    fn may_be_exempt(&self, path: &TreePath, source: &[u8]) -> bool {
        let holds = |text: &str| contains(source, text.as_bytes());
        let named = || {
            holds(exemption::ANNOTATION)
                || self.options.exempt_kinds.iter().any(|kind| holds(kind.kind()))
                || ExemptionReason::of(path, None, false, self.options).is_some()
        };
        (holds("ENC[") || holds("sops")) && named()
    }
}

/// Whether a byte string is in another.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, tail)) = needle.split_first() else {
        return true;
    };
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at + 1..];
        if rest.starts_with(tail) {
            return true;
        }
    }
    false
}
