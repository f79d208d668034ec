//! What came of a run. Safe to print.

use afterbay_apply::ApplyReport;
use afterbay_decrypt::{Counts, DecryptedSet, Exemption, FileReport};
use afterbay_keys::KeyNote;
use afterbay_manifest::{Revision, Warning};

/// What was opened, from what, and what is known about its integrity.
#[derive(Debug)]
pub struct DecryptReport {
    /// Which revision.
    pub revision: Revision,
    /// Each SOPS file.
    pub files: Vec<FileReport>,
    /// What stays sealed, and who said so.
    pub exemptions: Vec<Exemption>,
    /// How many values were opened.
    pub counts: Counts,
    /// Which roles and profiles were used, and what is wrong with key files.
    pub keys: Vec<KeyNote>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl DecryptReport {
    /// What a set and its keys say about themselves.
    pub fn new(set: &DecryptedSet, keys: Vec<KeyNote>) -> Self {
        Self {
            revision: set.revision().clone(),
            files: set.files().to_vec(),
            exemptions: set.exemptions().to_vec(),
            counts: set.counts(),
            keys,
            warnings: set.warnings().to_vec(),
        }
    }
}

/// Everything a run did.
#[derive(Debug)]
pub struct RunReport {
    /// What was opened.
    pub decrypt: DecryptReport,
    /// What was applied.
    pub apply: ApplyReport,
}
