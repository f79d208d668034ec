//! Why nothing, or not everything, was applied. Every text of the server was scrubbed before it came here.

mod all;
mod refusal;

use std::fmt;
use std::time::Duration;

use afterbay_manifest::{ObjectRef, Origin};
use thiserror::Error;

use crate::health::HealthStatus;
use crate::plan::Guard;

pub use all::ApplyErrors;
pub(crate) use refusal::{Quotes, Words, global, refused};

/// The object an error is about, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// Identity, with the namespace it goes to.
    pub object: ObjectRef,
    /// File and line; `None` for an object that is only in the inventory.
    pub origin: Option<Origin>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.object),
            None => self.object.fmt(f),
        }
    }
}

/// A field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldConflict {
    /// The field, as the server writes it: `.data.password`.
    pub field: String,
    /// The manager, and how it wrote, as the server writes it.
    pub manager: String,
}

impl fmt::Display for FieldConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is owned by {}", self.field, self.manager)
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum ApplyError {
    /// No connection, or it broke, after several attempts.
    #[error("{server} cannot be reached: {problem}")]
    Unreachable {
        /// The address.
        server: String,
        /// What happened to the last attempt.
        problem: String,
    },
    /// The server did not answer in time, or the run's time is over.
    #[error("{server} did not answer within {after:?}")]
    TooSlow {
        /// The address.
        server: String,
        /// How long it was given.
        after: Duration,
    },
    /// The time of the run is over.
    #[error("the time for this run is over while waiting for {server}")]
    OutOfTime {
        /// The address.
        server: String,
    },
    /// The credentials are not accepted.
    #[error("{server} does not accept these credentials: {message}")]
    Unauthorized {
        /// The address.
        server: String,
        /// The server's words.
        message: String,
    },
    /// The server does not know the kind, and no CRD of this revision defines it.
    #[error(
        "{subject}: the server has no kind {kind} in {api_version}{}",
        served_as(served)
    )]
    UnknownKind {
        /// The object.
        subject: Box<Subject>,
        /// The kind.
        kind: String,
        /// The `apiVersion` as written.
        api_version: String,
        /// Versions at which the kind is served instead.
        served: Vec<String>,
    },
    /// The name cannot be part of a URL path, so no server has such an object.
    #[error("{subject}: {name:?} is not a name the server can hold")]
    InvalidName {
        /// The object.
        subject: Box<Subject>,
        /// The name.
        name: String,
    },
    /// The namespace is neither in the cluster nor in this revision.
    #[error("{subject}: namespace {namespace:?} does not exist")]
    NamespaceMissing {
        /// The object.
        subject: Box<Subject>,
        /// The namespace.
        namespace: String,
    },
    /// The namespace is on its way out, so nothing can be created in it.
    #[error("{subject}: namespace {namespace:?} is being deleted")]
    NamespaceTerminating {
        /// The object.
        subject: Box<Subject>,
        /// The namespace.
        namespace: String,
    },
    /// RBAC or admission forbids it.
    #[error("{subject}: forbidden: {message}")]
    Forbidden {
        /// The object.
        subject: Box<Subject>,
        /// The server's words, which name user, verb and resource.
        message: String,
    },
    /// Other managers own fields that this revision wants to set to something else.
    #[error("{subject}: {}", list(conflicts))]
    Conflict {
        /// The object.
        subject: Box<Subject>,
        /// Each field with its owner.
        conflicts: Vec<FieldConflict>,
    },
    /// A field that cannot change after creation has another value in the cluster.
    #[error("{subject}: cannot be changed in place: {}", fields.join("; "))]
    Immutable {
        /// The object.
        subject: Box<Subject>,
        /// The fields with the server's words.
        fields: Vec<String>,
    },
    /// The server finds the object invalid.
    #[error("{subject}: invalid: {}", causes.join("; "))]
    Invalid {
        /// The object.
        subject: Box<Subject>,
        /// The server's reasons, one per field.
        causes: Vec<String>,
    },
    /// The object does not fit the schema that its CRD in this revision declares.
    #[error("{subject}: does not fit the schema of {crd}: {}", problems.join("; "))]
    Schema {
        /// The object.
        subject: Box<Subject>,
        /// The CRD's name.
        crd: String,
        /// What does not fit, by key path.
        problems: Vec<String>,
    },
    /// The server refuses for another reason.
    #[error("{subject}: refused with status {code}: {message}")]
    Refused {
        /// The object.
        subject: Box<Subject>,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The live object is a member of another `ApplySet`.
    #[error("{subject}: belongs to another ApplySet ({other})")]
    OwnedByOther {
        /// The object.
        subject: Box<Subject>,
        /// The other's id, as in its label.
        other: String,
    },
    /// The object in the revision sets the label that says whose it is.
    #[error("{subject}: sets the label applyset.kubernetes.io/part-of, which says whose an object is")]
    OwnLabel {
        /// The object.
        subject: Box<Subject>,
    },
    /// It was deleted because it could not be changed in place, and then the server did not create it.
    #[error("{subject}: was deleted to be created anew, which was then refused: {problem}")]
    NotCreatedAnew {
        /// The object.
        subject: Box<Subject>,
        /// Why.
        problem: String,
    },
    /// What it waits for was refused or failed.
    #[error("{subject}: waits for {awaited}, which failed")]
    AwaitedFailed {
        /// The object.
        subject: Box<Subject>,
        /// What it waits for.
        awaited: String,
    },
    /// A CRD or Namespace was written but did not become ready.
    #[error("{subject}: not ready: {state}")]
    NotReady {
        /// The object.
        subject: Box<Subject>,
        /// What it waits for.
        state: String,
    },
    /// An object that is waited for has failed.
    #[error("{subject}: {status}: {message}")]
    Unhealthy {
        /// The object.
        subject: Box<Subject>,
        /// Its status.
        status: HealthStatus,
        /// Why.
        message: String,
    },
    /// An object is not as it should be when the time for waiting is over.
    #[error("{subject}: not current after {after:?}: {status}: {message}")]
    NotCurrent {
        /// The object.
        subject: Box<Subject>,
        /// How long it was waited for.
        after: Duration,
        /// Its last status.
        status: HealthStatus,
        /// Why.
        message: String,
    },
    /// Another run holds the inventory.
    #[error("inventory {inventory} is held by {holder} since {since}")]
    Busy {
        /// The inventory, as `namespace/name`.
        inventory: String,
        /// Who holds it.
        holder: String,
        /// Since when, RFC 3339.
        since: String,
    },
    /// Another run took the inventory over while this one was writing.
    #[error("inventory {inventory} was taken over by {holder}; this run stopped writing")]
    TakenOver {
        /// The inventory.
        inventory: String,
        /// Who holds it now.
        holder: String,
    },
    /// Another run changed the inventory after it was read.
    #[error("inventory {inventory} changed while this run was planning")]
    InventoryChanged {
        /// The inventory.
        inventory: String,
    },
    /// The plan would delete what is not deleted without consent to it.
    #[error(
        "{guard}{}; if that is wanted, run again with --consent {plan}{other}",
        of_inventory(inventory.as_ref())
    )]
    NeedsConsent {
        /// What speaks against it.
        guard: Guard,
        /// The inventory, as `namespace/name`.
        inventory: Option<String>,
        /// What consent has to name.
        plan: String,
        /// What is wrong with the consent that was given.
        other: String,
    },
    /// The object with the inventory's name is not an inventory of ours.
    #[error("inventory {inventory} cannot be used: {problem}")]
    ForeignInventory {
        /// The inventory.
        inventory: String,
        /// What is wrong.
        problem: String,
    },
    /// The inventory cannot be read or written.
    #[error("inventory {inventory}: {problem}")]
    Inventory {
        /// The inventory.
        inventory: String,
        /// The server's words.
        problem: String,
    },
    /// The key of the fingerprints by which workloads are rolled out cannot be read or stored.
    #[error("the key by which workloads are rolled out, Secret {secret}: {problem}")]
    RolloutKey {
        /// The Secret, as `namespace/name`.
        secret: String,
        /// What is wrong.
        problem: String,
    },
    /// Two objects of the revision are one in the cluster.
    #[error("{subject}: is in the revision twice, also as {other}")]
    Twice {
        /// The second.
        subject: Box<Subject>,
        /// The first, with its place.
        other: String,
    },
    /// The live state was observed for another set of objects than the one to plan.
    #[error("{subject}: was not observed in the cluster")]
    NotObserved {
        /// The object.
        subject: Box<Subject>,
    },
}

fn served_as(served: &[String]) -> String {
    if served.is_empty() {
        String::new()
    } else {
        format!(" (it has it in {})", served.join(", "))
    }
}

fn of_inventory(inventory: Option<&String>) -> String {
    inventory.map_or_else(String::new, |inventory| format!(" of inventory {inventory}"))
}

fn list(conflicts: &[FieldConflict]) -> String {
    let texts: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

impl ApplyError {
    /// The object it is about.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::UnknownKind { subject, .. }
            | Self::InvalidName { subject, .. }
            | Self::NamespaceMissing { subject, .. }
            | Self::NamespaceTerminating { subject, .. }
            | Self::Forbidden { subject, .. }
            | Self::Conflict { subject, .. }
            | Self::Immutable { subject, .. }
            | Self::Invalid { subject, .. }
            | Self::Schema { subject, .. }
            | Self::Refused { subject, .. }
            | Self::OwnedByOther { subject, .. }
            | Self::OwnLabel { subject }
            | Self::NotReady { subject, .. }
            | Self::Unhealthy { subject, .. }
            | Self::NotCurrent { subject, .. }
            | Self::NotCreatedAnew { subject, .. }
            | Self::AwaitedFailed { subject, .. }
            | Self::Twice { subject, .. }
            | Self::NotObserved { subject } => Some(subject),
            Self::Unreachable { .. }
            | Self::TooSlow { .. }
            | Self::OutOfTime { .. }
            | Self::Unauthorized { .. }
            | Self::Busy { .. }
            | Self::TakenOver { .. }
            | Self::InventoryChanged { .. }
            | Self::NeedsConsent { .. }
            | Self::ForeignInventory { .. }
            | Self::Inventory { .. }
            | Self::RolloutKey { .. } => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check the address in the kubeconfig, the network and the server, then run again"
            }
            Self::TooSlow { .. } | Self::OutOfTime { .. } => "run again, or allow more time with --timeout",
            Self::Unauthorized { .. } => "renew the credentials of this context",
            Self::UnknownKind { .. } => {
                "install the CRD, add it to the revision, or correct apiVersion and kind"
            }
            Self::InvalidName { .. } => "choose a name without `/` and `%` that is not `.` or `..`",
            Self::NamespaceMissing { .. } => {
                "create the namespace, or add a Namespace object to the revision"
            }
            Self::NamespaceTerminating { .. } => "wait until the namespace is gone, then run again",
            Self::Forbidden { .. } => "grant the permission named above to this identity",
            Self::Conflict { .. } => {
                "remove the field from the revision, let its owner give it up, or take it with --override-manager NAME or --force-conflicts"
            }
            Self::Immutable { .. } => {
                "keep the value, or delete the object so that it is created anew, which --force does"
            }
            Self::Invalid { .. } | Self::Schema { .. } | Self::Refused { .. } => {
                "correct the object in the revision"
            }
            Self::OwnedByOther { .. } => {
                "remove the object from the other set first, or take it over with --force-conflicts"
            }
            Self::OwnLabel { .. } => "remove the label from the object in the revision",
            Self::AwaitedFailed { .. } => "correct what it waits for, then run again",
            Self::NotCreatedAnew { .. } => "correct what is named above and run again: it is created then",
            Self::Unhealthy { .. } => {
                "look at the object and what runs for it in the cluster, then correct the revision"
            }
            Self::NotCurrent { .. } => {
                "look at the object in the cluster, or allow more time with --wait-timeout or --timeout"
            }
            Self::NotReady { .. } => "look at the object's conditions in the cluster, then run again",
            Self::Busy { .. } => "wait for the other run; what a dead run left expires by itself",
            Self::TakenOver { .. } | Self::InventoryChanged { .. } => {
                "run again: what is done already stays done"
            }
            Self::NeedsConsent {
                guard: Guard::EmptySource { .. },
                ..
            } => "check the ref and the path; to delete all of it, use `afterbay delete --inventory NAME`",
            Self::NeedsConsent { .. } => {
                "check the ref and the path, and see with --dry-run=server what would be deleted"
            }
            Self::ForeignInventory { .. } => {
                "choose another inventory name, or remove the object that has this one"
            }
            Self::Inventory { .. } => {
                "this identity needs get, create, update and delete on the inventory's kind in its namespace"
            }
            Self::RolloutKey { .. } => {
                "this identity needs get and create on Secrets in that namespace; or do without, with --rollout-on-change=never"
            }
            Self::Twice { .. } => "keep one of them, or give them different namespaces",
            Self::NotObserved { .. } => "observe the set that is planned",
        }
    }

    /// Whether it concerns one object and leaves the others as they are.
    pub(crate) fn is_of_one_object(&self) -> bool {
        self.subject().is_some() && !matches!(self, Self::Twice { .. } | Self::NotObserved { .. })
    }

    /// Whether it says that the cluster is away, not that something is wrong with the objects.
    pub fn is_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TooSlow { .. }
                | Self::OutOfTime { .. }
                | Self::Unauthorized { .. }
        )
    }
}

#[cfg(test)]
mod tests;
