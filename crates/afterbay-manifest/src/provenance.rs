//! Where a value comes from, carried by every leaf.

use std::sync::Arc;

use crate::{KeyPath, TreePath};

/// Whether the text a value was opened from is known not to have been altered piecemeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Integrity {
    /// The SOPS MAC of the whole file was verified.
    Verified,
    /// The SOPS MAC was not verified, because the operator said `warn` or `off`; the value itself
    /// passed AES-GCM.
    MacNotVerified,
    /// The value itself is protected against alteration (OpenPGP), and nothing binds it to its place or to what
    /// stands beside it: whoever can write the file can move it (hiera-eyaml GPG).
    Unbound,
    /// The format has no integrity at all (hiera-eyaml PKCS7).
    Unauthenticated,
}

/// What a value that is not plain was opened from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sealed {
    /// Ciphertext in a file of the revision.
    Ciphertext {
        /// The file that held it.
        file: TreePath,
        /// Index of the YAML document in the file, from 0.
        document: usize,
        /// The key path it had there; its declared place.
        path: KeyPath,
        /// What is known about its integrity.
        integrity: Integrity,
    },
    /// A value that came through a pipe, in a place where opened values stand. Whether it was sealed, nobody knows.
    Piped {
        /// What messages call the stream.
        stream: String,
    },
    /// A value read from a Secret or ConfigMap of a cluster.
    Lookup {
        /// Kind of the object read.
        kind: String,
        /// Its name.
        name: String,
    },
}

/// The origin of a leaf: plain, or the union of everything sealed it was made from.
///
/// Almost every leaf that is not plain has one source, so the sources are a sorted slice without repetition: a tree would
/// cost hundreds of bytes a leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance(Option<Arc<[Sealed]>>);

impl Provenance {
    /// Text that stood in the revision as it is.
    pub const PLAIN: Self = Self(None);

    /// A value opened from one sealed source.
    pub fn sealed(source: Sealed) -> Self {
        Self(Some(Arc::from([source])))
    }

    /// Whether nothing sealed went into the value.
    pub fn is_plain(&self) -> bool {
        self.0.is_none()
    }

    /// The sealed sources, in order.
    pub fn sources(&self) -> impl Iterator<Item = &Sealed> {
        self.0.iter().flat_map(|sources| sources.iter())
    }

    /// The origin of a value computed from both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(left), Some(right)) if left == right => self.clone(),
            (Some(left), Some(right)) => {
                let mut sources = [&left[..], &right[..]].concat();
                sources.sort();
                sources.dedup();
                Self(Some(sources.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
