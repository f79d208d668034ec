//! What becomes of members that left the revision.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::discovery::Resource;
use crate::error::Subject;
use crate::inventory::{Entry, Inventory, Key};
use crate::live::{Member, Present, Verdict};
use crate::order::{self, is_crd, is_namespace};
use crate::{ApplyOptions, Guards, Prune};

/// One member that is not in the revision any more.
pub(crate) struct PruneStep {
    pub(crate) subject: Subject,
    pub(crate) entry: Entry,
    /// What it was in when it was looked at, if it was there.
    pub(crate) state: Option<String>,
    pub(crate) fate: Fate,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is ours and goes.
    Delete { resource: Resource, uid: String },
    /// It is ours and would go, and a guard holds it back: it stays in the cluster and in the inventory.
    Held {
        resource: Resource,
        uid: String,
        reason: String,
    },
    /// It stays in the cluster and in the inventory.
    Keep { reason: String },
    /// It stays in the cluster and is not ours any more.
    Release { reason: String },
    /// It is not in the cluster any more.
    Forget,
}

/// Decides for every member of the inventory that is not among the steps, in the order of deleting.
pub(crate) fn prunes(
    steps: &[Step],
    inventory: &Inventory,
    members: &BTreeMap<Key, Member>,
    options: &ApplyOptions,
) -> Vec<PruneStep> {
    let wanted: BTreeSet<Key> = steps.iter().map(|step| Key::of(&step.address.object)).collect();
    let in_use: BTreeSet<&str> = steps.iter().filter_map(|step| step.verdict.uid()).collect();
    let mut prunes: Vec<PruneStep> = inventory
        .entries()
        .filter(|entry| !wanted.contains(&Key::of(&entry.object)))
        .map(|entry| {
            let fate = match members.get(&Key::of(&entry.object)) {
                Some(Member::Present(present)) => fate(entry, present, inventory.id(), &in_use, options),
                Some(Member::Gone) => Fate::Forget,
                Some(Member::Unknown { reason }) => Fate::Keep {
                    reason: reason.clone(),
                },
                None => Fate::Keep {
                    reason: "its state in the cluster is not known".to_owned(),
                },
            };
            PruneStep {
                subject: Subject {
                    object: entry.object.clone(),
                    origin: None,
                },
                entry: entry.clone(),
                state: match members.get(&Key::of(&entry.object)) {
                    Some(Member::Present(present)) => Some(present.state.clone()),
                    _ => None,
                },
                fate,
            }
        })
        .collect();
    prunes
        .sort_by(|left, right| order::compare(&right.entry.object, &left.entry.object, &options.stage_kinds));
    spare_containers(&mut prunes, steps, inventory, members);
    prunes
}

fn fate(
    entry: &Entry,
    present: &Present,
    id: Option<&str>,
    in_use: &BTreeSet<&str>,
    options: &ApplyOptions,
) -> Fate {
    let release = |reason: String| Fate::Release { reason };
    if in_use.contains(present.uid.as_str()) {
        return release("the same object is in the revision under another API group".to_owned());
    }
    if let Some(recorded) = entry.uid.as_ref().filter(|recorded| **recorded != present.uid) {
        return release(format!(
            "not ours: it was deleted and created again by somebody else (uid {recorded} is now {})",
            present.uid
        ));
    }
    if present.part_of.as_deref() != id {
        return release(match &present.part_of {
            Some(other) => format!("not ours: its label says it belongs to {other}"),
            None => "not ours: it does not have the label of this inventory".to_owned(),
        });
    }
    if options.owner.is_some() && present.owner.as_deref() != options.owner.as_ref() {
        return release(match &present.owner {
            Some(other) => format!(
                "not ours: its labels say it belongs to {}/{}",
                other.namespace, other.name
            ),
            None => "not ours: it does not have the labels of its owner".to_owned(),
        });
    }
    if !present.applied_by_us {
        return release("not ours: our field manager owns nothing of it".to_owned());
    }
    if let Some(control) = &present.kept_by {
        return release(format!("kept by {control}"));
    }
    let keep = |reason: String| Fate::Keep { reason };
    let gvk = &entry.object.gvk;
    match options.prune {
        Prune::Keep => keep("left the revision; pruning was not asked for".to_owned()),
        Prune::Delete if is_own(entry, present, &options.guards) => {
            keep("left the revision; it is a part of afterbay itself, so delete it by hand".to_owned())
        }
        Prune::Delete if options.guards.protects(gvk) => keep(format!(
            "left the revision; {} is a protected kind, so delete it by hand or change --protect",
            gvk.kind
        )),
        Prune::Delete => Fate::Delete {
            resource: present.resource.clone(),
            uid: present.uid.clone(),
        },
    }
}

/// Whether this program itself would be damaged: a part of its installation, a kind of its own, or the Namespace it runs in.
fn is_own(entry: &Entry, present: &Present, guards: &Guards) -> bool {
    let object = &entry.object;
    let is_ours = |group: &str| group == OWN_GROUP || group.ends_with(".afterbay.dev");
    let crd_group = object.name.split_once('.').map_or("", |(_, group)| group);
    present.is_own
        || is_crd(&object.gvk) && is_ours(crd_group)
        || is_namespace(&object.gvk) && guards.own_namespace.as_ref() == Some(&object.name)
}

const OWN_GROUP: &str = "afterbay.dev";

/// A Namespace or CRD takes everything in it along. It goes only when nothing that stays is in it.
fn spare_containers(
    prunes: &mut [PruneStep],
    steps: &[Step],
    inventory: &Inventory,
    members: &BTreeMap<Key, Member>,
) {
    let mut namespaces: BTreeSet<String> = steps
        .iter()
        .filter_map(|step| step.address.object.namespace.clone())
        .collect();
    namespaces.extend(inventory.state().map(|state| state.parent.namespace().to_owned()));
    let mut crds: BTreeSet<String> = steps
        .iter()
        .map(|step| crd_name(&step.address.resource))
        .collect();
    for prune in prunes.iter() {
        let stays = matches!(
            prune.fate,
            Fate::Held { .. } | Fate::Keep { .. } | Fate::Release { .. }
        );
        if stays && !order::is_container(&prune.entry.object.gvk) {
            namespaces.extend(prune.entry.object.namespace.clone());
            if let Some(Member::Present(present)) = members.get(&Key::of(&prune.entry.object)) {
                crds.insert(crd_name(&present.resource));
            }
        }
    }
    for prune in prunes {
        let object = &prune.entry.object;
        let holds = if is_namespace(&object.gvk) {
            namespaces.contains(&object.name)
        } else {
            is_crd(&object.gvk) && crds.contains(&object.name)
        };
        if holds && matches!(prune.fate, Fate::Delete { .. }) {
            prune.fate = Fate::Keep {
                reason: "objects that stay are in it".to_owned(),
            };
        }
    }
}

/// A CRD is named after the resource it defines.
fn crd_name(resource: &Resource) -> String {
    format!("{}.{}", resource.plural, resource.gvk.group)
}

impl Verdict {
    fn uid(&self) -> Option<&str> {
        match self {
            Self::Configure { uid, .. } | Self::Recreate { uid, .. } | Self::Unchanged { uid } => Some(uid),
            Self::Skip { uid, .. } => uid.as_deref(),
            Self::Create | Self::Deferred { .. } => None,
        }
    }
}
