//! Strict fakes of key services, for tests: of this workspace as a library, of anything else as a program.
//!
//! ```text
//! http::Server ── Request ──► a service ──► Reply
//!    │ counts what comes in, keeps what the real service would not take
//!    ├ tls::TestCa: HTTPS under a certificate of its own
//!    └ connect::Proxy: a client that insists on real names is led here
//! ```
//!
//! A fake does what the service does (it encrypts, too, so that the real `sops` can be used with it) and what
//! a test has scripted: refusals, throttling, silence, answers that are none. A request that the service
//! would not take is answered as the service would, and kept as a violation: dropping a server that has some
//! fails the test.

pub mod aws;
pub mod azure;
pub mod connect;
pub mod gcp;
pub mod http;
mod jwt;
mod script;
mod sealed;
pub mod tls;
pub mod vault;
