//! The `afterbay` command.

#![expect(clippy::print_stderr, reason = "the binary owns the terminal")]

mod archive;
mod arguments;
mod cli;
mod commands;
mod directory;
mod exit;
mod failure;
mod hardening;
mod logging;
mod masking;
mod output;
mod progress;
mod stream;

use std::process::ExitCode;

fn main() -> ExitCode {
    let refused = hardening::harden();
    logging::start();
    cli::run(&refused).into()
}
