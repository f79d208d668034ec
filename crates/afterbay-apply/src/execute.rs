//! Carries a plan out: stage by stage, pruning last, the inventory around it.

mod finish;
mod health;
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
use crate::health::Health;
use crate::inventory::{Renewal, Store};
use crate::live::Verdict;
use crate::order::Stage;
use crate::plan::{ApplyPlan, Fate, Step, awaited_failure};
use crate::report::{Action, ApplyReport, ObjectHealth, ObjectReport};
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
    /// All is written and pruned; so many objects are waited for.
    Applied {
        /// What was done.
        summary: String,
        /// Number of objects.
        awaited: usize,
    },
    /// An object that is waited for is not as it was the last time.
    Health {
        /// The object, and how it is now.
        object: &'a ObjectHealth,
        /// How many of those that are waited for are as they should be.
        current: usize,
    },
}

impl ApplyEvent<'_> {
    /// What is worth a line of its own: what was done before the waiting begins, and how an object is that is waited for.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = match self {
            Self::Applied { summary, .. } => Some(summary.clone()),
            Self::Health { object, .. } => Some(object.to_string()),
            Self::Started { .. } | Self::Waiting { .. } | Self::Done { .. } => None,
        };
        line.into_iter()
    }

    /// How many objects of how many are done after it, given how many were before.
    #[must_use]
    pub fn count(&self, (done, total): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Started { writes } => (0, *writes),
            Self::Waiting { .. } => (done, total),
            Self::Applied { awaited, .. } => (0, *awaited),
            Self::Health { current, .. } => (*current, total),
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
    /// Whether everything was applied and pruned, so that only the objects' health is what is wrong.
    pub applied: bool,
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
    let mut errors = run.plan.held_back();
    let checked = match run.resolve_checks(client).await {
        Ok(checked) => checked,
        Err(more) => {
            errors.extend(more);
            Vec::new()
        }
    };
    if !errors.is_empty() {
        return Err(run.failure(errors, client.wrote()));
    }
    if !run.has_work() {
        let errors = run.record_only(client).await.err().into_iter().collect();
        return run.finish(client, errors, checked, events).await;
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
    run.finish(client, errors, checked, events).await
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
    /// How the objects are that were waited for.
    health: Vec<ObjectHealth>,
    /// Whether all of it was done, so that what is left is to wait.
    applied: bool,
}

/// The outcome of a write.
struct Written {
    action: Action,
    uid: Option<String>,
    /// How it was by the answer.
    health: Health,
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
            health: Vec::new(),
            applied: false,
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
            let errors = match stage {
                Stage::Definitions => Vec::new(),
                Stage::Classes => self.judge_deferred(client, stage, events).await,
                Stage::Custom => self.wait_for_classes(client, stage, events).await,
                Stage::Rest => {
                    let mut errors = self.wait_for_classes(client, stage, events).await;
                    if errors.is_empty() {
                        errors = self.judge_deferred(client, stage, events).await;
                    }
                    errors
                }
            };
            if !errors.is_empty() {
                return errors;
            }
            // Before the first workload: whichever stage its kind is in.
            if stage == Stage::Custom
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

    /// What was written in a stage.
    fn fresh(&self, stage: Stage) -> Vec<(&Step, &Health)> {
        self.plan
            .steps_in(stage)
            .filter_map(|(index, step)| Some((step, &self.written[index].as_ref()?.health)))
            .collect()
    }

    /// Waits for classes that are not ready, provided that anything is to be written in the next stage.
    async fn wait_for_classes(
        &mut self,
        client: &Client,
        next: Stage,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let has_writes = |stage| self.plan.steps_in(stage).any(|(_, step)| step.verdict.is_write());
        let is_over = next == Stage::Rest && has_writes(Stage::Custom);
        if is_over || !has_writes(next) {
            return Vec::new();
        }
        let fresh = self.fresh(Stage::Classes);
        let errors = wait::until_ready(client, &self.plan, &fresh, events).await;
        self.let_pass(errors)
    }

    /// Waits for what others wait for, then has the server judge the others, all of them before the
    /// next write. What waits for a stage of its own is judged after that.
    async fn judge_deferred(
        &mut self,
        client: &Client,
        next: Stage,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        if next == Stage::Rest && !self.plan.has_deferred() {
            return Vec::new();
        }
        if next == Stage::Classes {
            let fresh = self.fresh(Stage::Definitions);
            let errors = wait::until_ready(client, &self.plan, &fresh, events).await;
            let errors = self.let_pass(errors);
            if !errors.is_empty() {
                return errors;
            }
        }
        let is_due = |step: &Step| !self.has_failed(step) && self.plan.is_judged_before(step, next);
        let errors = wait::until_served(client, &self.plan, &is_due).await;
        let errors = self.let_pass(errors);
        if !errors.is_empty() {
            return errors;
        }
        let mut errors = Vec::new();
        let is_due = |step: &Step| !self.has_failed(step) && self.plan.is_judged_before(step, next);
        let judged = write::judge_deferred(client, &self.plan, &is_due).await;
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
