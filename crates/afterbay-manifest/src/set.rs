//! The sets that flow between stages and are open to anyone.

use std::fmt;

use crate::{FileTree, Object, Place};

/// One revision of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The branch, tag or ref asked for; `None` for a bare commit.
    pub reference: Option<String>,
    /// The full commit id in hex; `None` when unknown (objects from a pipe).
    pub commit: Option<String>,
}

impl Revision {
    /// The revision of objects that carry none.
    pub const UNKNOWN: Self = Self {
        reference: None,
        commit: None,
    };
}

impl fmt::Display for Revision {
    /// Flux's form: `main@sha1:9c5b…`, `sha1:9c5b…`, or `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reference) = &self.reference {
            write!(f, "{reference}@")?;
        }
        match &self.commit {
            Some(commit) if commit.len() == 64 => write!(f, "sha256:{commit}"),
            Some(commit) => write!(f, "sha1:{commit}"),
            None => f.write_str("unknown"),
        }
    }
}

/// One revision's files.
#[derive(Debug)]
pub struct Snapshot {
    /// Which revision.
    pub revision: Revision,
    /// Its files.
    pub tree: FileTree,
}

/// Something the user should know that does not stop the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where, when a file is concerned.
    pub place: Option<Place>,
    /// What, and what to do about it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The objects of one build, in kustomize's order. Anyone may make one.
#[derive(Debug)]
pub struct RenderedSet {
    /// Which revision they come from.
    pub revision: Revision,
    /// The objects.
    pub objects: Vec<Object>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}
