//! A plan that goes on without the objects that the server refused.

use std::collections::BTreeSet;

use afterbay_manifest::ObjectRef;

use super::{Fate, PruneStep, Step};
use crate::error::{ApplyError, Subject};
use crate::inventory::Key;
use crate::live::Verdict;
use crate::rollout;

/// Takes the steps out that wait for something refused, and returns the refusals with theirs.
pub(super) fn with_dependents(mut refused: Vec<ApplyError>, steps: &mut Vec<Step>) -> Vec<ApplyError> {
    loop {
        let failed: Vec<Subject> = refused.iter().filter_map(ApplyError::subject).cloned().collect();
        let before = refused.len();
        steps.retain(|step| match awaited_failure(step, &failed) {
            Some(error) => {
                refused.push(error);
                false
            }
            None => true,
        });
        if refused.len() == before {
            return refused;
        }
    }
}

/// The error of a step that waits for one of these.
pub(crate) fn awaited_failure(step: &Step, failed: &[Subject]) -> Option<ApplyError> {
    if let Some(awaited) = failed_source(step, failed) {
        return Some(ApplyError::AwaitedFailed {
            subject: Box::new(step.subject.clone()),
            awaited: awaited.to_string(),
        });
    }
    let Verdict::Deferred { waits_for } = &step.verdict else {
        return None;
    };
    // As written and where it goes, one object may have two namespaces; what is waited for lives in none.
    let is_same = |left: &ObjectRef, right: &ObjectRef| left.gvk == right.gvk && left.name == right.name;
    let awaited = waits_for
        .iter()
        .find(|awaited| failed.iter().any(|subject| is_same(&subject.object, awaited)))?;
    Some(ApplyError::AwaitedFailed {
        subject: Box::new(step.subject.clone()),
        awaited: awaited.to_string(),
    })
}

/// What a workload would be rolled out for and did not come. Rolled out now, it would read the old content and never be rolled out for the
/// new one.
fn failed_source<'a>(step: &'a Step, failed: &[Subject]) -> Option<&'a ObjectRef> {
    let references = step.address.references.as_ref()?;
    step.verdict.is_write().then_some(())?;
    rollout::awaited(references, failed)
}

/// With something refused nothing is deleted, and what was refused has not left the revision.
pub(super) fn freeze(prunes: &mut Vec<PruneStep>, refused: &[ApplyError]) {
    if refused.is_empty() {
        return;
    }
    let wanted: BTreeSet<Key> = refused
        .iter()
        .filter_map(ApplyError::subject)
        .map(|subject| Key::of(&subject.object))
        .collect();
    prunes.retain(|prune| !wanted.contains(&Key::of(&prune.entry.object)));
    for prune in prunes {
        if matches!(prune.fate, Fate::Delete { .. }) {
            prune.fate = Fate::Keep {
                reason: format!(
                    "left the revision; nothing is pruned while objects fail ({} do)",
                    refused.len()
                ),
            };
        }
    }
}
