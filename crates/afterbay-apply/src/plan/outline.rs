//! A plan for people and programs to read: what would become of every object, stage by stage, and why. No values.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ApplyPlan, Fate, PruneStep, Step, state};
use crate::error::{ApplyError, Subject};
use crate::inventory::Key;
use crate::live::Verdict;
use crate::observe::managed;
use crate::order::Stage;

/// What would become of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Planned {
    /// It does not exist and would be created.
    Create,
    /// It is ours and would be changed.
    Change,
    /// It exists, is not ours, and would become so.
    Adopt,
    /// It cannot be changed in place and would be deleted and created anew.
    Recreate,
    /// It left the revision and would be deleted.
    Prune,
    /// It left the revision, and a guard holds its deletion back.
    Hold,
    /// It left the revision and would stay, ours as before.
    Keep,
    /// It left the revision and would stay, and not be ours any more.
    Release,
    /// It left the revision and the cluster, and would leave the inventory.
    Forget,
    /// It would be left alone.
    Skip,
    /// The server refuses it.
    Refuse,
    /// It is as it should be.
    Unchanged,
}

impl Planned {
    /// Whether it means that an object in the cluster is written or deleted.
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Change | Self::Adopt | Self::Recreate | Self::Prune | Self::Hold
        )
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Adopt => "adopt",
            Self::Recreate => "recreate",
            Self::Prune => "prune",
            Self::Hold => "hold",
            Self::Keep => "keep",
            Self::Release => "release",
            Self::Forget => "forget",
            Self::Skip => "skip",
            Self::Refuse => "refuse",
            Self::Unchanged => "unchanged",
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A plan in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outline {
    /// The revision, in Flux's form, or `unknown`.
    pub revision: String,
    /// The inventory, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<String>,
    /// What consent to this plan names ([`ApplyPlan::id`]).
    pub id: String,
    /// How many objects have which fate.
    pub counts: BTreeMap<Planned, usize>,
    /// The stages that have an object, in their order; pruning last.
    pub stages: Vec<PlannedStage>,
    /// Why nothing is written without consent that names the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<String>,
    /// What the server and the stages say besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What is done before the next stage begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStage {
    /// `definitions`, `classes`, `custom`, `rest` or `prune`.
    pub name: String,
    /// Its objects, in the order of writing or deleting.
    pub objects: Vec<PlannedObject>,
}

/// One object of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedObject {
    /// As written.
    pub api_version: String,
    /// As written.
    pub kind: String,
    /// Where it goes or is; `None` for kinds that live in no namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// File and line; `None` for what only the inventory knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What would become of it.
    pub action: Planned,
    /// Fields that would change, by key path; never values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Managers whose fields would become ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_over: Vec<String>,
    /// What has to be there before the server can judge it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred_for: Vec<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The live object that was judged, and what it was in; `None` where none was, or where nothing is done to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// What identifies the content that would be written, without revealing it; `None` where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl PlannedObject {
    fn new(subject: &Subject, action: Planned) -> Self {
        let object = &subject.object;
        Self {
            api_version: object.gvk.api_version(),
            kind: object.gvk.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            origin: subject.origin.as_ref().map(ToString::to_string),
            action,
            fields: Vec::new(),
            takes_over: Vec::new(),
            deferred_for: Vec::new(),
            reason: None,
            live: None,
            content: None,
        }
    }

    /// `Kind/namespace/name`.
    pub fn title(&self) -> String {
        let place = self
            .namespace
            .as_ref()
            .map_or_else(String::new, |namespace| format!("{namespace}/"));
        format!("{}/{place}{}", self.kind, self.name)
    }
}

impl ApplyPlan {
    /// The plan in words; unchanged objects are counted and not listed.
    pub fn outline(&self) -> Outline {
        self.outline_with(&|_| None)
    }

    /// The same; `content` identifies what a step writes.
    pub(super) fn outline_with(&self, content: &dyn Fn(&Step) -> Option<String>) -> Outline {
        let mut stages: Vec<PlannedStage> = Vec::new();
        for stage in Stage::ALL {
            let steps = self.steps_in(stage).map(|(_, step)| self.planned(step, content));
            let refused = self
                .refused
                .iter()
                .filter_map(|error| Some((error.subject()?, error)))
                .filter(|(subject, _)| self.stage_of(&subject.object.gvk) == stage)
                .map(|(subject, error)| refused(subject, error));
            stages.push(PlannedStage {
                name: stage_name(stage).to_owned(),
                objects: steps.chain(refused).collect(),
            });
        }
        stages.push(PlannedStage {
            name: "prune".to_owned(),
            objects: self.prunes.iter().map(left).collect(),
        });
        let mut counts = BTreeMap::new();
        for object in stages.iter().flat_map(|stage| &stage.objects) {
            *counts.entry(object.action).or_default() += 1;
        }
        for stage in &mut stages {
            stage.objects.retain(|object| object.action != Planned::Unchanged);
        }
        stages.retain(|stage| !stage.objects.is_empty());
        let guards = if self.needs_consent() {
            &self.guards[..]
        } else {
            &[]
        };
        Outline {
            revision: self.set.revision().to_string(),
            inventory: self.state.as_ref().map(|state| state.parent.display()),
            id: self.id(),
            counts,
            stages,
            guards: guards.iter().map(ToString::to_string).collect(),
            warnings: self.warnings.clone(),
        }
    }

    fn planned(&self, step: &Step, content: &dyn Fn(&Step) -> Option<String>) -> PlannedObject {
        let mut object = PlannedObject::new(&step.subject, self.action(step));
        match &step.verdict {
            Verdict::Configure {
                fields, takes_over, ..
            } => {
                object.fields.clone_from(fields);
                object.takes_over.clone_from(takes_over);
            }
            Verdict::Recreate { fields, .. } => object.fields.clone_from(fields),
            Verdict::Skip { reason, .. } => object.reason = Some(reason.clone()),
            Verdict::Deferred { waits_for } => {
                object.deferred_for = waits_for.iter().map(ToString::to_string).collect();
            }
            Verdict::Create | Verdict::Unchanged { .. } => {}
        }
        if step.verdict.is_write() {
            let live = step.evidence.as_ref().and_then(|evidence| evidence.live.as_ref());
            object.live = live.map(|live| identified(uid(live), &state(&live["metadata"])));
            object.content = content(step);
        }
        object
    }

    /// What would become of an object of the set.
    pub(crate) fn action(&self, step: &Step) -> Planned {
        match &step.verdict {
            Verdict::Create | Verdict::Deferred { .. } => Planned::Create,
            Verdict::Recreate { .. } => Planned::Recreate,
            Verdict::Unchanged { .. } => Planned::Unchanged,
            Verdict::Skip { .. } => Planned::Skip,
            Verdict::Configure { .. } if self.is_ours(step) => Planned::Change,
            Verdict::Configure { .. } => Planned::Adopt,
        }
    }

    /// Whether the inventory has the object and our manager has applied it.
    fn is_ours(&self, step: &Step) -> bool {
        let is_member = self
            .state
            .as_ref()
            .is_none_or(|state| state.entries.contains_key(&Key::of(&step.address.object)));
        let live = step.evidence.as_ref().and_then(|evidence| evidence.live.as_ref());
        let manager = self.options.field_manager.as_str();
        is_member && live.is_none_or(|live| managed::applied(live, manager).is_some())
    }
}

fn uid(live: &serde_json::Value) -> &str {
    live["metadata"]["uid"].as_str().unwrap_or_default()
}

fn identified(uid: &str, state: &str) -> String {
    format!("uid {uid}, {state}")
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Definitions => "definitions",
        Stage::Classes => "classes",
        Stage::Custom => "custom",
        Stage::Rest => "rest",
    }
}

fn refused(subject: &Subject, error: &ApplyError) -> PlannedObject {
    PlannedObject {
        reason: Some(error.to_string()),
        ..PlannedObject::new(subject, Planned::Refuse)
    }
}

fn left(prune: &PruneStep) -> PlannedObject {
    let (action, uid, reason) = match &prune.fate {
        Fate::Delete { uid, .. } => (Planned::Prune, Some(uid), None),
        Fate::Held { uid, reason, .. } => (Planned::Hold, Some(uid), Some(reason)),
        Fate::Keep { reason } => (Planned::Keep, None, Some(reason)),
        Fate::Release { reason } => (Planned::Release, None, Some(reason)),
        Fate::Forget => (Planned::Forget, None, None),
    };
    let state = prune.state.as_deref().unwrap_or("unknown");
    PlannedObject {
        reason: reason.cloned().or_else(|| {
            let gone = action == Planned::Forget;
            gone.then(|| "it is not in the cluster any more".to_owned())
        }),
        live: uid.map(|uid| identified(uid, state)),
        ..PlannedObject::new(&prune.subject, action)
    }
}
