//! What an object's status says about it, as kstatus and Flux read it. No IO, no clock.

mod checks;
mod expressions;
mod fields;
mod kstatus;
mod workloads;

use std::fmt;

use afterbay_manifest::Gvk;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

pub use checks::{GroupKind, HealthCheck};
pub use expressions::{ExpressionError, HealthCheckExpr, HealthExpressions};

use crate::client::ServerText;
use crate::order::is_namespace;

/// How an object is, in the words of kstatus (sigs.k8s.io/cli-utils).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum HealthStatus {
    /// It is as it should be.
    Current,
    /// It is on its way.
    InProgress,
    /// It has failed and does not go on by itself.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
    /// It cannot be told.
    Unknown,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A status with its reason in the words of whoever gave it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) status: HealthStatus,
    pub(crate) message: ServerText,
    /// What becomes of it at a time, although nobody changes the object.
    pub(crate) later: Option<(OffsetDateTime, Box<Health>)>,
}

impl Health {
    pub(crate) fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self {
            status,
            message: ServerText::new(message),
            later: None,
        }
    }

    fn current(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Current, message)
    }

    fn in_progress(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::InProgress, message)
    }

    fn failed(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Failed, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(HealthStatus::NotFound, "it is not in the cluster")
    }

    fn unknown(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Unknown, message)
    }

    pub(crate) fn is_current(&self) -> bool {
        self.status == HealthStatus::Current
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.status == HealthStatus::Failed
    }
}

/// Judges a live object of a kind, by an expression if there is one for its kind.
pub(crate) fn judge(gvk: &Gvk, object: &Value, expressions: &HealthExpressions) -> Health {
    match expressions.of(gvk) {
        Some(rules) => rules.judge(object),
        None => kstatus::compute(gvk, object),
    }
}

/// The same for an object that others of the set build on. A Namespace is usable once it is active, of which kstatus knows
/// nothing, and what is being deleted will not be.
pub(crate) fn judge_in_stage(gvk: &Gvk, object: &Value, expressions: &HealthExpressions) -> Health {
    let health = judge(gvk, object, expressions);
    if health.status == HealthStatus::Terminating {
        return Health::failed("it is being deleted");
    }
    let phase = object["status"]["phase"].as_str();
    if is_namespace(gvk) && health.is_current() && phase != Some("Active") {
        return Health::in_progress("not active yet");
    }
    health
}

/// Whether metadata is all that counts of a kind, so that its values need not be read.
pub(crate) fn needs_metadata_only(gvk: &Gvk, expressions: &HealthExpressions) -> bool {
    expressions.of(gvk).is_none() && kstatus::is_always_ready(gvk)
}

#[cfg(test)]
mod tests;
