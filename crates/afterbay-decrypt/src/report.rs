//! What was opened, for the report of a run. Safe to print.

use afterbay_manifest::{Revision, Warning};

use crate::{Counts, DecryptedSet, Exemption, FileReport};

/// What was opened, from what, and what is known about its integrity.
#[derive(Debug, Clone)]
pub struct DecryptReport {
    /// Which revision.
    pub revision: Revision,
    /// Each SOPS file.
    pub files: Vec<FileReport>,
    /// What stays sealed, and who said so.
    pub exemptions: Vec<Exemption>,
    /// How many values were opened.
    pub counts: Counts,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl DecryptedSet {
    /// What the set says about itself; the set goes on to the next stage.
    pub fn report(&self) -> DecryptReport {
        DecryptReport {
            revision: self.revision().clone(),
            files: self.files().to_vec(),
            exemptions: self.exemptions().to_vec(),
            counts: self.counts(),
            warnings: self.warnings().to_vec(),
        }
    }
}
