//! A directory on disk as a tree: what a build reads of it, and nothing else.
//!
//! The render stage names what it misses, and it is read until nothing is missing. So a directory deep in a large repository
//! costs what its build reads, and the stage itself does no IO. Nothing outside of the root is read: not by `..`, and not
//! through a symbolic link, which is followed step by step.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use afterbay_manifest::{FileTree, TreePath};
use thiserror::Error;

/// The most that is read, in bytes.
const MAX_TOTAL: u64 = 512 << 20;

/// How many symbolic links the way to one file may have; a tree follows as many.
const MAX_LINKS: usize = 40;

/// How deep directories are searched for manifests.
const MAX_DEPTH: usize = 200;

/// Why a directory cannot be read.
#[derive(Debug, Error)]
pub(crate) enum DirectoryError {
    /// The system refuses to read something.
    #[error("cannot read {}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// A file was named.
    #[error("{} is no directory; name the one that holds the kustomization file", path.display())]
    NoDirectory {
        /// What was named.
        path: PathBuf,
    },
    /// The directory of the build is not below its root.
    #[error("{} does not lie in {}; name a root that holds it", path.display(), root.display())]
    Outside {
        /// The directory of the build.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A symbolic link leaves the root.
    #[error("{path}: symbolic link to {target} leaves {}", root.display())]
    Link {
        /// The link.
        path: TreePath,
        /// Its target.
        target: String,
        /// The root.
        root: PathBuf,
    },
    /// What stands there is no file.
    #[error("{} is neither a file, a directory nor a symbolic link", path.display())]
    Kind {
        /// What.
        path: PathBuf,
    },
    /// A name cannot stand in a kustomization file.
    #[error("{} has a name that is not UTF-8; rename it", path.display())]
    Name {
        /// What.
        path: PathBuf,
    },
    /// There is too much.
    #[error("the build reads more than {} MiB", MAX_TOTAL >> 20)]
    TooLarge,
    /// Directories are nested too deeply.
    #[error("{}: directories are nested more than {MAX_DEPTH} deep", path.display())]
    TooDeep {
        /// The innermost that was seen.
        path: PathBuf,
    },
}

/// What was read.
pub(crate) struct Directory {
    /// The files, by their paths below the root.
    pub(crate) tree: FileTree,
    /// The directory of the build in it.
    pub(crate) path: TreePath,
}

/// Reads what the build of a directory needs. `missing` names what it needs beyond a tree.
///
/// The root is, unless it is given, the Git work tree that holds the directory, else the working directory if it holds it,
/// else the directory itself.
pub(crate) fn read(
    path: &Path,
    root: Option<&Path>,
    missing: impl Fn(&FileTree, &TreePath) -> Vec<TreePath>,
) -> Result<Directory, DirectoryError> {
    let real = canonical(path)?;
    if !real.is_dir() {
        return Err(DirectoryError::NoDirectory {
            path: path.to_owned(),
        });
    }
    let root = match root {
        Some(root) => canonical(root)?,
        None => natural_root(&real),
    };
    let below = real.strip_prefix(&root).map_err(|_| DirectoryError::Outside {
        path: path.to_owned(),
        root: root.clone(),
    })?;
    let name = below
        .to_str()
        .and_then(|name| TreePath::parse(name).ok())
        .ok_or_else(|| DirectoryError::Name { path: real.clone() })?;
    let mut reader = Reader {
        root,
        tree: FileTree::new(),
        left: MAX_TOTAL,
    };
    if !reader.kustomization_files(&name)? {
        reader.everything(&name, 0)?;
    }
    let mut asked = BTreeSet::new();
    loop {
        let wanted = missing(&reader.tree, &name).into_iter();
        let wanted: Vec<TreePath> = wanted.filter(|path| asked.insert(path.clone())).collect();
        if wanted.is_empty() {
            break;
        }
        for path in wanted {
            reader.bring(&path)?;
        }
    }
    Ok(Directory {
        tree: reader.tree,
        path: name,
    })
}

fn canonical(path: &Path) -> Result<PathBuf, DirectoryError> {
    fs::canonicalize(path).map_err(|source| DirectoryError::Read {
        path: path.to_owned(),
        source,
    })
}

fn natural_root(directory: &Path) -> PathBuf {
    let work_tree = directory.ancestors().find(|above| above.join(".git").exists());
    let working = || {
        let working = fs::canonicalize(".").ok()?;
        directory.starts_with(&working).then_some(working)
    };
    work_tree
        .map(Path::to_owned)
        .or_else(working)
        .unwrap_or_else(|| directory.to_owned())
}

struct Reader {
    root: PathBuf,
    tree: FileTree,
    /// How many bytes may still be read.
    left: u64,
}

/// What stands at a path, links not followed.
enum Standing {
    Nothing,
    File(u64),
    Directory,
    Link(String),
}

impl Reader {
    fn on_disk(&self, path: &TreePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    fn look(&self, path: &TreePath) -> Result<Standing, DirectoryError> {
        let place = self.on_disk(path);
        let failed = |source| DirectoryError::Read {
            path: place.clone(),
            source,
        };
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Standing::Nothing);
            }
            Err(source) => return Err(failed(source)),
        };
        let kind = metadata.file_type();
        if kind.is_file() {
            Ok(Standing::File(metadata.len()))
        } else if kind.is_dir() {
            Ok(Standing::Directory)
        } else if kind.is_symlink() {
            let target = fs::read_link(&place).map_err(failed)?;
            let target = target.to_str();
            let target = target.ok_or_else(|| DirectoryError::Name { path: place.clone() })?;
            Ok(Standing::Link(target.to_owned()))
        } else {
            Err(DirectoryError::Kind { path: place })
        }
    }

    /// Reads what a path leads to: a file, or the kustomization files of a directory. Nothing if nothing is there.
    fn bring(&mut self, path: &TreePath) -> Result<(), DirectoryError> {
        let mut rest: Vec<String> = path.as_str().rsplit('/').map(str::to_owned).collect();
        let (mut real, mut links) = (TreePath::root(), 0);
        while let Some(step) = rest.pop() {
            // A link was checked before its steps were taken.
            let Ok(next) = real.join(&step) else { return Ok(()) };
            match self.look(&next)? {
                Standing::Nothing => return Ok(()),
                Standing::Directory => real = next,
                Standing::File(size) => return self.file(next, size),
                Standing::Link(target) => {
                    self.link(&next, &real, &target)?;
                    links += 1;
                    if links > MAX_LINKS {
                        return Ok(());
                    }
                    rest.extend(target.rsplit('/').map(str::to_owned));
                }
            }
        }
        self.kustomization_files(&real).map(drop)
    }

    fn link(&mut self, path: &TreePath, directory: &TreePath, target: &str) -> Result<(), DirectoryError> {
        if directory.join(target).is_err() {
            return Err(DirectoryError::Link {
                path: path.clone(),
                target: target.to_owned(),
                root: self.root.clone(),
            });
        }
        self.tree.insert_link(path.clone(), target);
        Ok(())
    }

    fn file(&mut self, path: TreePath, size: u64) -> Result<(), DirectoryError> {
        self.left = self.left.checked_sub(size).ok_or(DirectoryError::TooLarge)?;
        let place = self.on_disk(&path);
        let text = fs::read(&place).map_err(|source| DirectoryError::Read { path: place, source })?;
        self.tree.insert_file(path, text, false);
        Ok(())
    }

    /// Whether the directory has some.
    fn kustomization_files(&mut self, directory: &TreePath) -> Result<bool, DirectoryError> {
        self.tree.insert_directory(directory.clone());
        let mut found = false;
        for name in afterbay_render::KUSTOMIZATION_FILES {
            let Ok(path) = directory.join(name) else { continue };
            match self.look(&path)? {
                Standing::Nothing | Standing::Directory => {}
                Standing::File(size) => {
                    self.file(path, size)?;
                    found = true;
                }
                Standing::Link(_) => {
                    self.bring(&path)?;
                    found |= self.tree.file(&path).is_ok();
                }
            }
        }
        Ok(found)
    }

    /// Reads every file that a directory without kustomization file may build.
    fn everything(&mut self, directory: &TreePath, depth: usize) -> Result<(), DirectoryError> {
        let place = self.on_disk(directory);
        if depth > MAX_DEPTH {
            return Err(DirectoryError::TooDeep { path: place });
        }
        let failed = |source| DirectoryError::Read {
            path: place.clone(),
            source,
        };
        for entry in fs::read_dir(&place).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let may_count = |name: &str| {
                let ending = Path::new(name).extension();
                ending.is_some_and(|ending| ending == "yaml" || ending == "yml")
                    || [".yaml", ".yml", ".sourceignore"].contains(&name)
                    || afterbay_render::KUSTOMIZATION_FILES.contains(&name)
            };
            let Some(name) = name.to_str() else { continue };
            let Ok(path) = directory.join(name) else { continue };
            match self.look(&path) {
                Ok(Standing::Directory) if name != ".git" => self.everything(&path, depth + 1)?,
                Ok(Standing::File(size)) if may_count(name) => self.file(path, size)?,
                Ok(Standing::Link(target)) if may_count(name) => self.link(&path, directory, &target)?,
                // A socket beside the manifests is none of them.
                Err(DirectoryError::Kind { .. }) | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
