//! Objects of which fields are ignored: what is sent of them, and what is compared.

use serde_json::Value;

use super::judge::{Effect, Judge};
use super::managed::{entries, is_main};
use crate::client::{Failure, Response};
use crate::desired::Address;
use crate::error::Subject;
use crate::ignore::{self, Ownership, Pointer};

/// How often an object that changes under the hands of a write is read again.
const LOOKS: usize = 3;

/// The fields of one object that are ignored.
pub(super) struct Ignored(Vec<Pointer>);

impl Ignored {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Judge<'_> {
    /// The fields that are ignored. What is wrong with how they are named goes to the warnings.
    pub(super) fn ignored(
        &self,
        subject: &Subject,
        address: &Address,
        desired: &Value,
        warnings: &mut Vec<String>,
    ) -> Ignored {
        let (pointers, wrong) = ignore::pointers(&self.options.ignore, &address.object, desired);
        warnings.extend(wrong.into_iter().map(|problem| format!("{subject}: {problem}")));
        Ignored(pointers)
    }

    /// What is sent instead of the desired object, and the pointers that could not be heeded.
    pub(super) fn spared(&self, desired: &Value, live: &Value, ignored: &Ignored) -> (Value, Vec<String>) {
        let mut body = desired.clone();
        let unheeded = ignore::spare(&mut body, live, &self.ownership(desired, live), &ignored.0);
        let unheeded = unheeded.iter().map(|pointer| {
            format!("{pointer} is not ignored: nothing identifies the items of that list, so name the list as a whole")
        });
        (body, unheeded.collect())
    }

    /// The outcome of a dry-run as it is compared.
    pub(super) fn settled(&self, outcome: &Value, desired: &Value, live: &Value, ignored: &Ignored) -> Value {
        let mut outcome = outcome.clone();
        ignore::settle(
            &mut outcome,
            desired,
            live,
            &self.ownership(desired, live),
            &ignored.0,
        );
        outcome
    }

    /// What predecessors own becomes ours before the apply, and would go with it if it were not sent.
    fn ownership<'v>(&self, desired: &Value, live: &'v Value) -> Ownership<'v> {
        let successor = self.successor();
        let takes_over = !successor.predecessors(desired, live).is_empty();
        let mut ownership = Ownership {
            ours: Vec::new(),
            appliers: Vec::new(),
            rest: Vec::new(),
        };
        for entry in entries(live) {
            let is_applied = entry["operation"] == "Apply";
            let is_ours =
                is_applied && entry["manager"] == self.options.field_manager.as_str() && is_main(entry);
            let whose = if is_ours || takes_over && successor.takes(entry) {
                &mut ownership.ours
            } else if is_applied {
                &mut ownership.appliers
            } else {
                &mut ownership.rest
            };
            whose.push(&entry["fieldsV1"]);
        }
        ownership
    }

    /// Applies a body for good. Where fields of it are ignored, what they are is read at the last moment, and the write holds for
    /// that state only.
    pub(crate) async fn apply_for_good(
        &self,
        address: &Address,
        desired: &Value,
    ) -> Result<Response, Failure> {
        let ignored = Ignored(ignore::pointers(&self.options.ignore, &address.object, desired).0);
        if ignored.is_empty() {
            return self.apply(address, desired, Effect::Write).await;
        }
        let mut looks = 0;
        loop {
            looks += 1;
            let body = match self.read(address).await? {
                Some(live) => {
                    let (mut body, _) = self.spared(desired, &live, &ignored);
                    body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
                    body
                }
                None => desired.clone(),
            };
            match self.apply(address, &body, Effect::Write).await {
                Err(failure) if failure.is_stale() && looks < LOOKS => {}
                outcome => return outcome,
            }
        }
    }
}
