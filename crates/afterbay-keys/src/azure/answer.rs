//! What Key Vault and the login service say, in our words.

use serde::Deserialize;

use crate::guarded::{Answer, Failure};
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// An error of Key Vault. <https://learn.microsoft.com/en-us/azure/key-vault/general/rest-error-codes>
#[derive(Deserialize)]
struct Envelope {
    error: Detail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Detail {
    code: String,
    message: String,
    innererror: Inner,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner {
    code: String,
}

/// An error of the login service. <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>
#[derive(Deserialize)]
struct LoginError {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The failure of an answer of a vault that is no success.
pub(super) fn refusal(answer: &Answer, place: &str, limits: &KmsLimits) -> Failure {
    let parsed = serde_json::from_slice::<Envelope>(&answer.body);
    let is_readable = parsed.is_ok();
    let detail = parsed.map(|envelope| envelope.error).unwrap_or_default();
    let said = behind_colon(&detail.message);
    let inner = detail.innererror.code.as_str();
    let (reason, hint) = match (answer.status, detail.code.as_str(), inner) {
        (429, ..) => return Failure::throttled(&said, limits),
        (code @ (500 | 502 | 503 | 504), ..) => return Failure::unavailable(code, &said, limits),
        (401, ..) => (
            "the vault does not accept the token",
            "see whether the identity in use is of the tenant that the vault belongs to",
        ),
        (403, _, "KeyDisabled") => (
            "the key is disabled",
            "enable the version that the file names, or add another key with `sops updatekeys`",
        ),
        (403, _, "ForbiddenByFirewall" | "ForbiddenByConnection") => (
            "the firewall of the vault refuses this machine",
            "allow its network in the vault, or run where it is allowed",
        ),
        (403, ..) if detail.message.contains("disabled") => (
            "the key is disabled",
            "enable the version that the file names, or add another key with `sops updatekeys`",
        ),
        (403, ..) => (
            "access denied",
            "grant the identity in use the role Key Vault Crypto User, or the key permission decrypt",
        ),
        (404, "KeyNotFound", _) => (
            "there is no such key, or no such version of it",
            "see whether the vault, the name and the version are right, and the key was not deleted",
        ),
        (400, "BadParameter", _) => (
            "the vault does not accept the ciphertext",
            "the file was altered, or was encrypted with another version of the key",
        ),
        (code, ..) if !is_readable => return Failure::not_understood(place, code),
        (code, name, _) => return Failure::new(format!("status {code} ({}){said}", tame(name)), ""),
    };
    Failure::new(format!("{reason}{said}"), hint)
}

/// The failure of a request for a token. The service quotes ids in its texts, and no secrets.
pub(super) fn no_token(answer: &Answer, place: &str, source: &str, limits: &KmsLimits) -> Failure {
    let parsed = serde_json::from_slice::<LoginError>(&answer.body).ok();
    let said = parsed
        .as_ref()
        .map(|error| behind_colon(&error.error_description))
        .unwrap_or_default();
    match (answer.status, parsed.as_ref().map(|error| error.error.as_str())) {
        (429, _) => Failure::throttled(&said, limits),
        (code @ (500 | 502 | 503 | 504), _) => Failure::unavailable(code, &said, limits),
        (_, Some("invalid_client" | "unauthorized_client" | "invalid_grant")) => Failure::new(
            format!("no token for {source}{said}"),
            "see whether tenant, client and secret are right and have not expired",
        ),
        (_, Some(code)) => Failure::new(
            format!("no token for {source} ({}){said}", tame(code)),
            "see whether tenant and client are right",
        ),
        (code, None) => Failure::not_understood(place, code),
    }
}

fn behind_colon(text: &str) -> String {
    match tame(text) {
        said if said.is_empty() => said,
        said => format!(": {said}"),
    }
}
