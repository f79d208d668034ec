//! The report and the inventory of a run, finished or not.

use std::collections::BTreeMap;

use super::{ApplyFailure, Pruned, Run};
use crate::Mode;
use crate::client::Wrote;
use crate::error::{ApplyError, ApplyErrors, Subject};
use crate::inventory::{Entry, Key};
use crate::live::Verdict;
use crate::plan::{Fate, PruneStep, Step};
use crate::report::{Action, ApplyReport, Counts, ObjectReport};

impl Run {
    /// What is ours after what has been done so far.
    pub(super) fn entries(&self) -> BTreeMap<Key, Entry> {
        let revision = self.plan.revision();
        let mut entries = self.plan.union();
        for (step, written) in self.plan.steps.iter().zip(&self.written) {
            let Some(entry) = entries.get_mut(&Key::of(&step.address.object)) else {
                continue;
            };
            match (written, &step.verdict) {
                (Some(written), _) => {
                    entry.uid.clone_from(&written.uid);
                    entry.since = revision.clone().or_else(|| entry.since.take());
                }
                (None, Verdict::Unchanged { .. }) if entry.since.is_none() => {
                    entry.since.clone_from(&revision);
                }
                _ => {}
            }
        }
        for (prune, pruned) in self.plan.prunes.iter().zip(&self.pruned) {
            if matches!(pruned, Some(Pruned::Deleted | Pruned::Released { .. })) {
                entries.remove(&Key::of(&prune.entry.object));
            }
        }
        entries
    }

    /// What is ours when nothing has to be written or deleted.
    pub(super) fn settled_entries(&self) -> BTreeMap<Key, Entry> {
        let mut entries = self.entries();
        for prune in &self.plan.prunes {
            if matches!(prune.fate, Fate::Forget | Fate::Release { .. }) {
                entries.remove(&Key::of(&prune.entry.object));
            }
        }
        entries
    }

    /// The report; with errors, those of objects that did not stop the run included, what was done before.
    pub(super) fn end(
        mut self,
        mut errors: Vec<ApplyError>,
        wrote: Wrote,
    ) -> Result<ApplyReport, Box<ApplyFailure>> {
        errors.append(&mut self.failed);
        errors.extend(self.plan.refused.iter().cloned());
        if errors.is_empty() {
            Ok(self.report())
        } else {
            Err(self.failure(errors, wrote))
        }
    }

    pub(super) fn failure(self, errors: Vec<ApplyError>, wrote: Wrote) -> Box<ApplyFailure> {
        let errors = ApplyErrors::new(errors);
        let ending = match self.plan.options.mode {
            Mode::DryRun => Ending::DryRun,
            Mode::Write => Ending::Stopped(&errors),
        };
        Box::new(ApplyFailure {
            report: self.report_at(ending),
            errors,
            wrote,
            applied: self.applied,
        })
    }

    /// What was done; in a dry-run, what would be done.
    pub(super) fn report(self) -> ApplyReport {
        let ending = if self.plan.options.mode == Mode::DryRun {
            Ending::DryRun
        } else {
            Ending::Done
        };
        self.report_at(ending)
    }

    /// What was done, in numbers.
    pub(super) fn summary(&self) -> String {
        self.report_at(Ending::Done).summary()
    }

    fn report_at(&self, ending: Ending<'_>) -> ApplyReport {
        let steps = self
            .plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| self.step_report(index, step, ending));
        let refused = self
            .plan
            .refused
            .iter()
            .filter_map(ApplyError::subject)
            .map(|subject| ObjectReport::new(subject, Action::Failed));
        let prunes = self
            .plan
            .prunes
            .iter()
            .zip(&self.pruned)
            .filter_map(|(prune, pruned)| prune_report(prune, pruned.as_ref(), ending));
        let mut report = ApplyReport {
            revision: self.plan.set.revision().to_string(),
            dry_run: matches!(ending, Ending::DryRun),
            inventory: self.plan.state.as_ref().map(|state| state.parent.display()),
            prunes_everything: self.plan.steps.is_empty() && !self.plan.prunes.is_empty(),
            counts: Counts::default(),
            objects: steps.chain(refused).chain(prunes).collect(),
            needs_consent: self.plan.needs_consent().then(|| self.plan.id()),
            health: self.health.clone(),
            warnings: self.warnings.clone(),
        };
        if report.dry_run {
            report
                .warnings
                .extend(self.plan.held_back().iter().map(ToString::to_string));
        }
        report.count();
        report
    }

    fn step_report(&self, index: usize, step: &Step, ending: Ending<'_>) -> ObjectReport {
        let (action, reason) = match (&self.written[index], &step.verdict) {
            (Some(written), _) => (written.action, None),
            (None, Verdict::Unchanged { .. }) => (Action::Unchanged, None),
            (None, Verdict::Skip { reason, .. }) => (Action::Skipped, Some(reason.clone())),
            (None, Verdict::Create | Verdict::Deferred { .. }) => {
                (ending.of(&step.subject, Action::Created), None)
            }
            (None, Verdict::Configure { .. }) => (ending.of(&step.subject, Action::Configured), None),
            (None, Verdict::Recreate { .. }) => (ending.of(&step.subject, Action::Recreated), None),
        };
        let mut report = ObjectReport::new(&step.subject, action);
        report.fields = step.verdict.fields();
        report.takes_over = step.verdict.takes_over();
        report.deferred_for = self.deferred_for[index].iter().map(ToString::to_string).collect();
        report.reason = reason;
        report
    }
}

/// How a run ended, which decides what is said of a write that was not done.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// All is done.
    Done,
    /// Nothing was to be done.
    DryRun,
    /// These errors ended it.
    Stopped(&'a ApplyErrors),
}

impl Ending<'_> {
    /// What is said of an object that was to be written or deleted and was not.
    fn of(self, subject: &Subject, planned: Action) -> Action {
        match self {
            Self::Done | Self::DryRun => planned,
            Self::Stopped(errors) if errors.iter().any(|error| error.subject() == Some(subject)) => {
                Action::Failed
            }
            Self::Stopped(_) => Action::NotReached,
        }
    }
}

/// `None` for what needs no word: members that were gone already.
pub(crate) fn prune_report(
    prune: &PruneStep,
    pruned: Option<&Pruned>,
    ending: Ending<'_>,
) -> Option<ObjectReport> {
    let skipped = |reason: &str| {
        let mut report = ObjectReport::new(&prune.subject, Action::Skipped);
        report.reason = Some(reason.to_owned());
        report
    };
    match (&prune.fate, pruned) {
        (Fate::Forget, _) => None,
        (_, Some(Pruned::Released { reason }))
        | (Fate::Held { reason, .. } | Fate::Keep { reason } | Fate::Release { reason }, _) => {
            Some(skipped(reason))
        }
        (Fate::Delete { .. }, Some(_)) => Some(ObjectReport::new(&prune.subject, Action::Pruned)),
        (Fate::Delete { .. }, None) => {
            let action = ending.of(&prune.subject, Action::Pruned);
            Some(ObjectReport::new(&prune.subject, action))
        }
    }
}
