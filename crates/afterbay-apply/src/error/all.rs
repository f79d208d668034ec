//! All reasons together.

use std::fmt;

use afterbay_manifest::Finding;

use super::ApplyError;

/// Everything that stands against applying, in a stable order and without repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyErrors(Vec<ApplyError>);

impl ApplyErrors {
    /// Each of them as a person reads it.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |error: &ApplyError| Finding::of(error, Some(error.hint().to_owned()));
        self.iter().map(finding).collect()
    }

    /// Whether another run holds or has changed the inventory. Only the Namespace that the inventory is in may
    /// have been written before that.
    pub fn is_locked(&self) -> bool {
        self.iter().any(|error| {
            matches!(
                error,
                ApplyError::Busy { .. } | ApplyError::InventoryChanged { .. }
            )
        })
    }

    /// The reasons: first what concerns no single object, then by file and object.
    pub fn new(errors: impl IntoIterator<Item = ApplyError>) -> Self {
        let mut errors: Vec<_> = errors.into_iter().collect();
        errors.sort_by(|left, right| {
            let place = |error: &ApplyError| {
                error
                    .subject()
                    .map(|subject| (subject.origin.clone(), subject.object.clone()))
            };
            place(left).cmp(&place(right)).then_with(|| left.cmp(right))
        });
        errors.dedup();
        Self(errors)
    }

    /// Each reason.
    pub fn iter(&self) -> std::slice::Iter<'_, ApplyError> {
        self.0.iter()
    }

    /// Number of reasons.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<ApplyError> for ApplyErrors {
    fn from(error: ApplyError) -> Self {
        Self(vec![error])
    }
}

impl<'a> IntoIterator for &'a ApplyErrors {
    type Item = &'a ApplyError;
    type IntoIter = std::slice::Iter<'a, ApplyError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ApplyErrors {
    /// One reason a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApplyErrors {}
