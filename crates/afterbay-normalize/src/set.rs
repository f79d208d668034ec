//! The stage and its proof.

use std::fmt;

use afterbay_decrypt::{DecryptedParts, DecryptedSet};
use afterbay_manifest::{Node, Object, Revision, Scrubber, Warning};

use crate::error::{NormalizeError, NormalizeErrors};
use crate::{duplicate, list, managed, secret};

/// Objects in the form the API server stores, each with an identity of its own. Only [`normalize`] makes one.
pub struct NormalizedSet {
    revision: Revision,
    objects: Vec<Object>,
    warnings: Vec<Warning>,
    scrubber: Scrubber,
}

/// Brings every object into the form the API server stores.
///
/// A Secret's `type` is left as written: a default of ours would be refused as a change where the live Secret has
/// another one. What is wrong with any object is returned together.
pub fn normalize(decrypted: DecryptedSet) -> Result<NormalizedSet, NormalizeErrors> {
    let DecryptedParts {
        revision,
        objects,
        mut warnings,
        scrubber,
        ..
    } = decrypted.into_parts();
    let Normalized {
        objects,
        warnings: more,
        errors,
    } = objects_of(objects);
    if !errors.is_empty() {
        return Err(NormalizeErrors(errors));
    }
    warnings.extend(more);
    Ok(NormalizedSet {
        revision,
        objects,
        warnings,
        scrubber,
    })
}

/// What [`normalize`] would find wrong with objects that are no [`DecryptedSet`], because something else is wrong already.
pub fn check(objects: Vec<Object>) -> Result<(), NormalizeErrors> {
    let errors = objects_of(objects).errors;
    if errors.is_empty() {
        Ok(())
    } else {
        Err(NormalizeErrors(errors))
    }
}

/// What became of the objects.
#[derive(Default)]
pub(crate) struct Normalized {
    pub(crate) objects: Vec<Object>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) errors: Vec<NormalizeError>,
}

/// The stage on objects alone.
pub(crate) fn objects_of(objects: Vec<Object>) -> Normalized {
    let mut normalized = Normalized::default();
    let objects = list::flatten(objects, &mut normalized.errors);
    normalized.errors.extend(duplicate::find(&objects));
    for object in objects {
        normalized.add(object);
    }
    normalized
}

impl Normalized {
    fn add(&mut self, object: Object) {
        let subject = secret::Subject {
            object: object.reference().clone(),
            origin: object.origin().clone(),
        };
        self.warnings.extend(managed::warning(&object));
        let normalized = object.map_body(|body: &mut Node| {
            managed::remove(body);
            if subject.object.gvk.is_secret() {
                secret::normalize(body, &subject, &mut self.errors);
            }
        });
        match normalized {
            Ok(object) => self.objects.push(object),
            Err(error) => self.errors.push(NormalizeError::Object(error)),
        }
    }
}

impl NormalizedSet {
    /// Which revision the objects come from.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The objects, in the order of the build.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// What the user should know, from this stage and those before.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Knows every value that was opened, and takes it out of foreign texts.
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }
}

impl fmt::Debug for NormalizedSet {
    /// Prints names and figures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NormalizedSet")
            .field("revision", &self.revision)
            .field("objects", &self.objects)
            .field("scrubber", &self.scrubber)
            .finish_non_exhaustive()
    }
}
