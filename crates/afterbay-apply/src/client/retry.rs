//! Sends a request, tells failures apart, and tries again what a second attempt may mend.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use afterbay_manifest::tame_to;

use super::{Client, Method, Request, Response, ServerText, client_problem};

/// Attempts at one request; with the delays below that is about seven seconds.
const ATTEMPTS: u32 = 6;
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// Longest text about a broken connection, in characters.
const LONGEST_PROBLEM: usize = 500;
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Why there is no answer to work with. Texts are as the server wrote them, so there is no `Debug`.
pub(crate) enum Failure {
    /// The server answered with an error.
    Status(Box<Status>),
    /// No connection, or it broke.
    Unreachable { problem: String },
    /// The server did not answer in time.
    Slow { after: Duration },
    /// The run's own time is over.
    Deadline,
    /// The answer is not what the API promises.
    Malformed { problem: String },
}

/// A `metav1.Status`.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: ServerText,
    pub(crate) details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Details {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) causes: Vec<Cause>,
    pub(crate) retry_after_seconds: u64,
}

/// One reason of a refusal.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Cause {
    pub(crate) reason: String,
    pub(crate) message: ServerText,
    pub(crate) field: ServerText,
}

impl Failure {
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 404)
    }

    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 409)
    }

    /// Whether the name of what should be created is taken, and nothing else is wrong.
    pub(crate) fn is_already_there(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 409 && status.reason == "AlreadyExists")
    }

    /// Whether what a list or a watch should go on from is not there any more.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 410 || status.reason == "Expired")
    }

    /// Whether the object is another one, or in another state, than the write was meant for.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 409
            && status.reason == "Conflict"
            && !status.details.causes.iter().any(|cause| cause.reason == "FieldManagerConflict"))
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Status(status) if status.code == 403)
    }

    /// Whether the server has answered that it did not do what it was asked.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(status)
            if (400..500).contains(&status.code) || status.code == 503 || is_bad_input(status))
    }

    /// Whether the same request may be answered otherwise a moment later.
    pub(crate) fn may_pass(&self, method: Method) -> bool {
        retryable(self, method)
    }

    /// Whether the whole server is concerned rather than one object.
    pub(crate) fn is_global(&self) -> bool {
        match self {
            Self::Status(status) => status.code == 401,
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Deadline => true,
            Self::Malformed { .. } => false,
        }
    }
}

pub(super) async fn send(client: &Client, request: &Request) -> Result<Response, Failure> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let failure = match once(client, request).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let patience = Patience::of(client, &failure);
        let Some(delay) = delay(&failure, request.method, attempt, patience) else {
            return Err(failure);
        };
        if Instant::now() + delay >= client.deadline {
            return Err(failure);
        }
        if attempt == ATTEMPTS {
            tracing::warn!(server = client.server, "cannot be reached; waiting for it");
        }
        tracing::debug!(attempt, ?delay, "trying again");
        sleep(delay).await;
    }
}

/// How long a request is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// A few times: the address may be wrong.
    Attempts,
    /// As long as the run has time: the server was there in this run, so it restarts or the line is cut.
    UntilDeadline,
}

impl Patience {
    fn of(client: &Client, failure: &Failure) -> Self {
        match failure {
            Failure::Unreachable { .. } if client.has_answered() => Self::UntilDeadline,
            _ => Self::Attempts,
        }
    }
}

/// One attempt. A write whose hold cannot be relied on waits here, so that none goes out late: not the
/// first attempt, and not one that an outage kept back.
pub(super) async fn once(client: &Client, request: &Request) -> Result<Response, Failure> {
    let is_write = request.is_write();
    if let Some(hold) = client.hold.as_ref().filter(|_| is_write)
        && timeout_at(client.deadline, hold.reliable()).await.is_err()
    {
        return Err(Failure::Deadline);
    }
    let now = Instant::now();
    if now >= client.deadline {
        return Err(Failure::Deadline);
    }
    if is_write {
        client.ledger.sending();
    }
    let outcome = attempt(client, request, now).await;
    if is_write {
        client.ledger.answered(&outcome);
    }
    outcome
}

async fn attempt(client: &Client, request: &Request, now: Instant) -> Result<Response, Failure> {
    within(client, now, exchange(client, request)).await
}

/// What comes of it within the time for one request, and the time for everything.
pub(super) async fn within<T>(
    client: &Client,
    now: Instant,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = (now + client.request_timeout).min(client.deadline);
    match timeout_at(limit, answer).await {
        Ok(outcome) => outcome,
        Err(_) if limit == client.deadline => Err(Failure::Deadline),
        Err(_) => Err(Failure::Slow {
            after: client.request_timeout,
        }),
    }
}

async fn exchange(client: &Client, request: &Request) -> Result<Response, Failure> {
    let (head, body) = begin(client, request).await?;
    let bytes = body.collect_bytes().await.map_err(|error| unreachable(&error))?;
    Ok(Response::new(
        head.status == http::StatusCode::CREATED,
        &head.headers,
        bytes.to_vec(),
    ))
}

/// The head of an answer that is a success, and its body, which is still to be read.
pub(super) async fn begin(
    client: &Client,
    request: &Request,
) -> Result<(http::response::Parts, kube::client::Body), Failure> {
    let request = request.to_http().map_err(|error| Failure::Malformed {
        problem: error.to_string(),
    })?;
    let response = client
        .inner
        .send(request)
        .await
        .map_err(|error| unreachable(&error))?;
    client.note_answer();
    let (head, body) = response.into_parts();
    if head.status.is_success() {
        return Ok((head, body));
    }
    let bytes = body.collect_bytes().await.map_err(|error| unreachable(&error))?;
    Err(refusal(&head, &bytes))
}

/// An answer with another status than success.
fn refusal(head: &http::response::Parts, bytes: &[u8]) -> Failure {
    let mut status = serde_json::from_slice(bytes).unwrap_or_else(|_| Status {
        // A proxy in between answers in its own words.
        message: ServerText::new(
            String::from_utf8_lossy(bytes)
                .chars()
                .take(500)
                .collect::<String>(),
        ),
        ..Status::default()
    });
    status.code = head.status.as_u16();
    if let Some(seconds) = head
        .headers
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
    {
        status.details.retry_after_seconds = seconds;
    }
    Failure::Status(Box::new(status))
}

pub(super) fn unreachable(error: &kube::Error) -> Failure {
    Failure::Unreachable {
        problem: tame_to(&client_problem(error), LONGEST_PROBLEM),
    }
}

/// How long to wait before the next attempt; `None` when there should be none.
fn delay(failure: &Failure, method: Method, attempt: u32, patience: Patience) -> Option<Duration> {
    let is_last = patience == Patience::Attempts && attempt >= ATTEMPTS;
    if is_last || !retryable(failure, method) {
        return None;
    }
    let backoff = FIRST_DELAY
        .saturating_mul(1 << (attempt - 1).min(ATTEMPTS))
        .min(LONGEST_DELAY);
    let asked = match failure {
        Failure::Status(status) => Duration::from_secs(status.details.retry_after_seconds),
        _ => Duration::ZERO,
    };
    Some(jittered(backoff).max(asked))
}

fn retryable(failure: &Failure, method: Method) -> bool {
    match failure {
        Failure::Status(status) => match status.code {
            429 | 502 | 503 | 504 => true,
            500 => !is_bad_input(status),
            // An apply meets the write of somebody else in the middle; a conflict of owners has causes.
            409 => method == Method::Apply && status.details.causes.is_empty(),
            _ => false,
        },
        Failure::Unreachable { .. } | Failure::Slow { .. } => true,
        Failure::Deadline | Failure::Malformed { .. } => false,
    }
}

/// Server-side apply answers 500 for an object it cannot read (seen with Kubernetes 1.34); asking again
/// would not help.
pub(crate) fn is_bad_input(status: &Status) -> bool {
    ["failed to create typed", "failed to convert"]
        .iter()
        .any(|start| status.message.starts_with(start))
}

/// Between half of the delay and all of it, so that many clients do not come back at once.
fn jittered(delay: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 1000;
    let half = delay / 2;
    half + half.mul_f64(f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, causes: usize) -> Failure {
        let mut status = Status {
            code,
            ..Status::default()
        };
        status.details.causes.resize_with(causes, Cause::default);
        Failure::Status(Box::new(status))
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for code in [429, 500, 502, 503, 504] {
            assert!(retryable(&status(code, 0), Method::Apply), "{code}");
        }
        for code in [400, 401, 403, 404, 422] {
            assert!(!retryable(&status(code, 0), Method::Apply), "{code}");
        }
        assert!(
            !retryable(&status(409, 1), Method::Apply),
            "owners in conflict stay in conflict"
        );
        assert!(retryable(&status(409, 0), Method::Apply));
        assert!(
            !retryable(&status(409, 0), Method::Replace),
            "the reader has to decide"
        );
    }

    #[test]
    fn an_object_the_server_cannot_read_is_not_sent_again() {
        let mut failure = status(500, 0);
        if let Failure::Status(status) = &mut failure {
            status.message = ServerText::new(
                "failed to create typed patch object (/a; /v1, Kind=Secret): .data.k: expected \
                 string, got &value.valueUnstructured{Value:1}",
            );
        }
        assert!(!retryable(&failure, Method::Apply));
    }

    #[test]
    fn waits_grow_have_jitter_and_end() {
        let delays: Vec<_> = (1..=ATTEMPTS)
            .map(|attempt| delay(&status(503, 0), Method::Get, attempt, Patience::Attempts))
            .collect();
        assert!(delays.last().unwrap().is_none());
        assert!(delays[0].unwrap() >= Duration::from_millis(100));
        assert!(delays[0].unwrap() <= Duration::from_millis(200));
        assert!(delays[4].unwrap() >= Duration::from_millis(1600));
    }

    #[test]
    fn a_server_that_was_there_is_waited_for() {
        let failure = Failure::Unreachable {
            problem: String::new(),
        };
        for attempt in [ATTEMPTS, 100, u32::MAX] {
            let delay = delay(&failure, Method::Get, attempt, Patience::UntilDeadline);
            assert!(delay.is_some_and(|delay| delay <= LONGEST_DELAY), "{attempt}");
        }
    }

    #[test]
    fn the_server_may_ask_for_more_time() {
        let mut failure = status(429, 0);
        if let Failure::Status(status) = &mut failure {
            status.details.retry_after_seconds = 9;
        }
        assert_eq!(
            delay(&failure, Method::Get, 1, Patience::Attempts),
            Some(Duration::from_secs(9))
        );
    }
}
