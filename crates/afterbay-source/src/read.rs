//! Reads the tree of a commit from an object store into memory, within limits.
//!
//! The size of every object is read from its header before the object is inflated.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use afterbay_manifest::{FileTree, TreePath};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Find, FindExt, FindHeader, Kind};

use crate::error::{SourceError, TreeProblem};
use crate::foreign_text::foreign_text;
use crate::progress::FetchEvent;
use crate::session::Session;

/// The most bytes the target of a symbolic link may have (`PATH_MAX` of Linux).
const MOST_LINK_BYTES: u64 = 4096;

/// The most bytes one directory's object may have: about 400,000 entries.
const MOST_DIRECTORY_BYTES: u64 = 16 * 1024 * 1024;

/// The most bytes a commit or tag object may have.
const MOST_COMMIT_BYTES: u64 = 1024 * 1024;

/// How many tags of tags are followed.
const MOST_TAGS: usize = 16;

/// How many problems are collected before reading ends.
const MOST_PROBLEMS: usize = 50;

/// How many paths a warning names.
const MOST_NAMED: usize = 5;

/// How a Git LFS pointer begins (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// An object store with a limit on every allocation.
pub(crate) fn open_store(objects: &std::path::Path, session: &Session) -> std::io::Result<gix::odb::Handle> {
    let alloc_limit_bytes = Some(allocation_limit(session));
    let options = gix::odb::store::init::Options {
        alloc_limit_bytes,
        ..Default::default()
    };
    // Replacement refs are left out: a server would not apply them either.
    gix::odb::at_opts(objects, gix::hash::Kind::Sha1, None, options)
}

/// The largest single allocation for one object: the largest object that could be accepted.
pub(crate) fn allocation_limit(session: &Session) -> usize {
    usize::try_from(session.limits.file_bytes.max(4 * MOST_DIRECTORY_BYTES)).unwrap_or(usize::MAX)
}

/// Follows tags to their commit.
pub(crate) fn peel(
    store: &gix::odb::Handle,
    session: &Session,
    reference: &str,
    id: ObjectId,
) -> Result<ObjectId, SourceError> {
    let mut id = id;
    for _ in 0..MOST_TAGS {
        let (kind, size) = header(store, session, id)?;
        match kind {
            Kind::Commit => return Ok(id),
            Kind::Tag if size <= MOST_COMMIT_BYTES => {
                let mut buffer = Vec::new();
                let tag = store
                    .find_tag(&id, &mut buffer)
                    .map_err(|error| broken(session, id, &error))?;
                id = tag.target();
            }
            kind => {
                return Err(SourceError::NotACommit {
                    remote: session.remote.clone(),
                    reference: reference.to_owned(),
                    kind: kind.to_string(),
                });
            }
        }
    }
    Err(SourceError::NotACommit {
        remote: session.remote.clone(),
        reference: reference.to_owned(),
        kind: "chain of tags".to_owned(),
    })
}

/// Reads the files of a commit.
pub(crate) fn read_tree(
    store: &gix::odb::Handle,
    session: &Session,
    commit: ObjectId,
) -> Result<FileTree, SourceError> {
    let (_, size) = header(store, session, commit)?;
    if size > MOST_COMMIT_BYTES {
        return Err(broken(session, commit, &"larger than any commit"));
    }
    let mut buffer = Vec::new();
    let root = store
        .find_commit(&commit, &mut buffer)
        .map_err(|error| broken(session, commit, &error))?
        .tree();
    let mut reader = Reader {
        store,
        session,
        tree: FileTree::new(),
        blobs: HashMap::new(),
        entries: 0,
        files: 0,
        bytes: 0,
        submodules: Vec::new(),
        pointers: Vec::new(),
        problems: Vec::new(),
    };
    reader.walk(root)?;
    reader.finish(commit)
}

/// A tree that is being read.
struct Reader<'a> {
    store: &'a gix::odb::Handle,
    session: &'a Session,
    tree: FileTree,
    /// Equal files share their bytes.
    blobs: HashMap<ObjectId, Arc<[u8]>>,
    entries: usize,
    files: usize,
    bytes: u64,
    submodules: Vec<String>,
    pointers: Vec<String>,
    problems: Vec<TreeProblem>,
}

/// A directory still to be read.
struct Directory {
    path: String,
    depth: usize,
    id: ObjectId,
}

/// Whether reading goes on.
enum Flow {
    Continue,
    Enough,
}

impl Reader<'_> {
    fn walk(&mut self, root: ObjectId) -> Result<(), SourceError> {
        let mut rest = vec![Directory {
            path: String::new(),
            depth: 0,
            id: root,
        }];
        while let Some(directory) = rest.pop() {
            self.session.check()?;
            if let Flow::Enough = self.read_directory(&directory, &mut rest)? {
                break;
            }
        }
        Ok(())
    }

    fn read_directory(
        &mut self,
        directory: &Directory,
        rest: &mut Vec<Directory>,
    ) -> Result<Flow, SourceError> {
        let (_, size) = header(self.store, self.session, directory.id)?;
        if size > MOST_DIRECTORY_BYTES {
            return Err(broken(self.session, directory.id, &"larger than any directory"));
        }
        let mut buffer = Vec::new();
        let tree = self.store.find_tree_iter(&directory.id, &mut buffer);
        let tree = tree.map_err(|error| broken(self.session, directory.id, &error))?;
        let mut names = HashSet::new();
        for entry in tree {
            let entry = entry.map_err(|error| broken(self.session, directory.id, &error))?;
            let name: &[u8] = entry.filename.as_ref();
            let repeated = !names.insert(name.to_vec());
            if self.problems.len() >= MOST_PROBLEMS {
                return Ok(Flow::Enough);
            }
            let Some(path) = self.entry_path(directory, name, repeated) else {
                continue;
            };
            self.entries += 1;
            if self.entries > self.session.limits.entries {
                let limit = self.session.limits.entries;
                self.problems.push(TreeProblem::TooManyEntries { path, limit });
                return Ok(Flow::Enough);
            }
            let id = entry.oid.to_owned();
            let flow = match entry.mode.kind() {
                EntryKind::Tree => self.enter(directory, path, id, rest),
                EntryKind::Blob => self.read_file(path, id, false)?,
                EntryKind::BlobExecutable => self.read_file(path, id, true)?,
                EntryKind::Link => self.read_link(path, id)?,
                EntryKind::Commit => self.note_submodule(&path, id),
            };
            if let Flow::Enough = flow {
                return Ok(Flow::Enough);
            }
        }
        Ok(Flow::Continue)
    }

    /// The path of an entry, unless its name is refused.
    fn entry_path(&mut self, directory: &Directory, name: &[u8], repeated: bool) -> Option<String> {
        let joined = |name: &str| {
            if directory.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}/{name}", directory.path)
            }
        };
        let limit = self.session.limits.path_bytes;
        let Some(text) = std::str::from_utf8(name).ok().filter(|_| !repeated) else {
            let path = joined(&foreign_text(name));
            let reason = if repeated {
                "it is there twice"
            } else {
                "it is not UTF-8"
            };
            self.problems.push(TreeProblem::UnsafeName { path, reason });
            return None;
        };
        let reason = match text {
            "" | "." | ".." => Some("it is a step, not a name"),
            _ if text.eq_ignore_ascii_case(".git") => Some("it would be taken for a repository"),
            _ if text.contains('/') => Some("it holds a separator"),
            _ if text.contains(char::is_control) => Some("it holds a control character"),
            _ => None,
        };
        if let Some(reason) = reason {
            let path = joined(&text.escape_debug().to_string());
            self.problems.push(TreeProblem::UnsafeName { path, reason });
            return None;
        }
        let path = joined(text);
        if path.len() > limit {
            let path = path.chars().take(60).collect();
            self.problems.push(TreeProblem::PathTooLong { path, limit });
            return None;
        }
        Some(path)
    }

    fn enter(
        &mut self,
        directory: &Directory,
        path: String,
        id: ObjectId,
        rest: &mut Vec<Directory>,
    ) -> Flow {
        let limit = self.session.limits.path_depth;
        let depth = directory.depth + 1;
        if depth > limit {
            self.problems.push(TreeProblem::TooDeep { path, limit });
        } else {
            rest.push(Directory { path, depth, id });
        }
        Flow::Continue
    }

    fn read_file(&mut self, path: String, id: ObjectId, executable: bool) -> Result<Flow, SourceError> {
        let (_, size) = header(self.store, self.session, id)?;
        let limits = &self.session.limits;
        if size > limits.file_bytes {
            self.problems.push(TreeProblem::FileTooLarge {
                path,
                size,
                limit: limits.file_bytes,
            });
            return Ok(Flow::Continue);
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > limits.tree_bytes {
            self.problems.push(TreeProblem::TreeTooLarge {
                path,
                limit: limits.tree_bytes,
            });
            return Ok(Flow::Enough);
        }
        self.files += 1;
        let source = self.read_blob(id)?;
        if source.starts_with(LFS_POINTER) {
            self.pointers.push(path.clone());
        }
        let path = self.tree_path(&path)?;
        self.tree.insert_file(path, source, executable);
        Ok(Flow::Continue)
    }

    fn read_blob(&mut self, id: ObjectId) -> Result<Arc<[u8]>, SourceError> {
        if let Some(blob) = self.blobs.get(&id) {
            return Ok(Arc::clone(blob));
        }
        let mut buffer = Vec::new();
        let blob = self
            .store
            .find_blob(&id, &mut buffer)
            .map_err(|error| broken(self.session, id, &error))?;
        let blob: Arc<[u8]> = blob.data.into();
        self.blobs.insert(id, Arc::clone(&blob));
        Ok(blob)
    }

    fn read_link(&mut self, path: String, id: ObjectId) -> Result<Flow, SourceError> {
        let (_, size) = header(self.store, self.session, id)?;
        let target = if size <= MOST_LINK_BYTES {
            Some(self.read_blob(id)?)
        } else {
            None
        };
        let target = target
            .as_deref()
            .and_then(|target| std::str::from_utf8(target).ok());
        match target.filter(|target| !target.is_empty() && !target.contains('\0')) {
            Some(target) => {
                let path = self.tree_path(&path)?;
                self.tree.insert_link(path, target);
            }
            None => self.problems.push(TreeProblem::InvalidLink { path }),
        }
        Ok(Flow::Continue)
    }

    fn note_submodule(&mut self, path: &str, id: ObjectId) -> Flow {
        if let Ok(path) = TreePath::parse(path) {
            self.tree.insert_submodule(path, &id.to_string());
        }
        self.submodules.push(path.to_owned());
        Flow::Continue
    }

    /// Names were checked, so this cannot fail; if it does, the tree is not to be trusted.
    fn tree_path(&self, path: &str) -> Result<TreePath, SourceError> {
        TreePath::parse(path).map_err(|_| SourceError::Protocol {
            remote: self.session.remote.clone(),
            reason: format!("the tree holds the path {path:?}"),
        })
    }

    /// Says what is in the tree by name only.
    fn warn(&self) {
        if !self.submodules.is_empty() {
            self.session
                .warn(format!("submodules are not fetched: {}", some(&self.submodules)));
        }
        if !self.pointers.is_empty() {
            let paths = some(&self.pointers);
            self.session
                .warn(format!("files behind Git LFS pointers are not fetched: {paths}"));
        }
    }

    fn finish(mut self, commit: ObjectId) -> Result<FileTree, SourceError> {
        for (path, target) in self.tree.escaping_links() {
            self.problems.push(TreeProblem::EscapingLink {
                path: path.to_string(),
                target,
            });
        }
        if self.problems.is_empty() {
            self.warn();
            self.session.emit(FetchEvent::Read {
                files: self.files,
                bytes: self.bytes,
            });
            return Ok(self.tree);
        }
        self.problems.sort_by(|left, right| left.path().cmp(right.path()));
        self.problems.truncate(MOST_PROBLEMS);
        let remote = self.session.remote.clone();
        Err(SourceError::Tree {
            remote,
            commit: commit.to_string(),
            problems: self.problems,
        })
    }
}

impl TreeProblem {
    /// The path it is about.
    fn path(&self) -> &str {
        match self {
            Self::FileTooLarge { path, .. }
            | Self::TreeTooLarge { path, .. }
            | Self::TooManyEntries { path, .. }
            | Self::PathTooLong { path, .. }
            | Self::TooDeep { path, .. }
            | Self::UnsafeName { path, .. }
            | Self::EscapingLink { path, .. }
            | Self::InvalidLink { path } => path,
        }
    }
}

/// The first few paths, and how many more there are.
fn some(paths: &[String]) -> String {
    let mut sorted: Vec<&str> = paths.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let more = sorted.len().saturating_sub(MOST_NAMED);
    sorted.truncate(MOST_NAMED);
    let named = sorted.join(", ");
    if more == 0 {
        named
    } else {
        format!("{named} and {more} more")
    }
}

/// Kind and inflated size of an object, without inflating it.
fn header(store: &gix::odb::Handle, session: &Session, id: ObjectId) -> Result<(Kind, u64), SourceError> {
    match store.try_header(&id) {
        Ok(Some(header)) => Ok((header.kind, header.size)),
        Ok(None) => Err(broken(session, id, &"missing")),
        Err(error) => Err(broken(session, id, &error)),
    }
}

/// Whether the store has an object.
pub(crate) fn has(store: &gix::odb::Handle, id: ObjectId) -> bool {
    matches!(FindHeader::try_header(store, &id), Ok(Some(_)))
        && Find::try_find(store, &id, &mut Vec::new()).is_ok()
}

fn broken(session: &Session, id: ObjectId, problem: &dyn std::fmt::Display) -> SourceError {
    SourceError::BrokenObject {
        remote: session.remote.clone(),
        id: id.to_string(),
        problem: foreign_text(problem.to_string().as_bytes()),
    }
}
