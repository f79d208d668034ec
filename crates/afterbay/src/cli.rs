//! The command line: which command, and what becomes of its result.

use std::io::{self, Write};

use afterbay_manifest::REDACTION_REMOVED;
use clap::{Parser, Subcommand};

use crate::commands::{
    apply, completion, decrypt, delete, diff, doctor, fetch, inventory, normalize, plan, render, version,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Verbosity;

/// Take a Git revision, open its encrypted secrets in memory, and apply it to Kubernetes
#[derive(Debug, Parser)]
#[command(name = "afterbay", version = version::TEXT, after_help = Exit::TABLE, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Print errors and warnings only
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(Box<apply::Apply>),
    Plan(Box<plan::Plan>),
    Diff(Box<diff::Diff>),
    Delete(delete::Delete),
    Inventory(inventory::Inventory),
    Doctor(doctor::Doctor),
    Fetch(fetch::Fetch),
    Decrypt(decrypt::Decrypt),
    Render(render::Render),
    Normalize(normalize::Normalize),
    Completion(completion::Completion),
    Version(version::Version),
}

/// Runs the command that the arguments name. `refused` is what hardening could not do.
pub(crate) fn run(refused: &[&str]) -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help to standard output and mistakes to standard error.
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
            return if error.print().is_ok() {
                exit
            } else {
                Exit::Failure
            };
        }
    };
    for problem in refused {
        eprintln!("warning: {problem}; an opened secret could be read from this process");
    }
    if REDACTION_REMOVED {
        eprintln!("warning: this build does not redact; it is for one test and for nothing else");
    }
    let verbosity = if cli.quiet {
        Verbosity::Quiet
    } else {
        Verbosity::Normal
    };
    match execute(cli.command, verbosity) {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = io::stderr().write_all(failure.render().as_bytes());
            failure.exit
        }
    }
}

fn execute(command: Command, verbosity: Verbosity) -> Result<Exit, Failure> {
    let done = |()| Exit::Success;
    // The commands without a cluster or a key service need no runtime, and start faster without it.
    let command = match command {
        Command::Render(command) => return command.run().map(done),
        Command::Completion(command) => return command.run().map(done),
        Command::Version(command) => return command.run().map(done),
        other => other,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| anyhow::Error::new(error).context("cannot start the async runtime"))?;
    let result = runtime.block_on(async {
        let work = async {
            match command {
                // Its future is large, and all the others would have room for it.
                Command::Apply(command) => Box::pin(command.run(verbosity)).await,
                Command::Plan(command) => command.run(verbosity).await,
                Command::Diff(command) => command.run(verbosity).await,
                Command::Delete(command) => command.run(verbosity).await.map(done),
                Command::Inventory(command) => command.run().await.map(done),
                Command::Doctor(command) => command.run().await,
                Command::Fetch(command) => command.run(verbosity).await.map(done),
                Command::Decrypt(command) => command.run().await.map(done),
                Command::Normalize(command) => command.run().await.map(done),
                Command::Render(_) | Command::Completion(_) | Command::Version(_) => Ok(Exit::Success),
            }
        };
        tokio::select! {
            result = work => result,
            () = interrupted() => Err(Failure::interrupted()),
        }
    });
    // A blocking fetch may still wait for the network; nobody waits for it.
    runtime.shutdown_background();
    result
}

/// Completes on Ctrl-C or SIGTERM.
async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests;
