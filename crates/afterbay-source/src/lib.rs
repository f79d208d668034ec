//! Fetches one revision of a Git repository into memory.
//!
//! ```text
//!  path, file://  ─► opened in place ──────────────────────┐
//!                                                          ├─► objects ─► FileTree ─► Snapshot
//!  http(s)://     ─► advertisement ─► pack ─► object cache ┘
//! ```
//!
//! No work tree is written and no program is started: not `git`, not a credential helper, not a hook.
//! The user's and the system's Git configuration is never read, and there is no option to read it.
//! What the cache holds is what the repository holds: sealed files stay sealed.
//!
//! ```no_run
//! use afterbay_source::{CacheDir, Reference, RemoteUrl, SourceError, SourceOptions, fetch};
//!
//! # async fn example() -> Result<(), SourceError> {
//! let mut options = SourceOptions::new(RemoteUrl::parse("https://git.example.com/team/config.git")?);
//! options.reference = Reference::parse("main")?;
//! options.cache = CacheDir::Path("/var/cache/afterbay".into());
//! let snapshot = fetch(&options).await?;
//! assert_eq!(snapshot.revision.reference.as_deref(), Some("main"));
//! # Ok(())
//! # }
//! ```
//!
//! [`fetch`] is the way in. Its options decide which remote, which revision, how much and how long. [`fetch_bases`] adds what
//! a build of the revision needs from other machines, as far as the operator allowed it.

mod allowed;
mod bases;
mod bounded_pack;
mod cache;
mod digest;
mod download;
mod error;
mod fetch;
mod foreign_text;
mod http;
mod local;
mod options;
mod pkt_line;
mod progress;
mod read;
mod reference;
mod remote;
mod session;
mod url;

pub use allowed::AllowedRemote;
pub use bases::{fetch_bases, fetch_for};
pub use error::{RemoteFailure, SourceError, TreeProblem};
pub use fetch::fetch;
pub use options::{
    CacheDir, Credentials, HttpOptions, Limits, PlainHttp, Proxies, ProxyUrl, Redirects, SourceOptions,
    Timeouts,
};
pub use progress::{FetchEvent, OnFetchEvent};
pub use reference::Reference;
pub use url::RemoteUrl;
