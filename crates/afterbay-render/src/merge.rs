//! Patches: strategic merge and JSON6902 as kustomize 5.8.2 applies them, as functions over [`Node`]s.
//!
//! ```text
//! text ──patch.rs──► Patch ─┬─ Strategic(objects) ──strategic.rs──► list.rs: lists that merge
//!                           │                          └──────────► schema.rs: which lists those are
//!                           └─ Json(operations) ────json6902.rs
//! select.rs: which objects a target means           labels.rs: label selectors
//! ```
//!
//! What differs from kustomize: of a key that stands twice in a YAML patch it takes the last, and a regular expression of a
//! target may close the parentheses that it puts around it; both are refused here.
//!
//! Nodes move as a whole from a patch into its target, so every leaf keeps its provenance.
//!
//! [`Node`]: afterbay_manifest::Node

mod apply;
mod error;
mod json6902;
mod labels;
mod list;
mod patch;
mod schema;
mod select;
mod strategic;

pub use apply::{Options, apply};
pub use error::MergeError;
pub use json6902::{Operation, OperationError, json6902};
pub use labels::LabelSelector;
pub use patch::{Patch, PatchError};
pub use schema::Schema;
pub use select::{Identity, Selector, Target, TargetError};
pub use strategic::{Outcome, strategic};

#[cfg(test)]
mod tests;
