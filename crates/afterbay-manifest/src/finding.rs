//! What is wrong, as a person reads it.

use std::error::Error;

/// One thing that is wrong. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Place, cause, and what was tried; may have several lines.
    pub message: String,
    /// What to do, when the message does not say it already.
    pub hint: Option<String>,
}

impl Finding {
    /// An error with its chain of causes in one text.
    pub fn of(error: &dyn Error, hint: Option<String>) -> Self {
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

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("inner")]
    struct Inner;

    #[derive(Debug, Error)]
    enum Outer {
        #[error("outer")]
        Silent(#[source] Inner),
        #[error("outer: {0}")]
        Repeating(#[source] Inner),
    }

    #[test]
    fn a_cause_is_told_once() {
        for error in [Outer::Silent(Inner), Outer::Repeating(Inner)] {
            assert_eq!(Finding::of(&error, None).message, "outer: inner");
        }
    }
}
