//! How a fetch goes, for whoever watches.

use std::sync::Arc;

use afterbay_manifest::Warning;

/// Hears every event of a fetch, in order, possibly on another thread. It must not block for long.
pub type OnFetchEvent = Arc<dyn Fn(FetchEvent) + Send + Sync>;

/// One thing that happened. None of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchEvent {
    /// A server is asked.
    Connecting {
        /// Which, without credentials.
        remote: String,
    },
    /// It is known which commit or tag object is meant.
    Resolved {
        /// The branch, tag or ref; `None` for a bare commit.
        reference: Option<String>,
        /// The object id in hex.
        id: String,
    },
    /// The cache has that object: nothing is transferred.
    Unchanged,
    /// Objects arrive. Sent a few times a second.
    Receiving {
        /// Bytes received from the server so far.
        bytes: u64,
        /// Objects unpacked so far.
        objects: u64,
    },
    /// The tree was read.
    Read {
        /// Number of files.
        files: usize,
        /// Their size together.
        bytes: u64,
    },
    /// The fetch has succeeded; what it cost.
    Finished {
        /// HTTP requests sent.
        requests: u64,
        /// Bytes received in response bodies.
        received_bytes: u64,
        /// Objects the server's pack held.
        received_objects: u64,
    },
    /// Something the user should know.
    Warning(Warning),
}
