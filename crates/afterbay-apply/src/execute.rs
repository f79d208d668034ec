//! Carries a plan out: stage by stage, pruning last, the inventory around it.

mod finish;
mod prune;
mod recreate;
mod write;

use std::fmt;

use afterbay_manifest::ObjectRef;
use tokio::time::sleep;

pub(crate) use finish::{Ending, prune_report};
pub(crate) use prune::{Pruned, prune};

use crate::client::{Client, Wrote};
use crate::error::{ApplyError, ApplyErrors, Subject};
use crate::inventory::{Renewal, Store};
use crate::live::Verdict;
use crate::order::Stage;
use crate::plan::{ApplyPlan, Fate, Step, awaited_failure};
use crate::report::{Action, ApplyReport, ObjectReport};
use crate::rollout::Workloads;
use crate::{FailurePolicy, Mode, wait};

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

/// Something went wrong while the plan was carried out. What was done is in the report; nothing was pruned
/// unless pruning itself is what went wrong.
#[derive(Debug)]
pub struct ApplyFailure {
    /// What went wrong.
    pub errors: ApplyErrors,
    /// What was done before, and what was not reached.
    pub report: ApplyReport,
    /// Whether anything was written at all, the inventory included.
    pub wrote: Wrote,
}

impl ApplyFailure {
    /// Whether another run holds the inventory, so that nothing was written.
    pub fn is_locked(&self) -> bool {
        self.wrote == Wrote::Nothing && self.errors.is_locked()
    }
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
    let client = &client.counting();
    let mut run = Run::new(plan);
    if run.plan.options.mode == Mode::DryRun {
        return run.end(Vec::new(), client.wrote());
    }
    let errors = run.plan.held_back();
    if !errors.is_empty() {
        return Err(run.failure(errors, client.wrote()));
    }
    if !run.has_work() {
        let errors = run.record_only(client).await.err().into_iter().collect();
        return run.end(errors, client.wrote());
    }
    events(ApplyEvent::Started {
        writes: run.plan.writes(),
    });
    let errors = run.write_home(client, events).await;
    if !errors.is_empty() {
        return run.end(errors, client.wrote());
    }
    let errors = match &run.plan.state {
        None => run.write_all(client, events).await,
        Some(state) => match Store::acquire(client, state, &run.plan.union()).await {
            Ok(store) => run.write_held(client, store, events).await,
            Err(error) => vec![error],
        },
    };
    run.end(errors, client.wrote())
}

/// Renews the hold on the inventory until it is lost. An outage does not end it: the writes wait until a
/// renewal shows that nobody else has taken the inventory meanwhile.
pub(crate) async fn keep_alive(client: &Client, store: &mut Store) -> ApplyError {
    let mut last = Renewal::Done;
    loop {
        sleep(store.pause(&last)).await;
        last = match store.renew(client).await {
            Ok(renewal) => renewal,
            Err(error) => return error,
        };
    }
}

/// A plan while it is carried out.
struct Run {
    plan: ApplyPlan,
    /// What each step had to wait for before the server could judge it.
    deferred_for: Vec<Vec<ObjectRef>>,
    /// What was written, by index of the step.
    written: Vec<Option<Written>>,
    /// Errors of single objects that did not stop the run.
    failed: Vec<ApplyError>,
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
            failed: Vec::new(),
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
        let revision = self.plan.revision().filter(|_| self.plan.refused.is_empty());
        let is_other_revision = revision.is_some() && revision.as_deref() != state.parent.revision();
        if state.parent.is_settled() && entries == state.entries && !is_other_revision {
            return Ok(());
        }
        let revision = revision.or_else(|| state.parent.revision().map(str::to_owned));
        Store::record(client, state, &entries, revision.as_deref()).await
    }

    /// Everything between taking the inventory and leaving it.
    async fn write_held(
        &mut self,
        client: &Client,
        mut store: Store,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let held = client.while_held(store.hold());
        let mut errors = tokio::select! {
            errors = self.write_all(&held, events) => errors,
            lost = keep_alive(client, &mut store) => vec![lost],
        };
        let is_whole = errors.is_empty() && self.failed.is_empty() && self.plan.refused.is_empty();
        let is_taken_over = |error: &ApplyError| matches!(error, ApplyError::TakenOver { .. });
        if !errors.iter().any(is_taken_over) {
            let revision = is_whole.then(|| self.plan.revision()).flatten();
            let outcome = store.finish(client, &self.entries(), revision.as_deref()).await;
            errors.extend(outcome.err());
        }
        errors
    }

    /// Stages in order; the first one that has an error is the last, and then nothing is pruned. What the policy lets
    /// pass stops no stage, and pruning all the same.
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
            if stage == Stage::Rest
                && let Err(error) = self.keep_rollout_key(client).await
            {
                return vec![error];
            }
            let errors = self.write_stage(client, stage, events).await;
            let errors = self.let_pass(errors);
            if !errors.is_empty() {
                return errors;
            }
        }
        if !self.failed.is_empty() {
            return Vec::new();
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

    /// Stores the key by which workloads are rolled out, if one of them is to be written. Where another run stored its own meanwhile, what
    /// identifies references is made again with that.
    async fn keep_rollout_key(&mut self, client: &Client) -> Result<(), ApplyError> {
        let ApplyPlan {
            set,
            steps,
            options,
            rollout,
            ..
        } = &mut self.plan;
        let is_needed = |step: &Step| step.address.references.is_some() && step.verdict.is_write();
        let Some(key) = rollout.as_mut().filter(|_| steps.iter().any(is_needed)) else {
            return Ok(());
        };
        if key.store(client).await? {
            let placed: Vec<_> = steps
                .iter()
                .map(|step| (&set.objects()[step.object], Some(&step.address)))
                .collect();
            let again = Workloads::of(&placed, options).references(&placed, &key.key);
            for (index, references) in again {
                steps[index].address.references = Some(references);
            }
        }
        Ok(())
    }

    /// Keeps errors of single objects for the end, where the policy says so, and returns the others. What waits for an
    /// object that failed, fails.
    fn let_pass(&mut self, errors: Vec<ApplyError>) -> Vec<ApplyError> {
        if self.plan.options.failures == FailurePolicy::Atomic {
            return errors;
        }
        let (mut passed, stopping): (Vec<_>, Vec<_>) =
            errors.into_iter().partition(ApplyError::is_of_one_object);
        let failed: Vec<Subject> = passed.iter().filter_map(ApplyError::subject).cloned().collect();
        passed.extend(
            self.plan
                .steps
                .iter()
                .filter_map(|step| awaited_failure(step, &failed)),
        );
        self.failed.extend(passed);
        stopping
    }

    /// Whether the object's turn is over without a write.
    fn has_failed(&self, step: &Step) -> bool {
        self.failed
            .iter()
            .any(|error| error.subject() == Some(&step.subject))
    }

    /// Waits for what others wait for, then has the server judge the others, all of them before the
    /// next write.
    async fn judge_deferred(
        &mut self,
        client: &Client,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let fresh: Vec<_> = self
            .plan
            .steps
            .iter()
            .zip(&self.written)
            .filter(|(_, written)| written.is_some())
            .map(|(step, _)| step)
            .collect();
        let errors = wait::until_ready(client, &self.plan, &fresh, events).await;
        let errors = self.let_pass(errors);
        if !errors.is_empty() {
            return errors;
        }
        let errors = wait::until_served(client, &self.plan, &|step| !self.has_failed(step)).await;
        let errors = self.let_pass(errors);
        if !errors.is_empty() {
            return errors;
        }
        let mut errors = Vec::new();
        let judged = write::judge_deferred(client, &self.plan, &|step| !self.has_failed(step)).await;
        for (index, outcome) in judged {
            match outcome {
                Ok(judged) => {
                    self.warnings.extend(judged.warnings);
                    self.plan.steps[index].verdict = judged.verdict;
                }
                Err(error) => errors.push(error),
            }
        }
        self.let_pass(errors)
    }
}

#[cfg(test)]
mod tests;
