//! Documents made at random, sealed by the real `sops`, then opened by `sops` and by the product; the two must print the same
//! bytes.

mod document;
mod generator;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::Context as _;

use super::{Comparison, Verdict};
use crate::flags::Differential;
use crate::shell::{cargo, check, root, target};
use crate::tools;
use document::Document;

pub(crate) use document::Format;

const NOT_SEALED: &str = "that sops does not seal";
const OPENED_HERE_ONLY: &str = "that only the product opens";
const OPENED_NOWHERE: &str = "that neither opens";

/// What a run needs to know.
pub(super) struct Run {
    afterbay: PathBuf,
    sops: PathBuf,
    identity: PathBuf,
    recipient: String,
    folder: PathBuf,
    seed: u64,
    format: Option<Format>,
}

impl Comparison for Run {
    const COMPARABLE: usize = 90;

    fn compare(&self, number: usize) -> anyhow::Result<Verdict> {
        self.open(number, &generator::document(self.seed, number, self.format))
    }

    fn clear(&self) -> anyhow::Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

impl Run {
    pub(super) fn prepare(flags: &Differential) -> anyhow::Result<Self> {
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
        let folder = root().join(format!("target/differential/{}", flags.seed));
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
            seed: flags.seed,
            format: flags.format,
        })
    }

    fn open(&self, number: usize, document: &Document) -> anyhow::Result<Verdict> {
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
            return Ok(Verdict::Without(NOT_SEALED));
        }
        fs::write(&sealed, encrypt.stdout)?;
        let decrypt = |program: &Path| self.output(Command::new(program).arg("decrypt").arg(&sealed));
        let (theirs, ours) = (decrypt(&self.sops)?, decrypt(&self.afterbay)?);
        let verdict = match (theirs.status.success(), ours.status.success()) {
            (true, true) if theirs.stdout == ours.stdout => Verdict::Same,
            (true, true) => Verdict::Differs(format!(
                "{}: another output, see {}",
                document.format.as_str(),
                folder.display()
            )),
            (true, false) => Verdict::Differs(format!(
                "{}: sops opens it: {}, see {}",
                document.format.as_str(),
                String::from_utf8_lossy(&ours.stderr).trim(),
                folder.display()
            )),
            (false, true) => Verdict::Right(OPENED_HERE_ONLY),
            (false, false) => Verdict::Right(OPENED_NOWHERE),
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
