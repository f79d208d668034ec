//! What is wrong with a YAML text, all of it at once.

use std::fmt;

use thiserror::Error;

use crate::Position;

/// One thing that is wrong. The file is named by whoever knows it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct YamlError {
    /// Where.
    pub position: Position,
    /// What, and what to do; never a value that was not a key.
    pub message: String,
}

/// Everything that is wrong with one text; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct YamlErrors(pub Vec<YamlError>);

impl fmt::Display for YamlErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}line {}: {error}", error.position.line)?;
        }
        Ok(())
    }
}

impl From<YamlError> for YamlErrors {
    fn from(error: YamlError) -> Self {
        Self(vec![error])
    }
}
