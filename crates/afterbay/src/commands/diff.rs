//! `afterbay diff`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use afterbay_apply::DiffOptions;
use anyhow::Context as _;
use clap::{ArgGroup, Args, ValueEnum};

use crate::arguments::TargetArguments;
use crate::commands::plan::planned;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fingerprint_key;
use crate::marks::Marks;
use crate::output::{self, DiffFormat};
use crate::progress::{Progress, Verbosity};

/// Show what an apply would change, value by value; write nothing
///
/// What is compared is the live object with the API server's dry-run of the apply. Values of Secrets, values that were opened, and
/// places that are marked are shown as their length and a fingerprint: equal for equal values of one diff, and of no use to anyone
/// who does not have its key.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["url", "file"]), after_help = Exit::OF_COMPARISONS)]
pub(crate) struct Diff {
    #[command(flatten)]
    target: TargetArguments,

    /// Place whose values are not shown, as `Kind:key.path` or `Kind.group:key.path`; the annotation `afterbay.dev/mask` does
    /// the same for one object (can be repeated)
    #[arg(long, value_name = "KIND:PATH")]
    mask: Vec<String>,

    /// Key of the fingerprints, so that those of several runs can be compared [default: a random one for this run]
    #[arg(long, value_name = "FILE")]
    fingerprint_key_file: Option<PathBuf>,

    /// Form of the diff on standard output
    #[arg(long, short, value_enum, default_value_t = DiffFormat::Text)]
    output: DiffFormat,

    /// Whether the text is colored
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

/// When a text is colored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl Color {
    /// Whether standard output is written in color.
    pub(crate) fn is_on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && !is_unwanted && !is_dumb
            }
        }
    }
}

impl Diff {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        self.compare(verbosity).await.map_err(Failure::of_comparison)
    }

    async fn compare(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let marks = Marks::parse(&self.mask).map_err(usage)?;
        let key = fingerprint_key::from_file_or_random(self.fingerprint_key_file.as_deref())?;
        let ring = self.target.ring()?;
        let progress = Progress::new(verbosity);
        let (_, plan) = planned(&self.target, &ring, &progress).await?;
        let diff = plan.diff(&DiffOptions {
            key: &key,
            marks: &|gvk, path| marks.hide(gvk, path),
        });
        output::warnings(&diff.warnings);
        let text = output::diff(&diff, self.output, self.color.is_on())?;
        io::stdout()
            .write_all(text.as_bytes())
            .context("standard output")?;
        if diff.has_refusals() {
            return Err(Failure::refused_objects());
        }
        Ok(if diff.has_changes() {
            Exit::Failure
        } else {
            Exit::Success
        })
    }
}
