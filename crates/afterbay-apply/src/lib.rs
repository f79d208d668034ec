//! Applies a normalized set to a cluster, and keeps account of what it owns there.
//!
//! ```text
//! connect ──► Client
//! inventory(&client) ──► Inventory ─┐
//! observe(&client, &set, …) ──► Live ┴─► plan (pure) ──► ApplyPlan ──► execute(&client) ──► ApplyReport
//! ```
//!
//! Everything is decided in [`plan`] from what [`observe`] was told: the server's dry-run of every object,
//! held against what is there. [`execute`] writes what differs, stage by stage, and prunes last; a plan
//! without differences sends no write at all.

mod client;
mod delete;
mod desired;
mod discovery;
mod error;
mod execute;
mod inventory;
mod live;
mod observe;
mod options;
mod order;
mod plan;
mod report;
mod schema;
#[cfg(test)]
mod scripted;
mod wait;

pub use client::{Client, ConnectError, ConnectOptions, connect};
pub use delete::delete;
pub use error::{ApplyError, ApplyErrors, FieldConflict, Subject};
pub use execute::{ApplyEvent, ApplyFailure, execute};
pub use inventory::{
    Busy, Entry, Inventory, InventoryOptions, InventorySummary, ParentKind, inventories, inventory,
};
pub use live::Live;
pub use observe::observe;
pub use options::{ApplyOptions, Conflicts, FIELD_MANAGER, Mode, Prune, UnknownFields};
pub use plan::{ApplyPlan, plan};
pub use report::{Action, ApplyReport, Counts, ObjectReport};
