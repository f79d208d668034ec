//! The JSON protocol of KMS: `Encrypt` and `Decrypt`.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>

use std::collections::{BTreeMap, VecDeque};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::scripted::{Scripted, What};
use super::sigv4::{Refusal, Signed};
use super::{KeyState, World};
use crate::http::{Reply, Request, Response};

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";

/// Fields that a request may have. AWS takes more; neither sops nor afterbay sends them.
const ENCRYPT: [&str; 3] = ["KeyId", "Plaintext", "EncryptionContext"];
const DECRYPT: [&str; 3] = ["KeyId", "CiphertextBlob", "EncryptionContext"];

/// Begins every ciphertext of the fake; the ARN of the key and a zero byte follow, then nonce and text.
const MAGIC: &[u8] = b"fake-kms:";

const NONCE_LENGTH: usize = 12;

/// An error of KMS: code and message.
#[derive(Debug)]
struct Refused(&'static str, String);

/// What a request holds.
struct Asked {
    key_id: String,
    bytes: Vec<u8>,
    context: BTreeMap<String, String>,
}

impl World {
    /// Answers a request of the JSON protocol.
    pub(super) fn kms(&mut self, target: &str, request: &Request) -> Reply {
        let (action, fields, blob) = match target {
            "TrentService.Decrypt" => ("Decrypt", DECRYPT, "CiphertextBlob"),
            "TrentService.Encrypt" => ("Encrypt", ENCRYPT, "Plaintext"),
            other => return violation(format!("target {other}")),
        };
        let asked = read(request, &fields, blob);
        let body = request.json().unwrap_or_default();
        let signed = self.record(request, action, body, "kms");
        let wait = self.latency;
        let reply = match (asked, signed) {
            (Err(what), _) => violation(what),
            (Ok(_), Err(Refusal::Incomplete(what))) => {
                error(400, "IncompleteSignatureException", &what).violation(what)
            }
            (Ok(_), Err(refusal)) => unsigned(&refusal),
            (Ok(asked), Ok(signed)) => self.serve(action, &asked, &signed),
        };
        let wait = wait + reply.wait;
        reply.after(wait).named(action)
    }

    fn serve(&mut self, action: &str, asked: &Asked, signed: &Signed) -> Reply {
        if let Some(scripted) = self.scripted(action) {
            return play(scripted, &asked.key_id);
        }
        if let Err(Refused(code, message)) = self.find_key(action, asked, signed) {
            return error(400, code, &message);
        }
        if action == "Encrypt" {
            return match seal(asked) {
                Ok(blob) => answer(&json!({
                    "KeyId": asked.key_id,
                    "CiphertextBlob": BASE64_STANDARD.encode(blob),
                    "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                })),
                Err(what) => violation(what),
            };
        }
        if let Some(reply) = self.scripted_ciphertext(asked) {
            return reply;
        }
        match open(asked) {
            Ok(plaintext) => opened(&asked.key_id, &plaintext),
            Err(Refused(code, message)) => error(400, code, &message),
        }
    }

    /// Region, account, key, its state and who may use it.
    fn find_key(&self, action: &str, asked: &Asked, signed: &Signed) -> Result<(), Refused> {
        let arn = &asked.key_id;
        let region = arn.split(':').nth(3).unwrap_or_default();
        if region != signed.region {
            return Err(Refused("NotFoundException", format!("Invalid arn {region}")));
        }
        let Some(key) = self.keys.get(arn) else {
            return Err(Refused(
                "NotFoundException",
                format!("Key '{arn}' does not exist"),
            ));
        };
        let account = signed.arn.split(':').nth(4).unwrap_or_default();
        if !key.accounts.iter().any(|allowed| allowed == account) {
            let message = format!(
                "User: {} is not authorized to perform: kms:{action} on resource: {arn} because no \
                 resource-based policy allows the kms:{action} action",
                signed.arn
            );
            return Err(Refused("AccessDeniedException", message));
        }
        match key.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(Refused("DisabledException", format!("{arn} is disabled."))),
            KeyState::PendingDeletion => Err(Refused(
                "KMSInvalidStateException",
                format!("{arn} is pending deletion."),
            )),
        }
    }

    fn scripted_ciphertext(&mut self, asked: &Asked) -> Option<Reply> {
        let replies = self.by_ciphertext.get_mut(&asked.bytes)?;
        let context = self.contexts.get(&asked.bytes);
        if &asked.context != context.unwrap_or(&BTreeMap::new()) {
            return Some(error(400, "InvalidCiphertextException", ""));
        }
        let scripted = match replies.len() {
            0 => return None,
            1 => replies.front().cloned(),
            _ => VecDeque::pop_front(replies),
        };
        scripted.map(|scripted| play(scripted, &asked.key_id))
    }
}

fn play(scripted: Scripted, key_id: &str) -> Reply {
    let reply = match scripted.what {
        What::Key(bytes) => opened(key_id, &bytes),
        What::Error {
            status,
            code,
            message,
        } => error(status, &code, &message),
        What::Body(status, text) => Response::new(status, MEDIA_TYPE, text).into(),
        What::Silence => Reply::silence(),
        What::Hangup => Reply::hangup(),
    };
    reply.after(scripted.wait)
}

fn read(request: &Request, fields: &[&str], blob: &str) -> Result<Asked, String> {
    if request.header("content-type") != Some(MEDIA_TYPE) {
        return Err(format!("content type {:?}", request.header("content-type")));
    }
    let body = request.json()?;
    let body = body.as_object().ok_or("the body is not an object")?;
    if let Some(unknown) = body.keys().find(|key| !fields.contains(&key.as_str())) {
        return Err(format!("field {unknown}"));
    }
    let text = |name: &str| {
        let value = body.get(name).and_then(Value::as_str);
        value.ok_or_else(|| format!("no {name}"))
    };
    let bytes = BASE64_STANDARD
        .decode(text(blob)?)
        .map_err(|error| format!("{blob}: {error}"))?;
    let context = match body.get("EncryptionContext") {
        Some(context) => {
            serde_json::from_value(context.clone()).map_err(|error| format!("EncryptionContext: {error}"))?
        }
        None => BTreeMap::new(),
    };
    Ok(Asked {
        key_id: text("KeyId")?.to_owned(),
        bytes,
        context,
    })
}

/// The cipher of a key. It is derived from the ARN, so that a ciphertext outlives the fake that made it.
fn cipher(arn: &str) -> Aes256Gcm {
    let key: [u8; 32] = Sha256::digest(format!("fake KMS key {arn}")).into();
    Aes256Gcm::new(&key.into())
}

fn seal(asked: &Asked) -> Result<Vec<u8>, String> {
    let mut nonce = [0; NONCE_LENGTH];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let context = json!(asked.context).to_string();
    let payload = Payload {
        msg: &asked.bytes,
        aad: context.as_bytes(),
    };
    let text = cipher(&asked.key_id)
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|error| error.to_string())?;
    Ok([MAGIC, asked.key_id.as_bytes(), &[0], &nonce, &text].concat())
}

fn open(asked: &Asked) -> Result<Vec<u8>, Refused> {
    let invalid = || Refused("InvalidCiphertextException", String::new());
    let rest = asked.bytes.strip_prefix(MAGIC).ok_or_else(invalid)?;
    let end = rest.iter().position(|byte| *byte == 0).ok_or_else(invalid)?;
    let (arn, rest) = (&rest[..end], &rest[end + 1..]);
    if arn != asked.key_id.as_bytes() {
        return Err(Refused(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.".to_owned(),
        ));
    }
    let (nonce, text) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or_else(invalid)?;
    let context = json!(asked.context).to_string();
    let payload = Payload {
        msg: text,
        aad: context.as_bytes(),
    };
    cipher(&asked.key_id)
        .decrypt(&Nonce::from(*nonce), payload)
        .map_err(|_| invalid())
}

fn opened(key_id: &str, plaintext: &[u8]) -> Reply {
    answer(&json!({
        "KeyId": key_id,
        "Plaintext": BASE64_STANDARD.encode(plaintext),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

fn answer(body: &Value) -> Reply {
    Response::new(200, MEDIA_TYPE, body.to_string()).into()
}

/// KMS leaves the message out where it has none.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = match message {
        "" => json!({ "__type": code }),
        message => json!({ "__type": code, "message": message }),
    };
    Response::new(status, MEDIA_TYPE, body.to_string()).into()
}

fn violation(what: String) -> Reply {
    error(400, "ValidationException", &what).violation(what)
}

fn unsigned(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Missing | Refusal::Incomplete(_) => error(
            400,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Refusal::Unknown => error(
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Refusal::Mismatch => error(
            400,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        ),
        Refusal::Expired => error(
            400,
            "InvalidSignatureException",
            "Signature expired: the date of the request is too far from now.",
        ),
    }
}
