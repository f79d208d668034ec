//! Opens the sealed files into the in-memory overlay of the tree.

use std::collections::BTreeMap;

use afterbay_manifest::yaml::{Document, ElementKind};
use afterbay_manifest::{
    DataKeys, FileTree, Gvk, Integrity, Place, SecretBytes, TreeError, TreePath, Warning,
};
use afterbay_sops::{Format, MacOutcome, OpenedFile, OpenedPart, Part, SealedFile, SelectionRule};

use crate::exemption::Exemptions;
use crate::scalar::text_bytes;
use crate::{DecryptError, DecryptOptions, SealedFiles, head, opened_text};

/// What became of one SOPS file, or of one document that is a SOPS file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file, and the line of its `sops` block.
    pub place: Place,
    /// Indexes of the documents that it covers, from 0.
    pub documents: Vec<usize>,
    /// What became of its MAC.
    pub mac: MacOutcome,
    /// Number of values opened.
    pub opened: usize,
}

/// Whether the files of the objects were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ObjectSource {
    /// They were not: objects from a pipe. Their annotations are all there is to go by.
    #[default]
    Unseen,
    /// The same, and another process may have opened values in them already.
    Piped,
    /// They were, before anything was opened; annotations that came later count for nothing.
    Scanned,
}

/// What [`overlay`] opened: what the report shows, and what the later passes have to know.
///
/// The default is right for objects whose files nobody opened, [`OpenedFiles::elsewhere`] for objects from a pipe.
#[derive(Debug, Default)]
pub struct OpenedFiles {
    pub(crate) source: ObjectSource,
    pub(crate) reports: Vec<FileReport>,
    pub(crate) declared: Declarations,
    pub(crate) values: Vec<SecretBytes>,
    pub(crate) exemptions: Exemptions,
    pub(crate) warnings: Vec<Warning>,
    /// What did not open, and what was wrong before.
    pub(crate) errors: Vec<DecryptError>,
}

impl OpenedFiles {
    /// For objects from a pipe: what was opened in them, and by whom, nobody knows any more.
    pub fn elsewhere() -> Self {
        Self {
            source: ObjectSource::Piped,
            ..Self::default()
        }
    }

    /// Has values kept out of messages that were opened nowhere here, such as those of a Secret in a cluster.
    pub fn keep_secret(&mut self, values: impl IntoIterator<Item = SecretBytes>) {
        self.values.extend(values);
    }

    /// What became of each file, in the order in which the build reads them.
    pub fn reports(&self) -> &[FileReport] {
        &self.reports
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// Which kinds the opened documents declared. Their own files say where a value of theirs belongs.
#[derive(Debug, Default)]
pub(crate) struct Declarations(BTreeMap<(TreePath, usize), Declaration>);

/// The kind of a document and, when it is a List, of its items.
#[derive(Debug)]
struct Declaration {
    gvk: Option<Gvk>,
    items: Vec<Option<Gvk>>,
}

impl Declarations {
    /// The kind that a document of a file declared.
    pub(crate) fn kind(&self, file: &TreePath, document: usize) -> Option<&Gvk> {
        self.declaration(file, document)?.gvk.as_ref()
    }

    /// The kind that an item of a List in a file declared.
    pub(crate) fn item_kind(&self, file: &TreePath, document: usize, item: usize) -> Option<&Gvk> {
        self.declaration(file, document)?.items.get(item)?.as_ref()
    }

    fn declaration(&self, file: &TreePath, document: usize) -> Option<&Declaration> {
        self.0.get(&(file.clone(), document))
    }

    /// Remembers what a document of a file declared.
    pub(crate) fn add(&mut self, file: &TreePath, document: &Document) {
        let Some(root) = &document.root else { return };
        let items = head::items(root).into_iter().map(head::gvk).collect();
        let declaration = Declaration {
            gvk: head::gvk(root),
            items,
        };
        self.0.insert((file.clone(), document.index), declaration);
    }
}

/// Opens every sealed file into the overlay of the tree. Nothing of it is ever on disk.
///
/// `keys` holds what became of [`SealedFiles::key_requests`]. A file that does not open is marked in the tree, so that
/// a build leaves it out, and the others go on: [`OpenedFiles::check`] and [`crate::finish`] say what went wrong.
pub fn overlay(
    mut tree: FileTree,
    sealed: SealedFiles,
    keys: &DataKeys,
    options: &DecryptOptions,
) -> (FileTree, OpenedFiles) {
    let mut opened = OpenedFiles {
        source: ObjectSource::Scanned,
        exemptions: sealed.exemptions,
        errors: sealed.errors,
        ..OpenedFiles::default()
    };
    for path in &sealed.unusable {
        tree.leave_sealed(path);
    }
    let usable = |file: &SealedFile| !sealed.unusable.contains(file.file());
    for file in sealed.files.into_iter().filter(usable) {
        let path = file.file().clone();
        let laid = match file.open(keys, options.policy_for(&path)) {
            Ok(content) => opened.lay(&mut tree, content).map_err(DecryptError::from),
            Err(errors) => Err(errors.into()),
        };
        if let Err(error) = laid {
            tree.leave_sealed(&path);
            opened.errors.push(error);
        }
    }
    (tree, opened)
}

impl OpenedFiles {
    fn lay(&mut self, tree: &mut FileTree, content: OpenedFile) -> Result<(), TreeError> {
        let OpenedFile {
            file,
            format,
            mut documents,
            blocks,
            text,
            provenance,
            parts,
            warnings,
        } = content;
        if format == Format::Binary {
            // The store holds one value, the text; a build reads what the text says.
            self.values.extend(documents.iter().flat_map(values_of));
            (documents, _) = opened_text::documents(&file, text.expose_bytes(), integrity(&parts));
        } else {
            declassify(&blocks, &parts, &mut documents);
        }
        for document in &documents {
            self.declared.add(&file, document);
            self.values.extend(values_of(document));
        }
        for part in parts {
            let Some(source) = blocks.get(part.part) else {
                continue;
            };
            self.reports.push(FileReport {
                place: source.place.clone(),
                documents: part.documents,
                mac: part.mac,
                opened: part.encrypted,
            });
        }
        self.warnings.extend(warnings);
        tree.lay_over(&file, text, documents, provenance)
    }
}

/// The weakest of the parts.
fn integrity(parts: &[OpenedPart]) -> Integrity {
    if parts.iter().all(|part| part.mac == MacOutcome::Verified) {
        Integrity::Verified
    } else {
        Integrity::MacNotVerified
    }
}

/// Every opened value of a document, for scrubbing.
pub(crate) fn values_of(document: &Document) -> Vec<SecretBytes> {
    let mut values = Vec::new();
    if let Some(root) = &document.root {
        head::scalars(root, &mut |scalar| {
            if let ElementKind::Opened(value, provenance) = scalar
                && !provenance.is_plain()
            {
                values.extend(text_bytes(value).map(SecretBytes::new));
            }
        });
    }
    values
}

/// Makes the identity of objects plain where a file encrypts everything. Where its rule selects what is
/// encrypted, a sealed name was sealed on purpose.
fn declassify(blocks: &[Part], parts: &[OpenedPart], documents: &mut [Document]) {
    for part in parts {
        let rule = blocks.get(part.part).map(|part| &part.metadata.rule);
        if !rule.is_some_and(encrypts_everything) {
            continue;
        }
        for document in documents
            .iter_mut()
            .filter(|document| part.documents.contains(&document.index))
        {
            if let Some(root) = &mut document.root {
                head::declassify(root);
            }
        }
    }
}

/// Whether a rule names what stays plain, rather than what is encrypted.
fn encrypts_everything(rule: &SelectionRule) -> bool {
    match rule {
        SelectionRule::UnencryptedSuffix(_)
        | SelectionRule::UnencryptedRegex(_)
        | SelectionRule::UnencryptedCommentRegex(_) => true,
        SelectionRule::EncryptedSuffix(_)
        | SelectionRule::EncryptedRegex(_)
        | SelectionRule::EncryptedCommentRegex(_) => false,
    }
}
