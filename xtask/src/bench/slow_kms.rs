//! Opening 1,000 files whose data keys are behind a KMS that answers in 20 ms, and doing so again with the keys at hand.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use super::decrypt::{SOPS_LIBRARY, sops_library};
use super::input::{self, COUNT};
use super::measure::Program;
use super::{Figure, binary, emptied, folder};
use crate::shell::{cargo, check, output, target};
use crate::tools;

const NAME: &str = "decrypt-kms-20ms";
const WARM_NAME: &str = "decrypt-kms-20ms-warm";
const LATENCY: &str = "20";
const ARN: &str = "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
    tools::ensure(&["sops"])?;
    let (afterbay, kms) = (binary()?, Kms::start()?);
    let repository = seal(&kms)?;
    let tar = folder().join("kms.tar");
    let mut fetch = Command::new(&afterbay);
    fetch.arg("fetch").arg("--url").arg(&repository);
    fetch.args(["--ref", "main", "--no-cache", "--quiet"]);
    check(fetch.stdout(File::create(&tar)?))?;

    eprintln!("{NAME}: afterbay");
    let arguments: [OsString; 4] = [
        afterbay.into(),
        "decrypt".into(),
        "--path".into(),
        "secrets".into(),
    ];
    let ours = kms.environment(Program::new(arguments).stdin(&tar)).median()?;
    eprintln!("{NAME}: sops as a library");
    let files = input::files(&repository.join("secrets/sealed"))?;
    let library = std::iter::once(sops_library()?).chain(files);
    // Once: it asks for one key after the other.
    let library = kms.environment(Program::new(library)).run()?;
    Ok(vec![
        Figure::new(NAME, "wall_s", ours.wall_s).against(SOPS_LIBRARY, library.wall_s),
        Figure::new(NAME, "cpu_ms_per_file", ours.cpu_s * 1000.0 / f64::from(COUNT))
            .against(SOPS_LIBRARY, library.cpu_s * 1000.0 / f64::from(COUNT)),
        Figure::new(WARM_NAME, "kms_calls", warm_calls()?),
    ])
}

/// The calls of the second of two runs that share a cache of data keys; a one-shot command has none.
fn warm_calls() -> anyhow::Result<f64> {
    eprintln!("{WARM_NAME}: two runs in one process");
    let mut example = cargo([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "afterbay-keys",
    ]);
    let printed = output(example.args(["--example", "thousand_keys", "--", LATENCY]))?;
    let runs = printed.lines().map(serde_json::from_str::<Value>);
    let warm = runs
        .filter_map(Result::ok)
        .find(|run| run["run"] == "warm")
        .context("the example prints no warm run")?;
    warm["kms_calls"].as_f64().context("no number of calls")
}

/// The fake of AWS KMS as a process; it ends with this one.
struct Kms {
    process: Child,
    url: String,
}

impl Kms {
    fn start() -> anyhow::Result<Self> {
        check(&mut cargo([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "afterbay-fakes",
        ]))?;
        let mut process = Command::new(target().join("release/afterbay-fakes"))
            .args(["aws", "--key", ARN, "--latency", LATENCY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the fake KMS")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no standard output")?).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line)?;
        let url = told["url"].as_str().context("the fake KMS told no address")?;
        Ok(Self {
            process,
            url: url.to_owned(),
        })
    }

    fn environment(&self, program: Program) -> Program {
        program
            .env("AWS_ENDPOINT_URL_KMS", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
    }

    fn seal(&self, file: &Path) -> anyhow::Result<()> {
        let mut sops = Command::new(tools::folder().join("sops"));
        sops.args(["encrypt", "--in-place", "--kms", ARN]);
        sops.args(["--encrypted-regex", "^(data|stringData)$"]).arg(file);
        sops.env("AWS_ENDPOINT_URL_KMS", &self.url);
        sops.env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        output(&mut sops).map(drop)
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A repository of Secrets, each with a data key of its own; made anew, because the keys of the fake end with it.
fn seal(kms: &Kms) -> anyhow::Result<PathBuf> {
    let repository = folder().join("kms-repository");
    emptied(&repository)?;
    let sealed = repository.join("secrets/sealed");
    fs::create_dir_all(&sealed)?;
    let mut kustomization = "resources:\n".to_owned();
    for number in 0..COUNT {
        let name = input::file_name(number);
        fs::write(sealed.join(&name), input::secret(number))?;
        writeln!(kustomization, "  - sealed/{name}")?;
    }
    fs::write(repository.join("secrets/kustomization.yaml"), kustomization)?;
    eprintln!("{NAME}: sealing {COUNT} Secrets with sops");
    input::each_file(&sealed, |file| kms.seal(file))?;
    input::commit(&repository)?;
    Ok(repository)
}
