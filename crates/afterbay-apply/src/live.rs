//! What the cluster says about a set before anything is written.

use std::collections::BTreeMap;

use afterbay_manifest::ObjectRef;
use serde_json::Value;

use crate::Owner;
use crate::desired::Address;
use crate::discovery::Resource;
use crate::error::{ApplyError, Subject};
use crate::inventory::Key;
use crate::rollout::RolloutKey;

/// The server's judgement of every object of a set, and the state of what left it. Holds no values, unless
/// [`crate::Detail::Objects`] was asked for.
pub struct Live {
    pub(crate) findings: Vec<Finding>,
    /// What the inventory has and the set has not.
    pub(crate) members: BTreeMap<Key, Member>,
    pub(crate) warnings: Vec<String>,
    /// The key by which workloads of the set are rolled out; `None` where there are none.
    pub(crate) rollout: Option<RolloutKey>,
}

/// One object of the set.
pub(crate) struct Finding {
    pub(crate) subject: Subject,
    /// Where it goes; the verdict says why when nowhere.
    pub(crate) address: Option<Address>,
    pub(crate) verdict: Result<Verdict, ApplyError>,
    pub(crate) evidence: Option<Evidence>,
}

/// What a verdict was made from, plaintext included, so there is no `Debug`. Kept for objects that are to be written, and
/// only where [`crate::Detail::Objects`] asks for it.
pub(crate) struct Evidence {
    /// The object in the cluster.
    pub(crate) live: Option<Value>,
    /// The server's dry-run of it; `None` where the server was not asked or could not answer.
    pub(crate) outcome: Option<Value>,
}

/// What applying an object would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not exist.
    Create,
    /// It exists and would change.
    Configure {
        uid: String,
        /// Fields that change, by key path; never values.
        fields: Vec<String>,
        /// Keys of a Secret that our own `stringData` left behind.
        leftovers: Vec<String>,
        /// Managers whose fields become ours before the apply.
        takes_over: Vec<String>,
    },
    /// It exists, cannot be changed in place, and may be deleted and created anew.
    Recreate {
        uid: String,
        /// The fields that cannot change, with the server's words; never values.
        fields: Vec<String>,
    },
    /// It exists and is as it should be.
    Unchanged { uid: String },
    /// It exists, and an annotation says to leave it alone.
    Skip { uid: Option<String>, reason: String },
    /// The server cannot judge it before these are there.
    Deferred { waits_for: Vec<ObjectRef> },
}

/// A member of the set that is not in the revision any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// It is not in the cluster any more.
    Gone,
    /// Whether it is there cannot be told, because its group's API server is away.
    Unknown { reason: String },
    /// It is in the cluster.
    Present(Present),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) resource: Resource,
    pub(crate) uid: String,
    /// What the object is in, as [`crate::plan::state`] tells it.
    pub(crate) state: String,
    /// The `ApplySet` label.
    pub(crate) part_of: Option<String>,
    /// Flux's ownership labels.
    pub(crate) owner: Option<Box<Owner>>,
    /// Whether its labels say that it is a part of this program's own installation.
    pub(crate) is_own: bool,
    /// Whether our manager applied it.
    pub(crate) applied_by_us: bool,
    /// The control of Flux that forbids deleting it.
    pub(crate) kept_by: Option<String>,
}
