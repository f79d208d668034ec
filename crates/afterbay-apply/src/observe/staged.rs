//! What is refused because it builds on a stage that is not written yet.

use afterbay_manifest::ObjectRef;

use super::Draft;
use crate::error::ApplyError;
use crate::health::GroupKind;
use crate::live::Verdict;
use crate::order::Stage;

/// Kinds are given a stage of their own because others need their objects to be judged at all. What the server does not allow or
/// does not find while such objects are to be written, it judges again once they are there, as Flux has it judge every stage.
pub(super) fn excuse(drafts: &mut [Draft<'_>], custom: &[GroupKind]) {
    if custom.is_empty() {
        return;
    }
    let stage = |draft: &Draft<'_>| Stage::of(&draft.object.reference().gvk, custom);
    let is_written = |draft: &&Draft<'_>| {
        let verdict = draft.verdict.as_ref();
        verdict.is_some_and(|verdict| verdict.as_ref().is_ok_and(Verdict::is_write))
    };
    let awaited: Vec<ObjectRef> = drafts
        .iter()
        .filter(|draft| stage(draft) == Stage::Custom)
        .filter(is_written)
        .map(|draft| draft.object.reference().clone())
        .collect();
    if awaited.is_empty() {
        return;
    }
    for draft in drafts.iter_mut().filter(|draft| stage(draft) == Stage::Rest) {
        let is_refused = matches!(
            draft.verdict,
            Some(Err(
                ApplyError::Forbidden { .. } | ApplyError::Refused { code: 404, .. }
            ))
        );
        if is_refused {
            let waits_for = awaited.clone();
            draft.verdict = Some(Ok(Verdict::Deferred { waits_for }));
        }
    }
}
