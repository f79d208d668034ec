//! Decides what to write and what to delete. No IO, no clock.

mod failures;
mod guard;
mod outline;
mod prune;
mod saved;
mod state;

use std::collections::BTreeMap;

use afterbay_manifest::Gvk;
use afterbay_normalize::NormalizedSet;
use sha2::{Digest, Sha256};

use crate::desired::Address;
use crate::error::{ApplyError, ApplyErrors, Subject};
use crate::inventory::{Entry, Inventory, Key, State};
use crate::live::{Evidence, Finding, Live, Verdict};
use crate::order::{self, Stage};
use crate::rollout::RolloutKey;
use crate::{ApplyOptions, FailurePolicy, Mode};

pub(crate) use failures::awaited_failure;
pub use guard::Guard;
pub use outline::{Outline, Planned, PlannedObject, PlannedStage};
pub(crate) use prune::{Fate, PruneStep, prunes};
pub use saved::{NotAPlan, SaveOptions, SavedPlan};
pub(crate) use state::state;

/// Everything that [`crate::execute`] will do. Only [`plan`] makes one.
pub struct ApplyPlan {
    pub(crate) set: NormalizedSet,
    /// In the order of writing.
    pub(crate) steps: Vec<Step>,
    /// In the order of deleting.
    pub(crate) prunes: Vec<PruneStep>,
    /// Why nothing is deleted without consent to this very plan; empty when nothing speaks against it.
    pub(crate) guards: Vec<Guard>,
    /// Objects of the set that the server refused, under a policy that goes on without them.
    pub(crate) refused: Vec<ApplyError>,
    pub(crate) state: Option<State>,
    pub(crate) options: ApplyOptions,
    pub(crate) warnings: Vec<String>,
    /// The key by which workloads are rolled out; `None` where there are none.
    pub(crate) rollout: Option<RolloutKey>,
}

/// One object of the set.
pub(crate) struct Step {
    /// Index in the set.
    pub(crate) object: usize,
    pub(crate) subject: Subject,
    pub(crate) address: Address,
    pub(crate) verdict: Verdict,
    /// What the verdict was made from, where it was kept.
    pub(crate) evidence: Option<Evidence>,
}

/// Decides from what was observed; returns every refusal together.
pub fn plan(
    set: NormalizedSet,
    inventory: &Inventory,
    live: Live,
    options: &ApplyOptions,
) -> Result<ApplyPlan, ApplyErrors> {
    let Live {
        findings,
        members,
        warnings,
        rollout,
    } = live;
    let mut errors = unobserved(&set, &findings);
    let mut steps = Vec::new();
    for (object, finding) in findings.into_iter().enumerate() {
        match (finding.verdict, finding.address) {
            (Ok(verdict), Some(address)) => steps.push(Step {
                object,
                subject: finding.subject,
                address,
                verdict,
                evidence: finding.evidence,
            }),
            (Ok(_), None) => errors.push(ApplyError::NotObserved {
                subject: Box::new(finding.subject),
            }),
            (Err(error), _) => errors.push(error),
        }
    }
    errors.extend(twice(&steps));
    let is_fatal =
        |error: &ApplyError| options.failures == FailurePolicy::Atomic || !error.is_of_one_object();
    if errors.iter().any(is_fatal) {
        return Err(ApplyErrors::new(errors));
    }
    let refused = failures::with_dependents(errors, &mut steps);
    let staged = &options.stage_kinds;
    steps.sort_by(|left, right| order::compare(&left.address.object, &right.address.object, staged));
    let mut prunes = prunes(&steps, inventory, &members, options);
    failures::freeze(&mut prunes, &refused);
    let guards = guard::guards(&set, &steps, &prunes, inventory, options);
    let mut plan = ApplyPlan {
        set,
        steps,
        prunes,
        guards,
        refused,
        state: inventory.state().cloned(),
        options: options.clone(),
        warnings,
        rollout,
    };
    plan.hold_back();
    Ok(plan)
}

fn unobserved(set: &NormalizedSet, findings: &[Finding]) -> Vec<ApplyError> {
    let objects = set.objects();
    objects
        .iter()
        .enumerate()
        .filter(|(index, object)| {
            findings.get(*index).is_none_or(|finding| {
                let (seen, own) = (&finding.subject.object, object.reference());
                seen.gvk != own.gvk || seen.name != own.name
            })
        })
        .map(|(_, object)| ApplyError::NotObserved {
            subject: Box::new(crate::desired::subject(object, object.reference())),
        })
        .collect()
}

/// Two objects that differ as written may be one once the namespace is filled in.
fn twice(steps: &[Step]) -> Vec<ApplyError> {
    let mut first: BTreeMap<Key, &Subject> = BTreeMap::new();
    let mut errors = Vec::new();
    for step in steps {
        if let Some(other) = first.insert(Key::of(&step.address.object), &step.subject) {
            errors.push(ApplyError::Twice {
                subject: Box::new(step.subject.clone()),
                other: other.to_string(),
            });
        }
    }
    errors
}

impl ApplyPlan {
    /// Number of writes that are certain; deferred objects count as one each.
    pub fn writes(&self) -> usize {
        let steps = self.steps.iter().filter(|step| step.verdict.is_write()).count();
        let prunes = self
            .prunes
            .iter()
            .filter(|prune| matches!(prune.fate, Fate::Delete { .. }))
            .count();
        if self.options.mode == Mode::DryRun {
            0
        } else {
            steps + prunes
        }
    }

    /// What consent to this plan names: sixteen hexadecimal digits over the inventory, the revision, the objects it wants,
    /// and what it would delete, with uids. No value goes into it.
    pub fn id(&self) -> String {
        let mut digest = Sha256::new();
        let mut line = |parts: &[&str]| {
            for part in parts {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
        };
        let inventory = self.state.as_ref().map(|state| state.parent.display());
        line(&[
            "plan",
            &inventory.unwrap_or_default(),
            &self.set.revision().to_string(),
        ]);
        for step in &self.steps {
            line(&["object", &step.address.object.to_string()]);
            if let Verdict::Recreate { uid, .. } = &step.verdict {
                line(&["recreate", uid]);
            }
        }
        for prune in &self.prunes {
            if let Fate::Delete { uid, .. } | Fate::Held { uid, .. } = &prune.fate {
                line(&["delete", &prune.entry.object.to_string(), uid]);
            }
        }
        let bytes = digest.finalize();
        let start = bytes
            .iter()
            .take(8)
            .fold(0, |start, byte| start << 8 | u64::from(*byte));
        format!("{start:016x}")
    }

    pub(crate) fn revision(&self) -> Option<String> {
        let revision = self.set.revision();
        revision.commit.as_ref().map(|_| revision.to_string())
    }

    pub(crate) fn stage_of(&self, gvk: &Gvk) -> Stage {
        Stage::of(gvk, &self.options.stage_kinds)
    }

    /// Whether anything is still to be judged.
    pub(crate) fn has_deferred(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.verdict, Verdict::Deferred { .. }))
    }

    /// Whether a deferred step is judged before this stage, given that all stages before it are written.
    pub(crate) fn is_judged_before(&self, step: &Step, stage: Stage) -> bool {
        let Verdict::Deferred { waits_for } = &step.verdict else {
            return false;
        };
        waits_for.iter().all(|object| self.stage_of(&object.gvk) < stage)
    }

    pub(crate) fn steps_in(&self, stage: Stage) -> impl Iterator<Item = (usize, &Step)> {
        self.steps
            .iter()
            .enumerate()
            .filter(move |(_, step)| self.stage_of(&step.address.object.gvk) == stage)
    }

    /// What may be ours from the first write on: old and new together, with uids where they are known.
    pub(crate) fn union(&self) -> BTreeMap<Key, Entry> {
        let mut entries = self
            .state
            .as_ref()
            .map(|state| state.entries.clone())
            .unwrap_or_default();
        for step in &self.steps {
            let key = Key::of(&step.address.object);
            let old = entries.get(&key);
            let uid = match &step.verdict {
                // The uid of what takes its place is not known yet.
                Verdict::Create | Verdict::Recreate { .. } => None,
                Verdict::Configure { uid, .. } | Verdict::Unchanged { uid } => Some(uid.clone()),
                Verdict::Skip { .. } => continue,
                Verdict::Deferred { .. } => old.and_then(|entry| entry.uid.clone()),
            };
            let since = old.and_then(|entry| entry.since.clone());
            let entry = Entry {
                object: step.address.object.clone(),
                uid,
                since,
            };
            entries.insert(key, entry);
        }
        entries
    }
}

impl Verdict {
    pub(crate) fn is_write(&self) -> bool {
        matches!(
            self,
            Self::Create | Self::Configure { .. } | Self::Recreate { .. } | Self::Deferred { .. }
        )
    }
}

#[cfg(test)]
mod tests;
