//! Where an opened value may end.
//!
//! Files are opened before rendering. Without a rule, whoever can edit a kustomization could copy an
//! opened value into a ConfigMap; in Flux's order only the text `ENC[…]` would be copied.

use afterbay_manifest::{Gvk, KeyPath, ObjectRef, Place, Provenance, Sealed, Segment};

use crate::overlay::Declarations;
use crate::{DecryptError, PlacePattern};

/// What there is to say of a value that may not stand where it does. The place is the object's: a value that strayed
/// brings the line of another file along.
pub(crate) fn refusal(
    object: &ObjectRef,
    place: Place,
    path: &KeyPath,
    provenance: &Provenance,
    declared: &Declarations,
    allowed: &[PlacePattern],
) -> Option<DecryptError> {
    let from = violations(&object.gvk, path, provenance, declared, allowed);
    (!from.is_empty()).then(|| DecryptError::Unconfined {
        place,
        object: object.clone(),
        path: path.clone(),
        from,
        by: None,
    })
}

/// The sources of a value that may not stand where it does; empty if it may.
fn violations(
    gvk: &Gvk,
    path: &KeyPath,
    provenance: &Provenance,
    declared: &Declarations,
    allowed: &[PlacePattern],
) -> Vec<Sealed> {
    if provenance.is_plain() || is_secret_data(gvk, path) {
        return Vec::new();
    }
    if allowed.iter().any(|place| place.matches(gvk, path)) {
        return Vec::new();
    }
    let wrong = provenance
        .sources()
        .filter(|source| !is_declared(gvk, path, source, declared));
    wrong.cloned().collect()
}

/// Whether a place is an entry of a v1 Secret, or the map of its entries.
pub(crate) fn is_secret_data(gvk: &Gvk, path: &KeyPath) -> bool {
    let first = path.segments().first();
    let is = |name: &str| matches!(first, Some(Segment::Key(key)) if **key == *name);
    gvk.is_secret() && (is("data") || is("stringData"))
}

/// Whether a place is the one that the file of a value declared for it.
fn is_declared(gvk: &Gvk, path: &KeyPath, source: &Sealed, declared: &Declarations) -> bool {
    let Sealed::Ciphertext {
        file,
        document,
        path: home,
        ..
    } = source
    else {
        return false;
    };
    let same_kind = |kind: &Gvk| kind.kind == gvk.kind && kind.group == gvk.group;
    if declared.kind(file, *document).is_some_and(same_kind) && same_keys(home.segments(), path.segments()) {
        return true;
    }
    // An object that was an item of a List stands on its own after rendering.
    match home.segments() {
        [Segment::Key(items), Segment::Index(item), rest @ ..] if **items == *"items" => {
            declared.item_kind(file, *document, *item).is_some_and(same_kind)
                && same_keys(rest, path.segments())
        }
        _ => false,
    }
}

/// Whether two paths have the same keys. Positions in lists do not count, as they do not count in what
/// SOPS authenticates: a patch that adds an item moves the others.
fn same_keys(left: &[Segment], right: &[Segment]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|pair| match pair {
            (Segment::Index(_), Segment::Index(_)) => true,
            (left, right) => left == right,
        })
}
