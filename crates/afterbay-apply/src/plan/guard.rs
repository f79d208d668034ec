//! What a plan does not delete without consent that names it.

use std::fmt;

/// A reason not to delete, which only consent to this very plan sets aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// There is no object to apply, and pruning would delete all that the inventory has.
    EmptySource {
        /// Number of objects that would be deleted.
        deletes: usize,
        /// What the stages said about it.
        reasons: Vec<String>,
    },
    /// More would be deleted than the operator allows.
    TooMany {
        /// Number of objects that would be deleted.
        deletes: usize,
        /// Number of objects that the inventory has.
        of: usize,
        /// The limit, as it was given: `5` or `20%`.
        limit: String,
    },
    /// An object would be deleted to be created anew whose deletion takes data or other objects with it.
    Recreates {
        /// The object, with its place.
        object: String,
    },
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySource { deletes, reasons } => {
                write!(
                    f,
                    "no object to apply, and pruning would delete all {deletes} objects"
                )?;
                reasons.iter().try_for_each(|reason| write!(f, ": {reason}"))
            }
            Self::TooMany { deletes, of, limit } => write!(
                f,
                "pruning would delete {deletes} of {of} objects, more than --max-prune {limit} allows"
            ),
            Self::Recreates { object } => write!(
                f,
                "{object} would be deleted and created anew, and what it holds would be gone"
            ),
        }
    }
}
