//! Developer tasks: `cargo xtask --help`.

mod ci;
mod e2e;
mod flags;
mod shell;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::Parser;

use flags::{Task, Xtask};

fn main() -> ExitCode {
    let result = match Xtask::parse().task {
        Task::Ci(flags) => ci::run(&flags),
        Task::E2e(flags) => e2e::run(&flags),
        Task::Tidy => tidy::run(),
        Task::Tools(flags) => tools::run(&flags),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
