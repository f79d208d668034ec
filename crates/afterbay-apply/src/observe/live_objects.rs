//! The live objects of a set: one list per kind and namespace where a list is cheaper than one read each, reads otherwise.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{ObjectRef, Scrubber};
use futures::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Client, Failure, Request, query_value};
use crate::desired::Address;
use crate::discovery::{Kinds, Resource};
use crate::error::{self, ApplyErrors};
use crate::inventory::{Inventory, Key, PART_OF};
use crate::{ApplyOptions, Check};

/// Objects of one page.
const PAGE: usize = 500;
/// From so many members on, a list by label is cheaper than single reads.
const LABELED: usize = 2;
/// From so many objects on, a list of everything in the namespace is worth a try when no member is known.
const UNLABELED: usize = 8;

/// Live objects by identity, plaintext included, so there is no `Debug`.
#[derive(Default)]
pub(super) struct LiveObjects {
    objects: BTreeMap<Key, Packed>,
    notes: Vec<String>,
}

/// An object as JSON text: a set may be large, and each of its objects is looked at once.
pub(super) struct Packed(Vec<u8>);

impl Packed {
    fn new(object: &Value) -> Self {
        // A `Value` has string keys only, so writing it to memory cannot fail.
        Self(serde_json::to_vec(object).unwrap_or_default())
    }

    pub(super) fn open(&self) -> Option<Value> {
        serde_json::from_slice(&self.0).ok()
    }
}

impl LiveObjects {
    pub(super) fn take(&mut self, key: &Key) -> Option<Packed> {
        self.objects.remove(key)
    }

    /// What could not be listed, and what that cost.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

/// One kind in one namespace.
struct Group<'a> {
    resource: &'a Resource,
    namespace: Option<String>,
    wanted: BTreeSet<Key>,
    /// How many of them the inventory knows.
    members: usize,
    /// Those of the set that are expected to exist.
    expected: BTreeMap<Key, String>,
}

/// What became of a list.
enum Listed {
    /// It would not pay.
    NotTried,
    /// It was broken off, because most of it belonged to others.
    Part(Vec<(Key, Packed)>),
    /// Everything that was asked for.
    All(Vec<(Key, Packed)>),
}

/// Reads what lists can give, and by name what lists cannot give. What is not expected to exist is left to its dry-run.
pub(super) async fn fetch(
    client: &Client,
    kinds: &Kinds,
    addresses: &[&Address],
    inventory: &Inventory,
    options: &ApplyOptions,
    scrubber: &Scrubber,
) -> Result<LiveObjects, ApplyErrors> {
    let global = |failure| ApplyErrors::from(error::global(client, failure, scrubber));
    let groups = groups(kinds, addresses, inventory);
    let mut lists = stream::iter(groups)
        .map(async |group| {
            let listed = list(client, &group, inventory.id()).await;
            (group, listed)
        })
        .buffer_unordered(options.concurrency.max(1));
    let mut live = LiveObjects::default();
    let mut unread = Vec::new();
    while let Some((group, outcome)) = lists.next().await {
        let mut expected = match options.check {
            Check::ManagedFields => group.expected.clone(),
            // Every object is dry-run, which tells which of them have to be read.
            Check::Server => BTreeMap::new(),
        };
        match outcome {
            Ok(Listed::All(found)) => {
                live.objects.extend(found);
                continue;
            }
            Ok(Listed::Part(found)) => {
                for (key, object) in found {
                    expected.remove(&key);
                    live.objects.insert(key, object);
                }
            }
            Ok(Listed::NotTried) => {}
            Err(failure) if failure.is_global() => return Err(global(failure)),
            Err(failure) => live.notes.extend(note(&group, &failure, expected.len())),
        }
        unread.extend(expected);
    }
    let mut reads = stream::iter(unread)
        .map(async |(key, path)| (key, read(client, path).await))
        .buffer_unordered(options.concurrency.max(1));
    while let Some((key, outcome)) = reads.next().await {
        match outcome {
            Ok(Some(object)) => {
                live.objects.insert(key, object);
            }
            Err(failure) if failure.is_global() => return Err(global(failure)),
            // Its dry-run says what is wrong.
            Ok(None) | Err(_) => {}
        }
    }
    live.notes.sort();
    Ok(live)
}

/// What a list that was denied costs instead; nothing where it costs nothing.
fn note(group: &Group<'_>, failure: &Failure, reads: usize) -> Option<String> {
    let lists = group.wanted.len().div_ceil(PAGE);
    (failure.is_forbidden() && reads > lists).then(|| {
        let Resource { gvk, plural, .. } = group.resource;
        let group_name = if gvk.group.is_empty() {
            String::new()
        } else {
            format!(".{}", gvk.group)
        };
        let place = match &group.namespace {
            Some(namespace) => format!(" in namespace {namespace}"),
            None => String::new(),
        };
        format!(
            "{plural}{group_name}{place} may not be listed, so {reads} objects were read one by one ({reads} requests instead of \
             {lists}); allow the verb list to save them"
        )
    })
}

async fn read(client: &Client, path: String) -> Result<Option<Packed>, Failure> {
    match client.send(&Request::get(path)).await {
        Ok(response) => Ok(Some(Packed::new(&response.json()?))),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn groups<'a>(kinds: &'a Kinds, addresses: &[&'a Address], inventory: &Inventory) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(String, Option<String>), Group<'a>> = BTreeMap::new();
    let mut add = |resource: &'a Resource, object: &ObjectRef, is_member: bool, path: Option<String>| {
        let group = groups
            .entry((resource.collection(None), object.namespace.clone()))
            .or_insert_with(|| Group {
                resource,
                namespace: object.namespace.clone(),
                wanted: BTreeSet::new(),
                members: 0,
                expected: BTreeMap::new(),
            });
        let key = Key::of(object);
        group.expected.extend(path.map(|path| (key.clone(), path)));
        group.wanted.insert(key);
        group.members += usize::from(is_member);
    };
    let mut wanted = BTreeSet::new();
    let known: BTreeSet<Key> = inventory.entries().map(|entry| Key::of(&entry.object)).collect();
    for address in addresses {
        // A kind that only a CRD of the set defines has no objects yet.
        if kinds.exact(&address.resource.gvk).is_some() {
            let key = Key::of(&address.object);
            let is_member = known.contains(&key);
            // Without an inventory nobody knows.
            let is_expected = is_member || inventory.id().is_none();
            let path = is_expected.then(|| address.path());
            add(&address.resource, &address.object, is_member, path);
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
            add(resource, &entry.object, true, None);
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

async fn list(client: &Client, group: &Group<'_>, part_of: Option<&str>) -> Result<Listed, Failure> {
    let selector = match part_of {
        Some(id) if group.members >= LABELED => format!("&labelSelector={PART_OF}%3D{}", query_value(id)),
        _ if group.wanted.len() >= UNLABELED => String::new(),
        _ => return Ok(Listed::NotTried),
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
                found.push((key, Packed::new(&item)));
            }
        }
        if page.metadata.r#continue.is_empty() {
            return Ok(Listed::All(found));
        }
        // Where most of the objects belong to others, reading on costs more than asking for ours.
        if selector.is_empty() && seen > 4 * group.wanted.len() + PAGE {
            return Ok(Listed::Part(found));
        }
        next = format!("&continue={}", query_value(&page.metadata.r#continue));
    }
}

#[cfg(test)]
mod tests;
