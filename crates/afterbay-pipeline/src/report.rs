//! What came of a run. Safe to print.

use afterbay_apply::ApplyReport;
use afterbay_decrypt::DecryptReport;

/// Everything a run did.
#[derive(Debug)]
pub struct RunReport {
    /// What was opened.
    pub decrypt: DecryptReport,
    /// What was applied.
    pub apply: ApplyReport,
}
