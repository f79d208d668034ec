//! The files of a build, for who has to open or fetch them first.

use afterbay_manifest::{FileTree, RemoteEntry, TreePath};

use super::locate;
use crate::error::{RenderError, RenderErrors};
use crate::specification::Specification;

/// The files a build reads, in the order it reads them, each once, symbolic links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    paths: Vec<TreePath>,
    missing: Vec<TreePath>,
    errors: Vec<RenderError>,
}

impl Inputs {
    /// Itself if everything was found. Who goes on without asking hears of it from [`crate::render`].
    pub fn check(mut self) -> Result<Self, RenderErrors> {
        let errors = std::mem::take(&mut self.errors);
        RenderErrors::check(errors, self)
    }

    /// The paths, kustomization files included.
    pub fn iter(&self) -> impl Iterator<Item = &TreePath> {
        self.paths.iter()
    }

    /// What the build looks for and is not in the tree: files, and directories of which no kustomization file is there.
    /// Who holds a part of a tree brings them and asks again; what is in the end still missing is an error of the build.
    pub fn missing(&self) -> impl Iterator<Item = &TreePath> {
        self.missing.iter()
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether the build reads nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

impl IntoIterator for Inputs {
    type Item = TreePath;
    type IntoIter = std::vec::IntoIter<TreePath>;

    fn into_iter(self) -> Self::IntoIter {
        self.paths.into_iter()
    }
}

/// Names every file that [`crate::render`] will read for a directory, in order.
///
/// Only kustomization files are read for it; whether a resource file can be read is seen by the build. What is wrong
/// with one kustomization file does not keep the files of the others from being found.
pub fn inputs(tree: &FileTree, path: &TreePath) -> Inputs {
    inputs_specified(tree, path, &Specification::default())
}

/// The same for a build of which more is asked: its components are read too.
pub fn inputs_specified(tree: &FileTree, path: &TreePath, specification: &Specification) -> Inputs {
    let located = locate(tree, path, false, specification);
    let mut paths = Vec::new();
    located.target.list(&mut paths);
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Inputs {
        paths,
        missing: located.missing,
        errors: located.errors,
    }
}

/// Names what the build of a directory needs from other machines and the tree does not hold yet, as far as it can be fetched.
///
/// What is fetched is laid into the tree by [`FileTree::mount`] at [`afterbay_manifest::RemoteAddress::mount`]. It may need
/// more of its own, so whoever fetches asks again.
pub fn remote_entries(tree: &FileTree, path: &TreePath, specification: &Specification) -> Vec<RemoteEntry> {
    let errors = locate(tree, path, false, specification).errors.into_iter();
    let entries = errors.flat_map(|error| match error {
        RenderError::Remote { entries } => entries,
        _ => Vec::new(),
    });
    entries.filter(|entry| entry.address.is_ok()).collect()
}
