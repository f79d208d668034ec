//! What KMS and STS say, in our words: reason and hint.

use std::error::Error;
use std::io;
use std::iter;

use afterbay_manifest::Attempt;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use super::client::Reached;
use super::credentials;
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
    /// Whether the service itself was out of reach, so that the next call would be, too.
    pub(crate) is_outage: bool,
}

impl Failure {
    pub(crate) fn into_attempt(self, with: String) -> Attempt {
        Attempt {
            with,
            reason: self.reason,
            hint: self.hint,
        }
    }

    fn new(reason: String, hint: &str) -> Self {
        Self {
            reason,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
            is_outage: false,
        }
    }

    fn outage(reason: String, hint: &str) -> Self {
        Self {
            is_outage: true,
            ..Self::new(reason, hint)
        }
    }
}

/// The failure of a call of KMS or STS.
pub(crate) fn of_call<E>(error: &SdkError<E, HttpResponse>, endpoint: &Reached, limits: &KmsLimits) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // Credentials that are looked up again in the middle of a run fail inside the call.
    if let Some(error) = find::<CredentialsError>(error) {
        return credentials::of_chain(error);
    }
    let place = endpoint.name();
    let timed_out = || {
        let reason = format!(
            "{place} did not answer in time ({} s an attempt, {} s in all)",
            limits.attempt.as_secs_f32(),
            limits.total.as_secs_f32()
        );
        Failure::outage(
            reason,
            "see whether the network is slow or something drops the packets",
        )
    };
    match error {
        SdkError::TimeoutError(_) => timed_out(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(),
        SdkError::DispatchFailure(_) => Failure::outage(
            format!("no connection to {place}: {}", root_cause(error)),
            "see whether the endpoint is right and can be reached from here",
        ),
        SdkError::ServiceError(answer) if answer.raw().status().is_success() => not_understood(place, 200),
        SdkError::ServiceError(answer) => of_answer(
            answer.err().code(),
            answer.err().message(),
            answer.raw().status().as_u16(),
            limits,
        ),
        SdkError::ResponseError(answer) => not_understood(place, answer.raw().status().as_u16()),
        _ => Failure::new(format!("the request could not be made: {}", outside(error)), ""),
    }
}

fn not_understood(place: &str, status: u16) -> Failure {
    let reason = format!("{place} answered with status {status} and nothing that can be read");
    Failure::new(reason, "see whether the endpoint is right")
}

/// An error answer, by its code. <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>
fn of_answer(code: Option<&str>, message: Option<&str>, status: u16, limits: &KmsLimits) -> Failure {
    let said = message.map(tame).filter(|message| !message.is_empty());
    let said = said.map(|message| format!(": {message}")).unwrap_or_default();
    let code = code.map(tame).unwrap_or_default();
    let (reason, hint) = match code.as_str() {
        "AccessDeniedException" => (
            "access denied",
            "allow the identity in use to call kms:Decrypt on the key",
        ),
        "AccessDenied" => (
            "access denied",
            "allow the identity in use to call sts:AssumeRole on the role",
        ),
        "DisabledException" => (
            "the key is disabled",
            "enable the key, or add another one with `sops updatekeys`",
        ),
        "KMSInvalidStateException" => (
            "the state of the key does not allow it",
            "if it waits for its deletion, `aws kms cancel-key-deletion` and `aws kms enable-key` bring it back; or add \
             another key with `sops updatekeys`",
        ),
        "InvalidCiphertextException" => (
            "KMS does not accept the ciphertext",
            "the file was altered, or its encryption context is not the one it was encrypted with",
        ),
        "IncorrectKeyException" => (
            "the ciphertext was made with another key",
            "the arn of the entry was altered; restore it",
        ),
        "NotFoundException" => (
            "there is no such key",
            "see whether account, region and key id are right",
        ),
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => (
            "the credentials have expired",
            "log in again, for example with `aws sso login`",
        ),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => (
            "the credentials are not valid",
            "see which ones are in use with `aws sts get-caller-identity`",
        ),
        _ if is_throttling(&code) || status == 429 => {
            let reason = format!("throttled, {} attempts at most{said}", limits.attempts.max(1));
            return Failure::new(reason, "try again later, or unwrap fewer keys at the same time");
        }
        _ if matches!(status, 500 | 502 | 503 | 504) => {
            let code = if code.is_empty() {
                String::new()
            } else {
                format!(" ({code})")
            };
            let reason = format!(
                "status {status}{code}, {} attempts at most{said}",
                limits.attempts.max(1)
            );
            return Failure::new(reason, "try again later");
        }
        "" => {
            let reason = format!("status {status} without an error code{said}");
            return Failure::new(reason, "see whether the endpoint is right");
        }
        code => return Failure::new(format!("{code}{said}"), ""),
    };
    Failure::new(format!("{reason}{said}"), hint)
}

/// Codes that say "slower". KMS and STS have these; the SDK knows the same.
fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "LimitExceededException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "SlowDown"
    )
}

/// An error and everything below it.
pub(crate) fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The first error of a type among an error and its sources.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    sources(error).find_map(|error| error.downcast_ref())
}

/// The innermost error, which is the system's or the TLS library's.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let root = sources(error).last().unwrap_or(error);
    match root.downcast_ref::<io::Error>() {
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => tame(&root.to_string()),
    }
}

/// An error of the SDK with its sources, without what a credential process wrote.
pub(crate) fn outside(error: &(dyn Error + 'static)) -> String {
    let texts = sources(error).map(ToString::to_string).collect::<Vec<_>>();
    let mut text = texts.join(": ");
    if let Some(at) = text.find(" Stderr: ") {
        text.truncate(at);
    }
    tame(&text)
}
