//! Writes an inventory: takes it, says that the run is alive, and leaves it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::entry::{self, PART_LIMIT};
use super::holder::Holder;
use super::read::{failed, get};
use super::{Entry, Key, Pace, ParentState, State};
use crate::client::{Client, Failure, Hold, Method, Request};
use crate::error::ApplyError;

/// The inventory as this run holds it.
pub(crate) struct Store {
    parent: ParentState,
    holder: Holder,
    hold: Hold,
    pace: Pace,
}

/// What became of a renewal.
pub(crate) enum Renewal {
    Done,
    /// It did not come through, which the next one may.
    Missed,
}

/// Who is left as holder after a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Held,
    Free,
}

impl Store {
    /// Records the entries and takes the inventory, provided that nobody changed it since it was read.
    pub(crate) async fn acquire(
        client: &Client,
        state: &State,
        entries: &BTreeMap<Key, Entry>,
    ) -> Result<Self, ApplyError> {
        let mut store = Self::new(client, state);
        let revision = store.parent.revision().map(str::to_owned);
        store
            .begin(client, entries, revision.as_deref(), Leave::Held)
            .await?;
        Ok(store)
    }

    /// Records the entries in one write, for a run that changes nothing else.
    pub(crate) async fn record(
        client: &Client,
        state: &State,
        entries: &BTreeMap<Key, Entry>,
        revision: Option<&str>,
    ) -> Result<(), ApplyError> {
        let mut store = Self::new(client, state);
        let before = store.parent.parts();
        store.begin(client, entries, revision, Leave::Free).await?;
        store.sweep(client, &before).await
    }

    fn new(client: &Client, state: &State) -> Self {
        let run = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Self {
            parent: state.parent.clone(),
            holder: Holder::new(&state.holder, &run, client.server_now()),
            hold: Hold::new(Instant::now(), state.pace.trusted),
            pace: state.pace,
        }
    }

    /// What the writes of this run depend on.
    pub(crate) fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// The first write of a run, which only succeeds on the inventory that the run has read.
    async fn begin(
        &mut self,
        client: &Client,
        entries: &BTreeMap<Key, Entry>,
        revision: Option<&str>,
        leave: Leave,
    ) -> Result<(), ApplyError> {
        match self.write(client, entries, revision, leave).await {
            Ok(()) => Ok(()),
            // What was read is not there any more, or is in another state.
            Err(failure) if failure.is_conflict() || failure.is_not_found() && self.parent.exists() => {
                Err(self.lost(client, Lost::BeforeWriting).await)
            }
            Err(failure) => Err(failed(client, &self.parent, failure)),
        }
    }

    /// How long to wait before the next renewal.
    pub(crate) fn pause(&self, last: &Renewal) -> Duration {
        match last {
            Renewal::Done => self.pace.renewal.saturating_sub(self.hold.age()),
            Renewal::Missed => self.pace.again,
        }
    }

    /// Says that the run is alive. One attempt with the time of now: one that is sent again after an outage
    /// would say so of a time that is over.
    pub(crate) async fn renew(&mut self, client: &Client) -> Result<Renewal, ApplyError> {
        let sent = Instant::now();
        let holder = self.holder.renewed(client.server_now());
        let request = Request::with_body(Method::Merge, self.parent.path(), &self.parent.renewal(&holder));
        match client
            .send_once(&request, self.pace.renewal)
            .await
            .and_then(|response| response.json::<Value>())
        {
            Ok(object) => {
                self.parent.observe(&object);
                self.holder = holder;
                self.hold.renew(sent);
                Ok(Renewal::Done)
            }
            Err(failure) if failure.is_conflict() || failure.is_not_found() => {
                // Another run, an attempt of our own whose answer was lost, or a label that somebody set.
                self.reread(client).await?;
                Ok(Renewal::Missed)
            }
            Err(failure) if failure.may_pass(Method::Merge) || matches!(failure, Failure::Deadline) => {
                let error = failed(client, &self.parent, failure);
                tracing::warn!(%error, "the hold on the inventory was not renewed");
                Ok(Renewal::Missed)
            }
            Err(failure) => Err(failed(client, &self.parent, failure)),
        }
    }

    /// Records the entries and lets go.
    pub(crate) async fn finish(
        mut self,
        client: &Client,
        entries: &BTreeMap<Key, Entry>,
        revision: Option<&str>,
    ) -> Result<(), ApplyError> {
        let before = self.parent.parts();
        let mut outcome = self.write(client, entries, revision, Leave::Free).await;
        if outcome.as_ref().is_err_and(Failure::is_conflict) {
            // A renewal of our own that was under way, or a label that somebody set on the parent.
            self.reread(client).await?;
            outcome = self.write(client, entries, revision, Leave::Free).await;
        }
        outcome.map_err(|failure| failed(client, &self.parent, failure))?;
        self.sweep(client, &before).await
    }

    /// Removes the inventory itself, for a set that owns nothing any more.
    pub(crate) async fn remove(mut self, client: &Client) -> Result<(), ApplyError> {
        let parts = self.parent.parts();
        self.reread(client).await?;
        let mut outcome = self.delete(client).await;
        if outcome.as_ref().is_err_and(Failure::is_conflict) {
            self.reread(client).await?;
            outcome = self.delete(client).await;
        }
        outcome.map_err(|failure| failed(client, &self.parent, failure))?;
        self.parent.forget();
        self.sweep(client, &parts).await
    }

    /// Deletes the parent in the state in which it was read last.
    async fn delete(&self, client: &Client) -> Result<(), Failure> {
        let preconditions = json!({
            "uid": self.parent.uid(), "resourceVersion": self.parent.resource_version(),
        });
        let body = json!({ "preconditions": preconditions });
        let request = Request::with_body(Method::Delete, self.parent.path(), &body);
        match client.send(&request).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Parts first, then the parent that refers to them: whoever reads in between sees the old list.
    async fn write(
        &mut self,
        client: &Client,
        entries: &BTreeMap<Key, Entry>,
        revision: Option<&str>,
        leave: Leave,
    ) -> Result<(), Failure> {
        let mut texts = entry::encode(entries, PART_LIMIT).into_iter();
        let first = texts.next().unwrap_or_default();
        let mut names = Vec::new();
        for text in texts {
            let name = self.parent.part_name(&text);
            let body = self.parent.render_part(&name, &text);
            let request = Request::with_body(Method::Create, self.parent.collection(), &body);
            match client.send(&request).await {
                Ok(_) => {}
                // The name follows from the content: what is there already is what would be written.
                Err(failure) if failure.is_conflict() => {}
                Err(failure) => return Err(failure),
            }
            names.push(name);
        }
        let members: Vec<_> = entries.values().collect();
        let holder = (leave == Leave::Held).then_some(&self.holder);
        let body = self.parent.render(&members, &first, &names, revision, holder);
        let request = if self.parent.exists() {
            Request::with_body(Method::Replace, self.parent.path(), &body)
        } else {
            Request::with_body(Method::Create, self.parent.collection(), &body)
        };
        let object: Value = match client.send(&request).await {
            Ok(response) => response.json()?,
            Err(failure) if failure.is_conflict() => match get(client, &self.parent.path()).await? {
                Some((live, _)) if ParentState::is_written(&body, &live) => live,
                _ => return Err(failure),
            },
            Err(failure) => return Err(failure),
        };
        self.parent.observe(&object);
        Ok(())
    }

    /// Deletes parts that nothing refers to any more.
    async fn sweep(&self, client: &Client, before: &[String]) -> Result<(), ApplyError> {
        let now = self.parent.parts();
        for part in before.iter().filter(|part| !now.contains(part)) {
            let request = Request::with_body(Method::Delete, self.parent.part_path(part), &json!({}));
            match client.send(&request).await {
                Ok(_) => {}
                Err(failure) if failure.is_not_found() => {}
                Err(failure) => return Err(failed(client, &self.parent, failure)),
            }
        }
        Ok(())
    }

    /// Reads the parent again; an error when it is not ours any more.
    async fn reread(&mut self, client: &Client) -> Result<(), ApplyError> {
        let object = get(client, &self.parent.path())
            .await
            .map_err(|failure| failed(client, &self.parent, failure))?;
        if let Some((object, _)) = &object {
            self.parent.observe(object);
            if self
                .parent
                .holder()
                .is_some_and(|holder| holder.run == self.holder.run)
            {
                return Ok(());
            }
        }
        Err(self.lost(client, Lost::WhileWriting).await)
    }

    async fn lost(&mut self, client: &Client, when: Lost) -> ApplyError {
        let inventory = self.parent.display();
        let current = get(client, &self.parent.path()).await.ok().flatten();
        let holder = current.and_then(|(object, now)| {
            self.parent.observe(&object);
            self.parent.holder().filter(|holder| !holder.is_expired(now))
        });
        match (when, holder) {
            (Lost::BeforeWriting, Some(holder)) => ApplyError::Busy {
                inventory,
                holder: holder.identity,
                since: holder.acquire_time,
            },
            (Lost::BeforeWriting, None) => ApplyError::InventoryChanged { inventory },
            (Lost::WhileWriting, holder) => ApplyError::TakenOver {
                inventory,
                holder: holder.map_or_else(
                    || "nobody; it was removed or released".to_owned(),
                    |holder| holder.identity,
                ),
            },
        }
    }
}

#[derive(Clone, Copy)]
enum Lost {
    BeforeWriting,
    WhileWriting,
}
