//! `cargo xtask ci`: every check, each as a lane with its time.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::counts::Counts;
use crate::flags::{Ci, Cluster, Compared, Conformance, Differential, E2e, Reference};
use crate::shell::{cargo, check, find_program, root, target};
use crate::{conformance, differential, e2e, tidy};

/// What became of a lane. A lane that runs tests brings their counts, any other counts as one check.
enum Outcome {
    Done(Counts),
    Skipped(String),
}

type Lane = (&'static str, fn() -> anyhow::Result<Outcome>);

/// In the order of what fails fastest.
const LANES: [Lane; 12] = [
    ("fmt", || passed(&mut cargo(["fmt", "--all", "--check"]))),
    ("tidy", || tidy::run().map(|()| Outcome::Done(Counts::PASSED))),
    ("deny", deny),
    ("advisories", advisories),
    ("clippy", clippy),
    ("doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
        passed(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    }),
    ("test", test),
    ("differential", differential),
    ("corpus", corpus),
    ("e2e", || e2e(Redaction::Kept)),
    ("canary", || e2e(Redaction::Removed)),
    ("package", package),
];

struct Finished {
    lane: &'static str,
    time: Duration,
    counts: Counts,
    note: String,
}

/// Runs every lane, whatever became of the others; the last line says how many checks ended how.
pub(crate) fn run(flags: &Ci) -> anyhow::Result<Counts> {
    for name in &flags.skip {
        let known = LANES.iter().any(|(lane, _)| lane == name);
        anyhow::ensure!(known, "--skip {name}: there is no such lane");
    }
    let finished: Vec<Finished> = LANES
        .into_iter()
        .map(|(lane, check)| finish(lane, check, flags))
        .collect();
    Ok(summary(&finished))
}

fn finish(lane: &'static str, check: fn() -> anyhow::Result<Outcome>, flags: &Ci) -> Finished {
    println!("── {lane}");
    let started = Instant::now();
    let outcome = if flags.skip.iter().any(|skipped| skipped == lane) {
        Ok(Outcome::Skipped("left out by --skip".to_owned()))
    } else {
        check()
    };
    let (counts, note) = match outcome {
        Ok(Outcome::Done(counts)) => (counts, String::new()),
        Ok(Outcome::Skipped(reason)) => (Counts::SKIPPED, format!("skipped: {reason}")),
        Err(error) => (Counts::FAILED, format!("FAILED: {error:#}")),
    };
    Finished {
        lane,
        time: started.elapsed(),
        counts,
        note,
    }
}

fn summary(finished: &[Finished]) -> Counts {
    println!("\nlane          seconds  passed  failed  skipped");
    let (mut total, mut time) = (Counts::default(), Duration::ZERO);
    for Finished {
        lane,
        time: seconds,
        counts,
        note,
    } in finished
    {
        total += *counts;
        time += *seconds;
        println!(
            "{}",
            format!("{}  {note}", row(lane, *seconds, *counts)).trim_end()
        );
    }
    println!("{}\n\n{total}", row("all", time, total));
    total
}

fn row(name: &str, time: Duration, counts: Counts) -> String {
    let Counts {
        passed,
        failed,
        skipped,
    } = counts;
    format!(
        "{name:<12}  {:>7.1}  {passed:>6}  {failed:>6}  {skipped:>7}",
        time.as_secs_f64()
    )
}

fn passed(command: &mut Command) -> anyhow::Result<Outcome> {
    check(command).map(|()| Outcome::Done(Counts::PASSED))
}

/// The workspace, and the holder of LocalStack's container, which no other lane builds.
fn clippy() -> anyhow::Result<Outcome> {
    let deny = ["--", "--deny", "warnings"];
    check(cargo(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"]).args(deny))?;
    let mut holder = cargo(["clippy", "--locked", "--quiet", "--target-dir"]);
    holder
        .arg(target().join("localstack"))
        .current_dir(root().join("e2e/localstack"));
    passed(holder.args(deny))
}

fn deny() -> anyhow::Result<Outcome> {
    if find_program(&["cargo-deny"]).is_none() {
        anyhow::bail!("cargo-deny is missing; run `cargo install --locked cargo-deny`");
    }
    let arguments = ["deny", "--workspace", "check", "bans", "licenses", "sources"];
    passed(&mut cargo(arguments))
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

/// The tests of the default members, and those of the harness that the scenarios stand on, counted.
fn test() -> anyhow::Result<Outcome> {
    let mut counts = counted(&mut cargo(["test", "--locked", "--no-fail-fast"]))?;
    counts += counted(&mut cargo(["test", "--locked", "--package", "e2e", "--lib"]))?;
    Ok(Outcome::Done(counts))
}

/// The builds of kustomize's own test data, which is not part of the repository: `AFTERBAY_CORPORA` names the folder that
/// holds `kustomize/cases`, which may also stand beside the repository.
fn corpus() -> anyhow::Result<Outcome> {
    let beside = root().join("../shared/corpora");
    let folder = std::env::var_os("AFTERBAY_CORPORA").map_or(beside, PathBuf::from);
    if !folder.join("kustomize/cases").is_dir() {
        return Ok(Outcome::Skipped(
            "AFTERBAY_CORPORA names no folder with kustomize/cases".to_owned(),
        ));
    }
    if find_program(&["go"]).is_none() {
        return Ok(Outcome::Skipped(
            "Go is not there, which reads YAML as Kubernetes does".to_owned(),
        ));
    }
    let counts = conformance::run(&Conformance {
        reference: Reference::Kustomize,
        folder: folder.join("kustomize"),
        only: None,
        verbose: false,
    })?;
    Ok(Outcome::Done(counts))
}

/// Runs tests, prints what they print, and counts them.
fn counted(command: &mut Command) -> anyhow::Result<Counts> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut counts = Counts::default();
    for line in BufReader::new(child.stdout.take().context("no standard output")?).lines() {
        let line = line?;
        println!("{line}");
        counts += test_result(&line).unwrap_or_default();
    }
    let status = child.wait()?;
    // What does not build has no counts.
    if !status.success() && counts.failed == 0 {
        anyhow::bail!("cargo test ended with {status}");
    }
    Ok(counts)
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; …`.
fn test_result(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| {
        let part = rest.split("; ").find_map(|part| part.strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some(Counts {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    })
}

/// As many documents and trees as fit; the record of long runs is in CONTRIBUTING.md.
fn differential() -> anyhow::Result<Outcome> {
    let mut counts = Counts::default();
    for compared in [Compared::Sops, Compared::Render] {
        counts += differential::run(&Differential {
            compared,
            count: 200,
            seed: 1,
            format: None,
            only: None,
            shrink: 3,
        })?;
    }
    Ok(Outcome::Done(counts))
}

/// Whether the product redacts; without it, the canary scenario has to find the canary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redaction {
    Kept,
    Removed,
}

fn e2e(redaction: Redaction) -> anyhow::Result<Outcome> {
    let flags = E2e {
        cluster: Cluster::ControlPlane,
        kms: "process".to_owned(),
        keep: false,
        only: None,
        without_redaction: redaction == Redaction::Removed,
        kubeconfig: None,
        context: None,
    };
    e2e::run(&flags).map(Outcome::Done)
}

/// Every stage crate can be published.
///
/// Not verified by a build: that compiles each crate and all it links once more, with the features of that crate alone, which
/// two small crates take 23 s of CPU for. What they would not find, the lanes above have built.
fn package() -> anyhow::Result<Outcome> {
    let arguments = [
        "publish",
        "--workspace",
        "--dry-run",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
    ];
    passed(&mut cargo(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_test_runner_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s";
        assert_eq!(
            test_result(line),
            Some(Counts {
                passed: 12,
                failed: 2,
                skipped: 1
            })
        );
        assert_eq!(test_result("test a::b ... ok"), None);
    }
}
