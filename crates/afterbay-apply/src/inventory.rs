//! What a set owns, kept in the cluster between runs.
//!
//! The parent is an `ApplySet` parent (KEP-3659), so `kubectl` can read whose it is and refuses to touch
//! it. It is a ConfigMap unless asked otherwise: an inventory holds names, never values, and whoever may
//! look at it need not be allowed to read Secrets. `kubectl` itself defaults to a Secret to keep the
//! door open for tools that store more.

mod entry;
mod holder;
mod listing;
mod look;
mod parent;
mod read;
mod store;

use std::collections::BTreeMap;
use std::time::Duration;

pub use entry::Entry;
pub(crate) use entry::Key;
pub use listing::{InventorySummary, inventories};
pub use look::{InventoryView, look};
pub(crate) use parent::{PART_OF, ParentState};
pub use read::inventory;
pub(crate) use store::{Renewal, Store};

/// Which inventory, and how to behave when another run holds it.
#[derive(Debug, Clone)]
pub struct InventoryOptions {
    /// Its name, which is the parent object's name.
    pub name: String,
    /// Its namespace; `None` is the namespace of the context.
    pub namespace: Option<String>,
    /// The kind of the parent object.
    pub parent: ParentKind,
    /// What to do when another run holds it.
    pub busy: Busy,
    /// Who this run is, shown to others while it writes; no secret.
    pub holder: String,
}

/// The kind of object that carries an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParentKind {
    /// A ConfigMap.
    #[default]
    ConfigMap,
    /// A Secret, the default of `kubectl apply --applyset`.
    Secret,
}

impl ParentKind {
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }
}

/// What a run does when another one holds the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// Waits as long as the connection's time allows.
    Wait,
    /// Fails at once and names the holder.
    Fail,
}

/// How long a run that stopped renewing is believed to be alive.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// How a run keeps its hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How often it says that it is alive.
    pub(crate) renewal: Duration,
    /// How long after that it still writes. Shorter than [`LEASE`], because the server's clock is known to
    /// the second only and a write takes its time.
    pub(crate) trusted: Duration,
    /// How long it waits after a renewal that did not come through.
    pub(crate) again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            renewal: Duration::from_secs(5),
            trusted: LEASE.saturating_sub(Duration::from_secs(3)),
            again: Duration::from_secs(1),
        }
    }
}

/// What one set owned when it was read, and the guard against others that change it meanwhile.
#[derive(Debug)]
pub struct Inventory {
    state: Option<State>,
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) parent: ParentState,
    pub(crate) entries: BTreeMap<Key, Entry>,
    pub(crate) holder: String,
    pub(crate) pace: Pace,
}

impl Inventory {
    /// No inventory: nothing is recorded, so nothing can be pruned.
    pub fn none() -> Self {
        Self { state: None }
    }

    pub(crate) fn of(state: State) -> Self {
        Self { state: Some(state) }
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// The objects that the set owned, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.state.iter().flat_map(|state| state.entries.values())
    }

    /// The revision that was applied last, in Flux's form; `None` before the first.
    pub fn revision(&self) -> Option<&str> {
        self.state.as_ref()?.parent.revision()
    }

    /// The `ApplySet` id that members carry as label; `None` without inventory.
    pub fn id(&self) -> Option<&str> {
        Some(self.state.as_ref()?.parent.id())
    }

    /// Whether it exists in the cluster.
    pub fn exists(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.parent.exists())
    }
}

#[cfg(test)]
mod tests;
