//! The binary as a user meets it, without a cluster and without a network. Needs `git` and a terminal device.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "all of it is tests, and what clippy excepts are only the functions marked so"
)]

mod commands;
mod decrypt;
mod failures;
mod machine;
mod render;
mod specified;
mod terminal;
mod together;
mod unattended;
