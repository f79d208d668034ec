//! Whether a run has changed anything, counted where requests are sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Failure;

/// Whether anything in the cluster was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrote {
    /// No write was sent, or the server refused every one.
    Nothing,
    /// The answer to a write was lost, so it may have been done; no other was.
    Perhaps,
    /// At least one write was done.
    Something,
}

/// Counts of the writes of one run; dry-runs are none.
#[derive(Default)]
pub(super) struct Ledger {
    sent: AtomicUsize,
    refused: AtomicUsize,
    done: AtomicUsize,
}

impl Ledger {
    pub(super) fn sending(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered<T>(&self, outcome: &Result<T, Failure>) {
        match outcome {
            Ok(_) => self.done.fetch_add(1, Ordering::Relaxed),
            Err(failure) if failure.is_refusal() => self.refused.fetch_add(1, Ordering::Relaxed),
            Err(_) => 0,
        };
    }

    pub(super) fn wrote(&self) -> Wrote {
        if self.done.load(Ordering::Relaxed) > 0 {
            Wrote::Something
        } else if self.sent.load(Ordering::Relaxed) > self.refused.load(Ordering::Relaxed) {
            Wrote::Perhaps
        } else {
            Wrote::Nothing
        }
    }
}
