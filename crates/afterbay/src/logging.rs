//! Logs on standard error: ours only.

use std::io::{self, IsTerminal};

use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// What is shown without `RUST_LOG`: errors, and what a run waits for.
const DEFAULT: &str = "error,afterbay_apply=warn";

/// Starts logging by `RUST_LOG`.
///
/// Dependencies log request and response bodies at `trace`. Nothing of theirs is shown at any level,
/// so a secret in a body cannot reach the log whatever `RUST_LOG` says.
pub(crate) fn start() {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .without_time()
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_filter(filter_fn(is_ours));
    tracing_subscriber::registry().with(wanted).with(lines).init();
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "afterbay" || target.starts_with("afterbay::") || target.starts_with("afterbay_")
}
