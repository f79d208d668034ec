//! Why a request gave no answer, in our words: reason and hint.

use std::error::Error;
use std::io;
use std::iter;
use std::net::IpAddr;

use afterbay_manifest::Attempt;

use super::Place;
use super::resolve::{Inside, Unknown};
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// Why a key was not unwrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// No hint is the empty one.
    pub(crate) fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: Some(hint.into()).filter(|hint| !hint.is_empty()),
        }
    }

    pub(crate) fn into_attempt(self, with: impl Into<String>) -> Attempt {
        Attempt {
            with: with.into(),
            reason: self.reason,
            hint: self.hint,
        }
    }

    /// A service that the credentials of this run are not for.
    pub(crate) fn no_credentials(service: &str) -> Self {
        Self::new(
            format!("there are no credentials for {service}"),
            "add them to the set that was given",
        )
    }

    /// An answer that is not what the service sends.
    pub(crate) fn not_understood(place: &str, status: u16) -> Self {
        Self::new(
            format!("{place} answered with status {status} and nothing that can be read"),
            "see whether the endpoint is right",
        )
    }

    /// A service that is asked too often, after the last attempt.
    pub(crate) fn throttled(said: &str, limits: &KmsLimits) -> Self {
        Self::new(
            format!("throttled, {} attempts at most{said}", limits.attempts.max(1)),
            "try again later, or unwrap fewer keys at the same time",
        )
    }

    /// A service that is out of order, after the last attempt.
    pub(crate) fn unavailable(status: u16, said: &str, limits: &KmsLimits) -> Self {
        Self::new(
            format!(
                "status {status}, {} attempts at most{said}",
                limits.attempts.max(1)
            ),
            "try again later",
        )
    }
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The URL has no host, or another scheme than HTTP.
    NoPlace,
    /// Plain HTTP to a place that the operator did not name.
    Plain { place: Place },
    /// An address of somebody's inside that the operator did not name.
    Private { place: Place, address: IpAddr },
    /// A redirect.
    Redirect { place: Place, status: u16 },
    /// An answer that does not end.
    TooLong { place: Place },
    /// No connection, or one that broke: the place and why.
    Unreachable { place: Place, reason: String },
    /// Nothing came in time.
    TimedOut { reason: String },
    /// One of the last two, seen before.
    Again(Box<Self>),
}

impl Trouble {
    pub(super) fn timed_out(place: &Place, limits: &KmsLimits) -> Self {
        Self::TimedOut {
            reason: format!(
                "{place} did not answer in time ({} s an attempt, {} s in all)",
                limits.attempt.as_secs_f32(),
                limits.total.as_secs_f32()
            ),
        }
    }

    /// What a failure of the client means.
    pub(super) fn of(error: reqwest::Error, place: &Place, limits: &KmsLimits) -> Self {
        let error = error.without_url();
        if let Some(Inside { address }) = find(&error) {
            return Self::Private {
                place: place.clone(),
                address: *address,
            };
        }
        if error.is_timeout() {
            return Self::timed_out(place, limits);
        }
        let reason = if find::<Unknown>(&error).is_some() {
            "the name was not found".to_owned()
        } else {
            root_cause(&error)
        };
        Self::Unreachable {
            place: place.clone(),
            reason,
        }
    }

    /// Whether the service itself was out of reach, so that the next call would be, too.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    pub(super) fn again(self) -> Self {
        match self {
            Self::Again(_) => self,
            trouble => Self::Again(Box::new(trouble)),
        }
    }

    /// Reason and hint; `flag` is how the operator names a place.
    pub(crate) fn explain(self, flag: &str) -> Failure {
        match self {
            Self::NoPlace => Failure::new("the address is not one of HTTP", ""),
            Self::Plain { place } => Failure::new(
                format!("{place} has no TLS, and nobody named it"),
                format!("if it is to be trusted, name it with {flag} {place}"),
            ),
            Self::Private { place, address } => {
                let what = if place.address().is_some() {
                    "is".to_owned()
                } else {
                    format!("stands for {address},")
                };
                Failure::new(
                    format!("{place} {what} a private address, and nobody named it"),
                    format!("if it is to be trusted, name it with {flag} {place}"),
                )
            }
            Self::Redirect { place, status } => Failure::new(
                format!("{place} redirects (status {status}), which is not followed"),
                "name the server that answers itself",
            ),
            Self::TooLong { place } => Failure::new(
                format!("{place} sent more than such an answer has"),
                "see whether the endpoint is right",
            ),
            Self::Unreachable { place, reason } => Failure::new(
                format!("no connection to {place}: {reason}"),
                "see whether the endpoint is right and can be reached from here",
            ),
            Self::TimedOut { reason } => Failure::new(
                reason,
                "see whether the network is slow or something drops the packets",
            ),
            Self::Again(trouble) => {
                let mut failure = trouble.explain(flag);
                failure.reason.push_str(", and was not asked again in this run");
                failure
            }
        }
    }
}

/// Settings that the client does not take.
pub(super) fn of_setup(error: &reqwest::Error) -> Failure {
    Failure::new(
        format!("the HTTPS client cannot be set up: {}", root_cause(error)),
        "see whether this machine has certificates (SSL_CERT_FILE)",
    )
}

/// An error and everything below it.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| Error::source(*error))
}

/// The first error of a type; IO errors hide what they were made of.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|error| {
        let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match hidden {
            Some(hidden) => hidden.downcast_ref(),
            None => error.downcast_ref(),
        }
    })
}

/// The innermost error, which is the system's or the TLS library's.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let root = sources(error).last().unwrap_or(error);
    match root.downcast_ref::<io::Error>() {
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => tame(&root.to_string()),
    }
}
