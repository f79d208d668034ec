//! The annotations in which kustomize keeps its books, as far as operations of JSON6902 meet them.
//!
//! An object that kustomize knows something about has annotations, whatever its file says, so that `add` finds
//! `/metadata/annotations` there; and an operation that replaces all annotations takes the books along.

use afterbay_manifest::{Mapping, Node};

use crate::build_metadata::{ORIGIN, TRANSFORMATIONS};
use crate::resource::{self, Resource};

/// Makes the annotations that would be there.
pub(crate) fn open(resource: &mut Resource) {
    if !resource.has_books() {
        return;
    }
    let books = resource.source.annotations(true, true);
    let Some(annotations) = annotations(&mut resource.body) else {
        return;
    };
    for (key, text) in books {
        annotations.insert(key.to_owned(), Node::plain(text));
    }
}

/// Takes them out again. What an operation took away is forgotten.
pub(crate) fn close(resource: &mut Resource) {
    if !resource.has_books() {
        return;
    }
    let found = annotations(&mut resource.body);
    let (origin, transformations) = found.map_or((false, false), |annotations| {
        let mut take = |key: &str| annotations.shift_remove(key).is_some();
        (take(ORIGIN), take(TRANSFORMATIONS))
    });
    if !origin {
        resource.source.origin = None;
    }
    if !transformations {
        resource.source.transformations.clear();
    }
}

fn annotations(body: &mut Node) -> Option<&mut Mapping> {
    let metadata = body.as_mapping_mut()?.get_mut("metadata")?.as_mapping_mut()?;
    let annotations = metadata
        .entry("annotations".to_owned())
        .or_insert_with(resource::empty_map);
    annotations.as_mapping_mut()
}
