//! How to apply.

use std::fmt;
use std::time::Duration;

use afterbay_manifest::Gvk;
use serde::{Deserialize, Serialize};

use crate::health::{GroupKind, HealthCheck, HealthExpressions};
use crate::{IgnoreRule, RolloutOnChange};

/// The field manager when nobody names another.
pub const FIELD_MANAGER: &str = "afterbay";

/// The managers that are taken over unless somebody asks otherwise, as Flux does.
pub const TAKEN_OVER: [&str; 2] = ["kubectl*", "before-first-apply"];

/// How to apply a set.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Who owns the fields that are written (`metadata.managedFields[].manager`).
    pub field_manager: String,
    /// Where namespaced objects without a namespace go; `None` is the namespace of the context.
    pub namespace: Option<String>,
    /// What to do about fields that others own.
    pub conflicts: Conflicts,
    /// What to do about objects that are in the inventory and not in the set.
    pub prune: Prune,
    /// Whether to write.
    pub mode: Mode,
    /// What to do about fields that the server does not know.
    pub unknown_fields: UnknownFields,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Managers whose `stringData` left keys behind that are named in the report, beside our own. A
    /// name ending in `*` stands for all that begin so.
    pub leftovers_of: Vec<String>,
    /// Managers whose fields become ours, so that what left the revision leaves the object too, and whose values are
    /// replaced without being a conflict. A name ending in `*` stands for all that begin so.
    pub take_over: Vec<String>,
    /// Whose the objects are by Flux's ownership labels; `None` sets none. With an owner, only what carries its labels is
    /// pruned.
    pub owner: Option<Owner>,
    /// What is not deleted without consent, or not at all.
    pub guards: Guards,
    /// What to do about objects that cannot be changed in place.
    pub force: Force,
    /// Fields whose differences are neither reported nor corrected.
    pub ignore: Vec<IgnoreRule>,
    /// Whether what exists is corrected.
    pub existing: Existing,
    /// What one refused object means for the others.
    pub failures: FailurePolicy,
    /// Which workloads are rolled out when what they refer to changes.
    pub rollout: RolloutOnChange,
    /// What a plan keeps of what was observed.
    pub detail: Detail,
    /// How objects that need no change are recognized.
    pub check: Check,
    /// Kinds that are written in a stage of their own, after classes and before the rest.
    pub stage_kinds: Vec<GroupKind>,
    /// What is waited for once all is written.
    pub wait: Wait,
}

/// How objects that need no change are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// By the live object, where the fields that we own and their values leave no doubt; by the server's dry-run otherwise.
    ManagedFields,
    /// By the server's dry-run of every object. What its admission would change by now is seen only so.
    Server,
}

/// What has to be healthy before a run counts as successful.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    /// Whether every object of the set has to be, but for those that are skipped.
    pub all: bool,
    /// Objects that have to be, whoever applies them.
    pub checks: Vec<HealthCheck>,
    /// What health means for kinds that kstatus does not know well enough.
    pub expressions: HealthExpressions,
    /// How long that may take; `None` takes what is left of the time for everything.
    pub timeout: Option<Duration>,
}

impl Wait {
    /// Whether anything is waited for.
    pub fn is_asked_for(&self) -> bool {
        self.all || !self.checks.is_empty()
    }
}

/// What a plan keeps of what was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Verdicts, which hold no values. Enough to carry a plan out.
    Verdicts,
    /// The objects that change besides, as they are and as they would be: for a plan that is saved, and for a diff.
    Objects,
}

/// What becomes of objects that exist and are not as the revision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are made so.
    Correct,
    /// They are left alone, as with Flux's `ssa: IfNotPresent` on each of them.
    Leave,
}

/// What one refused object means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Nothing is written unless the server would take every object; a write that fails stops what comes after it.
    Atomic,
    /// The others are written, and nothing is pruned.
    PerResource,
}

/// What to do about objects that cannot be changed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Each is an error, unless a control of Flux on the object says otherwise.
    Refuse,
    /// They are deleted and created anew.
    Recreate,
}

/// What stands between a plan and the objects it would delete.
#[derive(Debug, Clone)]
pub struct Guards {
    /// How much one run may prune; `None` sets no limit.
    pub max_prune: Option<MaxPrune>,
    /// Kinds that are never pruned, as `Kind` in whatever group or `Kind.group`.
    pub protected: Vec<String>,
    /// The namespace that this program itself runs in; its Namespace is never pruned. `None` outside a cluster.
    pub own_namespace: Option<String>,
    /// Why the set may lack objects that the source has; `None` when all of it was read.
    pub partly_read: Option<String>,
    /// The plan ([`crate::ApplyPlan::id`]) that may do what guards hold back.
    pub consent: Option<String>,
}

/// The kinds that are never pruned unless somebody asks otherwise: what is in them is gone with them.
pub const PROTECTED: [&str; 4] = [
    "Namespace",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
];

impl Default for Guards {
    /// No limit, and the kinds of [`PROTECTED`].
    fn default() -> Self {
        Self {
            max_prune: None,
            protected: PROTECTED.map(str::to_owned).to_vec(),
            own_namespace: None,
            partly_read: None,
            consent: None,
        }
    }
}

impl Guards {
    /// Whether objects of this kind are never pruned.
    pub(crate) fn protects(&self, gvk: &Gvk) -> bool {
        self.protected.iter().any(|name| {
            name == &gvk.kind
                || name
                    .split_once('.')
                    .is_some_and(|(kind, group)| kind == gvk.kind && group == gvk.group)
        })
    }
}

/// How much of an inventory one run may prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MaxPrune {
    /// So many objects.
    Count(usize),
    /// So many of a hundred objects that the inventory has.
    Percent(u8),
}

impl MaxPrune {
    /// Whether as many may be pruned of as many as there are.
    pub(crate) fn allows(self, deletes: usize, of: usize) -> bool {
        match self {
            Self::Count(most) => deletes <= most,
            Self::Percent(percent) => deletes.saturating_mul(100) <= of.saturating_mul(usize::from(percent)),
        }
    }
}

impl fmt::Display for MaxPrune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => most.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Whose an object is, as Flux says it: the labels `kustomize.toolkit.fluxcd.io/name` and `/namespace`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Namespace of the owner.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Owner {
    pub(crate) const NAME: &str = "kustomize.toolkit.fluxcd.io/name";
    pub(crate) const NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";
}

impl Default for ApplyOptions {
    /// Reports conflicts, takes over from `kubectl`, prunes nothing, writes, refuses unknown fields, sixteen requests at once,
    /// waits for nothing; what is unchanged without doubt is not dry-run.
    fn default() -> Self {
        Self {
            field_manager: FIELD_MANAGER.to_owned(),
            namespace: None,
            conflicts: Conflicts::Report,
            prune: Prune::Keep,
            mode: Mode::Write,
            unknown_fields: UnknownFields::Refuse,
            concurrency: 16,
            leftovers_of: ["kubectl*", "kustomize-controller"].map(str::to_owned).to_vec(),
            take_over: TAKEN_OVER.map(str::to_owned).to_vec(),
            owner: None,
            guards: Guards::default(),
            force: Force::Refuse,
            ignore: Vec::new(),
            existing: Existing::Correct,
            failures: FailurePolicy::Atomic,
            rollout: RolloutOnChange::Annotated,
            detail: Detail::Verdicts,
            check: Check::ManagedFields,
            stage_kinds: Vec::new(),
            wait: Wait::default(),
        }
    }
}

/// What to do about fields that other managers own with other values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// Each is an error with field and owner.
    Report,
    /// They become ours.
    Override,
}

/// What to do about objects that left the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// They stay in the cluster and in the inventory.
    Keep,
    /// They are deleted, where they are ours.
    Delete,
}

/// Whether to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write what the plan says.
    Write,
    /// Only report what would be written, as far as the server can judge it now.
    DryRun,
}

/// What to do about fields that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// Refuse the object, as `kubectl apply` does.
    Refuse,
    /// Let the server drop them and warn, as Flux does.
    Warn,
}

impl UnknownFields {
    /// The value of the `fieldValidation` parameter.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Refuse => "Strict",
            Self::Warn => "Warn",
        }
    }
}
