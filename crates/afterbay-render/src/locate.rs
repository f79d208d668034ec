//! What a build reads: the directories and files, found without opening a resource.

use afterbay_manifest::{File, FileTree, Place, TreeError, TreePath, Warning};

use crate::error::{RenderError, RenderErrors};
use crate::kustomization::{self, Listed};
use crate::{generate, remote};

/// The files a build reads, in the order it reads them, each once, symbolic links followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    paths: Vec<TreePath>,
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
    let located = locate(tree, path);
    let mut paths = Vec::new();
    located.target.list(&mut paths);
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Inputs {
        paths,
        errors: located.errors,
    }
}

/// What a directory builds.
pub(crate) struct Target {
    /// Its kustomization file; `None` when Flux's rule made up the list.
    pub(crate) file: Option<TreePath>,
    /// What it lists, in order.
    pub(crate) entries: Vec<Entry>,
    /// `namespace`.
    pub(crate) namespace: Option<Listed>,
}

/// Something a directory lists.
pub(crate) enum Entry {
    /// A file with objects, symbolic links followed.
    File(TreePath),
    /// A directory that is built by itself.
    Base(Target),
}

impl Target {
    /// One that lists nothing.
    fn empty() -> Self {
        Self {
            file: None,
            entries: Vec::new(),
            namespace: None,
        }
    }

    fn list(&self, paths: &mut Vec<TreePath>) {
        paths.extend(self.file.clone());
        for entry in &self.entries {
            match entry {
                Entry::File(path) => paths.push(path.clone()),
                Entry::Base(target) => target.list(paths),
            }
        }
    }
}

/// A target with what is wrong with it and what the user should know about how it was found.
pub(crate) struct Located {
    pub(crate) target: Target,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) errors: Vec<RenderError>,
}

/// Finds what the build of a directory consists of.
pub(crate) fn locate(tree: &FileTree, path: &TreePath) -> Located {
    let mut locator = Locator {
        tree,
        visited: Vec::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let target = match tree.directory(path) {
        Ok(directory) => locator.root(&directory),
        Err(source) => {
            let path = path.clone();
            locator.errors.push(RenderError::Target { path, source });
            Target::empty()
        }
    };
    Located {
        target,
        warnings: locator.warnings,
        errors: locator.errors,
    }
}

pub(crate) struct Locator<'a> {
    pub(crate) tree: &'a FileTree,
    /// The directories being built, outermost first.
    visited: Vec<TreePath>,
    pub(crate) errors: Vec<RenderError>,
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Locator<'a> {
    fn root(&mut self, directory: &TreePath) -> Target {
        let names = kustomization::file_names(self.tree, directory);
        if names.is_empty() {
            self.visited.push(directory.clone());
            return generate::target(self, directory);
        }
        self.directory(directory, names)
    }

    /// A directory with at least one kustomization file.
    pub(crate) fn directory(&mut self, directory: &TreePath, names: Vec<String>) -> Target {
        let mut target = Target::empty();
        let (Some(name), 1) = (names.first(), names.len()) else {
            self.errors.push(RenderError::ManyKustomizationFiles {
                directory: directory.clone(),
                files: names,
            });
            return target;
        };
        let Some((path, file)) = self.kustomization_file(directory, name) else {
            return target;
        };
        let (kustomization, errors) = kustomization::read(path, file);
        let sound = errors.is_empty();
        self.errors.extend(errors);
        if sound && kustomization.empty {
            self.empty(&kustomization.file);
        }
        self.visited.push(directory.clone());
        for listed in &kustomization.resources {
            target
                .entries
                .extend(self.entry(directory, &kustomization.file, listed));
        }
        self.visited.pop();
        target.file = Some(kustomization.file);
        target.namespace = kustomization.namespace;
        target
    }

    fn kustomization_file(&mut self, directory: &TreePath, name: &str) -> Option<(TreePath, &'a File)> {
        let tree = self.tree;
        match directory.join(name).and_then(|path| tree.file(&path)) {
            Ok(found) => Some(found),
            Err(source) => {
                self.errors.push(RenderError::Target {
                    path: directory.clone(),
                    source,
                });
                None
            }
        }
    }

    /// kustomize refuses a file that says nothing; Flux makes the build's own one valid, and so empty.
    fn empty(&mut self, file: &TreePath) {
        if self.visited.is_empty() {
            self.warnings.push(Warning {
                place: Some(Place::of_file(file.clone())),
                message: "the kustomization file lists nothing, so nothing is built".to_owned(),
            });
        } else {
            self.errors
                .push(RenderError::EmptyKustomization { file: file.clone() });
        }
    }

    fn entry(&mut self, directory: &TreePath, file: &TreePath, listed: &Listed) -> Option<Entry> {
        let place = Place::new(file.clone(), listed.position);
        match self.resolve(directory, &place, &listed.text) {
            Ok(Found::File(path)) => Some(Entry::File(path)),
            Ok(Found::Base(base, names)) => Some(Entry::Base(self.directory(&base, names))),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// A file first, then a Git address, then a directory, as kustomize tries them.
    fn resolve(&self, directory: &TreePath, place: &Place, text: &str) -> Result<Found, RenderError> {
        let (place, entry) = (|| place.clone(), || remote::redact(text));
        if text.is_empty() {
            let problem = "is empty; name a file or a directory";
            return Err(RenderError::Entry {
                place: place(),
                entry: entry(),
                problem,
            });
        }
        if remote::is_http(text) {
            return Err(RenderError::Remote {
                place: place(),
                entry: entry(),
            });
        }
        let joined = directory.join(text);
        if let Ok((path, _)) = joined.clone().and_then(|path| self.tree.file(&path)) {
            return Ok(Found::File(path));
        }
        if remote::is_git(text) {
            return Err(RenderError::Remote {
                place: place(),
                entry: entry(),
            });
        }
        if has_odd_dots(text) {
            let problem = "has \"..\" inside a name; two list entries that ran together look like this, check the indentation";
            return Err(RenderError::Entry {
                place: place(),
                entry: entry(),
                problem,
            });
        }
        let found = joined.and_then(|path| match self.tree.file(&path) {
            // A link that loops or leaves the tree, or a submodule: the file's own error says more.
            Err(
                error @ (TreeError::LinkLoop { .. }
                | TreeError::LeavesTree { .. }
                | TreeError::Submodule { .. }),
            ) => Err(error),
            _ => self.tree.directory(&path),
        });
        let base = found.map_err(|source| RenderError::Resource {
            place: place(),
            entry: entry(),
            source,
        })?;
        if let Some(visited) = self.visited.iter().rev().find(|visited| holds(&base, visited)) {
            return Err(RenderError::Cycle {
                place: place(),
                entry: entry(),
                base,
                visited: visited.clone(),
            });
        }
        match kustomization::file_names(self.tree, &base) {
            names if names.is_empty() => Err(RenderError::NoKustomizationFile {
                place: place(),
                entry: entry(),
            }),
            names => Ok(Found::Base(base, names)),
        }
    }
}

enum Found {
    File(TreePath),
    Base(TreePath, Vec<String>),
}

/// Whether `outer` is `inner` or a directory above it.
fn holds(outer: &TreePath, inner: &TreePath) -> bool {
    outer.is_root()
        || inner == outer
        || inner
            .as_str()
            .strip_prefix(outer.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a step of the path has `..` in it without being `..`, which kustomize refuses for directories.
fn has_odd_dots(path: &str) -> bool {
    path.split('/').any(|step| step != ".." && step.contains(".."))
}
