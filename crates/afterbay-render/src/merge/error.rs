//! Why a patch cannot be applied. No message holds a value.

use afterbay_manifest::{KeyPath, Position, Segment};
use thiserror::Error;

/// Why a patch cannot be applied. The position is that of the patch, in its file; unknown where no file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MergeError {
    /// The patch and the object have values of different kinds at the same place.
    #[error(
        "the patch has a {found} at {path}, where the object has a {there}; a patch cannot turn one into the other"
    )]
    Kinds {
        /// Where in the patch.
        position: Position,
        /// The field. Items of lists are left out of it.
        path: KeyPath,
        /// What the object has.
        there: &'static str,
        /// What the patch has.
        found: &'static str,
    },
    /// `$patch` says something else than `delete`, `replace` or `merge`.
    #[error("$patch at {path} must be delete, replace or merge")]
    Directive {
        /// Where in the patch.
        position: Position,
        /// The map or list it stands in.
        path: KeyPath,
    },
    /// A list of maps that merges by a key has an item that is no map.
    #[error("the list at {path} merges by {key}, and holds a {found}; all of its items must be maps")]
    Item {
        /// Where in the patch.
        position: Position,
        /// The list.
        path: KeyPath,
        /// The key.
        key: String,
        /// What the item is.
        found: &'static str,
    },
    /// A map has an empty key, which kustomize takes for no key at all.
    #[error("the map at {path} has an empty key, and kustomize cannot patch an object with one")]
    EmptyKey {
        /// The map.
        path: KeyPath,
    },
    /// A list is too long to be merged by several keys.
    #[error("the list at {path} has {items} items; of such a list no more than {limit} can be merged")]
    TooLong {
        /// The list.
        path: KeyPath,
        /// How many items it has, in the object and in the patch.
        items: usize,
        /// How many it may have.
        limit: usize,
    },
}

impl MergeError {
    /// The error with the field that it was found in. While it comes up, its path stands upside down.
    pub(super) fn inside(mut self, field: &str) -> Self {
        self.path_mut().push(Segment::Key(field.into()));
        self
    }

    /// The error with its path from the object on.
    pub(super) fn turned(mut self) -> Self {
        let path = self.path_mut();
        let mut turned = KeyPath::root();
        for segment in path.segments().iter().rev() {
            turned.push(segment.clone());
        }
        *path = turned;
        self
    }

    fn path_mut(&mut self) -> &mut KeyPath {
        match self {
            Self::Kinds { path, .. }
            | Self::Directive { path, .. }
            | Self::Item { path, .. }
            | Self::EmptyKey { path }
            | Self::TooLong { path, .. } => path,
        }
    }

    /// Where in the patch's file.
    pub fn position(&self) -> Position {
        match self {
            Self::Kinds { position, .. } | Self::Directive { position, .. } | Self::Item { position, .. } => {
                *position
            }
            Self::EmptyKey { .. } | Self::TooLong { .. } => Position::UNKNOWN,
        }
    }
}
