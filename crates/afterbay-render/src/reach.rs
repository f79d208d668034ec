//! What an entry of a kustomization file leads to: a file, a directory, or what was fetched from another machine.

use afterbay_manifest::{File, FileTree, Place, RemoteEntry, TreeError, TreePath};

use crate::error::RenderError;
use crate::kustomization::{self, Listed};
use crate::locate::{Locator, Site};
use crate::remote;

/// What stands where an entry leads.
pub(crate) enum Reached {
    File(TreePath),
    Base(TreePath, Vec<String>),
}

/// What was fetched for a remote entry.
enum Fetched {
    File(TreePath),
    Directory(TreePath),
}

/// The file at a path seen from the directory of a kustomization file.
///
/// In what was fetched it has to be in or below that directory, as in kustomize (`RestrictionRootOnly` for clones).
pub(crate) fn file_from<'t>(
    tree: &'t FileTree,
    directory: &TreePath,
    path: &str,
) -> Result<(TreePath, &'t File), TreeError> {
    let found = tree.file_from(directory, path)?;
    if tree.mount_of(directory).is_some() && !holds(directory, &found.0) {
        return Err(TreeError::LeavesFetched {
            part: directory.clone(),
            path: path.to_owned(),
        });
    }
    Ok(found)
}

/// A file that a field other than `resources` names.
pub(crate) fn load<'t>(
    tree: &'t FileTree,
    directory: &TreePath,
    what: &'static str,
    entry: &str,
    place: &Place,
) -> Result<(TreePath, &'t File), RenderError> {
    let found = if remote::is_http(entry) {
        match fetched(tree, what, entry, place)? {
            Fetched::File(path) => tree.file(&path),
            Fetched::Directory(path) => Err(TreeError::IsDirectory { path }),
        }
    } else {
        file_from(tree, directory, entry)
    };
    if found.is_err() && remote::password_before_host(entry).is_some() {
        return Err(RenderError::Entry {
            place: place.clone(),
            what,
            entry: remote::redact(entry),
            problem: remote::CREDENTIALS,
        });
    }
    found.map_err(|source| RenderError::Resource {
        place: place.clone(),
        what,
        entry: remote::redact(entry),
        source,
    })
}

/// Where what was fetched for a remote entry stands in the tree.
fn fetched(tree: &FileTree, what: &'static str, entry: &str, place: &Place) -> Result<Fetched, RenderError> {
    let missing = |address| RenderError::Remote {
        entries: vec![RemoteEntry {
            place: place.clone(),
            what,
            entry: remote::redact(entry),
            address,
        }],
    };
    let failed = |source| RenderError::Resource {
        place: place.clone(),
        what,
        entry: remote::redact(entry),
        source,
    };
    let remote = remote::read(entry).map_err(|problem| missing(Err(problem)))?;
    let mount = remote.address.mount().map_err(failed)?;
    if tree.mount_of(&mount) != Some(&mount) {
        return Err(missing(Ok(remote.address)));
    }
    if let Some(name) = remote.address.file_name() {
        let (path, _) = tree.file_from(&mount, name).map_err(failed)?;
        return Ok(Fetched::File(path));
    }
    let directory = tree.directory_from(&mount, &remote.path).map_err(failed)?;
    Ok(Fetched::Directory(directory))
}

impl Locator<'_> {
    /// A file that a field other than `resources` names.
    pub(crate) fn load(&mut self, site: Site<'_>, what: &'static str, listed: &Listed) -> Option<TreePath> {
        let place = Place::new(site.file.clone(), listed.position);
        match load(self.tree, site.directory, what, &listed.text, &place) {
            Ok((path, _)) => Some(path),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// A file first, then a Git address, then a directory, as kustomize tries them.
    pub(crate) fn resolve(
        &mut self,
        site: Site<'_>,
        what: &'static str,
        listed: &Listed,
        may_be_file: bool,
    ) -> Result<Reached, RenderError> {
        let text = listed.text.as_str();
        let place = Place::new(site.file.clone(), listed.position);
        let refused = |problem| RenderError::Entry {
            place: place.clone(),
            what,
            entry: remote::redact(text),
            problem,
        };
        if text.is_empty() {
            return Err(refused("is empty; name a file or a directory"));
        }
        let is_local = !remote::is_http(text);
        if is_local
            && may_be_file
            && let Ok((path, _)) = file_from(self.tree, site.directory, text)
        {
            return Ok(Reached::File(path));
        }
        if !is_local || remote::is_git(text) {
            return match fetched(self.tree, what, text, &place)? {
                Fetched::File(_) if !may_be_file => Err(refused("is a file; a component is a directory")),
                Fetched::File(path) => Ok(Reached::File(path)),
                Fetched::Directory(base) => self.base(base, what, text, place),
            };
        }
        if remote::password_before_host(text).is_some() {
            return Err(refused(remote::CREDENTIALS));
        }
        if has_odd_dots(text) {
            return Err(refused(
                "has \"..\" inside a name; two list entries that ran together look like this, check the indentation",
            ));
        }
        let found = match file_from(self.tree, site.directory, text) {
            // A link that loops or leaves the tree, or a submodule: the file's own error says more.
            Err(
                error @ (TreeError::LinkLoop { .. }
                | TreeError::LeavesTree { .. }
                | TreeError::LeavesFetched { .. }
                | TreeError::EntersFetched { .. }
                | TreeError::Submodule { .. }),
            ) => Err(error),
            _ => self.tree.directory_from(site.directory, text),
        };
        let base = found.map_err(|source| RenderError::Resource {
            place: place.clone(),
            what,
            entry: remote::redact(text),
            source,
        })?;
        self.base(base, what, text, place)
    }

    /// A directory that is built by itself.
    fn base(
        &mut self,
        base: TreePath,
        what: &'static str,
        entry: &str,
        place: Place,
    ) -> Result<Reached, RenderError> {
        let entry = remote::redact(entry);
        if let Some(visited) = self.visited.iter().rev().find(|visited| holds(&base, visited)) {
            return Err(RenderError::Cycle {
                place,
                what,
                entry,
                base,
                visited: visited.clone(),
            });
        }
        match kustomization::file_names(self.tree, &base) {
            names if names.is_empty() => {
                self.missing.push(base);
                Err(RenderError::NoKustomizationFile { place, what, entry })
            }
            names => Ok(Reached::Base(base, names)),
        }
    }
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
