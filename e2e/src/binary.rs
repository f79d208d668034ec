//! The product: the `afterbay` binary with an environment of our making.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::program::{self, Output};
use crate::{Environment, Variables};

/// The binary and what it is given. Nothing of the caller's environment reaches it.
#[derive(Debug, Clone)]
pub struct Afterbay {
    binary: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    folder: PathBuf,
    namespace: String,
    kubeconfig: PathBuf,
}

/// A finished run of the binary.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The arguments, for messages.
    pub arguments: String,
    /// What it printed and its exit code.
    pub output: Output,
}

impl Afterbay {
    /// The binary with a home of its own below `folder`.
    pub fn new(environment: &Environment, folder: &Path, namespace: &str) -> Self {
        let home = folder.join("home");
        let _ = std::fs::create_dir_all(&home);
        let mut this = Self {
            binary: environment.binary.clone(),
            variables: BTreeMap::new(),
            folder: folder.to_path_buf(),
            namespace: namespace.to_owned(),
            kubeconfig: environment.kubeconfig.clone(),
        };
        for (name, value) in [
            ("HOME", &home),
            ("XDG_CACHE_HOME", &home.join("cache")),
            ("XDG_CONFIG_HOME", &home.join("config")),
        ] {
            this.variables.insert(name.into(), value.into());
        }
        this.env("PATH", "")
    }

    /// With one more environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.insert(name.as_ref().into(), value.as_ref().into());
        self
    }

    /// With more environment variables.
    #[must_use]
    pub fn envs(mut self, variables: Variables) -> Self {
        for (name, value) in variables {
            self.variables.insert(name.into(), value.into());
        }
        self
    }

    /// With another kubeconfig.
    #[must_use]
    pub fn kubeconfig(mut self, kubeconfig: &Path) -> Self {
        self.kubeconfig = kubeconfig.to_path_buf();
        self
    }

    /// A command ready to run; for what the other functions do not offer.
    pub fn command<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .env("KUBECONFIG", &self.kubeconfig)
            .current_dir(&self.folder);
        command
    }

    /// Runs it to its end.
    pub fn run<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> anyhow::Result<Ended> {
        self.run_with_input(arguments, b"")
    }

    /// Runs it with bytes on its standard input.
    pub fn run_with_input<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> anyhow::Result<Ended> {
        let mut command = self.command(arguments);
        let arguments = command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let output = program::run_with_input(&mut command, input)?;
        Ok(Ended { arguments, output })
    }

    /// Standard output as bytes, for the tar streams; anything but exit code 0 is an error.
    pub fn bytes<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        let input_file = tempfile::NamedTempFile::new()?;
        std::fs::write(input_file.path(), input)?;
        let mut command = self.command(arguments);
        let output = command
            .stdin(std::fs::File::open(input_file.path())?)
            .output()
            .context("cannot start afterbay")?;
        ensure!(
            output.status.success(),
            "{command:?} ended with {}:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    /// Runs several of them at once, each reading what the one before prints. All but the last have to succeed.
    pub fn chain(&self, stages: &[&[&str]], input: Stdio) -> anyhow::Result<Ended> {
        let (mut next, mut running) = (Some(input), Vec::new());
        for arguments in stages {
            let mut child = self
                .command(*arguments)
                .stdin(next.take().unwrap_or_else(Stdio::null))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("cannot start afterbay")?;
            if running.len() + 1 < stages.len() {
                next = child.stdout.take().map(Stdio::from);
            }
            running.push((arguments.join(" "), child));
        }
        let last = running.len().saturating_sub(1);
        let mut ended = None;
        for (index, (arguments, child)) in running.into_iter().enumerate() {
            let output = child.wait_with_output().context("cannot wait for afterbay")?;
            let output = Output {
                code: output.status.code(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            };
            let stage = Ended { arguments, output };
            ended = Some(if index < last {
                stage.expect_success()?
            } else {
                stage
            });
        }
        ended.context("no stage was named")
    }

    /// Starts it and leaves it running.
    pub fn spawn<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> anyhow::Result<Child> {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start afterbay")
    }

    /// `apply` of a repository's `main` in this scenario's namespace, with more arguments.
    pub fn apply(&self, remote: &str, more: &[&str]) -> anyhow::Result<Ended> {
        self.run(self.apply_arguments(remote, more))
    }

    /// The arguments of [`Self::apply`].
    pub fn apply_arguments(&self, remote: &str, more: &[&str]) -> Vec<String> {
        let common = [
            "apply",
            "--url",
            remote,
            "--ref",
            "main",
            "--namespace",
            &self.namespace,
        ];
        common
            .iter()
            .chain(more)
            .map(|argument| (*argument).to_owned())
            .collect()
    }
}

impl Ended {
    /// Everything it printed.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.output.stdout, self.output.stderr)
    }

    /// Fails unless it ended with this exit code.
    pub fn expect_code(self, code: i32) -> anyhow::Result<Self> {
        ensure!(
            self.output.code == Some(code),
            "afterbay {} ended with {:?}, expected {code}\n{}",
            self.arguments,
            self.output.code,
            self.text()
        );
        Ok(self)
    }

    /// Fails unless it succeeded.
    pub fn expect_success(self) -> anyhow::Result<Self> {
        self.expect_code(0)
    }

    /// Fails unless what it printed contains every text.
    pub fn expect_text(self, texts: &[&str]) -> anyhow::Result<Self> {
        let text = self.text();
        for wanted in texts {
            ensure!(
                text.contains(wanted),
                "afterbay {} did not print {wanted:?}:\n{text}",
                self.arguments
            );
        }
        Ok(self)
    }

    /// Standard output as JSON (`-o json`).
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.output.stdout).with_context(|| format!("not JSON:\n{}", self.text()))
    }

    /// The counts of `-o json`: created, configured, unchanged, pruned, skipped.
    pub fn counts(&self) -> anyhow::Result<[u64; 5]> {
        let json = self.json()?;
        Ok(["created", "configured", "unchanged", "pruned", "skipped"]
            .map(|name| json["counts"][name].as_u64().unwrap_or(u64::MAX)))
    }
}
