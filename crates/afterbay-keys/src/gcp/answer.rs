//! What Google says, in our words.

use serde::Deserialize;

use crate::guarded::{Answer, Failure};
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// An error of a Google API. <https://cloud.google.com/apis/design/errors#http_mapping>
#[derive(Deserialize)]
struct Envelope {
    error: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    message: String,
    #[serde(rename = "status")]
    code: String,
    details: Vec<Detail>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    reason: String,
}

/// The failure of an answer that is no success.
pub(super) fn refusal(answer: &Answer, place: &str, limits: &KmsLimits) -> Failure {
    let parsed = serde_json::from_slice::<Envelope>(&answer.body);
    let is_readable = parsed.is_ok();
    let status = parsed.map(|envelope| envelope.error).unwrap_or_default();
    let said = match tame(&status.message) {
        said if said.is_empty() => said,
        said => format!(": {said}"),
    };
    let has_reason = |reason: &str| status.details.iter().any(|detail| detail.reason == reason);
    let (reason, hint) = match (answer.status, status.code.as_str()) {
        (429, _) | (_, "RESOURCE_EXHAUSTED") => return Failure::throttled(&said, limits),
        (code @ (500 | 502 | 503 | 504), _) => return Failure::unavailable(code, &said, limits),
        (401, _) => (
            "the credentials are not valid",
            "log in again with `gcloud auth application-default login`, or see whether the token has expired",
        ),
        (403, _) if has_reason("SERVICE_DISABLED") => (
            "Cloud KMS is not enabled in the project",
            "enable it with `gcloud services enable cloudkms.googleapis.com`",
        ),
        (403, _) => (
            "access denied",
            "grant the identity in use the role roles/cloudkms.cryptoKeyDecrypter on the key",
        ),
        (404, _) if is_readable => (
            "there is no such key",
            "see whether project, location, key ring and key are right",
        ),
        (400, "FAILED_PRECONDITION") => (
            "the key, or the version that the file was encrypted with, is disabled or destroyed",
            "enable the version, or add another key with `sops updatekeys`",
        ),
        (400, "INVALID_ARGUMENT") => (
            "KMS does not accept the ciphertext",
            "the file was altered, or was encrypted with another key",
        ),
        (code, _) if !is_readable => return Failure::not_understood(place, code),
        (code, name) => return Failure::new(format!("status {code} ({}){said}", tame(name)), ""),
    };
    Failure::new(format!("{reason}{said}"), hint)
}
