//! Developer tasks: `cargo xtask --help`.

mod bench;
mod ci;
mod conformance;
mod counts;
mod demo;
mod differential;
mod e2e;
mod fixtures;
mod flags;
mod fuzz;
mod shell;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::Parser;

use counts::Counts;
use flags::{Task, Xtask};

fn main() -> ExitCode {
    let result = match Xtask::parse().task {
        Task::Bench(flags) => bench::run(&flags).map(|()| Counts::default()),
        Task::Ci(flags) => ci::run(&flags),
        Task::Conformance(flags) => conformance::run(&flags),
        Task::Demo(flags) => demo::run(&flags).map(|()| Counts::default()),
        Task::Differential(flags) => differential::run(&flags),
        Task::E2e(flags) => e2e::run(&flags),
        Task::Fixtures(flags) => fixtures::run(&flags),
        Task::Fuzz(flags) => fuzz::run(&flags),
        Task::Measure(flags) => bench::measure(&flags).map(|()| Counts::default()),
        Task::Tidy => tidy::run().map(|()| Counts::default()),
        Task::Tools(flags) => tools::run(&flags).map(|()| Counts::default()),
    };
    match result {
        Ok(counts) if counts.failed == 0 => ExitCode::SUCCESS,
        // What failed has been printed, and the counts are the last line.
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
