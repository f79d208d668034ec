//! Why a run stopped: the stage's own errors, all of them, as one list of findings.

use afterbay_apply::{ApplyError, ApplyErrors, ApplyFailure, ConnectError};
use afterbay_decrypt::DecryptErrors;
use afterbay_manifest::Warning;
use afterbay_normalize::NormalizeErrors;
use afterbay_render::RenderErrors;
use afterbay_source::SourceError;
use thiserror::Error;

use crate::Stage;

/// The errors of the stage that stopped the run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The revision could not be fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The build is wrong.
    #[error(transparent)]
    Render(#[from] RenderErrors),
    /// Something could not be opened, or would end where it must not.
    #[error(transparent)]
    Decrypt(#[from] DecryptErrors),
    /// An object is wrong.
    #[error(transparent)]
    Normalize(#[from] NormalizeErrors),
    /// There is no connection to the cluster.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no object, and a run that prunes would delete everything that the inventory has. What came
    /// to be empty by mistake (a wrong path, a broken pipe) is not told from what was emptied on purpose.
    #[error(
        "no object to apply, and a run that prunes would delete all that the inventory has{}",
        reasons(warnings)
    )]
    Empty {
        /// What the stages said about it.
        warnings: Vec<Warning>,
    },
    /// The cluster refused before the first write.
    #[error(transparent)]
    Plan(#[from] ApplyErrors),
    /// The cluster failed after the first write.
    #[error(transparent)]
    Apply(#[from] Box<ApplyFailure>),
}

/// One thing that is wrong, as a person reads it. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Place, cause, and what was tried; may have several lines.
    pub message: String,
    /// What to do, when the message does not say it already.
    pub hint: Option<String>,
}

impl Finding {
    fn of(error: &dyn std::error::Error, hint: Option<String>) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some libraries repeat the cause in their own text.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        Self { message, hint }
    }
}

impl RunError {
    /// Which stage stopped.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Source(_) => Stage::Fetch,
            Self::Render(_) | Self::Empty { .. } => Stage::Render,
            Self::Decrypt(_) => Stage::Decrypt,
            Self::Normalize(_) => Stage::Normalize,
            Self::Connect(_) | Self::Plan(_) => Stage::Plan,
            Self::Apply(_) => Stage::Apply,
        }
    }

    /// Whether another run holds the inventory, so that nothing was written.
    pub fn is_locked(&self) -> bool {
        let held = |errors: &ApplyErrors| {
            errors.iter().any(|error| {
                matches!(
                    error,
                    ApplyError::Busy { .. } | ApplyError::InventoryChanged { .. }
                )
            })
        };
        match self {
            Self::Plan(errors) => held(errors),
            Self::Apply(failure) => held(&failure.errors),
            _ => false,
        }
    }

    /// Everything that is wrong, in order.
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Source(error) => vec![Finding::of(error, error.hint())],
            Self::Render(errors) => errors.0.iter().map(|error| Finding::of(error, None)).collect(),
            Self::Decrypt(errors) => errors.0.iter().map(|error| Finding::of(error, None)).collect(),
            Self::Normalize(errors) => errors.0.iter().map(|error| Finding::of(error, None)).collect(),
            Self::Empty { .. } => vec![Finding::of(self, Some(EMPTY_HINT.to_owned()))],
            Self::Connect(error) => vec![Finding::of(error, Some(error.hint().to_owned()))],
            Self::Plan(errors) => apply_findings(errors),
            Self::Apply(failure) => apply_findings(&failure.errors),
        }
    }
}

const EMPTY_HINT: &str =
    "check the ref and --path; to delete all of it, use `afterbay delete --inventory NAME`";

fn reasons(warnings: &[Warning]) -> String {
    warnings.iter().map(|warning| format!(": {warning}")).collect()
}

fn apply_findings(errors: &ApplyErrors) -> Vec<Finding> {
    errors
        .iter()
        .map(|error| Finding::of(error, Some(error.hint().to_owned())))
        .collect()
}
