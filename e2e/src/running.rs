//! A run that is still going: watched, signalled, waited for.

use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::Output;
use crate::program;

/// A child process whose output is collected; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Takes over a child with piped output.
    pub fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name (`TERM`, `KILL`, `ABRT`).
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("kill -{name} {}", self.child.id())]);
        program::run(&mut command)?.success().map(drop)
    }

    /// Waits for the end and returns how it ended and what it printed; an error after `patience`.
    pub fn finish(mut self, patience: Duration) -> anyhow::Result<(ExitStatus, Output)> {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if started.elapsed() > patience {
                let _ = self.child.kill();
                bail!("did not end within {patience:?}:\n{}", text(self.stderr.take()));
            }
            thread::sleep(Duration::from_millis(20));
        };
        let output = Output {
            code: status.code(),
            stdout: text(self.stdout.take()),
            stderr: text(self.stderr.take()),
        };
        Ok((status, output))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until the answer is yes; an error that says `what` after `patience`.
pub fn wait_until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_so().with_context(|| format!("waiting until {what}"))? {
        if started.elapsed() > patience {
            bail!("waited {patience:?} in vain until {what}");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn text(thread: Option<JoinHandle<String>>) -> String {
    thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
}
