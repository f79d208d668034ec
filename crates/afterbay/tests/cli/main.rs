//! The binary as a user meets it, without a cluster and without a network.

mod commands;
mod decrypt;
mod machine;
mod terminal;
mod together;
mod unattended;
