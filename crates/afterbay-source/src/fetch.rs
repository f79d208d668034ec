//! The way in: runs a fetch beside the async program, watches its limits, and stops it when nobody waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterbay_manifest::Snapshot;
use reqwest::Url;
use tokio::task::JoinHandle;

use crate::download::Download;
use crate::error::SourceError;
use crate::options::SourceOptions;
use crate::progress::FetchEvent;
use crate::session::Session;
use crate::url::Location;
use crate::{local, remote};

/// How often limits that only counters show are checked.
const WATCH: Duration = Duration::from_millis(20);

/// How often the caller hears that something arrived.
const REPORT: Duration = Duration::from_millis(200);

/// How long a fetch that was told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(5);

/// Fetches one revision into memory.
///
/// A repository on this machine is read in place. From a server only what the cache lacks is transferred,
/// and when the revision is in the cache nothing but the server's advertisement of its refs is. Dropping
/// the future stops the fetch. It has to run inside a tokio runtime with IO and time enabled.
pub async fn fetch(options: &SourceOptions) -> Result<Snapshot, SourceError> {
    let session = Arc::new(Session::new(
        options.remote.to_string(),
        options.limits.clone(),
        options.on_event.clone(),
    ));
    let job = match options.remote.location() {
        Location::Path(path) => {
            let (path, reference, session) = (path.clone(), options.reference.clone(), Arc::clone(&session));
            tokio::task::spawn_blocking(move || local::fetch(&path, &reference, &session))
        }
        Location::Http(url) => {
            let job = remote::Job::new(options, url, &session)?;
            tokio::task::spawn_blocking(move || job.run())
        }
    };
    let _stop_on_drop = StopOnDrop(Arc::clone(&session));
    let outcome = watch(job, &session, options.timeouts.total).await;
    let outcome = session.take_fault().map_or(outcome, Err);
    let snapshot = outcome.map_err(|error| error.scrubbed(&options.scrubber()))?;
    session.emit(session.finished());
    Ok(snapshot)
}

/// Fetches one file whose digest is known.
pub(crate) async fn download(
    options: &SourceOptions,
    url: &Url,
    sha256: &str,
) -> Result<Vec<u8>, SourceError> {
    let mut shown = url.clone();
    shown.set_query(None);
    let session = Arc::new(Session::new(
        shown.to_string(),
        options.limits.clone(),
        options.on_event.clone(),
    ));
    session.emit(FetchEvent::Connecting {
        remote: session.remote.clone(),
    });
    let job = Download::new(options, url, sha256, &session)?;
    let job = tokio::task::spawn_blocking(move || job.run());
    let _stop_on_drop = StopOnDrop(Arc::clone(&session));
    let outcome = watch(job, &session, options.timeouts.total).await;
    let content = outcome.map_err(|error| error.scrubbed(&options.scrubber()))?;
    session.emit(session.finished());
    Ok(content)
}

/// Waits for the job while watching the clock and the counters.
async fn watch<T>(
    mut job: JoinHandle<Result<T, SourceError>>,
    session: &Session,
    total: Duration,
) -> Result<T, SourceError> {
    let deadline = tokio::time::sleep(total);
    tokio::pin!(deadline);
    let mut ticks = tokio::time::interval(WATCH);
    let mut last = (session.receiving(), Instant::now());
    loop {
        tokio::select! {
            joined = &mut job => return joined.unwrap_or(Err(SourceError::Internal)),
            () = &mut deadline => {
                session.stop();
                // The job gives its lock and its files back before the error is reported, if it can.
                let _ = tokio::time::timeout(GRACE, &mut job).await;
                let remote = session.remote.clone();
                return Err(SourceError::Timeout { remote, what: "fetching", after: total });
            }
            _ = ticks.tick() => {
                let now = session.receiving();
                if last.0 != now && last.1.elapsed() >= REPORT {
                    session.emit(now.clone());
                    last = (now, Instant::now());
                }
            }
        }
    }
}

/// Stops a fetch whose future is dropped.
struct StopOnDrop(Arc<Session>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
