//! Progress on standard error: bars with counts on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use afterbay_pipeline::{Stage, StageEvent};
use afterbay_source::{FetchEvent, OnFetchEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is redrawn by itself.
const TICK: Duration = Duration::from_millis(120);

/// Draws [`StageEvent`]s. Clones draw on the same terminal.
#[derive(Clone)]
pub(crate) struct Progress {
    mode: Mode,
}

#[derive(Clone)]
enum Mode {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    /// Nothing when quiet, a bar on a terminal, lines otherwise.
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let mode = match verbosity {
            Verbosity::Quiet => Mode::Quiet,
            Verbosity::Normal if io::stderr().is_terminal() => Mode::Bar(bar()),
            Verbosity::Normal => Mode::Lines,
        };
        Self { mode }
    }

    /// Takes note of an event.
    pub(crate) fn show(&self, event: &StageEvent) {
        match event {
            StageEvent::Started(stage) => self.start(*stage),
            StageEvent::Progressed {
                done, total, unit, ..
            } => self.count(*done, *total, unit),
            StageEvent::Finished { stage, summary } => self.line(&format!("{stage:>9}  {summary}")),
            StageEvent::Warned(warning) => self.warn(&format!("warning: {warning}")),
        }
    }

    /// Prints a line that quiet runs show too.
    fn warn(&self, text: &str) {
        match &self.mode {
            Mode::Quiet | Mode::Lines => eprintln!("{text}"),
            Mode::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
        }
    }

    /// Prints a line that stays.
    fn line(&self, text: &str) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => eprintln!("{text}"),
            Mode::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
        }
    }

    /// What the source stage reports to, from its own thread.
    pub(crate) fn fetch_listener(&self) -> OnFetchEvent {
        let progress = self.clone();
        Arc::new(move |event| match event {
            FetchEvent::Receiving { bytes, .. } => progress.count(bytes, None, "bytes"),
            FetchEvent::Warning(warning) => progress.show(&StageEvent::Warned(warning)),
            _ => {}
        })
    }

    fn start(&self, stage: Stage) {
        if let Mode::Bar(bar) = &self.mode {
            bar.set_message(stage.to_string());
            bar.set_prefix("");
        }
    }

    fn count(&self, done: u64, total: Option<u64>, unit: &str) {
        if let Mode::Bar(bar) = &self.mode {
            bar.set_prefix(match total {
                Some(total) => format!("{done}/{total} {unit}"),
                None => format!("{done} {unit}"),
            });
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {msg:>9}  {prefix}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(TICK);
    bar
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// Progress too.
    Normal,
}
