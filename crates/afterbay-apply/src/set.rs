//! Stand-in until afterbay-normalize has its set.

use afterbay_manifest::{Object, Revision, Scrubber};

/// The objects to apply.
pub struct NormalizedSet {
    objects: Vec<Object>,
    revision: Revision,
    scrubber: Scrubber,
}

impl NormalizedSet {
    /// For tests.
    pub fn new(objects: Vec<Object>, revision: Revision, scrubber: Scrubber) -> Self {
        Self { objects, revision, scrubber }
    }
    /// Objects.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }
    /// Revision.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }
    /// Scrubber.
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }
}
