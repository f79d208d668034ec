//! HTTP for Git's smart protocol: our own client behind the protocol library's seam.
//!
//! The protocol library blocks; the client is async. A request is driven from the blocking thread, and
//! every wait in it ends with the answer, a time limit, or the end of the fetch.

mod client;
mod exchange;
pub(crate) mod redirect;

pub(crate) use client::{Client, same_origin};
pub(crate) use exchange::GitHttp;
