//! Why a run stopped: the stage's own errors, all of them, as one list of findings.

use afterbay_apply::{ApplyErrors, ApplyFailure, ConnectError};
use afterbay_decrypt::DecryptErrors;
use afterbay_manifest::Finding;
use afterbay_normalize::NormalizeErrors;
use afterbay_render::RenderErrors;
use afterbay_source::SourceError;
use thiserror::Error;

use crate::Stage;

/// The errors of the stage that stopped the run, and of the others that could still be looked at.
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
    /// The cluster refused before the first write.
    #[error(transparent)]
    Plan(#[from] ApplyErrors),
    /// The cluster failed while the plan was carried out; the failure says whether anything was written.
    #[error(transparent)]
    Apply(#[from] Box<ApplyFailure>),
    /// Several stages found something wrong, in their order.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<RunError>),
}

impl RunError {
    /// Which stage stopped; the earliest, if several did.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Source(_) => Stage::Fetch,
            Self::Render(_) => Stage::Render,
            Self::Decrypt(_) => Stage::Decrypt,
            Self::Normalize(_) => Stage::Normalize,
            Self::Connect(_) | Self::Plan(_) => Stage::Plan,
            Self::Apply(_) => Stage::Apply,
            Self::Several(errors) => errors.first().map_or(Stage::Fetch, Self::stage),
        }
    }

    /// Whether another run holds the inventory, so that nothing was written.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Plan(errors) if errors.is_locked())
            || matches!(self, Self::Apply(failure) if failure.is_locked())
    }

    /// Everything that is wrong, in order.
    pub fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Source(error) => vec![Finding::of(error, error.hint())],
            Self::Render(errors) => errors.findings(),
            Self::Decrypt(errors) => errors.findings(),
            Self::Normalize(errors) => errors.findings(),
            Self::Connect(error) => vec![Finding::of(error, Some(error.hint().to_owned()))],
            Self::Plan(errors) => errors.findings(),
            Self::Apply(failure) => failure.errors.findings(),
            Self::Several(errors) => errors.iter().flat_map(Self::findings).collect(),
        }
    }
}
