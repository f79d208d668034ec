//! What was done, without any value.

use std::fmt;

use afterbay_manifest::ObjectRef;
use serde::Serialize;

use crate::error::Subject;
use crate::health::HealthStatus;

/// What happened to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It did not exist.
    Created,
    /// It was changed.
    Configured,
    /// It could not be changed in place: it was deleted and created anew.
    Recreated,
    /// It was as it should be; nothing was sent.
    Unchanged,
    /// It was deleted because it left the revision.
    Pruned,
    /// It was left alone, for the reason given.
    Skipped,
    /// It was refused, or writing or deleting it failed; the errors of the run say why.
    Failed,
    /// The run ended before its turn, or before its answer.
    NotReached,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Recreated => "recreated",
            Self::Unchanged => "unchanged",
            Self::Pruned => "pruned",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
        })
    }
}

/// One object of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReport {
    /// As written.
    pub api_version: String,
    /// As written.
    pub kind: String,
    /// Where it really is; `None` for kinds that live in no namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// File and line; `None` for what only the inventory knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What happened, or in a dry-run what would happen.
    pub action: Action,
    /// Fields that changed, by key path; never values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Managers whose fields became ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub takes_over: Vec<String>,
    /// What had to be there before the server could judge it; empty for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deferred_for: Vec<String>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ObjectReport {
    pub(crate) fn new(subject: &Subject, action: Action) -> Self {
        let ObjectRef { gvk, namespace, name } = &subject.object;
        Self {
            api_version: gvk.api_version(),
            kind: gvk.kind.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            origin: subject.origin.as_ref().map(ToString::to_string),
            action,
            fields: Vec::new(),
            takes_over: Vec::new(),
            deferred_for: Vec::new(),
            reason: None,
        }
    }
}

/// How an object is that was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectHealth {
    /// At the version that was asked for.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Where it is; `None` for kinds that live in no namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The last status that is known.
    pub status: HealthStatus,
    /// Why, in the words of the rule, or of the object's own conditions.
    pub message: String,
}

impl fmt::Display for ObjectHealth {
    /// `Kind/namespace/name: status: why`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}: {}: {}", self.name, self.status, self.message)
    }
}

/// How many objects had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Objects that did not exist.
    pub created: usize,
    /// Objects that changed.
    pub configured: usize,
    /// Objects that were deleted and created anew.
    pub recreated: usize,
    /// Objects that were as they should be.
    pub unchanged: usize,
    /// Objects that were deleted.
    pub pruned: usize,
    /// Objects that were left alone.
    pub skipped: usize,
    /// Objects that were refused, or whose write or deletion failed.
    pub failed: usize,
    /// Objects that the run did not come to.
    pub not_reached: usize,
    /// Objects among them that could only be judged after others were written.
    pub deferred: usize,
}

impl fmt::Display for Counts {
    /// The counts that are not zero: `2 created, 1 configured`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            created,
            configured,
            recreated,
            unchanged,
            pruned,
            skipped,
            failed,
            not_reached,
            deferred: _,
        } = *self;
        let counts = [
            (created, Action::Created),
            (configured, Action::Configured),
            (recreated, Action::Recreated),
            (unchanged, Action::Unchanged),
            (pruned, Action::Pruned),
            (skipped, Action::Skipped),
            (failed, Action::Failed),
            (not_reached, Action::NotReached),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, action)| format!("{count} {action}"))
            .collect();
        f.write_str(if parts.is_empty() { "nothing to do" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// What a run did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// The revision, in Flux's form, or `unknown`.
    pub revision: String,
    /// Whether nothing was written because nothing should be.
    pub dry_run: bool,
    /// The inventory, as `namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
    /// Whether everything that the inventory had is deleted and nothing takes its place.
    pub prunes_everything: bool,
    /// Outcomes in numbers.
    pub counts: Counts,
    /// Every object, in the order of writing, then of pruning.
    pub objects: Vec<ObjectReport>,
    /// The plan to name with `--consent`, when guards hold something back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_consent: Option<String>,
    /// The objects that were waited for, in the order of writing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<ObjectHealth>,
    /// What the server and the plan say besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl ApplyReport {
    /// The outcomes in numbers, and whether they are only what would be.
    pub fn summary(&self) -> String {
        let would = if self.dry_run {
            " (dry-run: nothing was written)"
        } else {
            ""
        };
        format!("{}{would}", self.counts)
    }

    /// The end in a few words: of the waiting if there was any, or else of the writes.
    pub fn outcome(&self) -> String {
        self.health_summary().unwrap_or_else(|| self.summary())
    }

    /// How many of the objects that were waited for are as they should be; `None` when none was.
    pub fn health_summary(&self) -> Option<String> {
        let is_current = |object: &&ObjectHealth| object.status == HealthStatus::Current;
        let current = self.health.iter().filter(is_current).count();
        (!self.health.is_empty()).then(|| format!("{current} of {} objects are current", self.health.len()))
    }

    pub(crate) fn count(&mut self) {
        let mut counts = Counts::default();
        for object in &self.objects {
            match object.action {
                Action::Created => counts.created += 1,
                Action::Configured => counts.configured += 1,
                Action::Recreated => counts.recreated += 1,
                Action::Unchanged => counts.unchanged += 1,
                Action::Pruned => counts.pruned += 1,
                Action::Skipped => counts.skipped += 1,
                Action::Failed => counts.failed += 1,
                Action::NotReached => counts.not_reached += 1,
            }
            counts.deferred += usize::from(!object.deferred_for.is_empty());
        }
        self.counts = counts;
    }
}
