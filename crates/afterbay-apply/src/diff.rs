//! What a plan would change, value by value, without a value that has to stay hidden. No IO, no clock.
//!
//! ```text
//! ApplyPlan (with Detail::Objects) ── live object, server's dry-run, provenance ──► Diff ──► text, JSON, Markdown, HTML
//! ```
//!
//! Hidden are the values of v1 Secrets, every leaf that was opened from ciphertext, what the operator or the object itself
//! marks, and in whatever else would be shown every text in which one of those values stands. In place of a hidden value
//! stands its length and a fingerprint under a key that the diff does not hold.

mod fingerprint;
mod lists;
mod mask;
mod restrict;
mod shown;
mod tree;

use afterbay_manifest::{Gvk, KeyPath, Scrubber};
use serde::Serialize;
use serde_json::Value;

pub(crate) use fingerprint::hex;
pub use fingerprint::{FingerprintKey, WeakKey};
pub(crate) use mask::{Mask, canonical, is_identified_by_revision, skeleton};
pub use shown::{Masked, Shown};
pub use tree::Change;

use crate::desired;
use crate::live::Verdict;
use crate::plan::{ApplyPlan, Planned, PlannedObject, Step};

/// Whether the operator marks a place as hidden.
pub type Marks<'a> = &'a (dyn Fn(&Gvk, &KeyPath) -> bool + Sync);

/// What decides which values are hidden, and how they are told apart.
pub struct DiffOptions<'a> {
    /// Under which key fingerprints are made.
    pub key: &'a FingerprintKey,
    /// The places that the operator marks, beside those that are hidden anyway.
    pub marks: Marks<'a>,
}

/// What would change. Every value that has to stay hidden is masked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diff {
    /// The revision, in Flux's form, or `unknown`.
    pub revision: String,
    /// The inventory, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
    /// Objects that are as they should be.
    pub unchanged: usize,
    /// Every other object, in the order of writing, then of deleting.
    pub objects: Vec<ObjectDiff>,
    /// What the server and the stages say besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What would change in one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectDiff {
    /// Which object, what would become of it, and why.
    #[serde(flatten)]
    pub object: PlannedObject,
    /// Each value that differs, in the order of its path.
    pub changes: Vec<Change>,
    /// What no value shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Diff {
    /// Whether an object in the cluster would be written or deleted.
    pub fn has_changes(&self) -> bool {
        self.objects.iter().any(|object| object.object.action.is_change())
    }

    /// Whether the server refuses an object.
    pub fn has_refusals(&self) -> bool {
        self.objects
            .iter()
            .any(|object| object.object.action == Planned::Refuse)
    }
}

impl ApplyPlan {
    /// What the plan would change. It has to be made with [`crate::Detail::Objects`]; of a plan without, objects come without
    /// their values.
    pub fn diff(&self, options: &DiffOptions<'_>) -> Diff {
        let outline = self.outline();
        let steps: Vec<(&Step, Sides, Mask<'_>)> = self
            .steps
            .iter()
            .filter(|step| step.verdict.is_write())
            .map(|step| {
                let sides = Sides::of(self, step);
                let object = &self.set.objects()[step.object];
                let mask = Mask::of(
                    object,
                    sides.both(),
                    options.marks,
                    self.set.scrubber().is_partial(),
                );
                (step, sides, mask)
            })
            .collect();
        let hidden = steps
            .iter()
            .flat_map(|(_, sides, mask)| sides.both().flat_map(|side| mask.values(side)));
        let scrubbers = [&Scrubber::new(hidden), self.set.scrubber()];
        let mut changes: Vec<(&Step, Vec<Change>, Vec<String>)> = steps
            .iter()
            .map(|(step, sides, mask)| {
                let changes = tree::changes(sides, mask, options.key, &scrubbers);
                let notes = notes(step, &changes);
                (*step, changes, notes)
            })
            .collect();
        shown::tell_apart(changes.iter_mut().flat_map(|(_, changes, _)| changes.iter_mut()));
        let unchanged = outline
            .counts
            .get(&Planned::Unchanged)
            .copied()
            .unwrap_or_default();
        let objects = outline.stages.into_iter().flat_map(|stage| stage.objects);
        let objects = objects.map(|object| {
            let found = changes.iter_mut().find(|(step, ..)| is_of(step, &object));
            let (changes, notes) = match found {
                Some((_, changes, notes)) => (std::mem::take(changes), std::mem::take(notes)),
                None => (Vec::new(), Vec::new()),
            };
            ObjectDiff {
                object,
                changes,
                notes,
            }
        });
        Diff {
            revision: outline.revision,
            inventory: outline.inventory,
            unchanged,
            objects: objects.collect(),
            warnings: outline.warnings,
        }
    }
}

fn is_of(step: &Step, object: &PlannedObject) -> bool {
    let own = &step.address.object;
    own.name == object.name
        && own.gvk.kind == object.kind
        && own.namespace == object.namespace
        && own.gvk.api_version() == object.api_version
        && object.action != Planned::Refuse
}

/// An object as it is and as it would be.
pub(crate) struct Sides {
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Sides {
    fn of(plan: &ApplyPlan, step: &Step) -> Self {
        let evidence = step.evidence.as_ref();
        let live = evidence.and_then(|evidence| evidence.live.clone());
        if let Some(mut outcome) = evidence.and_then(|evidence| evidence.outcome.clone()) {
            if let Verdict::Configure { fields, .. } = &step.verdict {
                restrict::give_up(&mut outcome, live.as_ref(), fields);
            }
            return Self {
                before: live,
                after: Some(outcome),
            };
        }
        // The server was not asked, so nothing is known but what the revision declares.
        let part_of = plan.state.as_ref().map(|state| state.parent.id());
        let object = &plan.set.objects()[step.object];
        let declared = desired::body(object, &step.address, part_of, plan.options.owner.as_ref());
        Self {
            before: live.map(|live| restrict::to_declared(live, &declared)),
            after: Some(declared),
        }
    }

    fn both(&self) -> impl Iterator<Item = &Value> {
        self.before.iter().chain(&self.after)
    }
}

fn notes(step: &Step, changes: &[Change]) -> Vec<String> {
    let mut notes = Vec::new();
    match &step.verdict {
        Verdict::Configure { takes_over, .. } => {
            if !takes_over.is_empty() {
                notes.push(format!("takes over the fields of {}", takes_over.join(", ")));
            }
            if changes.is_empty() {
                notes.push("no value changes; fields of it become ours".to_owned());
            }
        }
        Verdict::Recreate { .. } => notes.push(
            "deleted and created anew; compared with what the revision declares, because the server judges it only then"
                .to_owned(),
        ),
        Verdict::Deferred { .. } => notes.push(
            "shown as the revision declares it, because the server cannot judge it yet".to_owned(),
        ),
        Verdict::Create | Verdict::Unchanged { .. } | Verdict::Skip { .. } => {}
    }
    notes
}

#[cfg(test)]
mod tests;
