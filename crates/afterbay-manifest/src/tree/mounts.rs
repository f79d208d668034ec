//! Other trees laid into a tree: what was fetched for remote entries of a build.
//!
//! Paths inside such a part lead nowhere else, and paths of the rest do not lead into it. Only what was laid in by
//! [`FileTree::mount`] counts: a directory of a revision that merely has such a name does not.

use super::{File, FileTree, TreeError, TreePath};

impl FileTree {
    /// Lays a tree in at a directory that is not there yet.
    pub fn mount(&mut self, at: &TreePath, files: FileTree) -> Result<(), TreeError> {
        let mut above = at.clone();
        while !above.is_root() && !self.entries.contains_key(&above) {
            above = above.parent();
        }
        if !above.is_root() || at.is_root() || self.directories.contains(at) {
            return Err(TreeError::Occupied { path: at.clone() });
        }
        for (path, entry) in files.entries {
            let path = at.join(path.as_str())?;
            self.insert(path, entry);
        }
        self.insert_directory(at.clone());
        self.mounts.insert(at.clone());
        Ok(())
    }

    /// Says that what stands at a directory was laid in, as in the tree that this one is a copy of.
    pub fn mark_mount(&mut self, at: TreePath) {
        self.insert_directory(at.clone());
        self.mounts.insert(at);
    }

    /// The directories at which trees were laid in, in byte order.
    pub fn mounts(&self) -> impl Iterator<Item = &TreePath> {
        self.mounts.iter()
    }

    /// The directory at which the tree was laid in that holds a path.
    pub fn mount_of(&self, path: &TreePath) -> Option<&TreePath> {
        let mut at = path.clone();
        loop {
            if let Some(mount) = self.mounts.get(&at) {
                return Some(mount);
            }
            if at.is_root() {
                return None;
            }
            at = at.parent();
        }
    }

    /// The file at a path seen from a directory, symbolic links followed, in the same part of the tree.
    pub fn file_from(&self, directory: &TreePath, path: &str) -> Result<(TreePath, &File), TreeError> {
        let joined = directory.join(path)?;
        self.check_same_part(directory, path, &joined)?;
        let (real, file) = self.file(&joined)?;
        self.check_same_part(directory, path, &real)?;
        Ok((real, file))
    }

    /// The directory at a path seen from a directory, symbolic links followed, in the same part of the tree.
    pub fn directory_from(&self, directory: &TreePath, path: &str) -> Result<TreePath, TreeError> {
        let joined = directory.join(path)?;
        self.check_same_part(directory, path, &joined)?;
        let real = self.directory(&joined)?;
        self.check_same_part(directory, path, &real)?;
        Ok(real)
    }

    fn check_same_part(&self, directory: &TreePath, path: &str, real: &TreePath) -> Result<(), TreeError> {
        let part = self.mount_of(directory);
        if part == self.mount_of(real) {
            return Ok(());
        }
        let path = path.to_owned();
        Err(match part {
            Some(part) => TreeError::LeavesFetched {
                part: part.clone(),
                path,
            },
            None => TreeError::EntersFetched { path },
        })
    }
}
