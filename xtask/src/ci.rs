//! `cargo xtask ci`: every check, each as a lane with its time.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::flags::{Ci, Cluster, E2e};
use crate::shell::{cargo, check, find_program};
use crate::{e2e, tidy};

/// What became of a lane.
enum Outcome {
    Passed,
    Failed(anyhow::Error),
    Skipped(String),
}

type Lane = (&'static str, fn() -> anyhow::Result<Outcome>);

/// In the order of what fails fastest.
const LANES: [Lane; 9] = [
    ("fmt", || passed(&mut cargo(["fmt", "--all", "--check"]))),
    ("tidy", || tidy::run().map(|()| Outcome::Passed)),
    ("deny", deny),
    ("advisories", advisories),
    ("clippy", || {
        passed(
            cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"])
                .args(["--", "--deny", "warnings"]),
        )
    }),
    ("doc", || {
        passed(
            cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
                .env("RUSTDOCFLAGS", "--deny warnings"),
        )
    }),
    ("test", || passed(&mut cargo(["test", "--locked"]))),
    ("e2e", e2e),
    ("package", package),
];

/// Runs every lane, whatever became of the others, and prints the time of each.
pub(crate) fn run(flags: &Ci) -> anyhow::Result<()> {
    let results: Vec<(&str, Duration, Outcome)> = LANES
        .into_iter()
        .map(|(name, lane)| {
            println!("── {name}");
            let started = Instant::now();
            let outcome = if flags.skip.iter().any(|skipped| skipped == name) {
                Outcome::Skipped("left out by --skip".to_owned())
            } else {
                lane().unwrap_or_else(Outcome::Failed)
            };
            (name, started.elapsed(), outcome)
        })
        .collect();
    summary(&results)
}

fn summary(results: &[(&str, Duration, Outcome)]) -> anyhow::Result<()> {
    println!("\nlane        seconds  result");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, time, outcome) in results {
        let result = match outcome {
            Outcome::Passed => {
                passed += 1;
                "passed".to_owned()
            }
            Outcome::Failed(error) => {
                failed += 1;
                format!("FAILED: {error:#}")
            }
            Outcome::Skipped(reason) => {
                skipped += 1;
                format!("skipped: {reason}")
            }
        };
        println!("{name:<10}  {:>7.1}  {result}", time.as_secs_f64());
    }
    let total: Duration = results.iter().map(|(_, time, _)| *time).sum();
    println!("total       {:>7.1}\n", total.as_secs_f64());
    println!("lanes: {passed} passed, {failed} failed, {skipped} skipped");
    anyhow::ensure!(failed == 0, "{failed} lanes failed");
    Ok(())
}

fn passed(command: &mut Command) -> anyhow::Result<Outcome> {
    check(command).map(|()| Outcome::Passed)
}

fn deny() -> anyhow::Result<Outcome> {
    if find_program(&["cargo-deny"]).is_none() {
        anyhow::bail!("cargo-deny is missing; run `cargo install --locked cargo-deny`");
    }
    passed(&mut cargo([
        "deny",
        "--workspace",
        "--all-features",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// The advisory database is a Git repository elsewhere; where it cannot be reached, that is said.
fn advisories() -> anyhow::Result<Outcome> {
    let mut fetch = cargo(["deny", "fetch", "db"]);
    let fetched = fetch.env("GIT_TERMINAL_PROMPT", "0").output()?;
    if !fetched.status.success() {
        return Ok(Outcome::Skipped(
            "the advisory database cannot be reached".to_owned(),
        ));
    }
    passed(&mut cargo(["deny", "--workspace", "check", "advisories"]))
}

fn e2e() -> anyhow::Result<Outcome> {
    let flags = E2e {
        cluster: Cluster::ControlPlane,
        kms: "process".to_owned(),
        keep: false,
        only: None,
        kubeconfig: None,
        context: None,
    };
    e2e::run(&flags).map(|()| Outcome::Passed)
}

/// Every stage crate can be published.
fn package() -> anyhow::Result<Outcome> {
    passed(&mut cargo([
        "publish",
        "--workspace",
        "--dry-run",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
        "--offline",
    ]))
}
