//! What Vault says, in our words.

use serde::Deserialize;

use crate::guarded::{Answer, Failure};
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// <https://openbao.org/api-docs/#error-response>
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<String>,
}

/// The failure of an answer that is no success.
pub(super) fn refusal(answer: &Answer, place: &str, limits: &KmsLimits) -> Failure {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&answer.body) else {
        return match answer.status {
            429 => Failure::throttled("", limits),
            code @ (500 | 502 | 504) => Failure::unavailable(code, "", limits),
            code => Failure::not_understood(place, code),
        };
    };
    let text = envelope.errors.join("; ");
    let said = match tame(&text) {
        said if said.is_empty() => said,
        said => format!(": {said}"),
    };
    let has = |part: &str| text.contains(part);
    let (reason, hint) = match answer.status {
        429 => return Failure::throttled(&said, limits),
        503 if has("sealed") => ("Vault is sealed", "unseal it"),
        code @ (500 | 502 | 503 | 504) => return Failure::unavailable(code, &said, limits),
        403 if has("invalid token") || has("token is expired") => (
            "the token is not valid",
            "log in again with `vault login`, or renew VAULT_TOKEN",
        ),
        401 | 403 => (
            "access denied",
            "see whether the token is valid (`vault token lookup`), may update the decrypt path of the key, and is of this namespace",
        ),
        400 if has("disallowed by policy") => (
            "the version of the key that made the ciphertext is no longer allowed",
            "lower min_decryption_version of the key, or run `sops updatekeys`",
        ),
        400 if has("encryption key not found") => (
            "there is no such key",
            "see whether engine and key name are right",
        ),
        400 if has("no ciphertext") || has("ciphertext") || has("cipher") => (
            "Vault does not accept the ciphertext",
            "the file was altered, or was encrypted with another key",
        ),
        404 => (
            "there is no such key or engine",
            "see whether address, namespace, engine and key name are right",
        ),
        code => return Failure::new(format!("status {code}{said}"), ""),
    };
    Failure::new(format!("{reason}{said}"), hint)
}
