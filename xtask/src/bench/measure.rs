//! What one program costs, from the kernel's own books.
//!
//! `RUSAGE_CHILDREN` is about every child of a process, so each program runs under a process of its own: this one,
//! started again with the hidden task `measure`. It is small, so what it hands to a child before `exec` does not count
//! for the child's peak.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use crate::flags::Measure;
use crate::shell::output;

/// What a program took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall_s: f64,
    /// User and system, of the program alone.
    pub(super) cpu_s: f64,
    /// Resident memory at its peak.
    pub(super) peak_rss_mib: f64,
}

/// A program to be measured. Its standard output goes nowhere.
pub(super) struct Program {
    arguments: Vec<std::ffi::OsString>,
    stdin: Option<PathBuf>,
    each: Option<PathBuf>,
    times: u32,
    at_once: u32,
    environment: Vec<(&'static str, OsString)>,
}

impl Program {
    pub(super) fn new<A: Into<std::ffi::OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            arguments: arguments.into_iter().map(Into::into).collect(),
            stdin: None,
            each: None,
            times: 1,
            at_once: 1,
            environment: Vec::new(),
        }
    }

    pub(super) fn stdin(mut self, file: &Path) -> Self {
        self.stdin = Some(file.to_path_buf());
        self
    }

    /// Runs the program once for every file of the folder, one after another.
    pub(super) fn each(mut self, folder: &Path) -> Self {
        self.each = Some(folder.to_path_buf());
        self
    }

    /// Runs the program that often, one after another; the cost is that of all.
    pub(super) fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Starts it that often before it waits for the first; the memory is that of the largest.
    pub(super) fn at_once(mut self, count: u32) -> Self {
        self.at_once = count;
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    pub(super) fn run(&self) -> anyhow::Result<Cost> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("measure");
        if let Some(file) = &self.stdin {
            command.arg("--stdin").arg(file);
        }
        if let Some(folder) = &self.each {
            command.arg("--each").arg(folder);
        }
        command.arg("--times").arg(self.times.to_string());
        command.arg("--at-once").arg(self.at_once.to_string());
        command.arg("--").args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let cost: Value = serde_json::from_str(&output(&mut command)?)?;
        let number = |name: &str| cost[name].as_f64().context("no such figure");
        Ok(Cost {
            wall_s: number("wall_s")?,
            cpu_s: number("cpu_s")?,
            peak_rss_mib: number("peak_rss_mib")?,
        })
    }

    /// Each figure in the middle of three runs.
    pub(super) fn median(&self) -> anyhow::Result<Cost> {
        let runs = [self.run()?, self.run()?, self.run()?];
        let middle = |figure: fn(&Cost) -> f64| {
            let mut figures = runs.each_ref().map(figure);
            figures.sort_by(f64::total_cmp);
            figures[1]
        };
        Ok(Cost {
            wall_s: middle(|cost| cost.wall_s),
            cpu_s: middle(|cost| cost.cpu_s),
            peak_rss_mib: middle(|cost| cost.peak_rss_mib),
        })
    }
}

/// The hidden task: runs the program and prints what it took.
pub(crate) fn child(flags: &Measure) -> anyhow::Result<()> {
    let files: Vec<Option<PathBuf>> = match &flags.each {
        Some(folder) => super::input::files(folder)?.into_iter().map(Some).collect(),
        None => vec![None; flags.times as usize],
    };
    let (program, arguments) = flags.command.split_first().context("no program")?;
    let started = Instant::now();
    for file in files {
        let mut running = Vec::new();
        for _ in 0..flags.at_once {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .args(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if let Some(stdin) = &flags.stdin {
                command.stdin(File::open(stdin)?);
            }
            let started = command.spawn();
            running.push(started.with_context(|| format!("cannot start {}", program.display()))?);
        }
        for mut child in running {
            let status = child.wait()?;
            ensure!(status.success(), "{} ended with {status}", program.display());
        }
    }
    let wall_s = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "kibibytes of memory are far below 2^52"
    )]
    let peak_rss_mib = usage.max_rss() as f64 / 1024.0;
    let cost = json!({
        "wall_s": wall_s,
        "cpu_s": seconds(usage.user_time()) + seconds(usage.system_time()),
        "peak_rss_mib": peak_rss_mib,
    });
    println!("{cost}");
    Ok(())
}

fn seconds(time: TimeVal) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "processor time is far below 2^52 µs")]
    {
        time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
    }
}
