//! The key under which references are identified: random, made on first use, kept in one Secret of the cluster, printed nowhere.

use afterbay_manifest::{Scrubber, SecretBytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Client, Failure, Method, Request, segment};
use crate::diff::FingerprintKey;
use crate::error::{self, ApplyError};

/// The Secret's name; its namespace is that of the inventory, or the one that objects without a namespace go to.
const NAME: &str = "afterbay-rollout-key";
/// Its type, by which it is recognized.
const TYPE: &str = "afterbay.dev/rollout-key";
/// The entry that holds the key.
const ENTRY: &str = "key";
/// Its length in bytes.
const BYTES: usize = 32;

/// The key, and whether the cluster has it.
pub(crate) struct RolloutKey {
    namespace: String,
    pub(crate) key: FingerprintKey,
    is_stored: bool,
}

impl RolloutKey {
    /// The key of the cluster, or a new one that is stored with [`RolloutKey::store`] before anything is written that needs it.
    pub(crate) async fn read(client: &Client, namespace: &str) -> Result<Self, ApplyError> {
        let namespace = namespace.to_owned();
        if let Some(key) = stored(client, &namespace).await? {
            return Ok(Self {
                namespace,
                key,
                is_stored: true,
            });
        }
        let mut bytes = vec![0; BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| refused(&namespace, format!("the system has no random bytes: {error}")))?;
        Ok(Self {
            key: key(&namespace, bytes)?,
            namespace,
            is_stored: false,
        })
    }

    /// What there is to say before anything is written.
    pub(crate) fn note(&self) -> Option<String> {
        (!self.is_stored).then(|| {
            format!(
                "Secret/{}/{NAME}, with the key of the fingerprints by which workloads are rolled out, was not there before; an apply creates it",
                self.namespace
            )
        })
    }

    /// Has the cluster keep the key. Where another run was first, its key is the one, and the answer is true: what was made
    /// with this one is to be made again.
    pub(crate) async fn store(&mut self, client: &Client) -> Result<bool, ApplyError> {
        if self.is_stored {
            return Ok(false);
        }
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": NAME,
                "namespace": self.namespace,
                "labels": { "app.kubernetes.io/managed-by": "afterbay" },
            },
            "type": TYPE,
            // Another key would restart every workload once more.
            "immutable": true,
            "data": { ENTRY: STANDARD.encode(self.key.expose_key()) },
        });
        let request = Request::with_body(Method::Create, collection(&self.namespace), &body);
        let replaced = match client.send(&request).await {
            Ok(_) => false,
            Err(failure) if failure.is_already_there() => {
                self.key = stored(client, &self.namespace).await?.ok_or_else(|| {
                    refused(
                        &self.namespace,
                        "it was there a moment ago and is gone".to_owned(),
                    )
                })?;
                true
            }
            Err(failure) => return Err(failed(client, &self.namespace, failure)),
        };
        self.is_stored = true;
        Ok(replaced)
    }
}

/// The key that the cluster has; `None` where it has none yet.
async fn stored(client: &Client, namespace: &str) -> Result<Option<FingerprintKey>, ApplyError> {
    let path = format!("{}/{NAME}", collection(namespace));
    let secret: Value = match client.send(&Request::get(path)).await {
        Ok(response) => response
            .json()
            .map_err(|failure| failed(client, namespace, failure))?,
        Err(failure) if failure.is_not_found() => return Ok(None),
        Err(failure) => return Err(failed(client, namespace, failure)),
    };
    let bytes = secret["data"][ENTRY]
        .as_str()
        .and_then(|text| STANDARD.decode(text).ok())
        .filter(|bytes| secret["type"] == TYPE && bytes.len() == BYTES);
    match bytes {
        Some(bytes) => key(namespace, bytes).map(Some),
        None => Err(refused(
            namespace,
            format!("it is no Secret of type {TYPE} with {BYTES} bytes under `{ENTRY}`"),
        )),
    }
}

fn key(namespace: &str, bytes: Vec<u8>) -> Result<FingerprintKey, ApplyError> {
    FingerprintKey::new(SecretBytes::new(bytes)).map_err(|error| refused(namespace, error.to_string()))
}

fn collection(namespace: &str) -> String {
    format!("/api/v1/namespaces/{}/secrets", segment(namespace))
}

fn refused(namespace: &str, problem: String) -> ApplyError {
    ApplyError::RolloutKey {
        secret: format!("{namespace}/{NAME}"),
        problem,
    }
}

/// Nothing of a set was sent, so there is nothing to scrub from what the server says.
fn failed(client: &Client, namespace: &str, failure: Failure) -> ApplyError {
    match failure {
        Failure::Status(status) if status.code != 401 => {
            refused(namespace, status.message.said(&Scrubber::default()))
        }
        Failure::Malformed { problem } => refused(namespace, format!("the answer is {problem}")),
        other => error::global(client, other, &Scrubber::default()),
    }
}
