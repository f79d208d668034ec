//! What became of the members that the revision does not have any more.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{ObjectRef, Scrubber, tame_to};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::live_objects::LiveObjects;
use super::managed;
use crate::client::{Client, Failure, Request};
use crate::desired::{OWN_LABEL, has_control};
use crate::discovery::{Kinds, Resource};
use crate::error::{self, ApplyErrors, Quotes, Subject};
use crate::inventory::{Inventory, Key, PART_OF};
use crate::live::{Member, Present};
use crate::{ApplyOptions, Owner};

const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Looks at every entry of the inventory that is not among `wanted`.
pub(super) async fn observe(
    client: &Client,
    kinds: &Kinds,
    wanted: &BTreeSet<Key>,
    inventory: &Inventory,
    mut live: LiveObjects,
    options: &ApplyOptions,
    scrubber: &Scrubber,
) -> Result<BTreeMap<Key, Member>, ApplyErrors> {
    let manager = options.field_manager.as_str();
    let mut members = BTreeMap::new();
    let mut unread = Vec::new();
    for entry in inventory.entries() {
        let key = Key::of(&entry.object);
        if wanted.contains(&key) {
            continue;
        }
        let gvk = &entry.object.gvk;
        let Some(resource) = kinds
            .exact(gvk)
            .or_else(|| kinds.preferred(&gvk.group, &gvk.kind))
        else {
            members.insert(key, unserved(kinds, &gvk.group));
            continue;
        };
        match live.take(&key).and_then(|packed| packed.open()) {
            Some(object) => {
                members.insert(
                    key,
                    Member::Present(present(resource, &object["metadata"], &object, manager)),
                );
            }
            None => unread.push((key, resource, entry.object.clone())),
        }
    }
    let mut reads = stream::iter(unread)
        .map(async |(key, resource, object)| {
            let outcome = read(client, resource, &object).await;
            (key, resource, object, outcome)
        })
        .buffer_unordered(options.concurrency.max(1));
    while let Some((key, resource, object, outcome)) = reads.next().await {
        let member = match outcome {
            Ok(Some(object)) => Member::Present(present(resource, &object["metadata"], &object, manager)),
            Ok(None) => Member::Gone,
            Err(failure) if failure.is_global() => {
                return Err(error::global(client, failure, scrubber).into());
            }
            Err(failure) => {
                let subject = Subject { object, origin: None };
                Member::Unknown {
                    reason: error::refused(client, &subject, Quotes::Drop, failure, scrubber).to_string(),
                }
            }
        };
        members.insert(key, member);
    }
    Ok(members)
}

/// Objects of a kind that is not served any more went with it, unless its server is only away.
fn unserved(kinds: &Kinds, group: &str) -> Member {
    if kinds.is_stale(group) {
        Member::Unknown {
            reason: format!("the API server of group {group} does not answer"),
        }
    } else {
        Member::Gone
    }
}

async fn read(client: &Client, resource: &Resource, object: &ObjectRef) -> Result<Option<Value>, Failure> {
    let path = resource.object(object.namespace.as_deref(), &object.name);
    match client.send(&Request::get(path).accepting(METADATA_ONLY)).await {
        Ok(response) => response.json().map(Some),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn present(resource: &Resource, metadata: &Value, object: &Value, manager: &str) -> Present {
    let kept_by = [
        ("prune", "disabled"),
        ("reconcile", "disabled"),
        ("ssa", "ignore"),
    ]
    .iter()
    .find(|(name, value)| has_control(metadata, name, value))
    .map(|(name, value)| format!("kustomize.toolkit.fluxcd.io/{name}: {value}"));
    let label = |key: &str| {
        let text = metadata["labels"][key].as_str()?;
        Some(tame_to(text, text.len()))
    };
    Present {
        resource: resource.clone(),
        uid: metadata["uid"].as_str().unwrap_or_default().to_owned(),
        state: crate::plan::state(metadata),
        is_own: metadata["labels"][OWN_LABEL.0] == OWN_LABEL.1,
        part_of: label(PART_OF),
        owner: label(Owner::NAME)
            .zip(label(Owner::NAMESPACE))
            .map(|(name, namespace)| Box::new(Owner { namespace, name })),
        applied_by_us: managed::applied(object, manager).is_some(),
        kept_by,
    }
}
