//! What a test has an action answer.

use std::time::Duration;

/// A reply that a test has written.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub(super) what: What,
    pub(super) wait: Duration,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// The data key of a decryption.
    Key(Vec<u8>),
    /// An error in the form of the service.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// Anything, under the media type of the service.
    Body(u16, String),
    Silence,
    Hangup,
}

impl Scripted {
    /// A decryption that yields this.
    pub fn key(bytes: &[u8]) -> Self {
        Self::of(What::Key(bytes.to_vec()))
    }

    /// An error in the form of the service.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::of(What::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    /// The error of a service that is asked too often.
    pub fn throttling() -> Self {
        Self::error(400, "ThrottlingException", "Rate exceeded")
    }

    /// A body that need not be one of the service.
    pub fn body(status: u16, text: &str) -> Self {
        Self::of(What::Body(status, text.to_owned()))
    }

    /// No answer; the connection stays open.
    pub fn silence() -> Self {
        Self::of(What::Silence)
    }

    /// The connection ends without an answer.
    pub fn hangup() -> Self {
        Self::of(What::Hangup)
    }

    /// The same after a while.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    fn of(what: What) -> Self {
        Self {
            what,
            wait: Duration::ZERO,
        }
    }
}
