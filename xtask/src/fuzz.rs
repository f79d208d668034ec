//! `cargo xtask fuzz`: the targets of `e2e/fuzz-targets` under libFuzzer, one after another.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::flags::Fuzz;
use crate::shell::{check, find_program, output, root};

/// The targets, and how many of a thousand executions each gets: the slow ones fewer. A new one is one line here, one in
/// `e2e/fuzz-targets/src/lib.rs`, and its program in `e2e/fuzz/src/bin`.
const TARGETS: [(&str, u64); 16] = [
    ("age", 20),
    ("answers", 15),
    ("envelope", 30),
    ("eyaml", 30),
    ("fields", 60),
    ("kustomization", 60),
    ("metadata", 80),
    ("patches", 80),
    ("pgp", 20),
    ("references", 60),
    ("shamir", 100),
    ("stores", 40),
    ("substitution", 85),
    ("token", 170),
    ("values", 90),
    ("yaml", 60),
];

/// What a run of one target came to.
struct Run {
    executions: u64,
    seconds: u64,
    /// Edges of the code that the corpus reaches, before and after.
    edges: (u64, u64),
    /// Mebibytes, at most.
    memory: u64,
    /// The last lines it printed, if it found something.
    found: Option<String>,
}

/// Runs one target, or all of them one after another; a target that finds nothing counts as passed.
pub(crate) fn run(flags: &Fuzz) -> anyhow::Result<Counts> {
    refuse_if_missing()?;
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|(name, _)| flags.target.as_ref().is_none_or(|only| only == name))
        .collect();
    if chosen.is_empty() {
        bail!(
            "there is no such target; there are {}",
            TARGETS.map(|(name, _)| name).join(", ")
        );
    }
    let folder = root().join("e2e/fuzz");
    let triple = host()?;
    check(cargo_fuzz("build").args(flags.target.as_ref()))?;
    let shares: u64 = chosen.iter().map(|(_, share)| share).sum();
    let mut total = Counts::default();
    let mut all = 0;
    println!("| target | executions | a second | edges from seeds | edges in the end | peak MiB |");
    println!("|---|---|---|---|---|---|");
    for (name, share) in chosen {
        let program = folder.join("target").join(&triple).join("release").join(name);
        let run = fuzz(&program, name, flags.executions * share / shares, flags.seconds)?;
        let speed = run.executions / run.seconds.max(1);
        let (before, after) = run.edges;
        println!(
            "| `{name}` | {} | {speed} | {before} | {after} | {} |",
            run.executions, run.memory
        );
        all += run.executions;
        total += match run.found {
            None => Counts::PASSED,
            Some(said) => {
                println!("{said}");
                Counts::FAILED
            }
        };
    }
    println!("\n{all} executions in sum\n\n{total}");
    Ok(total)
}

fn refuse_if_missing() -> anyhow::Result<()> {
    let nightly = Command::new("rustc").args(["+nightly", "--version"]).output();
    let mut missing = Vec::new();
    if find_program(&["cargo-fuzz"]).is_none() {
        missing.push("cargo-fuzz: run `cargo install --locked cargo-fuzz`");
    }
    if !nightly.is_ok_and(|output| output.status.success()) {
        missing.push("a nightly toolchain: run `rustup toolchain install nightly`");
    }
    if !missing.is_empty() {
        bail!("cannot start, this is missing:\n  {}", missing.join("\n  "));
    }
    Ok(())
}

/// The triple of this machine, which `cargo fuzz` builds for.
fn host() -> anyhow::Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    triple
        .map(str::to_owned)
        .context("rustc does not say what it builds for")
}

/// `cargo fuzz` with the nightly toolchain. It optimizes, and leaves the assertions and the checks of overflows in.
fn cargo_fuzz(subcommand: &str) -> Command {
    // Not the `cargo` that runs this: it is of the toolchain of the workspace.
    let mut command = Command::new("cargo");
    command
        .args(["+nightly", "fuzz", subcommand, "--fuzz-dir", "e2e/fuzz"])
        .current_dir(root())
        .env_remove("RUSTUP_TOOLCHAIN");
    // What the `cargo` that runs this says of `xtask` would have crates built anew that ask for it.
    let told = std::env::vars_os().map(|(name, _)| name);
    for name in told.filter(|name| name.to_string_lossy().starts_with("CARGO")) {
        if !["CARGO_HOME", "CARGO_INCREMENTAL"]
            .iter()
            .any(|kept| name == *kept)
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a target to one of its bounds; what it found stays below `e2e/fuzz/artifacts`.
fn fuzz(program: &Path, name: &str, executions: u64, seconds: u64) -> anyhow::Result<Run> {
    let folder = root().join("e2e/fuzz");
    let artifacts = folder.join("artifacts").join(name);
    let corpus = folder.join("corpus").join(name);
    fs::create_dir_all(&artifacts)?;
    fs::create_dir_all(&corpus)?;
    let mut command = Command::new(program);
    command
        .arg(&corpus)
        .env("FUZZ_SEEDS", &corpus)
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-runs={executions}"))
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-rss_limit_mb=2048",
            "-timeout=20",
            "-max_len=16384",
            "-print_final_stats=1",
        ])
        // A program of the sanitizer is slow to read the certificates of a machine, which no target needs.
        .env(
            "SSL_CERT_FILE",
            root().join("crates/afterbay-keys/tests/data/rsa-certificate.pem"),
        )
        .current_dir(&folder)
        .stderr(Stdio::piped());
    if let Some(words) = words(&folder, name) {
        command.arg(format!("-dict={}", words.display()));
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let mut run = Run {
        executions: 0,
        seconds: 0,
        edges: (0, 0),
        memory: 0,
        found: None,
    };
    let mut last = Vec::new();
    for line in BufReader::new(child.stderr.take().context("no standard error")?).lines() {
        let line = line?;
        run.read(&line);
        last.push(line);
        if last.len() > 60 {
            last.remove(0);
        }
    }
    if !child.wait()?.success() {
        run.found = Some(last.join("\n"));
    }
    Ok(run)
}

/// Words of the formats, which chance does not hit upon.
fn words(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join("words").join(format!("{name}.dict"));
    file.is_file().then_some(file)
}

impl Run {
    /// Takes a line of libFuzzer: `#1234 INITED cov: 567 ft: …`, `stat::number_of_executed_units: 8`.
    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("Done ") {
            let number = rest.split(" in ").nth(1).and_then(|rest| rest.split(' ').next());
            self.seconds = number.and_then(|number| number.parse().ok()).unwrap_or_default();
        } else if let Some((name, number)) = line.strip_prefix("stat::").and_then(|rest| rest.split_once(':'))
        {
            let number = number.trim().parse().unwrap_or_default();
            match name {
                "number_of_executed_units" => self.executions = number,
                "peak_rss_mb" => self.memory = number,
                _ => {}
            }
        } else if let Some((_, rest)) = line.split_once(" cov: ")
            && let Some(edges) = rest.split(' ').next().and_then(|number| number.parse().ok())
        {
            if line.contains("INITED") {
                self.edges.0 = edges;
            }
            self.edges.1 = edges;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_prints_is_read() {
        let mut run = Run {
            executions: 0,
            seconds: 0,
            edges: (0, 0),
            memory: 0,
            found: None,
        };
        for line in [
            "INFO: seed corpus: files: 5 min: 37b max: 114b total: 441b rss: 48Mb",
            "#6\tINITED cov: 651 ft: 1020 corp: 5/441b exec/s: 0 rss: 52Mb",
            "#4096\tpulse  cov: 700 ft: 1200 corp: 9/500b lim: 114 exec/s: 2048 rss: 60Mb",
            "#5000\tDONE   cov: 702 ft: 1201 corp: 9/500b lim: 114 exec/s: 2500 rss: 61Mb",
            "Done 5000 runs in 2 second(s)",
            "stat::number_of_executed_units: 5000",
            "stat::average_exec_per_sec:     2500",
            "stat::peak_rss_mb:              61",
        ] {
            run.read(line);
        }
        assert_eq!(
            (run.executions, run.seconds, run.edges, run.memory),
            (5000, 2, (651, 702), 61)
        );
    }

    /// A target that is not in the table would not run.
    #[test]
    fn every_program_is_in_the_table() {
        let mut names: Vec<_> = fs::read_dir(root().join("e2e/fuzz/src/bin"))
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, TARGETS.map(|(name, _)| name));
    }
}
