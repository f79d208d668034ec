//! Writes the objects of one stage: kinds in order, objects of one rank at once.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use serde_json::Value;

use super::{ApplyEvent, Run, Written, recreate};
use crate::client::Client;
use crate::desired;
use crate::error::{ApplyError, Quotes, Subject, refused};
use crate::live::Verdict;
use crate::observe::{Effect, Judge, Judged, Shapes};
use crate::order::{Rank, Stage, is_namespace};
use crate::plan::{ApplyPlan, Step, awaited_failure};
use crate::report::{Action, ObjectReport};
use crate::{FailurePolicy, wait};

fn judge<'a>(client: &'a Client, plan: &'a ApplyPlan) -> Judge<'a> {
    Judge {
        client,
        options: &plan.options,
        scrubber: plan.set.scrubber(),
        part_of: plan.state.as_ref().map(|state| state.parent.id()),
        recreates: false,
        shapes: Shapes::default(),
    }
}

/// Dry-runs every deferred step.
pub(super) async fn judge_deferred(
    client: &Client,
    plan: &ApplyPlan,
    is_due: &(dyn Fn(&Step) -> bool + Sync),
) -> Vec<(usize, Result<Judged, ApplyError>)> {
    let judge = &judge(client, plan);
    let deferred = plan
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| matches!(step.verdict, Verdict::Deferred { .. }) && is_due(step));
    stream::iter(deferred)
        .map(async |(index, step)| {
            let object = &plan.set.objects()[step.object];
            (
                index,
                judge.judge(object, &step.subject, &step.address, None).await,
            )
        })
        .buffer_unordered(plan.options.concurrency.max(1))
        .collect()
        .await
}

impl Run {
    /// Writes what differs. After an error the objects of the same rank are still finished.
    pub(super) async fn write_stage(
        &mut self,
        client: &Client,
        stage: Stage,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let indexes: Vec<_> = self
            .plan
            .steps_in(stage)
            .filter(|(index, step)| {
                step.verdict.is_write() && self.written[*index].is_none() && !self.has_failed(step)
            })
            .map(|(index, _)| index)
            .collect();
        self.write_steps(client, &indexes, events).await
    }

    /// Writes the Namespace that the inventory itself is to live in, if this revision brings it. It is
    /// the one object that cannot be recorded before it is written; its label says whose it is.
    pub(super) async fn write_home(
        &mut self,
        client: &Client,
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let Some(state) = &self.plan.state else {
            return Vec::new();
        };
        let home = state.parent.namespace();
        let is_home =
            |step: &Step| is_namespace(&step.address.object.gvk) && step.address.object.name == home;
        let Some(index) = self
            .plan
            .steps
            .iter()
            .position(|step| step.verdict == Verdict::Create && is_home(step))
        else {
            return Vec::new();
        };
        self.write_steps(client, &[index], events).await
    }

    async fn write_steps(
        &mut self,
        client: &Client,
        indexes: &[usize],
        events: &mut dyn FnMut(ApplyEvent<'_>),
    ) -> Vec<ApplyError> {
        let Self {
            plan,
            written,
            warnings,
            ..
        } = self;
        let mut ranks: BTreeMap<Rank, Vec<(usize, &Step)>> = BTreeMap::new();
        for &index in indexes {
            let step = &plan.steps[index];
            ranks
                .entry(Rank::of(&step.address.object.gvk, &plan.options.stage_kinds))
                .or_default()
                .push((index, step));
        }
        let judge = &judge(client, plan);
        let mut errors = Vec::new();
        for steps in ranks.into_values() {
            let failed: Vec<Subject> = errors.iter().filter_map(ApplyError::subject).cloned().collect();
            let (steps, late): (Vec<_>, Vec<_>) = steps
                .into_iter()
                .partition(|(_, step)| awaited_failure(step, &failed).is_none());
            errors.extend(late.iter().filter_map(|(_, step)| awaited_failure(step, &failed)));
            let mut writes = stream::iter(steps)
                .map(async |(index, step)| (index, step, write(judge, plan, step).await))
                .buffer_unordered(plan.options.concurrency.max(1));
            while let Some((index, step, outcome)) = writes.next().await {
                match outcome {
                    Ok((outcome, said)) => {
                        let mut report = ObjectReport::new(&step.subject, outcome.action);
                        report.fields = step.verdict.fields();
                        report.takes_over = step.verdict.takes_over();
                        events(ApplyEvent::Done { object: &report });
                        warnings.extend(said);
                        written[index] = Some(outcome);
                    }
                    Err(error) => errors.push(error),
                }
            }
            let is_fatal = |error: &ApplyError| {
                plan.options.failures == FailurePolicy::Atomic || !error.is_of_one_object()
            };
            if errors.iter().any(is_fatal) {
                break;
            }
        }
        warnings.sort();
        warnings.dedup();
        errors
    }
}

async fn write(
    judge: &Judge<'_>,
    plan: &ApplyPlan,
    step: &Step,
) -> Result<(Written, Vec<String>), ApplyError> {
    let object = &plan.set.objects()[step.object];
    let quotes = Quotes::of(object, judge.scrubber);
    let refuse = |failure| refused(judge.client, &step.subject, quotes, failure, judge.scrubber);
    if let Verdict::Configure { uid, leftovers, .. } = &step.verdict
        && !leftovers.is_empty()
    {
        // Before the apply makes the server forget whose they were.
        judge
            .remove_keys(&step.address, uid, leftovers, Effect::Write)
            .await
            .map_err(refuse)?;
    }
    let body = desired::body(object, &step.address, judge.part_of, plan.options.owner.as_ref());
    if let Verdict::Configure { uid, takes_over, .. } = &step.verdict
        && !takes_over.is_empty()
    {
        judge.take_over(&step.address, uid, &body).await.map_err(refuse)?;
    }
    let recreated = if let Verdict::Recreate { uid, .. } = &step.verdict {
        recreate::clear(judge, step, uid, &body, quotes).await?;
        true
    } else {
        false
    };
    let response = judge
        .apply_for_good(&step.address, &body)
        .await
        .map_err(|failure| {
            let error = refuse(failure);
            if recreated && !error.is_connection() {
                let problem = error.to_string();
                let subject = Box::new(step.subject.clone());
                return ApplyError::NotCreatedAnew { subject, problem };
            }
            error
        })?;
    let warnings = judge.warnings(&step.subject, quotes, &response);
    let answer: Value = response.json().map_err(refuse)?;
    let action = if recreated {
        Action::Recreated
    } else if response.created {
        Action::Created
    } else {
        Action::Configured
    };
    let uid = answer["metadata"]["uid"].as_str().map(str::to_owned);
    let health = wait::by_answer(plan, step, &answer);
    let written = Written { action, uid, health };
    Ok((written, warnings))
}

impl Verdict {
    pub(super) fn fields(&self) -> Vec<String> {
        match self {
            Self::Configure { fields, .. } | Self::Recreate { fields, .. } => fields.clone(),
            _ => Vec::new(),
        }
    }

    pub(super) fn takes_over(&self) -> Vec<String> {
        match self {
            Self::Configure { takes_over, .. } => takes_over.clone(),
            _ => Vec::new(),
        }
    }
}
