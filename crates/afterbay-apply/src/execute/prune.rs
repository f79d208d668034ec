//! Deletes members that left, what others depend on last.

use afterbay_manifest::Scrubber;
use futures::{StreamExt, stream};
use serde_json::json;

use super::ApplyEvent;
use crate::ApplyOptions;
use crate::client::{Client, Method, Request};
use crate::error::{ApplyError, Quotes, refused};
use crate::order::Rank;
use crate::plan::{Fate, PruneStep};
use crate::report::{Action, ObjectReport};

/// What became of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pruned {
    /// It was deleted, or was gone already.
    Deleted,
    /// It stays and is recorded.
    Kept,
    /// It stays and is not ours any more.
    Released { reason: String },
}

/// Deletes in the order of the steps, one rank after the other; goes on after an error, because what
/// could not be deleted stays recorded.
pub(crate) async fn prune(
    client: &Client,
    steps: &[PruneStep],
    options: &ApplyOptions,
    scrubber: &Scrubber,
    pruned: &mut [Option<Pruned>],
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Vec<ApplyError> {
    let mut errors = Vec::new();
    let mut numbered: Vec<(usize, &PruneStep)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match &step.fate {
            Fate::Delete { .. } => numbered.push((index, step)),
            Fate::Held { .. } | Fate::Keep { .. } => pruned[index] = Some(Pruned::Kept),
            Fate::Release { reason } => {
                pruned[index] = Some(Pruned::Released {
                    reason: reason.clone(),
                });
            }
            Fate::Forget => pruned[index] = Some(Pruned::Deleted),
        }
    }
    let rank = |step: &PruneStep| Rank::of(&step.entry.object.gvk, &options.stage_kinds);
    for rank in numbered.chunk_by(|left, right| rank(left.1) == rank(right.1)) {
        let mut deletes = stream::iter(rank)
            .map(async |(index, step)| (*index, *step, delete(client, step, scrubber).await))
            .buffer_unordered(options.concurrency.max(1));
        while let Some((index, step, outcome)) = deletes.next().await {
            match outcome {
                Ok(outcome) => {
                    if outcome == Pruned::Deleted {
                        let report = ObjectReport::new(&step.subject, Action::Pruned);
                        events(ApplyEvent::Done { object: &report });
                    }
                    pruned[index] = Some(outcome);
                }
                Err(error) => errors.push(error),
            }
        }
    }
    errors
}

/// The uid goes along: an object that was replaced in the meantime is not the one that was judged.
async fn delete(client: &Client, step: &PruneStep, scrubber: &Scrubber) -> Result<Pruned, ApplyError> {
    let Fate::Delete { resource, uid } = &step.fate else {
        return Ok(Pruned::Kept);
    };
    let object = &step.entry.object;
    let body = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": { "uid": uid },
    });
    let path = resource.object(object.namespace.as_deref(), &object.name);
    match client
        .send(&Request::with_body(Method::Delete, path, &body))
        .await
    {
        Ok(_) => Ok(Pruned::Deleted),
        Err(failure) if failure.is_not_found() => Ok(Pruned::Deleted),
        Err(failure) if failure.is_conflict() => Ok(Pruned::Released {
            reason: "not ours: it was deleted and created again by somebody else in this moment".to_owned(),
        }),
        Err(failure) => Err(refused(client, &step.subject, Quotes::Drop, failure, scrubber)),
    }
}
