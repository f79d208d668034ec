//! Carries a plan out: stage by stage, pruning last, the inventory around it.

mod finish;
mod prune;
mod write;

use std::fmt;

use afterbay_manifest::ObjectRef;
use tokio::time::sleep;

pub(crate) use finish::prune_report;
pub(crate) use prune::{Pruned, prune};

use crate::client::Client;
use crate::error::{ApplyError, ApplyErrors, Subject};
use crate::inventory::{RENEWAL, Store};
use crate::live::Verdict;
use crate::order::Stage;
use crate::plan::{ApplyPlan, Fate};
use crate::report::{Action, ApplyReport, ObjectReport};
use crate::{Mode, wait};

/// What happens while a plan is carried out.
#[derive(Debug)]
pub enum ApplyEvent<'a> {
    /// Writing begins; so many objects are to be written or deleted.
    Started {
        /// Number of objects.
        writes: usize,
    },
    /// A CRD or Namespace was written, and others wait until it is ready.
    Waiting {
        /// The object.
        subject: &'a Subject,
    },
    /// An object was written or deleted.
    Done {
        /// What happened to it.
        object: &'a ObjectReport,
    },
}

impl ApplyEvent<'_> {
    /// How many objects of how many are done after it, given how many were before.
    #[must_use]
    pub fn count(&self, (done, total): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Started { writes } => (0, *writes),
            Self::Waiting { .. } => (done, total),
            Self::Done { .. } => (done + 1, total),
        }
    }
}

/// Something went wrong after the first write. What was done is in the report; nothing was pruned
/// unless pruning itself is what went wrong.
#[derive(Debug)]
pub struct ApplyFailure {
    /// What went wrong.
    pub errors: ApplyErrors,
    /// What was done before.
    pub report: ApplyReport,
}

impl fmt::Display for ApplyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errors.fmt(f)
    }
}

impl std::error::Error for ApplyFailure {}

/// Carries the plan out. A plan without differences sends nothing.
///
/// In [`Mode::DryRun`] nothing is sent either, and the report says what would have been done.
pub async fn execute(
    client: &Client,
    plan: ApplyPlan,
    events: &mut dyn FnMut(ApplyEvent<'_>),
) -> Result<ApplyReport, Box<ApplyFailure>> {
    let mut run = Run::new(plan);
    if run.plan.options.mode == Mode::DryRun {
        return Ok(run.report());
    }
    if !run.has_work() {
        return match run.record_only(client).await {
            Ok(()) => Ok(run.report()),
            Err(error) => Err(run.failure(vec![error])),
        };
    }
    events(ApplyEvent::Started {
        writes: run.plan.writes(),
    });
    let errors = run.write_home(client, events).await;
    if !errors.is_empty() {
        return Err(run.failure(errors));
    }
    let mut store = match &run.plan.state {
        None => None,
        Some(state) => match Store::acquire(client, state, &run.plan.union()).await {
            Ok(store) => Some(store),
            Err(error) => return Err(run.failure(vec![error])),
        },
    };
    let mut errors = tokio::select! {
        errors = run.write_all(client, events) => errors,
        lost = keep_alive(client, store.as_mut()) => vec![lost],
    };
    let taken_over = errors
        .iter()
        .any(|error| matches!(error, ApplyError::TakenOver { .. }));
    if let Some(store) = store.filter(|_| !taken_over) {
        let entries = run.entries();
        let revision = errors.is_empty().then(|| run.plan.revision()).flatten();
        if let Err(error) = store.finish(client, &entries, revision.as_deref()).await {
            errors.push(error);
        }
    }
    if errors.is_empty() {
        Ok(run.report())
    } else {
        Err(run.failure(errors))
    }
}

/// Renews the hold on the inventory until it is lost; without inventory there is nothing to lose.
pub(crate) async fn keep_alive(client: &Client, store: Option<&mut Store>) -> ApplyError {
    let Some(store) = store else {
        return std::future::pending().await;
    };
    loop {
        sleep(RENEWAL).await;
        if let Err(error) = store.renew(client).await {
            if matches!(error, ApplyError::TakenOver { .. }) {
                return error;
            }
            // The hold lasts for several renewals; a server away shows in the writes as well.
            tracing::warn!(%error, "the hold on the inventory was not renewed");
        }
    }
}

/// A plan while it is carried out.
struct Run {
    plan: ApplyPlan,
    /// What each step had to wait for before the server could judge it.
    deferred_for: Vec<Vec<ObjectRef>>,
    /// What was written, by index of the step.
    written: Vec<Option<Written>>,
    /// What became of members that left, by index of the prune; `None` before pruning.
    pruned: Vec<Option<Pruned>>,
    warnings: Vec<String>,
}

/// The outcome of a write.
struct Written {
    action: Action,
    uid: Option<String>,
}

impl Run {
    fn new(plan: ApplyPlan) -> Self {
        let deferred_for = plan
            .steps
            .iter()
            .map(|step| match &step.verdict {
                Verdict::Deferred { waits_for } => waits_for.clone(),
                _ => Vec::new(),
            })
            .collect();
        Self {
            deferred_for,
            written: plan.steps.iter().map(|_| None).collect(),
            pruned: plan.prunes.iter().map(|_| None).collect(),
            warnings: plan.warnings.clone(),
            plan,
        }
    }

    fn has_work(&self) -> bool {
        let steps = self.plan.steps.iter().any(|step| step.verdict.is_write());
        let prunes = self
            .plan
            .prunes
            .iter()
            .any(|prune| matches!(prune.fate, Fate::Delete { .. }));
        steps || prunes
    }

    /// No object changes; the inventory does when members went by themselves or the revision is another.
    async fn record_only(&self, client: &Client) -> Result<(), ApplyError> {
        let Some(state) = &self.plan.state else {
            return Ok(());
        };
        let entries = self.settled_entries();
        let revision = self.plan.revision();
        let is_other_revision = revision.is_some() && revision.as_deref() != state.parent.revision();
        if state.parent.is_settled() && entries == state.entries && !is_other_revision {
            return Ok(());
        }
        let revision = revision.or_else(|| state.parent.revision().map(str::to_owned));
        Store::record(client, state, &entries, revision.as_deref()).await
    }

    /// Stages in order; the first one that has an error is the last, and then nothing is pruned.
    async fn write_all(
        &mut self,
        client: &Client,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        for stage in Stage::ALL {
            if stage == Stage::Classes {
                let errors = self.judge_deferred(client, events).await;
                if !errors.is_empty() {
                    return errors;
                }
            }
            let errors = self.write_stage(client, stage, events).await;
            if !errors.is_empty() {
                return errors;
            }
        }
        let Self { plan, pruned, .. } = self;
        prune(
            client,
            &plan.prunes,
            &plan.options,
            plan.set.scrubber(),
            pruned,
            events,
        )
        .await
    }

    /// Waits for what others wait for, then has the server judge the others, all of them before the
    /// next write.
    async fn judge_deferred(
        &mut self,
        client: &Client,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let Self {
            plan,
            written,
            warnings,
            ..
        } = self;
        let fresh: Vec<_> = plan
            .steps
            .iter()
            .zip(&*written)
            .filter(|(_, written)| written.is_some())
            .map(|(step, _)| step)
            .collect();
        let errors = wait::until_ready(client, plan, &fresh, events).await;
        if !errors.is_empty() {
            return errors;
        }
        let mut errors = Vec::new();
        for (index, outcome) in write::judge_deferred(client, plan).await {
            match outcome {
                Ok(judged) => {
                    warnings.extend(judged.warnings);
                    plan.steps[index].verdict = judged.verdict;
                }
                Err(error) => errors.push(error),
            }
        }
        errors
    }
}
