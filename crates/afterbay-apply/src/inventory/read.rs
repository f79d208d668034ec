//! Reads an inventory, and waits while another run holds it.

use std::collections::BTreeMap;
use std::time::Duration;

use afterbay_manifest::Scrubber;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::{Busy, Entry, Inventory, InventoryOptions, Key, Pace, ParentState, State, entry};
use crate::client::{Client, Failure, Request};
use crate::error::{self, ApplyError, ApplyErrors};

/// How often a waiting run looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads what a set owns. An inventory that does not exist yet is empty.
///
/// Waits for another run, or fails, as [`InventoryOptions::busy`] says. Refuses an object of the same
/// name that is no inventory of ours.
pub async fn inventory(client: &Client, options: &InventoryOptions) -> Result<Inventory, ApplyErrors> {
    let namespace = options
        .namespace
        .clone()
        .unwrap_or_else(|| client.default_namespace().to_owned());
    let mut parent = ParentState::new(options.parent, namespace, options.name.clone());
    let mut waits = false;
    let object = loop {
        let Some((object, now)) = get(client, &parent.path())
            .await
            .map_err(|failure| failed(client, &parent, failure))?
        else {
            parent.forget();
            break None;
        };
        parent.observe(&object);
        parent.verify().map_err(|problem| ApplyError::ForeignInventory {
            inventory: parent.display(),
            problem,
        })?;
        let Some(holder) = parent.holder().filter(|holder| !holder.is_expired(now)) else {
            break Some(object);
        };
        if options.busy == Busy::Fail || Instant::now() + LOOK_AGAIN >= client.deadline() {
            return Err(ApplyError::Busy {
                inventory: parent.display(),
                holder: holder.identity,
                since: holder.acquire_time,
            }
            .into());
        }
        if !std::mem::replace(&mut waits, true) {
            tracing::warn!(
                inventory = parent.display(),
                holder = holder.identity,
                "waiting for another run"
            );
        }
        sleep(LOOK_AGAIN).await;
    };
    let entries = match object {
        Some(object) => entries(client, &parent, &object).await?,
        None => BTreeMap::new(),
    };
    Ok(Inventory::of(State {
        parent,
        entries,
        holder: options.holder.clone(),
        pace: Pace::default(),
    }))
}

/// The members out of the parent and its parts.
pub(super) async fn entries(
    client: &Client,
    parent: &ParentState,
    object: &Value,
) -> Result<BTreeMap<Key, Entry>, ApplyErrors> {
    let unreadable = |problem: String| ApplyError::ForeignInventory {
        inventory: parent.display(),
        problem,
    };
    let mut entries = BTreeMap::new();
    let text = parent.text(object).map_err(unreadable)?;
    entry::decode(&text, &mut entries).map_err(unreadable)?;
    for part in parent.parts() {
        let object = get(client, &parent.part_path(&part))
            .await
            .map_err(|failure| failed(client, parent, failure))?
            .ok_or_else(|| unreadable(format!("its part {part:?} is missing")))?
            .0;
        let text = parent.text(&object).map_err(unreadable)?;
        entry::decode(&text, &mut entries).map_err(unreadable)?;
    }
    Ok(entries)
}

/// An object and the server's clock; `None` when there is no such object.
pub(super) async fn get(client: &Client, path: &str) -> Result<Option<(Value, OffsetDateTime)>, Failure> {
    match client.send(&Request::get(path)).await {
        Ok(response) => {
            let now = response.date.unwrap_or_else(OffsetDateTime::now_utc);
            Ok(Some((response.json()?, now)))
        }
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// An inventory holds no values, so there is nothing to scrub from what the server says about it.
pub(super) fn failed(client: &Client, parent: &ParentState, failure: Failure) -> ApplyError {
    match failure {
        Failure::Status(status) if status.code != 401 => ApplyError::Inventory {
            inventory: parent.display(),
            problem: status.message.said(&Scrubber::default()),
        },
        Failure::Malformed { problem } => ApplyError::Inventory {
            inventory: parent.display(),
            problem: format!("the answer is {problem}"),
        },
        other => error::global(client, other, &Scrubber::default()),
    }
}
