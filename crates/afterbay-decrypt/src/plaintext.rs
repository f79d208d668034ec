//! Secrets that nobody sealed: values in the places of secrets that did not come from authenticated ciphertext.
//!
//! It goes by the provenance of every value, not by names: a Secret from a generator that reads an opened file is sealed,
//! and a plain key that somebody added to a sealed Secret is not.

use std::fmt;

use afterbay_manifest::{Gvk, Integrity, KeyPath, Node, Object, Provenance, Sealed, Value};

use crate::confinement::is_secret_data;
use crate::{DecryptOptions, UnauthenticatedEyaml};

/// Why a value counts as not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsealed {
    /// It stands in the revision as it is.
    Plain,
    /// It came through a pipe, so nobody knows.
    Piped,
    /// It was opened from a hiera-eyaml token, which anyone could have written.
    Unauthenticated,
    /// It was read from an object of the cluster.
    Lookup,
}

impl fmt::Display for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "in plain text in the revision",
            Self::Piped => "from a pipe, so nobody knows whether it was sealed",
            Self::Unauthenticated => {
                "from a hiera-eyaml token, which is encrypted and not authenticated (--allow-unauthenticated eyaml)"
            }
            Self::Lookup => "read from the cluster",
        })
    }
}

/// The values of one object that are not sealed and should be, by reason, with their key paths.
pub(crate) fn unsealed(object: &Object, options: &DecryptOptions) -> Vec<(Unsealed, Vec<KeyPath>)> {
    let gvk = &object.reference().gvk;
    let mut found: Vec<(Unsealed, KeyPath)> = Vec::new();
    object.body().leaves(&mut |path, leaf| {
        if is_secret_place(gvk, path, options)
            && says_something(leaf)
            && let Some(reason) = reason(&leaf.provenance, options)
        {
            found.push((reason, path.clone()));
        }
    });
    found.sort_by_key(|(reason, _)| *reason);
    found
        .chunk_by(|left, right| left.0 == right.0)
        .map(|chunk| (chunk[0].0, chunk.iter().map(|(_, path)| path.clone()).collect()))
        .collect()
}

fn is_secret_place(gvk: &Gvk, path: &KeyPath, options: &DecryptOptions) -> bool {
    is_secret_data(gvk, path) || options.secret_places.iter().any(|place| place.matches(gvk, path))
}

/// sops leaves empty values as they are, and there is nothing in them to hide.
fn says_something(leaf: &Node) -> bool {
    matches!(leaf.value, Value::Scalar(_)) && !leaf.is_null() && leaf.as_plain_str() != Some("")
}

/// The worst of what a value was made from; `None` when all of it is authenticated ciphertext.
fn reason(provenance: &Provenance, options: &DecryptOptions) -> Option<Unsealed> {
    if provenance.is_plain() {
        return Some(Unsealed::Plain);
    }
    let of = |source: &Sealed| match source {
        Sealed::Piped { .. } => Some(Unsealed::Piped),
        Sealed::Lookup { .. } => Some(Unsealed::Lookup),
        Sealed::Ciphertext { integrity, .. } => match integrity {
            // AES-GCM held for the value itself; what the operator lets pass of the MAC is told elsewhere.
            Integrity::Verified | Integrity::MacNotVerified => None,
            Integrity::Unbound | Integrity::Unauthenticated => (options.unauthenticated_eyaml
                == UnauthenticatedEyaml::Refused)
                .then_some(Unsealed::Unauthenticated),
        },
    };
    provenance.sources().filter_map(of).min()
}

/// Key paths for people, the first few.
pub(crate) fn listed(paths: &[KeyPath]) -> String {
    const SHOWN: usize = 5;
    let mut texts: Vec<String> = paths.iter().take(SHOWN).map(ToString::to_string).collect();
    if paths.len() > SHOWN {
        texts.push(format!("{} more", paths.len() - SHOWN));
    }
    texts.join(", ")
}
