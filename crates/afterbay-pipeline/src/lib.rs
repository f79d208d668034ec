//! The stages in order, and nothing else: no policy, no special case.
//!
//! ```text
//! Target ─► fetch ─► open (files) ─► render ─► open (objects) ─► normalize ─► plan ─► apply ─► RunReport
//!                 keys ┘                    keys ┘
//! ```
//!
//! Each step consumes what the one before made, so that what is not decrypted cannot be planned. Progress
//! goes out as [`StageEvent`]s; whoever calls draws them.

mod error;
mod event;
mod proofs;
mod report;
mod run;
mod target;

pub use error::RunError;
pub use event::{Emit, Stage, StageEvent};
pub use report::RunReport;
pub use run::{Built, Stopped, apply, build, execute, piped, plan, run};
pub use target::{Build, Destination, Target};
