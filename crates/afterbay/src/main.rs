//! The `afterbay` command.

#![expect(clippy::print_stderr, reason = "the binary owns the terminal")]

mod archive;
mod arguments;
mod cli;
mod commands;
mod directory;
mod exit;
mod failure;
mod fingerprint_key;
mod hardening;
mod logging;
mod marks;
mod masking;
mod output;
mod progress;
mod saved_plan;
mod stream;

use std::process::ExitCode;

fn main() -> ExitCode {
    let refused = hardening::harden();
    logging::start();
    cli::run(&refused).into()
}
