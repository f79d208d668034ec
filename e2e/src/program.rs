//! Other programs, run to their end.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, bail};

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Standard output when the program succeeded.
    pub fn success(self) -> anyhow::Result<String> {
        match self.code {
            Some(0) => Ok(self.stdout),
            code => bail!("exit code {code:?}\n{}\n{}", self.stdout, self.stderr),
        }
    }
}

/// Runs a program without input.
pub fn run(command: &mut Command) -> anyhow::Result<Output> {
    run_with_input(command, b"")
}

/// Runs a program with bytes on its standard input.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> anyhow::Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_vec();
    // From a thread of its own, so that a program that prints before it has read all cannot block both.
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child
        .wait_with_output()
        .with_context(|| format!("cannot wait for {name}"))?;
    let _ = writer.join();
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
