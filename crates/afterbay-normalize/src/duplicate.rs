//! Objects that would overwrite each other.

use std::collections::HashMap;

use afterbay_manifest::{Object, Origin};

use crate::error::NormalizeError;

/// Group, kind, namespace and name: what the server keys an object by. The version is not part of it.
type Key<'a> = (&'a str, &'a str, Option<&'a str>, &'a str);

/// An error for every object whose identity is taken.
pub(crate) fn find(objects: &[Object]) -> Vec<NormalizeError> {
    let mut seen: HashMap<Key<'_>, &Origin> = HashMap::new();
    let mut errors = Vec::new();
    for object in objects {
        let reference = object.reference();
        let key = (
            &*reference.gvk.group,
            &*reference.gvk.kind,
            reference.namespace.as_deref(),
            &*reference.name,
        );
        match seen.get(&key) {
            Some(first) => errors.push(NormalizeError::Duplicate {
                object: Box::new(reference.clone()),
                first: Box::new((*first).clone()),
                second: Box::new(object.origin().clone()),
            }),
            None => {
                seen.insert(key, object.origin());
            }
        }
    }
    errors
}
