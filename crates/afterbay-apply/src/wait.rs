//! Waits until objects are as they should be: by watches, within the time of the run.

mod collection;
mod ready;
mod watching;

pub(crate) use ready::{by_answer, until_ready, until_served};
pub(crate) use watching::{Awaited, Ending, Heard, Watching};

#[cfg(test)]
mod tests;
