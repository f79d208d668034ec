//! What a plan does not delete without consent that names it.

use std::fmt;

use afterbay_normalize::NormalizedSet;

use super::{ApplyPlan, Fate, PruneStep, Step};
use crate::error::ApplyError;
use crate::inventory::Inventory;
use crate::live::Verdict;
use crate::{ApplyOptions, Guards};

/// A reason not to delete, which only consent to this very plan sets aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// There is no object to apply, and pruning would delete all that the inventory has.
    EmptySource {
        /// Number of objects that would be deleted.
        deletes: usize,
        /// What the stages said about it.
        reasons: Vec<String>,
    },
    /// The source may have objects that did not come through.
    PartlyRead {
        /// Number of objects that would be deleted.
        deletes: usize,
        /// What was noticed.
        reason: String,
    },
    /// More would be deleted than the operator allows.
    TooMany {
        /// Number of objects that would be deleted.
        deletes: usize,
        /// Number of objects that the inventory has.
        of: usize,
        /// The limit, as it was given: `5` or `20%`.
        limit: String,
    },
    /// An object would be deleted to be created anew whose deletion takes data or other objects with it.
    Recreates {
        /// The object, with its place.
        object: String,
    },
}

/// What speaks against deleting what the plan would delete.
pub(super) fn guards(
    set: &NormalizedSet,
    steps: &[Step],
    prunes: &[PruneStep],
    inventory: &Inventory,
    options: &ApplyOptions,
) -> Vec<Guard> {
    let deletes = prunes
        .iter()
        .filter(|prune| matches!(prune.fate, Fate::Delete { .. }))
        .count();
    let mut guards: Vec<Guard> = steps
        .iter()
        .filter(|step| matches!(step.verdict, Verdict::Recreate { .. }))
        .filter(|step| {
            let gvk = &step.address.object.gvk;
            options.guards.protects(gvk) || Guards::default().protects(gvk)
        })
        .map(|step| Guard::Recreates {
            object: step.subject.to_string(),
        })
        .collect();
    if deletes == 0 {
        return guards;
    }
    // What came to be empty by mistake (a wrong path, a broken pipe) cannot be told from what was emptied on purpose.
    if steps.is_empty() {
        guards.push(Guard::EmptySource {
            deletes,
            reasons: set.warnings().iter().map(ToString::to_string).collect(),
        });
    }
    if let Some(reason) = options.guards.partly_read.clone() {
        guards.push(Guard::PartlyRead { deletes, reason });
    }
    let of = inventory.entries().count();
    if let Some(limit) = options
        .guards
        .max_prune
        .filter(|limit| !limit.allows(deletes, of))
    {
        guards.push(Guard::TooMany {
            deletes,
            of,
            limit: limit.to_string(),
        });
    }
    guards
}

impl ApplyPlan {
    /// Whether guards hold something back that nobody consented to.
    pub(crate) fn needs_consent(&self) -> bool {
        !self.guards.is_empty() && self.options.guards.consent.as_deref() != Some(self.id().as_str())
    }

    /// Turns what guards speak against into what waits for consent.
    pub(super) fn hold_back(&mut self) {
        if !self.needs_consent() {
            return;
        }
        let texts: Vec<String> = self.guards.iter().map(ToString::to_string).collect();
        let reason = format!("held back: {}", texts.join("; "));
        for prune in &mut self.prunes {
            if let Fate::Delete { resource, uid } = &prune.fate {
                prune.fate = Fate::Held {
                    resource: resource.clone(),
                    uid: uid.clone(),
                    reason: reason.clone(),
                };
            }
        }
    }

    /// The guards that hold something back, as errors that say what consent to give.
    pub(crate) fn held_back(&self) -> Vec<ApplyError> {
        if !self.needs_consent() {
            return Vec::new();
        }
        let other = self
            .options
            .guards
            .consent
            .as_ref()
            .map_or_else(String::new, |other| {
                format!(" (--consent {} is for another plan)", other.escape_default())
            });
        self.guards
            .iter()
            .map(|guard| ApplyError::NeedsConsent {
                guard: guard.clone(),
                inventory: self.state.as_ref().map(|state| state.parent.display()),
                plan: self.id(),
                other: other.clone(),
            })
            .collect()
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySource { deletes, reasons } => {
                write!(f, "no object to apply")?;
                reasons.iter().try_for_each(|reason| write!(f, " ({reason})"))?;
                write!(f, ", and pruning would delete all {deletes} objects")
            }
            Self::PartlyRead { deletes, reason } => {
                write!(f, "{reason}, and pruning would delete {deletes} objects")
            }
            Self::TooMany { deletes, of, limit } => write!(
                f,
                "pruning would delete, against --max-prune {limit}, {deletes} of {of} objects"
            ),
            Self::Recreates { object } => write!(
                f,
                "{object} would be deleted and created anew, and what it holds would be gone"
            ),
        }
    }
}
