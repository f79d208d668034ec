//! The live objects of a set, read in lists where a list is cheaper than one read each.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{ObjectRef, Scrubber};
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;

use crate::ApplyOptions;
use crate::client::{Client, Failure, Request, query_value};
use crate::desired::Address;
use crate::discovery::{Kinds, Resource};
use crate::error::{self, ApplyErrors};
use crate::inventory::{Inventory, Key, PART_OF};

/// Objects of one page.
const PAGE: usize = 500;
/// From so many members on, a list by label is cheaper than single reads.
const LABELED: usize = 2;
/// From so many objects on, a list of everything in the namespace is worth a try when no member is known.
const UNLABELED: usize = 8;

/// Live objects by identity, plaintext included, so there is no `Debug`.
#[derive(Default)]
pub(super) struct LiveObjects {
    objects: BTreeMap<Key, Value>,
}

impl LiveObjects {
    pub(super) fn take(&mut self, key: &Key) -> Option<Value> {
        self.objects.remove(key)
    }
}

/// One kind in one namespace.
struct Group<'a> {
    resource: &'a Resource,
    namespace: Option<String>,
    wanted: BTreeSet<Key>,
    /// How many of them the inventory knows.
    members: usize,
}

/// Reads what lists can give. What they do not give is read later, one by one, if it exists.
pub(super) async fn fetch(
    client: &Client,
    kinds: &Kinds,
    addresses: &[&Address],
    inventory: &Inventory,
    options: &ApplyOptions,
    scrubber: &Scrubber,
) -> Result<LiveObjects, ApplyErrors> {
    let groups = groups(kinds, addresses, inventory);
    let mut lists = stream::iter(groups)
        .map(async |group| list(client, &group, inventory.id()).await)
        .buffer_unordered(options.concurrency.max(1));
    let mut live = LiveObjects::default();
    while let Some(outcome) = lists.next().await {
        match outcome {
            Ok(found) => live.objects.extend(found),
            Err(failure) if failure.is_global() => {
                return Err(error::global(client, failure, scrubber).into());
            }
            // Without the permission to list, each object is read by itself.
            Err(_) => {}
        }
    }
    Ok(live)
}

fn groups<'a>(kinds: &'a Kinds, addresses: &[&'a Address], inventory: &Inventory) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(String, Option<String>), Group<'a>> = BTreeMap::new();
    let mut add = |resource: &'a Resource, object: &ObjectRef, is_member: bool| {
        let group = groups
            .entry((resource.collection(None), object.namespace.clone()))
            .or_insert_with(|| Group {
                resource,
                namespace: object.namespace.clone(),
                wanted: BTreeSet::new(),
                members: 0,
            });
        group.wanted.insert(Key::of(object));
        group.members += usize::from(is_member);
    };
    let mut wanted = BTreeSet::new();
    let known: BTreeSet<Key> = inventory.entries().map(|entry| Key::of(&entry.object)).collect();
    for address in addresses {
        // A kind that only a CRD of the set defines has no objects yet.
        if kinds.exact(&address.resource.gvk).is_some() {
            let key = Key::of(&address.object);
            add(&address.resource, &address.object, known.contains(&key));
            wanted.insert(key);
        }
    }
    for entry in inventory.entries() {
        let gvk = &entry.object.gvk;
        let resource = kinds
            .exact(gvk)
            .or_else(|| kinds.preferred(&gvk.group, &gvk.kind));
        if let Some(resource) = resource
            && !wanted.contains(&Key::of(&entry.object))
        {
            add(resource, &entry.object, true);
        }
    }
    groups.into_values().collect()
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    items: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PageMetadata {
    r#continue: String,
}

/// Nothing when a list would not pay.
async fn list(
    client: &Client,
    group: &Group<'_>,
    part_of: Option<&str>,
) -> Result<Vec<(Key, Value)>, Failure> {
    let selector = match part_of {
        Some(id) if group.members >= LABELED => format!("&labelSelector={PART_OF}%3D{}", query_value(id)),
        _ if group.wanted.len() >= UNLABELED => String::new(),
        _ => return Ok(Vec::new()),
    };
    let collection = group.resource.collection(group.namespace.as_deref());
    let mut found = Vec::new();
    let mut seen = 0;
    let mut next = String::new();
    loop {
        let uri = format!("{collection}?limit={PAGE}{selector}{next}");
        let page: Page = client.send(&Request::get(uri)).await?.json()?;
        seen += page.items.len();
        for item in page.items {
            let metadata = &item["metadata"];
            let key = Key {
                group: group.resource.gvk.group.clone(),
                kind: group.resource.gvk.kind.clone(),
                namespace: group.namespace.clone(),
                name: metadata["name"].as_str().unwrap_or_default().to_owned(),
            };
            if group.wanted.contains(&key) {
                found.push((key, item));
            }
        }
        let is_done = page.metadata.r#continue.is_empty();
        // Where most of the objects belong to others, reading on costs more than asking for ours.
        let is_wasteful = selector.is_empty() && seen > 4 * group.wanted.len() + PAGE;
        if is_done || is_wasteful {
            return Ok(found);
        }
        next = format!("&continue={}", query_value(&page.metadata.r#continue));
    }
}
