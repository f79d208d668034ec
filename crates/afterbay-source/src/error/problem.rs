//! What can be wrong with the tree of a commit.

use thiserror::Error;

/// Why a path of a tree is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
#[non_exhaustive]
pub enum TreeProblem {
    /// One file is too large.
    #[error("{path}: the file has {size} bytes, and at most {limit} are accepted")]
    FileTooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// All files together are too large.
    #[error("{path}: with this file the tree has more than {limit} bytes")]
    TreeTooLarge {
        /// The first file that does not fit.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Too many files and directories.
    #[error("{path}: with this entry the tree has more than {limit} files and directories")]
    TooManyEntries {
        /// The first entry that does not fit.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A path is too long.
    #[error("{path}…: the path is longer than {limit} bytes")]
    PathTooLong {
        /// Its beginning.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// Directories inside directories.
    #[error("{path}: directories are nested more than {limit} deep")]
    TooDeep {
        /// The directory.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A name that is dangerous when the tree is unpacked, or that is there twice.
    #[error("{path}: the name is not allowed: {reason}")]
    UnsafeName {
        /// The path, escaped.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A symbolic link out of the tree.
    #[error("{path}: the symbolic link to {target:?} leaves the tree")]
    EscapingLink {
        /// The link.
        path: String,
        /// Its target.
        target: String,
    },
    /// A symbolic link with a target no file system has.
    #[error("{path}: the target of the symbolic link is not a path")]
    InvalidLink {
        /// The link.
        path: String,
    },
}

/// What to do about a tree: the flags of the limits that were hit. The other problems have none.
pub(super) fn hint(problems: &[TreeProblem]) -> String {
    let hit = |is_hit: fn(&TreeProblem) -> bool, flag| problems.iter().any(is_hit).then_some(flag);
    let flags = [
        hit(
            |problem| matches!(problem, TreeProblem::FileTooLarge { .. }),
            "--max-file-size",
        ),
        hit(
            |problem| matches!(problem, TreeProblem::TooManyEntries { .. }),
            "--max-files",
        ),
        hit(
            |problem| matches!(problem, TreeProblem::TreeTooLarge { .. }),
            "--max-tree-size",
        ),
    ];
    let flags: Vec<&str> = flags.into_iter().flatten().collect();
    if flags.is_empty() {
        return "change the repository".to_owned();
    }
    format!("change the repository, or raise the limit ({})", flags.join(", "))
}
