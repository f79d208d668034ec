//! Fetches real repositories, made by the `git` command and served by `git http-backend`.
//!
//! These tests need `git` (with `http-backend`, Debian package `git`) and fail with that sentence where
//! it is missing. They need no network beyond the loopback interface.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "all of it is tests, and what clippy excepts are only the functions marked so"
)]

mod bases;
mod cache;
mod http;
mod isolation;
mod limits;
mod local;
mod support;
mod tls;
