//! `cargo xtask differential`: documents made at random, sealed by the real `sops`, then opened by `sops` and by the
//! product; the two must print the same bytes.

mod document;
mod generator;
mod random;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, ensure};

use crate::counts::Counts;
use crate::flags::Differential;
use crate::shell::{cargo, check, root, target};
use crate::tools;
use document::Document;

pub(crate) use document::Format;

/// What became of one document.
enum Verdict {
    /// Both printed the same.
    Same,
    /// `sops` cannot seal it, so there is nothing to open.
    NotSealed,
    /// `sops` cannot open what it sealed itself, and the product does.
    OpenedHereOnly,
    /// Neither opens what `sops` sealed.
    OpenedNowhere,
    /// They differ; what is left of it is in the folder.
    Differs(String),
}

/// Tallies of a run.
#[derive(Default)]
struct Tally {
    same: usize,
    not_sealed: usize,
    opened_here_only: usize,
    opened_nowhere: usize,
    differences: Vec<String>,
}

/// What a run needs to know.
struct Run {
    afterbay: PathBuf,
    sops: PathBuf,
    identity: PathBuf,
    recipient: String,
    folder: PathBuf,
}

/// Makes and compares as many documents as asked. Every document that was compared counts as one check.
pub(crate) fn run(flags: &Differential) -> anyhow::Result<Counts> {
    let run = Run::prepare(flags.seed)?;
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= flags.count {
                    return Ok(());
                }
                let document = generator::document(flags.seed, number, flags.format);
                let verdict = run.compare(number, &document)?;
                tally
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(number, &document, verdict);
            }
        };
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| anyhow::bail!("a worker ended early"))
        })
    })?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    for difference in &tally.differences {
        println!("{difference}");
    }
    println!(
        "seed {}: {} the same, {} that sops does not seal, {} that only the product opens, {} that neither opens",
        flags.seed, tally.same, tally.not_sealed, tally.opened_here_only, tally.opened_nowhere
    );
    let compared = tally.passed() + tally.differences.len();
    ensure!(
        compared * 10 >= flags.count * 9,
        "only {compared} of {} documents could be compared; the generator makes too much that sops refuses",
        flags.count
    );
    if tally.differences.is_empty() {
        fs::remove_dir_all(&run.folder)?;
    }
    Ok(Counts {
        passed: tally.passed(),
        failed: tally.differences.len(),
        skipped: 0,
    })
}

impl Tally {
    /// How many were compared and do not differ.
    fn passed(&self) -> usize {
        self.same + self.opened_here_only + self.opened_nowhere
    }

    fn add(&mut self, number: usize, document: &Document, verdict: Verdict) {
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::NotSealed => self.not_sealed += 1,
            Verdict::OpenedHereOnly => self.opened_here_only += 1,
            Verdict::OpenedNowhere => self.opened_nowhere += 1,
            Verdict::Differs(how) => {
                let kind = document.format.as_str();
                self.differences
                    .push(format!("document {number} ({kind}): {how}"));
            }
        }
    }
}

impl Run {
    fn prepare(seed: u64) -> anyhow::Result<Self> {
        tools::ensure(&["sops"])?;
        check(&mut cargo([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "afterbay",
        ]))?;
        let identity = root().join("fixtures/keys/age.txt");
        let identities = fs::read_to_string(&identity)?;
        let recipient = identities
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "))
            .context("the identity file names no public key")?;
        let folder = root().join(format!("target/differential/{seed}"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("home"))?;
        Ok(Self {
            afterbay: target().join("debug/afterbay"),
            sops: tools::folder().join("sops"),
            recipient: recipient.to_owned(),
            identity,
            folder,
        })
    }

    fn compare(&self, number: usize, document: &Document) -> anyhow::Result<Verdict> {
        let folder = self.folder.join(number.to_string());
        fs::create_dir_all(&folder)?;
        let extension = document.format.extension();
        let (plain, sealed) = (
            folder.join(format!("plain.{extension}")),
            folder.join(format!("sealed.{extension}")),
        );
        fs::write(&plain, &document.text)?;
        let config = folder.join("sops.yaml");
        fs::write(&config, document.configuration(&self.recipient))?;
        let encrypt = self.output(
            Command::new(&self.sops)
                .arg("--config")
                .arg(&config)
                .arg("encrypt")
                .arg(&plain),
        )?;
        if !encrypt.status.success() {
            fs::remove_dir_all(&folder)?;
            return Ok(Verdict::NotSealed);
        }
        fs::write(&sealed, encrypt.stdout)?;
        let decrypt = |program: &Path| self.output(Command::new(program).arg("decrypt").arg(&sealed));
        let (theirs, ours) = (decrypt(&self.sops)?, decrypt(&self.afterbay)?);
        let verdict = match (theirs.status.success(), ours.status.success()) {
            (true, true) if theirs.stdout == ours.stdout => Verdict::Same,
            (true, true) => Verdict::Differs(format!("another output, see {}", folder.display())),
            (true, false) => Verdict::Differs(format!(
                "sops opens it: {}, see {}",
                String::from_utf8_lossy(&ours.stderr).trim(),
                folder.display()
            )),
            (false, true) => Verdict::OpenedHereOnly,
            (false, false) => Verdict::OpenedNowhere,
        };
        if let Verdict::Differs(_) = verdict {
            fs::write(folder.join("sops.out"), theirs.stdout)?;
            fs::write(folder.join("afterbay.out"), ours.stdout)?;
        } else {
            fs::remove_dir_all(&folder)?;
        }
        Ok(verdict)
    }

    /// Runs a program that sees the identity and nothing else of this machine.
    fn output(&self, command: &mut Command) -> anyhow::Result<Output> {
        command
            .env_clear()
            .env("HOME", self.folder.join("home"))
            .env("SOPS_AGE_KEY_FILE", &self.identity)
            .output()
            .with_context(|| format!("cannot start {}", command.get_program().display()))
    }
}
