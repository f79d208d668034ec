//! The files of one revision, in memory, with what decryption opened laid over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use thiserror::Error;

use crate::{Provenance, SecretBytes, yaml};

mod mounts;

/// How many symbolic links a look-up follows before it gives up, as Linux does (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A path inside a tree: relative, normalized, `/`-separated. The root is the empty path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath(Arc<str>);

impl TreePath {
    /// The top of the tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalizes a path given by a user or a file: `.` and empty steps go away, `..` goes up.
    ///
    /// A path that starts with `/` is taken relative to the top, as Flux does with `spec.path`.
    pub fn parse(text: &str) -> Result<Self, TreeError> {
        Self::root().join(text.trim_start_matches('/'))
    }

    /// What messages call an input that is in no tree: the words of the user, as typed. It is a name and leads nowhere.
    pub fn name_only(text: &str) -> Self {
        Self(text.into())
    }

    /// The path reached from this directory.
    pub fn join(&self, relative: &str) -> Result<Self, TreeError> {
        let leaves = || TreeError::LeavesTree {
            base: self.clone(),
            path: relative.to_owned(),
        };
        if relative.starts_with('/') || relative.contains('\0') {
            return Err(leaves());
        }
        let mut steps: Vec<&str> = self.0.split('/').filter(|step| !step.is_empty()).collect();
        for step in relative.split('/') {
            match step {
                "" | "." => {}
                ".." => {
                    steps.pop().ok_or_else(leaves)?;
                }
                name => steps.push(name),
            }
        }
        Ok(Self(steps.join("/").into()))
    }

    /// The directory that holds it; the root's parent is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).into())
    }

    /// The last step; empty for the root.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The text after the last dot of the file name, if there is one that is not leading.
    pub fn extension(&self) -> Option<&str> {
        self.file_name()
            .rsplit_once('.')
            .and_then(|(stem, extension)| (!stem.is_empty()).then_some(extension))
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the top of the tree.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

/// A file of a tree.
#[derive(Clone)]
pub struct File {
    source: Arc<[u8]>,
    executable: bool,
    state: State,
}

/// What became of a file when sealed files were opened.
#[derive(Debug, Clone)]
enum State {
    /// Nothing: it reads as the revision holds it.
    AsItIs,
    /// It was opened.
    Opened(Arc<Opened>),
    /// It is sealed and was not opened; that has been said, and nothing is built from its ciphertext.
    LeftSealed,
}

/// What decryption made of a sealed file.
#[derive(Debug)]
struct Opened {
    text: SecretBytes,
    documents: Vec<yaml::Document>,
    provenance: Provenance,
}

impl fmt::Debug for File {
    /// Without the source: a file that nobody sealed can hold secrets as well.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("bytes", &self.source.len())
            .field("executable", &self.executable)
            .field("state", &self.state)
            .finish()
    }
}

impl File {
    /// The bytes as the revision holds them: ciphertext where a file is sealed.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// Whether Git marks it executable.
    pub fn is_executable(&self) -> bool {
        self.executable
    }

    /// Whether decryption opened it.
    pub fn is_opened(&self) -> bool {
        matches!(self.state, State::Opened(_))
    }

    /// Whether it should have been opened and was not. A build leaves it out: what is wrong has been said.
    pub fn is_left_sealed(&self) -> bool {
        matches!(self.state, State::LeftSealed)
    }

    /// What a build reads: the opened text if there is one, else the source, and where it comes from.
    /// Callers are listed in `cargo xtask tidy`.
    pub fn expose_content(&self) -> (&[u8], Provenance) {
        match &self.state {
            State::Opened(opened) => (opened.text.expose_bytes(), opened.provenance.clone()),
            State::AsItIs | State::LeftSealed => (&self.source, Provenance::PLAIN),
        }
    }

    /// The YAML (or JSON) documents of the file: the opened ones, in which each leaf knows what it was
    /// opened from, else the parsed source.
    pub fn documents(&self) -> Result<std::borrow::Cow<'_, [yaml::Document]>, yaml::YamlErrors> {
        match &self.state {
            State::Opened(opened) => Ok((&*opened.documents).into()),
            State::AsItIs | State::LeftSealed => Ok(yaml::parse(&self.source)?.into()),
        }
    }
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A regular file.
    File(File),
    /// A symbolic link with its target as written.
    Link(Box<str>),
    /// A submodule, which is not fetched.
    Submodule(Box<str>),
}

/// Why a path does not lead to a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TreeError {
    /// `..` or an absolute path goes outside.
    #[error("path {path:?} seen from {base} leaves the tree; use a path inside the repository")]
    LeavesTree {
        /// Where the path was resolved.
        base: TreePath,
        /// The path.
        path: String,
    },
    /// Nothing is there.
    #[error("{path}: no such file or directory in this revision")]
    NotFound {
        /// The path.
        path: TreePath,
    },
    /// A file was asked for.
    #[error("{path}: is a directory where a file is expected")]
    IsDirectory {
        /// The path.
        path: TreePath,
    },
    /// A directory was asked for.
    #[error("{path}: is a file where a directory is expected")]
    IsFile {
        /// The path.
        path: TreePath,
    },
    /// The path lies in a submodule.
    #[error("{path}: is a submodule, and submodules are not fetched")]
    Submodule {
        /// The path.
        path: TreePath,
    },
    /// The path leads out of what was fetched for a remote entry, or out of the directory that such a file may name.
    #[error("path {path:?} leads out of {part}, and what is fetched stands by itself; use a path inside it")]
    LeavesFetched {
        /// What was fetched, or the directory in it.
        part: TreePath,
        /// The path as written.
        path: String,
    },
    /// The path leads into what was fetched for a remote entry.
    #[error("path {path:?} leads into what is fetched for another entry; list the address itself")]
    EntersFetched {
        /// The path as written.
        path: String,
    },
    /// A tree cannot be laid in here.
    #[error("{path}: is in this revision, where what is fetched for a remote entry would stand; rename it")]
    Occupied {
        /// The path.
        path: TreePath,
    },
    /// Symbolic links go round in circles.
    #[error("{path}: too many levels of symbolic links")]
    LinkLoop {
        /// The path.
        path: TreePath,
    },
}

/// The files of one revision with an in-memory overlay; nothing of it is ever on disk.
#[derive(Debug, Default)]
pub struct FileTree {
    entries: BTreeMap<TreePath, Entry>,
    directories: BTreeSet<TreePath>,
    /// Where other trees were laid in.
    mounts: BTreeSet<TreePath>,
}

impl FileTree {
    /// A tree with nothing in it.
    pub fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            directories: BTreeSet::from([TreePath::root()]),
            mounts: BTreeSet::new(),
        }
    }

    /// Puts a file in, with the directories above it.
    pub fn insert_file(&mut self, path: TreePath, source: impl Into<Arc<[u8]>>, executable: bool) {
        self.insert(
            path,
            Entry::File(File {
                source: source.into(),
                executable,
                state: State::AsItIs,
            }),
        );
    }

    /// Puts a symbolic link in. Use [`FileTree::escaping_links`] to find the ones that leave the tree.
    pub fn insert_link(&mut self, path: TreePath, target: &str) {
        self.insert(path, Entry::Link(target.into()));
    }

    /// Puts the mark of a submodule in, with its commit.
    pub fn insert_submodule(&mut self, path: TreePath, commit: &str) {
        self.insert(path, Entry::Submodule(commit.into()));
    }

    /// Puts a directory in, with those above it. A revision of Git has none that is empty; a disk may.
    pub fn insert_directory(&mut self, path: TreePath) {
        let mut directory = path;
        while !self.directories.contains(&directory) {
            let parent = directory.parent();
            self.directories.insert(directory);
            directory = parent;
        }
    }

    fn insert(&mut self, path: TreePath, entry: Entry) {
        self.insert_directory(path.parent());
        self.entries.insert(path, entry);
    }

    /// Lays an opened file over the sealed one at the same path.
    ///
    /// `text` is what `sops decrypt` prints; `documents` are what its store holds, whatever store it is;
    /// `provenance` is the union over the file.
    pub fn lay_over(
        &mut self,
        path: &TreePath,
        text: SecretBytes,
        documents: Vec<yaml::Document>,
        provenance: Provenance,
    ) -> Result<(), TreeError> {
        match self.entries.get_mut(path) {
            Some(Entry::File(file)) => {
                file.state = State::Opened(Arc::new(Opened {
                    text,
                    documents,
                    provenance,
                }));
                Ok(())
            }
            _ => Err(TreeError::NotFound { path: path.clone() }),
        }
    }

    /// Marks the file at a path as one that should have been opened and was not.
    pub fn leave_sealed(&mut self, path: &TreePath) {
        if let Some(Entry::File(file)) = self.entries.get_mut(path) {
            file.state = State::LeftSealed;
        }
    }

    /// The file at a path, symbolic links followed. The path returned is the one after following.
    pub fn file(&self, path: &TreePath) -> Result<(TreePath, &File), TreeError> {
        let real = self.real_path(path)?;
        match self.entries.get(&real) {
            Some(Entry::File(file)) => Ok((real, file)),
            Some(Entry::Submodule(_)) => Err(TreeError::Submodule { path: real }),
            Some(Entry::Link(_)) | None if self.directories.contains(&real) => {
                Err(TreeError::IsDirectory { path: path.clone() })
            }
            Some(Entry::Link(_)) | None => Err(TreeError::NotFound { path: path.clone() }),
        }
    }

    /// The directory at a path, symbolic links followed.
    pub fn directory(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        let real = self.real_path(path)?;
        if self.directories.contains(&real) {
            return Ok(real);
        }
        match self.entries.get(&real) {
            Some(Entry::File(_)) => Err(TreeError::IsFile { path: path.clone() }),
            Some(Entry::Submodule(_)) => Err(TreeError::Submodule { path: real }),
            Some(Entry::Link(_)) | None => Err(TreeError::NotFound { path: path.clone() }),
        }
    }

    /// Whether a file or directory is there, symbolic links followed.
    pub fn exists(&self, path: &TreePath) -> bool {
        self.file(path).is_ok() || self.directory(path).is_ok()
    }

    /// The names directly in a directory, in byte order. A link is listed under its own name.
    ///
    /// The cost is in proportion to the names: what lies below a directory in it is stepped over.
    pub fn names(&self, directory: &TreePath) -> Result<Vec<String>, TreeError> {
        let real = self.directory(directory)?;
        let prefix = if real.is_root() {
            String::new()
        } else {
            format!("{real}/")
        };
        let mut names = Vec::new();
        let mut from = Bound::Included(TreePath(prefix.as_str().into()));
        while let Some((path, _)) = self.entries.range((from, Bound::Unbounded)).next()
            && let Some(rest) = path.as_str().strip_prefix(&prefix)
        {
            let name = rest.split('/').next().unwrap_or(rest);
            names.push(name.to_owned());
            from = if name.len() == rest.len() {
                Bound::Excluded(path.clone())
            } else {
                // '0' is the character behind '/'.
                Bound::Included(TreePath(format!("{prefix}{name}0").into()))
            };
        }
        // `a-b` comes before `a/c` among paths, but `a` before `a-b` among names.
        names.sort_unstable();
        Ok(names)
    }

    /// Every entry, in path order, links not followed.
    pub fn entries(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// The links whose target leaves the tree, with the target as written.
    pub fn escaping_links(&self) -> Vec<(TreePath, String)> {
        self.entries
            .iter()
            .filter_map(|(path, entry)| match entry {
                Entry::Link(target) if path.parent().join(target).is_err() => {
                    Some((path.clone(), target.to_string()))
                }
                _ => None,
            })
            .collect()
    }

    /// Follows every symbolic link on the way.
    fn real_path(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        let mut links = 0;
        let mut real = TreePath::root();
        let mut rest: Vec<String> = path.as_str().rsplit('/').map(str::to_owned).collect();
        while let Some(step) = rest.pop() {
            let next = real.join(&step)?;
            let Some(Entry::Link(target)) = self.entries.get(&next) else {
                real = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(TreeError::LinkLoop { path: path.clone() });
            }
            // The target is walked step by step, so that links inside it are followed as well.
            real.join(target)?;
            rest.extend(target.rsplit('/').map(str::to_owned));
        }
        Ok(real)
    }
}

#[cfg(test)]
mod tests;
