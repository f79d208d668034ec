//! What the parts of one fetch share: whether to go on, what went wrong, and what it cost.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use afterbay_manifest::Warning;
use gix::progress::{Count, Id, MessageLevel, NestedProgress, Progress, Step, StepShared, Unit};
use tokio::sync::watch;

use crate::error::SourceError;
use crate::options::Limits;
use crate::progress::{FetchEvent, OnFetchEvent};

/// The counter of objects of a pack (`gix_pack::index::write::ProgressId`).
const OBJECTS: Id = *b"IWIO";

/// One fetch.
///
/// The protocol library knows its own errors only. A part that knows better leaves a [`SourceError`] here
/// and fails with whatever its caller takes; the first one left is what the user sees.
pub(crate) struct Session {
    pub(crate) remote: String,
    pub(crate) limits: Limits,
    on_event: Option<OnFetchEvent>,
    stop: AtomicBool,
    stopped: watch::Sender<bool>,
    fault: Mutex<Option<SourceError>>,
    requests: AtomicU64,
    received: AtomicU64,
    objects: StepShared,
}

impl Session {
    pub(crate) fn new(remote: String, limits: Limits, on_event: Option<OnFetchEvent>) -> Self {
        Self {
            remote,
            limits,
            on_event,
            stop: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
            fault: Mutex::new(None),
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
            objects: Arc::default(),
        }
    }

    /// Tells the caller.
    pub(crate) fn emit(&self, event: FetchEvent) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }

    /// Tells the caller something the user should know.
    pub(crate) fn warn(&self, message: String) {
        tracing::warn!(remote = %self.remote, "{message}");
        self.emit(FetchEvent::Warning(Warning { place: None, message }));
    }

    /// Makes every part stop soon.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stopped.send_replace(true);
    }

    /// The flag that the protocol library polls.
    pub(crate) fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// An error once the fetch has to stop.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            Err(SourceError::Canceled)
        } else {
            Ok(())
        }
    }

    /// Ends when the fetch has to stop.
    pub(crate) async fn stopped(&self) {
        // It fails only without a sender, and the sender lives as long as `self`.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Leaves the error that the user is to see, unless there is one, and stops.
    pub(crate) fn fail(&self, error: SourceError) {
        if matches!(error, SourceError::Canceled) {
            return self.stop();
        }
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        self.stop();
    }

    /// The error that was left.
    pub(crate) fn take_fault(&self) -> Option<SourceError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts a request.
    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts received bytes, and fails when they are too many.
    pub(crate) fn count_received(&self, bytes: usize) -> Result<(), SourceError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let limit = self.limits.received_bytes;
        if self
            .received
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes)
            > limit
        {
            return Err(SourceError::ReceivedTooMuch {
                remote: self.remote.clone(),
                limit,
            });
        }
        Ok(())
    }

    /// How much has arrived.
    pub(crate) fn receiving(&self) -> FetchEvent {
        let objects = u64::try_from(self.objects.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        FetchEvent::Receiving {
            bytes: self.received.load(Ordering::Relaxed),
            objects,
        }
    }

    /// What the fetch cost.
    pub(crate) fn finished(&self) -> FetchEvent {
        FetchEvent::Finished {
            requests: self.requests.load(Ordering::Relaxed),
            received_bytes: self.received.load(Ordering::Relaxed),
            received_objects: u64::try_from(self.objects.load(Ordering::Relaxed)).unwrap_or(u64::MAX),
        }
    }
}

/// The counters of the protocol library, wired to a session.
pub(crate) struct Meter {
    session: Arc<Session>,
    id: Id,
    counter: StepShared,
}

impl Meter {
    pub(crate) fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            id: gix::progress::UNKNOWN,
            counter: Arc::new(AtomicUsize::new(0)),
        }
    }

    fn child(&self, id: Id) -> Self {
        let counter = match id {
            OBJECTS => Arc::clone(&self.session.objects),
            _ => Arc::new(AtomicUsize::new(0)),
        };
        Self {
            session: Arc::clone(&self.session),
            id,
            counter,
        }
    }
}

impl Count for Meter {
    fn set(&self, step: Step) {
        self.counter.store(step, Ordering::Relaxed);
    }

    fn step(&self) -> Step {
        self.counter.load(Ordering::Relaxed)
    }

    fn inc_by(&self, step: Step) {
        self.counter.fetch_add(step, Ordering::Relaxed);
    }

    fn counter(&self) -> StepShared {
        Arc::clone(&self.counter)
    }
}

impl Progress for Meter {
    fn init(&mut self, _max: Option<Step>, _unit: Option<Unit>) {}

    fn set_name(&mut self, _name: String) {}

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> Id {
        self.id
    }

    fn message(&self, _level: MessageLevel, _message: String) {}
}

impl NestedProgress for Meter {
    type SubProgress = Self;

    fn add_child(&mut self, _name: impl Into<String>) -> Self {
        self.child(gix::progress::UNKNOWN)
    }

    fn add_child_with_id(&mut self, _name: impl Into<String>, id: Id) -> Self {
        self.child(id)
    }
}
