//! Objects that are waited for, and how they are by the last word of the server.

use std::collections::BTreeMap;
use std::time::Duration;

use afterbay_manifest::{Gvk, Scrubber};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};

use super::collection::{Collection, Sight, Teller, follow};
use crate::client::{Client, Failure};
use crate::discovery::Resource;
use crate::error::{ApplyError, Quotes, Subject, refused};
use crate::health::{self, Health, HealthExpressions, HealthStatus};

/// Words that may be under way between a follower and the one who listens.
const BUFFER: usize = 64;

/// One object that is waited for.
pub(crate) struct Awaited {
    pub(crate) subject: Subject,
    pub(crate) resource: Resource,
    /// Whether it carries the label of our inventory.
    pub(crate) is_ours: bool,
    /// Whether it is as it should be when it is gone: a Job with a time to live.
    pub(crate) may_be_gone: bool,
    /// How it is; `None` before the first word.
    pub(crate) health: Option<Health>,
}

impl Awaited {
    pub(crate) fn is_current(&self) -> bool {
        self.health.as_ref().is_some_and(Health::is_current)
    }

    /// Its status and why, fit for people.
    pub(crate) fn told(&self, scrubber: &Scrubber) -> (HealthStatus, String) {
        match &self.health {
            Some(health) => (health.status, health.message.said(scrubber)),
            None => (HealthStatus::Unknown, "the server has not told yet".to_owned()),
        }
    }
}

/// How the waiting ended.
pub(crate) enum Ending {
    /// All of them are as they should be.
    Healthy,
    /// All are known, and some have failed.
    Failed,
    /// The time is over.
    Late,
    /// The server does not answer, or must not be asked, about the object of this index.
    Lost(usize, Failure),
}

/// How to wait.
pub(crate) struct Watching<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scrubber: &'a Scrubber,
    pub(crate) expressions: &'a HealthExpressions,
    /// The id of our inventory.
    pub(crate) part_of: Option<&'a str>,
    pub(crate) judge: fn(&Gvk, &Value, &HealthExpressions) -> Health,
}

/// What is heard while waiting.
pub(crate) enum Heard<'a> {
    /// An object is not as it was the last time, and so many are as they should be.
    Changed { one: &'a Awaited, current: usize },
    /// Objects are read by name, because these may be neither listed nor watched.
    ByName(&'a Resource, Option<&'a str>),
}

impl Watching<'_> {
    /// Waits until all are as they should be, or one has failed and all are known, or the time is over.
    pub(crate) async fn wait(&self, awaited: &mut [Awaited], heard: &mut dyn FnMut(Heard<'_>)) -> Ending {
        let (collections, places) = self.collections(awaited);
        let (sender, mut sights) = mpsc::channel(BUFFER);
        let tellers: Vec<Teller> = (0..collections.len())
            .map(|index| Teller::new(index, sender.clone()))
            .collect();
        let mut followers: FuturesUnordered<_> = collections
            .iter()
            .zip(&tellers)
            .map(async |(collection, teller)| (teller.index(), follow(self.client, collection, teller).await))
            .collect();
        loop {
            if let Some(ending) = ending(awaited) {
                return ending;
            }
            tokio::select! {
                Some((collection, sight)) = sights.recv() => {
                    let (name, health) = match sight {
                        Sight::There(name, object) => {
                            let gvk = &collections[collection].resource.gvk;
                            (name, self.judged(gvk, *object))
                        }
                        Sight::Gone(name) => (name, Health::not_found()),
                        Sight::ByName => {
                            let Collection { resource, namespace, .. } = &collections[collection];
                            heard(Heard::ByName(resource, namespace.as_deref()));
                            continue;
                        }
                    };
                    if let Some(&place) = places.get(&(collection, name)) {
                        note(awaited, place, health, heard);
                    }
                }
                Some((collection, failure)) = followers.next() => {
                    if matches!(failure, Failure::Deadline) {
                        return Ending::Late;
                    }
                    let first = places.iter().find(|((of, _), _)| *of == collection);
                    return Ending::Lost(first.map_or(0, |(_, place)| *place), failure);
                }
                () = sleep_until(self.client.deadline()) => return Ending::Late,
                () = self.next_change(awaited) => self.let_time_pass(awaited, heard),
            }
        }
    }

    /// The objects by kind and namespace, and which of them is which.
    fn collections(&self, awaited: &[Awaited]) -> (Vec<Collection>, BTreeMap<(usize, String), usize>) {
        let mut collections: Vec<Collection> = Vec::new();
        let mut places = BTreeMap::new();
        let mut known = BTreeMap::new();
        for (place, one) in awaited.iter().enumerate() {
            let object = &one.subject.object;
            let path = one.resource.collection(object.namespace.as_deref());
            let index = *known.entry(path).or_insert_with(|| {
                collections.push(Collection {
                    resource: one.resource.clone(),
                    namespace: object.namespace.clone(),
                    names: std::collections::BTreeSet::new(),
                    part_of: self.part_of.map(str::to_owned),
                    metadata_only: health::needs_metadata_only(&one.resource.gvk, self.expressions),
                });
                collections.len() - 1
            });
            if !one.is_ours {
                collections[index].part_of = None;
            }
            collections[index].names.insert(object.name.clone());
            places.insert((index, object.name.clone()), place);
        }
        (collections, places)
    }

    /// Items of lists name neither kind nor version, which expressions may ask for.
    fn judged(&self, gvk: &Gvk, mut object: Value) -> Health {
        if object.is_object() {
            object["apiVersion"] = gvk.api_version().into();
            object["kind"] = gvk.kind.clone().into();
        }
        (self.judge)(gvk, &object, self.expressions)
    }

    /// Until one of them becomes another by time alone.
    async fn next_change(&self, awaited: &[Awaited]) {
        let next = awaited
            .iter()
            .filter_map(|one| one.health.as_ref()?.later.as_ref());
        match next.map(|(time, _)| *time).min() {
            Some(time) => sleep(until(time, self.client.server_now())).await,
            None => std::future::pending().await,
        }
    }

    fn let_time_pass(&self, awaited: &mut [Awaited], heard: &mut dyn FnMut(Heard<'_>)) {
        let now = self.client.server_now();
        for place in 0..awaited.len() {
            let due = awaited[place]
                .health
                .as_mut()
                .and_then(|health| health.later.take_if(|(time, _)| *time <= now));
            if let Some((_, later)) = due {
                note(awaited, place, *later, heard);
            }
        }
    }

    /// What is to be said of objects that are not as they should be.
    pub(crate) fn error_of_loss(&self, subject: &Subject, failure: Failure) -> ApplyError {
        refused(self.client, subject, Quotes::Drop, failure, self.scrubber)
    }
}

/// The server's clock is known to the second.
fn until(time: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::try_from(time - now).unwrap_or_default() + Duration::from_secs(1)
}

fn note(awaited: &mut [Awaited], place: usize, mut health: Health, heard: &mut dyn FnMut(Heard<'_>)) {
    let one = &mut awaited[place];
    if health.status == HealthStatus::NotFound && one.may_be_gone {
        health = Health::new(HealthStatus::Current, "it is done and gone");
    }
    let is_other = one
        .health
        .as_ref()
        .is_none_or(|before| (before.status, &before.message) != (health.status, &health.message));
    let before = one.health.replace(health);
    // What is as it should be from the beginning is no news.
    if is_other && !(before.is_none() && one.is_current()) {
        let current = awaited.iter().filter(|one| one.is_current()).count();
        let one = &awaited[place];
        heard(Heard::Changed { one, current });
    }
}

fn ending(awaited: &[Awaited]) -> Option<Ending> {
    if awaited.iter().all(Awaited::is_current) {
        return Some(Ending::Healthy);
    }
    let mut known = awaited.iter().filter_map(|one| one.health.as_ref());
    let has_failed = awaited
        .iter()
        .any(|one| one.health.as_ref().is_some_and(Health::is_failed));
    (has_failed && known.by_ref().count() == awaited.len()).then_some(Ending::Failed)
}
