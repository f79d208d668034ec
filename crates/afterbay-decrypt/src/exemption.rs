//! What is meant to stay sealed: exempt by name, never by accident.

use std::collections::BTreeSet;
use std::fmt;

use afterbay_manifest::{Gvk, TreePath};

use crate::{DecryptOptions, KindPattern, SecretExemption};

/// The annotation with which Flux leaves an object sealed (kustomize-controller
/// `internal/decryptor/decryptor.go`, `IsDecryptionDisabled`).
pub(crate) const ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// Its value, in any case.
const DISABLED: &str = "disabled";

/// One document that stays sealed, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exemption {
    /// The file.
    pub file: TreePath,
    /// Index of the document in it, from 0.
    pub document: usize,
    /// The object, as messages name it.
    pub object: String,
    /// Who said so.
    pub reason: ExemptionReason,
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} stays sealed: {}", self.file, self.object, self.reason)
    }
}

/// Why a document stays sealed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExemptionReason {
    /// It carries Flux's annotation.
    Annotation,
    /// The operator lists its kind.
    Kind(KindPattern),
    /// The operator lists its file, or a directory above it.
    Path(TreePath),
}

impl fmt::Display for ExemptionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation => write!(f, "annotation {ANNOTATION}: {DISABLED}"),
            Self::Kind(kind) => write!(f, "kind {kind} is exempt"),
            Self::Path(path) => write!(f, "path {path} is exempt"),
        }
    }
}

/// Whether the value of the annotation turns decryption off. Flux compares without case.
pub(crate) fn is_disabled(value: &str) -> bool {
    value.eq_ignore_ascii_case(DISABLED)
}

impl ExemptionReason {
    /// Why a document would stay sealed, the strongest reason first; `None` if nothing says so.
    pub(crate) fn of(
        file: &TreePath,
        gvk: Option<&Gvk>,
        annotated: bool,
        options: &DecryptOptions,
    ) -> Option<Self> {
        let kind = gvk.and_then(|gvk| options.exempt_kinds.iter().find(|kind| kind.matches(gvk)));
        let path = || options.exempt_paths.iter().find(|path| is_below(file, path));
        kind.cloned()
            .map(Self::Kind)
            .or_else(|| annotated.then_some(Self::Annotation))
            .or_else(|| path().cloned().map(Self::Path))
    }

    /// Whether the reason is enough for a v1 Secret.
    pub(crate) fn covers_secrets(&self, options: &DecryptOptions) -> bool {
        matches!(self, Self::Kind(_)) || options.exempt_secrets == SecretExemption::Allowed
    }
}

/// Whether a file is at or below a path.
pub(crate) fn is_below(file: &TreePath, directory: &TreePath) -> bool {
    let below = file.as_str().strip_prefix(directory.as_str());
    directory.is_root() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The exemptions of a run, for reports and for look-up.
#[derive(Debug, Default)]
pub(crate) struct Exemptions {
    list: BTreeSet<Exemption>,
    documents: BTreeSet<(TreePath, usize)>,
}

impl Exemptions {
    /// Records one. `real` is the file behind symbolic links: objects may be known by either name.
    pub(crate) fn record(&mut self, exemption: Exemption, real: &TreePath) {
        self.documents.insert((real.clone(), exemption.document));
        if self
            .documents
            .insert((exemption.file.clone(), exemption.document))
            || exemption.file == *real
        {
            self.list.insert(exemption);
        }
    }

    pub(crate) fn contains(&self, file: &TreePath, document: usize) -> bool {
        self.documents.contains(&(file.clone(), document))
    }

    pub(crate) fn as_sorted(&self) -> impl Iterator<Item = &Exemption> {
        self.list.iter()
    }

    pub(crate) fn into_sorted(self) -> Vec<Exemption> {
        self.list.into_iter().collect()
    }
}
