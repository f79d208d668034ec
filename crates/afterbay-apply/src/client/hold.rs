//! The hold on an inventory, as the writes that depend on it see it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// When the hold was renewed last. A write that depends on it waits while that is too long ago: the hold
/// may belong to another run by then, and only the next renewal can tell. Clones share it.
#[derive(Clone)]
pub(crate) struct Hold {
    renewed: Arc<watch::Sender<Instant>>,
    trusted: Duration,
}

impl Hold {
    /// A hold that began at `since` and may be relied on for `trusted` without renewal.
    pub(crate) fn new(since: Instant, trusted: Duration) -> Self {
        Self {
            renewed: Arc::new(watch::Sender::new(since)),
            trusted,
        }
    }

    /// Notes a renewal that was sent at this time, and lets writes go on.
    pub(crate) fn renew(&self, sent: Instant) {
        self.renewed.send_replace(sent);
    }

    /// How long ago the last renewal was sent.
    pub(crate) fn age(&self) -> Duration {
        self.renewed.borrow().elapsed()
    }

    /// Returns once the hold can be relied on.
    pub(super) async fn reliable(&self) {
        let mut renewals = self.renewed.subscribe();
        while renewals.borrow_and_update().elapsed() >= self.trusted {
            if renewals.changed().await.is_err() {
                return;
            }
        }
    }
}
