//! `cargo xtask fuzz`: the targets of `e2e/fuzz`, from seeds that the fixtures are.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::flags::Fuzz;
use crate::shell::{find_program, root};

/// A target, and the files that it starts from, each with the byte that the target selects by.
struct Target {
    name: &'static str,
    seeds: &'static [(u8, &'static str)],
}

const TARGETS: [Target; 11] = [
    Target {
        name: "stores",
        seeds: &[(0, "fixtures/sops")],
    },
    Target {
        name: "token",
        seeds: &[],
    },
    Target {
        name: "metadata",
        seeds: &[],
    },
    Target {
        name: "shamir",
        seeds: &[],
    },
    Target {
        name: "yaml",
        seeds: &[(b' ', "fixtures/sops"), (b' ', "fixtures/render")],
    },
    Target {
        name: "eyaml",
        seeds: &[(0, "fixtures/eyaml/tokens"), (1, "fixtures/eyaml/tokens")],
    },
    Target {
        name: "age",
        seeds: &[
            (0, "crates/afterbay-keys/tests/data"),
            (1, "fixtures/keys"),
            (1, "fixtures/age"),
        ],
    },
    Target {
        name: "pgp",
        seeds: &[
            (0, "fixtures/pgp/gnupg-2.2/messages"),
            (0, "fixtures/pgp/gnupg-2.4/messages"),
            (1, "fixtures/pgp/gnupg-2.2/keys"),
        ],
    },
    Target {
        name: "answers",
        seeds: &[],
    },
    Target {
        name: "patches",
        seeds: &[(0, "fixtures/merge"), (1, "fixtures/merge")],
    },
    Target {
        name: "substitution",
        seeds: &[(0, "fixtures/substitute")],
    },
];

/// Larger seeds slow the fuzzer down more than they teach it.
const LARGEST_SEED: usize = 16 * 1024;

/// Runs one target, or all of them one after another; a target that finds nothing counts as passed.
pub(crate) fn run(flags: &Fuzz) -> anyhow::Result<Counts> {
    refuse_if_missing()?;
    let mut total = Counts::default();
    let mut all = 0;
    for target in &TARGETS {
        if flags.target.as_ref().is_some_and(|only| only != target.name) {
            continue;
        }
        target.sow()?;
        let (counts, executions) = target.run(flags)?;
        println!("{:<10} {executions:>12} executions", target.name);
        all += executions;
        total += counts;
    }
    if total == Counts::default() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no such target; there are {}", names.join(", "));
    }
    println!("{all} executions in sum\n\n{total}");
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

impl Target {
    /// Puts the seeds into the corpus.
    fn sow(&self) -> anyhow::Result<()> {
        let corpus = root().join("e2e/fuzz/corpus").join(self.name);
        fs::create_dir_all(&corpus)?;
        for (selector, folder) in self.seeds {
            let files = files(&root().join(folder))?;
            let pieces: Vec<Vec<u8>> = files
                .iter()
                .map(|file| pieces(file))
                .collect::<anyhow::Result<Vec<_>>>()?
                .concat();
            for (index, content) in pieces.iter().enumerate() {
                let seed = [std::slice::from_ref(selector), content.as_slice()].concat();
                fs::write(
                    corpus.join(format!("seed-{}-{selector}-{index}", folder.replace('/', "-"))),
                    seed,
                )?;
            }
        }
        Ok(())
    }

    /// Runs it to the bound; what it found stays below `e2e/fuzz/artifacts`.
    fn run(&self, flags: &Fuzz) -> anyhow::Result<(Counts, u64)> {
        let mut command = Command::new("cargo");
        command
            .args([
                "+nightly",
                "fuzz",
                "run",
                "--fuzz-dir",
                "e2e/fuzz",
                self.name,
                "--",
            ])
            .arg(format!("-runs={}", flags.executions))
            .arg(format!("-max_total_time={}", flags.seconds))
            .args([
                "-rss_limit_mb=2048",
                "-timeout=20",
                "-max_len=16384",
                "-print_final_stats=1",
            ])
            .current_dir(root())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start cargo fuzz")?;
        let mut executions = 0;
        let mut last = Vec::new();
        for line in BufReader::new(child.stderr.take().context("no standard error")?).lines() {
            let line = line?;
            if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
                executions = number.trim().parse().unwrap_or_default();
            }
            last.push(line);
            if last.len() > 60 {
                last.remove(0);
            }
        }
        if child.wait()?.success() {
            return Ok((Counts::PASSED, executions));
        }
        println!("{}", last.join("\n"));
        Ok((Counts::FAILED, executions))
    }
}

/// What a file holds: cases behind `=== NAME` one by one, everything else as a whole. What is large is left out.
fn pieces(file: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let content = fs::read(file)?;
    let cases: Vec<Vec<u8>> = match std::str::from_utf8(&content) {
        Ok(text) if text.starts_with("=== ") => text
            .split("=== ")
            .filter_map(|case| Some(case.split_once('\n')?.1.as_bytes().to_vec()))
            .collect(),
        _ => vec![content],
    };
    Ok(cases
        .into_iter()
        .filter(|case| case.len() <= LARGEST_SEED)
        .collect())
}

/// The files below a folder, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
