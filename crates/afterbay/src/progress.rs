//! Progress on standard error: bars with counts on a terminal, plain lines otherwise.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use afterbay_pipeline::{Stage, StageEvent};
use afterbay_source::{FetchEvent, OnFetchEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is redrawn by itself.
const TICK: Duration = Duration::from_millis(120);

/// Where the end is known: how far it is. No colors: a bar needs none.
const COUNTED: &str = "{spinner} {msg:>9}  [{bar:24}] {pos}/{len} {prefix}  {elapsed}";

/// Where it is not.
const OPEN: &str = "{spinner} {msg:>9}  {prefix}  {elapsed}";

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
            Verbosity::Normal if io::stderr().is_terminal() => {
                let bar = bar(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TICK);
                Mode::Bar(bar)
            }
            Verbosity::Normal => Mode::Lines,
        };
        Self { mode }
    }

    /// Takes note of an event.
    pub(crate) fn show(&self, event: &StageEvent) {
        self.show_on(event, &mut io::stderr());
    }

    /// The same; the lines that stay go to `out`.
    fn show_on(&self, event: &StageEvent, out: &mut dyn Write) {
        match event {
            StageEvent::Started(stage) => self.start(*stage),
            StageEvent::Progressed {
                done, total, unit, ..
            } => self.count(*done, *total, unit),
            StageEvent::Finished { stage, summary } => {
                if !matches!(self.mode, Mode::Quiet) {
                    self.line(&format!("{:>9}  {summary}", name(*stage)), out);
                }
            }
            StageEvent::Warned(warning) => self.line(&format!("warning: {warning}"), out),
        }
    }

    /// Prints a line that stays. If nobody can be told, the work goes on.
    fn line(&self, text: &str, out: &mut dyn Write) {
        let mut print = || drop(writeln!(out, "{text}"));
        match &self.mode {
            Mode::Quiet | Mode::Lines => print(),
            Mode::Bar(bar) => bar.suspend(print),
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
            bar.set_style(style(OPEN));
            bar.set_prefix("");
            bar.set_message(name(stage));
        }
    }

    fn count(&self, done: u64, total: Option<u64>, unit: &str) {
        let Mode::Bar(bar) = &self.mode else { return };
        match total {
            Some(total) => {
                bar.set_style(style(COUNTED));
                bar.set_length(total);
                bar.set_prefix(unit.to_owned());
                bar.set_position(done);
            }
            None => bar.set_prefix(format!("{done} {unit}")),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.finish_and_clear();
        }
    }
}

fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(style(OPEN));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// Progress too.
    Normal,
}

/// A stage as people read it.
fn name(stage: Stage) -> String {
    format!("{stage:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::Warning;
    use indicatif::InMemoryTerm;

    use super::*;

    fn events() -> Vec<StageEvent> {
        let progressed = |done| StageEvent::Progressed {
            stage: Stage::Apply,
            done,
            total: Some(8),
            unit: "objects",
        };
        let warning = Warning {
            place: None,
            message: "mind the gap".to_owned(),
        };
        vec![
            StageEvent::Started(Stage::Apply),
            progressed(2),
            StageEvent::Warned(warning),
            progressed(6),
            StageEvent::Finished {
                stage: Stage::Apply,
                summary: "8 created".to_owned(),
            },
        ]
    }

    fn lines(mode: Mode) -> String {
        let mut out = Vec::new();
        let progress = Progress { mode };
        for event in events() {
            progress.show_on(&event, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_a_terminal_there_are_plain_lines() {
        assert_eq!(
            lines(Mode::Lines),
            "warning: mind the gap\n    apply  8 created\n"
        );
    }

    #[test]
    fn quiet_is_warnings_only() {
        assert_eq!(lines(Mode::Quiet), "warning: mind the gap\n");
    }

    #[test]
    fn a_terminal_shows_a_bar_with_counts_and_then_nothing() {
        let terminal = InMemoryTerm::new(4, 80);
        let bar = bar(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
        let progress = Progress {
            mode: Mode::Bar(bar.clone()),
        };
        let mut shown = Vec::new();
        for event in events() {
            progress.show_on(&event, &mut io::sink());
            bar.tick();
            shown.push(terminal.contents());
        }
        assert!(
            shown[0].contains("apply") && !shown[0].contains("objects"),
            "{shown:?}"
        );
        assert!(shown[1].contains("] 2/8 objects"), "{shown:?}");
        assert!(shown[3].contains("] 6/8 objects"), "{shown:?}");
        assert!(shown[3].contains("[██████████████████"), "{shown:?}");
        progress.finish();
        assert_eq!(terminal.contents(), "");
    }
}
