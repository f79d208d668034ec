//! Text that others wrote, made fit for a terminal and a report.

pub(crate) use afterbay_manifest::tame_to;

/// Longest text of others in a message, in characters.
const LIMIT: usize = 300;

/// The text on one line, without control characters or invisible formatting, and not longer than
/// [`LIMIT`]. What was cut is marked.
pub(crate) fn tame(text: &str) -> String {
    tame_to(text, LIMIT)
}
