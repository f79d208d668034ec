//! In which order kinds are written and deleted.
//!
//! The order is Flux's `ReconcileOrder` (fluxcd/pkg, ssa): what others refer to comes first, webhooks
//! that could refuse the rest come last. The stages of Flux stand over it (`ApplyAllStaged`), because the server must
//! have finished one before it can judge the next.

use std::cmp::Ordering;

use afterbay_manifest::{Gvk, ObjectRef};

use crate::health::GroupKind;

/// What is written before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// CRDs, Namespaces and `ClusterRole`s: without them others cannot be written at all.
    Definitions,
    /// `StorageClass`, `IngressClass` and the like.
    Classes,
    /// Kinds that the operator names (`--custom-apply-stage-kinds`).
    Custom,
    /// Everything else.
    Rest,
}

impl Stage {
    pub(crate) const ALL: [Self; 4] = [Self::Definitions, Self::Classes, Self::Custom, Self::Rest];

    pub(crate) fn of(gvk: &Gvk, custom: &[GroupKind]) -> Self {
        if is_definition(gvk) {
            Self::Definitions
        } else if gvk.kind.ends_with("Class") {
            Self::Classes
        } else if custom.iter().any(|kind| kind.is_of(gvk)) {
            Self::Custom
        } else {
            Self::Rest
        }
    }
}

const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Place of a kind among all kinds; kinds of one rank do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(Stage, usize);

impl Rank {
    pub(crate) fn of(gvk: &Gvk, custom: &[GroupKind]) -> Self {
        let kind = gvk.kind.as_str();
        let place = if let Some(place) = FIRST.iter().position(|first| *first == kind) {
            place
        } else if let Some(place) = LAST.iter().position(|last| *last == kind) {
            FIRST.len() + 1 + place
        } else {
            FIRST.len()
        };
        Self(Stage::of(gvk, custom), place)
    }
}

/// The order of writes; reversed, the order of deletes.
pub(crate) fn compare(left: &ObjectRef, right: &ObjectRef, custom: &[GroupKind]) -> Ordering {
    let key = |object: &ObjectRef| {
        (
            Rank::of(&object.gvk, custom),
            object.gvk.group.clone(),
            object.gvk.kind.clone(),
            object.namespace.clone(),
            object.name.clone(),
        )
    };
    key(left).cmp(&key(right))
}

/// Whether it is of the first stage.
pub(crate) fn is_definition(gvk: &Gvk) -> bool {
    is_crd(gvk) || is_namespace(gvk) || is_cluster_role(gvk)
}

pub(crate) fn is_crd(gvk: &Gvk) -> bool {
    gvk.group == "apiextensions.k8s.io" && gvk.kind == "CustomResourceDefinition"
}

pub(crate) fn is_namespace(gvk: &Gvk) -> bool {
    gvk.group.is_empty() && gvk.kind == "Namespace"
}

pub(crate) fn is_cluster_role(gvk: &Gvk) -> bool {
    gvk.group == "rbac.authorization.k8s.io" && gvk.kind == "ClusterRole"
}

/// Whether deleting the object deletes others with it.
pub(crate) fn is_container(gvk: &Gvk) -> bool {
    is_crd(gvk) || is_namespace(gvk)
}

#[cfg(test)]
mod tests;
