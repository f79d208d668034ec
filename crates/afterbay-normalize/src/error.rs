//! What the API server would refuse, said before it is asked.

use std::fmt;

use afterbay_manifest::{Finding, KeyPath, ObjectError, ObjectRef, Origin, Place};
use thiserror::Error;

/// One thing that is wrong with an object. No variant holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NormalizeError {
    /// A field has a type the server does not take.
    #[error("{place}: {object}: {path} is {found} where {expected} is expected; {hint}")]
    WrongType {
        /// The place.
        place: Place,
        /// The object.
        object: Box<ObjectRef>,
        /// The field.
        path: KeyPath,
        /// What stands there.
        found: &'static str,
        /// What the server takes.
        expected: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A value under `data` is not base64.
    #[error(
        "{place}: {object}: {path} is not base64 (standard alphabet, with padding); put plain text under stringData"
    )]
    NotBase64 {
        /// The place.
        place: Place,
        /// The object.
        object: Box<ObjectRef>,
        /// The field.
        path: KeyPath,
    },
    /// A key of a Secret is not one the server takes.
    #[error("{place}: {object}: the key of {path} {problem}")]
    Key {
        /// The place of its value.
        place: Place,
        /// The object.
        object: Box<ObjectRef>,
        /// The field.
        path: KeyPath,
        /// What is wrong with the key and what a key may be.
        problem: &'static str,
    },
    /// A Secret holds more than the server takes.
    #[error("{origin}: {object}: holds {size} bytes of data, and a Secret may hold {limit}; split it")]
    TooLarge {
        /// Where the object stands.
        origin: Origin,
        /// The object.
        object: Box<ObjectRef>,
        /// Bytes of all values, decoded.
        size: usize,
        /// Bytes the server takes.
        limit: usize,
    },
    /// A List that holds something else than objects.
    #[error(
        "{origin}: {object}: items is {found} where a list of objects is expected; write one object per item"
    )]
    Items {
        /// Where the List stands.
        origin: Origin,
        /// The List.
        object: Box<ObjectRef>,
        /// What stands there.
        found: &'static str,
    },
    /// Two objects have one identity.
    #[error(
        "{second}: {object} is defined twice, first at {first}; the cluster has room for one, remove the other or give \
         it another name"
    )]
    Duplicate {
        /// The second object.
        object: Box<ObjectRef>,
        /// Where it stands first.
        first: Box<Origin>,
        /// Where it stands again.
        second: Box<Origin>,
    },
    /// The identity of an object could not be read.
    #[error(transparent)]
    Object(ObjectError),
}

/// Everything that is wrong with a set; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct NormalizeErrors(pub Vec<NormalizeError>);

impl NormalizeErrors {
    /// Each of them as a person reads it. Their texts say what is expected.
    pub fn findings(&self) -> Vec<Finding> {
        self.0.iter().map(|error| Finding::of(error, None)).collect()
    }
}

impl fmt::Display for NormalizeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}
