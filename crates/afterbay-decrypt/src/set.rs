//! The proof that nothing sealed is left and nothing opened has strayed.

use std::fmt;

use afterbay_manifest::{Integrity, Object, Provenance, Revision, Scrubber, Sealed, Warning};

use crate::{Exemption, FileReport};

/// Objects in which everything sealed has been opened, but for what is exempt by name, and in which
/// every opened value stands where it may. Only [`crate::finish`] makes one:
///
/// ```compile_fail,E0423
/// fn forge(parts: afterbay_decrypt::DecryptedParts) -> afterbay_decrypt::DecryptedSet {
///     afterbay_decrypt::DecryptedSet(parts)
/// }
/// ```
pub struct DecryptedSet(DecryptedParts);

/// A [`DecryptedSet`] taken apart, for the stage that makes the next proof out of it.
pub struct DecryptedParts {
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

/// How many leaves of the objects hold opened values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Leaves made from anything that was sealed.
    pub sealed: usize,
    /// Those of them with a source whose SOPS MAC was not verified.
    pub mac_not_verified: usize,
    /// Those of them with a source that is protected by itself and not bound to its place (hiera-eyaml GPG).
    pub unbound: usize,
    /// Those of them with a source that has no integrity at all (hiera-eyaml PKCS7).
    pub unauthenticated: usize,
    /// Leaves that came through a pipe and may have been sealed before it. They are not among the others.
    pub unknown: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, provenance: &Provenance) {
        let has = |wanted: Integrity| {
            let found = |source: &Sealed| matches!(source, Sealed::Ciphertext { integrity, .. } if *integrity == wanted);
            usize::from(provenance.sources().any(found))
        };
        if provenance
            .sources()
            .all(|source| matches!(source, Sealed::Piped { .. }))
        {
            self.unknown += 1;
            return;
        }
        self.sealed += 1;
        self.mac_not_verified += has(Integrity::MacNotVerified);
        self.unbound += has(Integrity::Unbound);
        self.unauthenticated += has(Integrity::Unauthenticated);
    }
}

impl DecryptedSet {
    pub(crate) fn new(parts: DecryptedParts) -> Self {
        Self(parts)
    }

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
    pub fn into_parts(self) -> DecryptedParts {
        self.0
    }
}

impl fmt::Debug for DecryptedSet {
    /// Prints names and figures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DecryptedSet").field(&self.0).finish()
    }
}

impl fmt::Debug for DecryptedParts {
    /// Prints names and figures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptedParts")
            .field("revision", &self.revision)
            .field("objects", &self.objects)
            .field("exemptions", &self.exemptions)
            .field("files", &self.files)
            .field("counts", &self.counts)
            .field("scrubber", &self.scrubber)
            .finish_non_exhaustive()
    }
}
