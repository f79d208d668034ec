//! Applies a normalized set to a cluster, and keeps account of what it owns there.
//!
//! ```text
//! connect ──► Client
//! inventory(&client) ──► Inventory ─┐
//! observe(&client, &set, …) ──► Live ┴─► plan (pure) ──► ApplyPlan ──► execute(&client) ──► ApplyReport
//! ```
//!
//! Everything is decided in [`plan`] from what [`observe`] was told: the server's dry-run of every object that may change,
//! held against what is there. [`execute`] writes what differs, stage by stage, and prunes last; a plan
//! without differences sends no write at all.
//!
//! ```
//! use afterbay_apply::{
//!     ApplyOptions, ApplyReport, Busy, ConnectOptions, InventoryOptions, ParentKind, Prune,
//! };
//! use afterbay_normalize::NormalizedSet;
//!
//! async fn apply(set: NormalizedSet) -> Result<ApplyReport, Box<dyn std::error::Error>> {
//!     let client = afterbay_apply::connect(&ConnectOptions::default()).await?;
//!     let which = InventoryOptions {
//!         name: "shop".to_owned(),
//!         namespace: None,
//!         parent: ParentKind::ConfigMap,
//!         busy: Busy::Wait,
//!         holder: "example".to_owned(),
//!     };
//!     let options = ApplyOptions { prune: Prune::Delete, ..ApplyOptions::default() };
//!
//!     let inventory = afterbay_apply::inventory(&client, &which).await?;
//!     let live = afterbay_apply::observe(&client, &set, &inventory, &options, &mut |_, _| ()).await?;
//!     let plan = afterbay_apply::plan(set, &inventory, live, &options)?;
//!     println!("{} objects to write or delete", plan.writes());
//!     Ok(afterbay_apply::execute(&client, plan, &mut |_| ()).await?)
//! }
//! ```

mod client;
mod delete;
mod desired;
mod diff;
mod discovery;
mod doctor;
mod error;
mod execute;
mod health;
mod ignore;
mod inventory;
mod live;
mod observe;
mod options;
mod order;
mod plan;
mod report;
mod rollout;
mod schema;
#[cfg(test)]
mod scripted;
mod shape;
mod wait;

pub use client::{
    Client, ConnectError, ConnectOptions, ExecPlugins, Identity, KubeconfigSecret, Wrote, connect,
};
pub use delete::delete;
pub use diff::{Change, Diff, DiffOptions, FingerprintKey, Marks, Masked, ObjectDiff, Shown, WeakKey};
pub use doctor::{Examination, ExaminedSecret, OrphanedKey, RepairFailure, examine, repair};
pub use error::{ApplyError, ApplyErrors, FieldConflict, Subject};
pub use execute::{ApplyEvent, ApplyFailure, execute};
pub use health::{ExpressionError, GroupKind, HealthCheck, HealthCheckExpr, HealthExpressions, HealthStatus};
pub use ignore::IgnoreRule;
pub use inventory::{
    Busy, Entry, Inventory, InventoryOptions, InventorySummary, InventoryView, ParentKind, inventories,
    inventory, look,
};
pub use live::Live;
pub use observe::observe;
pub use options::{
    ApplyOptions, Check, Conflicts, Detail, Existing, FIELD_MANAGER, FailurePolicy, Force, Guards, MaxPrune,
    Mode, Owner, PROTECTED, Prune, TAKEN_OVER, UnknownFields, Wait,
};
pub use plan::{
    ApplyPlan, Guard, NotAPlan, Outline, Planned, PlannedObject, PlannedStage, SaveOptions, SavedPlan, plan,
};
pub use report::{Action, ApplyReport, Counts, ObjectHealth, ObjectReport};
pub use rollout::RolloutOnChange;
