//! Unions of origins.

use super::{Integrity, Provenance, Sealed};
use crate::{KeyPath, TreePath};

fn ciphertext(file: &str) -> Sealed {
    Sealed::Ciphertext {
        file: TreePath::parse(file).unwrap(),
        document: 0,
        path: KeyPath::of_keys(["data", "k"]),
        integrity: Integrity::Verified,
    }
}

#[test]
fn plain_adds_nothing() {
    let sealed = Provenance::sealed(ciphertext("a.yaml"));
    assert!(Provenance::PLAIN.is_plain() && !sealed.is_plain());
    assert_eq!(Provenance::PLAIN.union(&sealed), sealed);
    assert_eq!(sealed.union(&Provenance::PLAIN), sealed);
    assert!(Provenance::PLAIN.union(&Provenance::PLAIN).is_plain());
}

#[test]
fn a_union_holds_every_source_once_in_order() {
    let (a, b) = (
        Provenance::sealed(ciphertext("a.yaml")),
        Provenance::sealed(ciphertext("b.yaml")),
    );
    let lookup = Provenance::sealed(Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: "vars".to_owned(),
    });
    let union = lookup.union(&b).union(&a).union(&b);
    let sources: Vec<&Sealed> = union.sources().collect();
    assert_eq!(sources.len(), 3);
    assert_eq!(sources[0], &ciphertext("a.yaml"));
    assert_eq!(union, a.union(&b).union(&lookup));
    assert_eq!(Provenance::PLAIN.sources().count(), 0);
}
