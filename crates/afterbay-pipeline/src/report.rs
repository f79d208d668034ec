//! What came of a run. Safe to print.

use afterbay_apply::ApplyReport;
use afterbay_decrypt::DecryptReport;
use afterbay_keys::KeyNote;

/// Everything a run did.
#[derive(Debug)]
pub struct RunReport {
    /// What was opened.
    pub decrypt: DecryptReport,
    /// Which roles and profiles were used, and what is wrong with key files.
    pub keys: Vec<KeyNote>,
    /// What was applied.
    pub apply: ApplyReport,
}
