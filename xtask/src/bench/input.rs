//! The input: Secrets in a repository, 1,000 unless another number is asked for, sealed by the real sops.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::shell::{check, output, root};
use crate::tools;

/// How many Secrets.
pub(super) const COUNT: u32 = 1000;

/// The namespace they are in.
pub(super) const NAMESPACE: &str = "bench";

/// What the input is made of; another text makes another input.
fn recipe(count: u32) -> String {
    format!("{count} Secrets, 4 values, age, encrypted_regex, kustomization with namespace; 1")
}

/// A repository with the sealed Secrets.
pub(super) struct Input {
    /// The Git repository; the build is its folder `secrets`.
    pub(super) repository: PathBuf,
    /// The age identity.
    pub(super) identity: PathBuf,
}

impl Input {
    /// Makes it, or takes what an earlier run made.
    pub(super) fn get() -> anyhow::Result<Self> {
        Self::of(COUNT)
    }

    /// The same with so many Secrets.
    pub(super) fn of(count: u32) -> anyhow::Result<Self> {
        tools::ensure(&["sops", "age-keygen"])?;
        let mut hasher = DefaultHasher::new();
        recipe(count).hash(&mut hasher);
        fs::read(root().join("e2e/tools/sops/go.sum"))?.hash(&mut hasher);
        let folder = super::folder().join(format!("input-{:016x}", hasher.finish()));
        let input = Self {
            repository: folder.join("repository"),
            identity: folder.join("age.txt"),
        };
        let stamp = folder.join(".complete");
        if !stamp.is_file() {
            super::emptied(&folder)?;
            input.make(count)?;
            fs::write(stamp, "")?;
        }
        Ok(input)
    }

    /// The sealed files.
    pub(super) fn secrets(&self) -> PathBuf {
        self.repository.join("secrets/sealed")
    }

    fn make(&self, count: u32) -> anyhow::Result<()> {
        eprintln!("sealing {count} Secrets with sops (kept for later runs)");
        let keygen = tools::folder().join("age-keygen");
        let mut generate = Command::new(&keygen);
        check(generate.arg("-o").arg(&self.identity).stderr(Stdio::null()))?;
        let recipient = output(Command::new(&keygen).arg("-y").arg(&self.identity))?;
        fs::create_dir_all(self.secrets())?;
        let mut kustomization = format!("namespace: {NAMESPACE}\nresources:\n");
        for number in 0..count {
            fs::write(self.secrets().join(file_name(number)), secret(number))?;
            writeln!(kustomization, "  - sealed/{}", file_name(number))?;
        }
        fs::write(self.repository.join("secrets/kustomization.yaml"), kustomization)?;
        each_file(&self.secrets(), |file| seal(file, recipient.trim()))?;
        commit(&self.repository)
    }

    /// Writes one of the Secrets anew, with another password.
    pub(super) fn change_one(&self, file: &Path) -> anyhow::Result<()> {
        let keygen = tools::folder().join("age-keygen");
        let recipient = output(Command::new(keygen).arg("-y").arg(&self.identity))?;
        fs::write(file, secret(0).replace("correct-horse", "wrong-horse"))?;
        seal(file, recipient.trim())
    }
}

/// Does something with every file of a folder, several at once: one process of sops is mostly its own start.
pub(super) fn each_file(
    folder: &Path,
    work: impl Fn(&Path) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let files = files(folder)?;
    let lanes = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = &work;
        let lanes: Vec<_> = files
            .chunks(files.len().div_ceil(lanes).max(1))
            .map(|lane| scope.spawn(move || lane.iter().try_for_each(|file| work(file))))
            .collect();
        lanes.into_iter().try_for_each(|lane| match lane.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a lane ended early"),
        })
    })
}

/// Makes a folder a repository with one commit on `main`.
pub(super) fn commit(repository: &Path) -> anyhow::Result<()> {
    git(repository, &["init", "--quiet", "--initial-branch", "main"])?;
    commit_all(repository)
}

/// Commits everything that a work tree has.
pub(super) fn commit_all(repository: &Path) -> anyhow::Result<()> {
    git(repository, &["add", "--all"])?;
    git(repository, &["commit", "--quiet", "--message", "input"])
}

/// Runs `git` in a folder, with nobody's configuration.
pub(super) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "bench")
            .env(format!("GIT_{role}_EMAIL"), "bench@example.com");
    }
    check(&mut command)
}

/// The files of a folder in order.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    Ok(files)
}

fn seal(file: &Path, recipient: &str) -> anyhow::Result<()> {
    let mut sops = Command::new(tools::folder().join("sops"));
    sops.args(["encrypt", "--in-place", "--age", recipient]);
    sops.args(["--encrypted-regex", "^(data|stringData)$"]).arg(file);
    output(&mut sops).map(drop)
}

pub(super) fn file_name(number: u32) -> String {
    format!("secret-{number:04}.yaml")
}

pub(super) fn secret(number: u32) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret-{number:04}\n  labels:\n    app: app-{}\n\
         type: Opaque\nstringData:\n  username: user-{number:04}\n  password: correct-horse-battery-{number:04}\n  \
         token: tok_{number:04}_abcdefghijklmnopqrstuvwxyz0123456789\n  \
         url: postgres://user-{number:04}@db.example.com:5432/app\n",
        number % 50
    )
}
