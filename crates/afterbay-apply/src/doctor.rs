//! Finds keys in live Secrets that nobody would ever remove, and removes them where somebody consents to it.
//!
//! Such keys come from a server that notes the owner of `stringData` where nothing is stored (kubernetes#123843), so that what leaves
//! it stays in `data` without an owner, and from programs that applied a Secret before afterbay did. What the revision has is
//! taken from what our field manager applied last. Only names are read: values are dropped while the answer is parsed.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{Gvk, ObjectRef, Scrubber, tame_to};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, Method, Request, query_value, segment};
use crate::discovery::write_query;
use crate::error::{self, ApplyError, ApplyErrors, Quotes, Subject};
use crate::observe::{Effect, is_among};
use crate::{ApplyOptions, Wrote};

/// Objects of one page.
const PAGE: usize = 500;
/// Longest name of a manager in a report, in characters.
const LIMIT: usize = 128;

/// What was found in the Secrets of a namespace or of all of them. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Examination {
    /// What consent to the repair names: sixteen hexadecimal digits over the Secrets below, with the state they were in.
    pub id: String,
    /// Secrets that our field manager has applied. Only these are examined.
    pub examined: usize,
    /// Secrets of others.
    pub others: usize,
    /// The Secrets in which something is left, in order.
    pub secrets: Vec<ExaminedSecret>,
}

/// A Secret in which something is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExaminedSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The object that was examined.
    pub uid: String,
    /// The state that it was in.
    pub resource_version: String,
    /// What is left, by key.
    pub keys: Vec<OrphanedKey>,
}

/// A key that nobody would ever remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrphanedKey {
    /// Its name.
    pub key: String,
    /// The managers that left it; empty where nobody owns it.
    pub left_by: Vec<String>,
}

impl Examination {
    fn of(server: &str, pages: Vec<Item>, options: &ApplyOptions) -> Self {
        let (mut examined, mut others, mut secrets) = (0, 0, Vec::new());
        for item in pages {
            if item.applied_by(&options.field_manager) {
                examined += 1;
                secrets.extend(item.orphans(options));
            } else {
                others += 1;
            }
        }
        secrets.sort_by(|left, right| (&left.namespace, &left.name).cmp(&(&right.namespace, &right.name)));
        Self {
            id: id(server, &secrets),
            examined,
            others,
            secrets,
        }
    }

    /// Number of keys in all.
    pub fn keys(&self) -> usize {
        self.secrets.iter().map(|secret| secret.keys.len()).sum()
    }
}

impl ExaminedSecret {
    fn subject(&self) -> Subject {
        Subject {
            object: ObjectRef {
                gvk: Gvk::new("v1", "Secret"),
                namespace: Some(self.namespace.clone()),
                name: self.name.clone(),
            },
            origin: None,
        }
    }

    fn removal(&self, effect: Effect, manager: &str) -> Request {
        let data: Map<String, Value> = self
            .keys
            .iter()
            .map(|key| (key.key.clone(), Value::Null))
            .collect();
        let patch = json!({
            "metadata": { "uid": self.uid, "resourceVersion": self.resource_version },
            "data": data,
        });
        let mut query = vec![("fieldManager", manager)];
        query.extend(effect.parameter());
        let collection = collection(Some(&self.namespace));
        let uri = format!("{collection}/{}?{}", segment(&self.name), write_query(&query));
        Request::with_body(Method::Merge, uri, &patch)
    }
}

/// The repair stopped.
#[derive(Debug)]
pub struct RepairFailure {
    /// What went wrong.
    pub errors: ApplyErrors,
    /// The Secrets that are repaired, as `namespace/name`.
    pub repaired: Vec<String>,
    /// Whether anything was written at all.
    pub wrote: Wrote,
}

/// Looks at the Secrets of a namespace; `None` is all of them.
pub async fn examine(
    client: &Client,
    namespace: Option<&str>,
    options: &ApplyOptions,
) -> Result<Examination, ApplyErrors> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let uri = format!("{}?limit={PAGE}{next}", collection(namespace));
        let answer = client.send(&Request::get(uri)).await;
        let page: Page = answer.and_then(|response| response.json()).map_err(|failure| {
            let subject = Subject {
                object: ObjectRef {
                    gvk: Gvk::new("v1", "Secret"),
                    namespace: namespace.map(str::to_owned),
                    name: "*".to_owned(),
                },
                origin: None,
            };
            error::refused(client, &subject, Quotes::Drop, failure, &Scrubber::default())
        })?;
        items.extend(page.items);
        if page.metadata.r#continue.is_empty() {
            return Ok(Examination::of(client.server(), items, options));
        }
        next = format!("&continue={}", query_value(&page.metadata.r#continue));
    }
}

/// Removes what was found, from each Secret that still is the one that was examined, in the state that it was in. Nothing is removed
/// unless the server would take all of it.
pub async fn repair(
    client: &Client,
    found: &Examination,
    options: &ApplyOptions,
) -> Result<(), RepairFailure> {
    let client = &client.counting();
    for effect in [Effect::DryRun, Effect::Write] {
        let mut errors: Vec<ApplyError> = Vec::new();
        let mut repaired = Vec::new();
        for secret in &found.secrets {
            match client.send(&secret.removal(effect, &options.field_manager)).await {
                Ok(_) => repaired.push(format!("{}/{}", secret.namespace, secret.name)),
                Err(failure) => {
                    let subject = secret.subject();
                    errors.push(error::refused(
                        client,
                        &subject,
                        Quotes::Drop,
                        failure,
                        &Scrubber::default(),
                    ));
                }
            }
        }
        if !errors.is_empty() {
            return Err(RepairFailure {
                errors: ApplyErrors::new(errors),
                repaired: if effect == Effect::Write {
                    repaired
                } else {
                    Vec::new()
                },
                wrote: client.wrote(),
            });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    items: Vec<Item>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PageMetadata {
    r#continue: String,
}

/// A Secret without any value: not even the annotation is read in which `kubectl apply` keeps them.
#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    #[serde(default)]
    #[expect(clippy::zero_sized_map_values, reason = "a map is what there is to read")]
    data: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    uid: String,
    resource_version: String,
    #[serde(default)]
    managed_fields: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Entry {
    manager: String,
    operation: String,
    subresource: String,
    fields_v1: Value,
}

impl Entry {
    fn is_ours(&self, manager: &str) -> bool {
        self.manager == manager && self.operation == "Apply" && self.subresource.is_empty()
    }

    fn has(&self, field: &str, key: &str) -> bool {
        self.fields_v1[field].get(format!("f:{key}")).is_some()
    }

    /// Whether the manager would still remove the key when it is not wanted any more.
    fn keeps(&self, key: &str, options: &ApplyOptions) -> bool {
        let is_successor = self.manager == options.field_manager && self.operation == "Update"
            || is_among(&self.manager, &options.take_over);
        let through_string_data = !self.has("f:data", key);
        !(is_successor || through_string_data && is_among(&self.manager, &options.leftovers_of))
    }
}

impl Item {
    fn applied_by(&self, manager: &str) -> bool {
        self.metadata
            .managed_fields
            .iter()
            .any(|entry| entry.is_ours(manager))
    }

    fn orphans(self, options: &ApplyOptions) -> Option<ExaminedSecret> {
        let entries = &self.metadata.managed_fields;
        let keys = self.data.keys().filter_map(|key| {
            let owners: Vec<&Entry> = entries
                .iter()
                .filter(|entry| entry.has("f:data", key) || entry.has("f:stringData", key))
                .collect();
            let is_kept = owners
                .iter()
                .any(|entry| entry.is_ours(&options.field_manager) || entry.keeps(key, options));
            let names: BTreeSet<String> = owners
                .iter()
                .map(|entry| tame_to(&entry.manager, LIMIT))
                .collect();
            (!is_kept).then(|| OrphanedKey {
                key: tame_to(key, LIMIT * 2),
                left_by: names.into_iter().collect(),
            })
        });
        let keys: Vec<OrphanedKey> = keys.collect();
        let Metadata {
            name,
            namespace,
            uid,
            resource_version,
            ..
        } = self.metadata;
        (!keys.is_empty()).then_some(ExaminedSecret {
            namespace,
            name,
            uid,
            resource_version,
            keys,
        })
    }
}

fn id(server: &str, secrets: &[ExaminedSecret]) -> String {
    let mut digest = Sha256::new();
    let mut part = |text: &str| {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    };
    part("doctor secrets");
    part(server);
    for secret in secrets {
        for text in [
            &secret.namespace,
            &secret.name,
            &secret.uid,
            &secret.resource_version,
        ] {
            part(text);
        }
        secret.keys.iter().for_each(|key| part(&key.key));
    }
    crate::diff::hex(&digest.finalize()[..8])
}

fn collection(namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("/api/v1/namespaces/{}/secrets", segment(namespace)),
        None => "/api/v1/secrets".to_owned(),
    }
}

#[cfg(test)]
mod tests;
