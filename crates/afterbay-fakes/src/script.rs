//! What a test wants to happen instead of the next answers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::http::Reply;

/// Replies that are given once each, in order, before the service does its own again.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<VecDeque<Reply>>);

impl Script {
    pub(crate) fn add(&self, replies: impl IntoIterator<Item = Reply>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(replies);
    }

    pub(crate) fn next(&self) -> Option<Reply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
