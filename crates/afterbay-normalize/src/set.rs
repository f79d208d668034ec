//! The stage and its proof.

use std::fmt;

use afterbay_decrypt::{Counts, DecryptedParts, DecryptedSet, Exemption, FileReport};
use afterbay_manifest::{Node, Object, Revision, Scrubber, Warning};

use crate::error::{NormalizeError, NormalizeErrors};
use crate::{duplicate, managed, secret};

/// Objects in the form the API server stores, each with an identity of its own. Only [`normalize`] makes one.
pub struct NormalizedSet(NormalizedParts);

/// A [`NormalizedSet`] taken apart, for the stage that makes the next proof out of it.
pub struct NormalizedParts {
    /// Which revision the objects come from.
    pub revision: Revision,
    /// The objects, in the order of the build.
    pub objects: Vec<Object>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// What stays sealed, and who said so.
    pub exemptions: Vec<Exemption>,
    /// What became of each SOPS file.
    pub files: Vec<FileReport>,
    /// How many values were opened.
    pub counts: Counts,
    /// Knows every value that was opened, and takes it out of foreign texts.
    pub scrubber: Scrubber,
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
        exemptions,
        files,
        counts,
        scrubber,
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
    Ok(NormalizedSet(NormalizedParts {
        revision,
        objects,
        warnings,
        exemptions,
        files,
        counts,
        scrubber,
    }))
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
        &self.0.revision
    }

    /// The objects, in the order of the build.
    pub fn objects(&self) -> &[Object] {
        &self.0.objects
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// What stays sealed, and who said so.
    pub fn exemptions(&self) -> &[Exemption] {
        &self.0.exemptions
    }

    /// What became of each SOPS file.
    pub fn files(&self) -> &[FileReport] {
        &self.0.files
    }

    /// How many values were opened.
    pub fn counts(&self) -> Counts {
        self.0.counts
    }

    /// Knows every value that was opened, and takes it out of foreign texts.
    pub fn scrubber(&self) -> &Scrubber {
        &self.0.scrubber
    }

    /// Everything, given away.
    pub fn into_parts(self) -> NormalizedParts {
        self.0
    }
}

impl fmt::Debug for NormalizedSet {
    /// Prints names and figures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NormalizedSet").field(&self.0).finish()
    }
}

impl fmt::Debug for NormalizedParts {
    /// Prints names and figures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NormalizedParts")
            .field("revision", &self.revision)
            .field("objects", &self.objects)
            .field("exemptions", &self.exemptions)
            .field("counts", &self.counts)
            .field("scrubber", &self.scrubber)
            .finish_non_exhaustive()
    }
}
