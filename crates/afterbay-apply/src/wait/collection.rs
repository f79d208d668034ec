//! Follows some objects of one kind in one namespace: one LIST and one WATCH, as long as it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep, timeout};

use crate::client::{Client, Event, Failure, Method, Request, query_value};
use crate::discovery::Resource;
use crate::inventory::PART_OF;

/// How long one watch lasts, so that a line that is dead without a word is noticed.
const WATCH: Duration = Duration::from_mins(1);
/// How much longer its end may take to arrive.
const GRACE: Duration = Duration::from_secs(15);
/// Pause after a failure that may pass.
const PAUSE: Duration = Duration::from_millis(500);
/// Pause between reads by name, where nothing else is allowed.
const BETWEEN_READS: Duration = Duration::from_secs(2);
/// Objects of one page of a list.
const PAGE: usize = 250;

const LIST_OF_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Some objects of one kind in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    /// The objects that count.
    pub(super) names: BTreeSet<String>,
    /// The `ApplySet` that all of them are part of, if it is known.
    pub(super) part_of: Option<String>,
    /// Whether their metadata is all that is asked for.
    pub(super) metadata_only: bool,
}

/// What is known of an object. It may hold plaintext, so there is no `Debug`.
pub(super) enum Sight {
    There(String, Box<Value>),
    Gone(String),
    /// Objects cannot be listed or watched, so they are read by name from now on.
    ByName,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMetadata,
    /// `null` in an empty list of metadata (Kubernetes 1.34).
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    r#continue: String,
}

/// Tells all that happens to the objects; returns only what cannot pass.
pub(super) async fn follow(client: &Client, collection: &Collection, to: &Teller) -> Failure {
    loop {
        let failure = match list(client, collection, to).await {
            Ok(version) => match watch(client, collection, version, to).await {
                // Too old to go on from: listed anew at once.
                failure if failure.is_expired() => continue,
                failure => failure,
            },
            Err(failure) => failure,
        };
        if failure.is_forbidden() {
            return by_name(client, collection, to).await;
        }
        if !may_pass(&failure) {
            return failure;
        }
        if failure.is_not_found() {
            for name in &collection.names {
                tell(to, Sight::Gone(name.clone())).await;
            }
        }
        sleep(PAUSE).await;
    }
}

/// A kind that is not served is not there yet, or not any more.
fn may_pass(failure: &Failure) -> bool {
    failure.may_pass(Method::Get) || failure.is_not_found() || failure.is_expired()
}

/// Where a collection tells what it sees, under its number.
pub(super) struct Teller {
    index: usize,
    to: Sender<(usize, Sight)>,
}

impl Teller {
    pub(super) fn new(index: usize, to: Sender<(usize, Sight)>) -> Self {
        Self { index, to }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }
}

/// Once nobody listens any more, the waiting is over, and so is whoever calls this.
async fn tell(to: &Teller, sight: Sight) {
    let _ = to.to.send((to.index, sight)).await;
}

/// Tells how all objects are now, and returns the version of the list.
async fn list(client: &Client, collection: &Collection, to: &Teller) -> Result<String, Failure> {
    let mut missing = collection.names.clone();
    let mut next = String::new();
    loop {
        let mut uri = format!("{}?limit={PAGE}{}", collection.path(), collection.selector());
        if !next.is_empty() {
            uri.push_str("&continue=");
            uri.push_str(&query_value(&next));
        }
        let mut request = Request::get(uri);
        if collection.metadata_only {
            request = request.accepting(LIST_OF_METADATA);
        }
        let List { metadata, items } = client.send(&request).await?.json()?;
        for item in items.into_iter().flatten() {
            if let Some(name) = collection.name_of(&item) {
                missing.remove(&name);
                tell(to, Sight::There(name, Box::new(item))).await;
            }
        }
        if metadata.r#continue.is_empty() {
            for name in missing {
                tell(to, Sight::Gone(name)).await;
            }
            return Ok(metadata.resource_version);
        }
        next = metadata.r#continue;
    }
}

/// Tells every change from a version on; returns why it cannot go on from there.
async fn watch(client: &Client, collection: &Collection, mut version: String, to: &Teller) -> Failure {
    loop {
        let began = Instant::now();
        match watch_once(client, collection, &mut version, to).await {
            // The server ends watches; one that it ends at once must not make us ask without a pause.
            Ok(()) if began.elapsed() < PAUSE => sleep(PAUSE).await,
            Ok(()) => {}
            Err(failure) => return failure,
        }
    }
}

async fn watch_once(
    client: &Client,
    collection: &Collection,
    version: &mut String,
    to: &Teller,
) -> Result<(), Failure> {
    let uri = format!(
        "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}{}",
        collection.path(),
        WATCH.as_secs(),
        query_value(version),
        collection.selector()
    );
    let mut request = Request::get(uri);
    if collection.metadata_only {
        request = request.accepting(METADATA);
    }
    let mut watch = client.watch(&request).await?;
    let end = Instant::now() + WATCH + GRACE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(event) = timeout(left, watch.next()).await else {
            return Err(Failure::Slow { after: WATCH + GRACE });
        };
        let Some(event) = event? else { return Ok(()) };
        let (Event::Seen(object) | Event::Gone(object) | Event::Bookmark(object)) = &event;
        if let Some(seen) = object["metadata"]["resourceVersion"].as_str() {
            seen.clone_into(version);
        }
        match event {
            Event::Seen(object) => {
                if let Some(name) = collection.name_of(&object) {
                    tell(to, Sight::There(name, Box::new(object))).await;
                }
            }
            Event::Gone(object) => {
                if let Some(name) = collection.name_of(&object) {
                    tell(to, Sight::Gone(name)).await;
                }
            }
            Event::Bookmark(_) => {}
        }
    }
}

/// Reads every object again and again: all that is left to whoever may neither list nor watch.
async fn by_name(client: &Client, collection: &Collection, to: &Teller) -> Failure {
    tell(to, Sight::ByName).await;
    loop {
        for name in &collection.names {
            let path = collection.resource.object(collection.namespace.as_deref(), name);
            let mut request = Request::get(path);
            if collection.metadata_only {
                request = request.accepting(METADATA);
            }
            let read: Result<Value, Failure> = match client.send(&request).await {
                Ok(response) => response.json(),
                Err(failure) => Err(failure),
            };
            match read {
                Ok(object) => tell(to, Sight::There(name.clone(), Box::new(object))).await,
                Err(failure) if failure.is_not_found() => tell(to, Sight::Gone(name.clone())).await,
                Err(failure) if may_pass(&failure) => {}
                Err(failure) => return failure,
            }
        }
        sleep(BETWEEN_READS).await;
    }
}

impl Collection {
    fn path(&self) -> String {
        self.resource.collection(self.namespace.as_deref())
    }

    /// As little as possible: the one object, or those of our own set.
    fn selector(&self) -> String {
        let mut names = self.names.iter();
        if let (Some(name), None) = (names.next(), names.next()) {
            return format!("&fieldSelector={}", query_value(&format!("metadata.name={name}")));
        }
        match &self.part_of {
            Some(id) => format!("&labelSelector={}%3D{}", query_value(PART_OF), query_value(id)),
            None => String::new(),
        }
    }

    /// The object's name, if it is one that counts.
    fn name_of(&self, object: &Value) -> Option<String> {
        let name = object["metadata"]["name"].as_str()?;
        self.names.get(name).cloned()
    }
}
