//! `afterbay apply`.

use std::io::{self, Write};
use std::path::PathBuf;

use afterbay_apply::{ApplyPlan, ApplyReport, Client, Detail, DiffOptions, FingerprintKey, Mode, Wait};
use afterbay_keys::KeyRing;
use afterbay_normalize::NormalizedSet;
use afterbay_pipeline::{Destination, RunReport, StageEvent};
use anyhow::Context as _;
use clap::{ArgGroup, Args, ValueEnum};

use crate::arguments::{RECORDED, TargetArguments, WaitArguments};
use crate::commands::diff::Color;
use crate::commands::plan::planned;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fingerprint_key;
use crate::marks::Marks;
use crate::output::{self, DiffFormat, Format};
use crate::progress::{Progress, Verbosity};
use crate::saved_plan::Document;

/// Apply a revision, or objects from a file or a pipe, to a cluster
///
/// Nothing is written before everything was fetched, opened, checked and dry-run. Nothing is pruned when anything
/// failed.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).multiple(true).args(["url", "file", "plan"]))]
pub(crate) struct Apply {
    #[command(flatten)]
    target: TargetArguments,

    /// Apply what `afterbay plan -o json` saved, with the flags that it had, and nothing if anything is not as it was then
    #[arg(long, value_name = "FILE", conflicts_with_all = RECORDED)]
    plan: Option<PathBuf>,

    /// With `--plan`: the key that the plan was saved with
    #[arg(long, value_name = "FILE", requires = "plan")]
    fingerprint_key_file: Option<PathBuf>,

    /// With `--mode report`: place whose values are not shown, as `Kind:key.path` or `Kind.group:key.path` (can be repeated)
    #[arg(long, value_name = "KIND:PATH")]
    mask: Vec<String>,

    #[command(flatten)]
    wait: WaitArguments,

    /// Report what would be done and write nothing
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "server")]
    dry_run: Option<DryRun>,

    /// Form of the result on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Where a dry-run is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// The API server judges every object
    Server,
}

impl Apply {
    pub(crate) async fn run(mut self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let saved = self.recall()?;
        let only_reports = self.target.only_reports();
        let wait = self.wait.decide(self.dry_run.is_none() && !only_reports);
        let wait = wait.map_err(|error| Failure::other(Exit::Usage, &error))?;
        let ring = self.target.ring()?;
        let progress = Progress::new(verbosity);
        if only_reports {
            return self.report(saved.as_ref(), &ring, &progress).await;
        }
        let result = self.execute(saved.as_ref(), wait, &ring, &progress).await;
        progress.finish();
        let notes = ring.notes();
        output::notes(&notes);
        let report = match result {
            Ok(report) => report,
            Err(failure) => {
                failure.print_report(&notes, self.output)?;
                return Err(failure);
            }
        };
        // What the stages warned of was printed when they did.
        output::warnings(&report.apply.warnings);
        let RunReport { decrypt, apply } = &report;
        output::report(decrypt, apply, &notes, self.output, &mut io::stdout().lock())?;
        Ok(Exit::Success)
    }

    /// Shows what is not as the revision says, and leaves it so.
    async fn report(
        &self,
        saved: Option<&Document>,
        ring: &KeyRing,
        progress: &Progress,
    ) -> Result<Exit, Failure> {
        let marks = Marks::parse(&self.mask).map_err(|error| Failure::other(Exit::Usage, &error))?;
        let given = fingerprint_key::from_file(self.fingerprint_key_file.as_deref())?;
        let key = match &given {
            Some(key) => key,
            None => &fingerprint_key::random()?,
        };
        let (client, plan) = planned(&self.target, ring, progress).await?;
        self.check(saved, given.as_ref(), &client, &plan)?;
        let diff = plan.diff(&DiffOptions {
            key,
            marks: &|gvk, path| marks.hide(gvk, path),
        });
        output::warnings(&diff.warnings);
        let out = &mut io::stdout().lock();
        match self.output {
            Format::Table => {
                let text = output::diff(&diff, DiffFormat::Text, Color::Auto.is_on())?;
                out.write_all(text.as_bytes()).context("standard output")?;
            }
            format => {
                let diff = serde_json::to_value(&diff).context("the drift")?;
                output::value(&diff, format, out)?;
            }
        }
        if diff.has_refusals() {
            let failure = Failure::refused_objects();
            return Err(Failure {
                exit: Exit::Plan,
                ..failure
            });
        }
        Ok(if diff.has_changes() {
            Exit::Drift
        } else {
            Exit::Success
        })
    }

    /// Takes the flags of the saved plan over, if one is named.
    fn recall(&mut self) -> Result<Option<Document>, Failure> {
        let Some(file) = &self.plan else { return Ok(None) };
        let (recorded, document) = Document::read(file)?;
        self.target.recall(recorded);
        if self.target.source.url.is_none() && self.target.file.is_none() {
            return Err(Failure::usage(
                "the plan was made of objects from a file or a pipe; give them again with --filename",
            ));
        }
        Ok(Some(document))
    }

    async fn execute(
        &self,
        saved: Option<&Document>,
        wait: Wait,
        ring: &KeyRing,
        progress: &Progress,
    ) -> Result<RunReport, Failure> {
        let mode = if self.dry_run.is_some() {
            Mode::DryRun
        } else {
            Mode::Write
        };
        let detail = match saved {
            Some(_) => Detail::Objects,
            None => Detail::Verdicts,
        };
        let mut destination = self.target.destination(mode, detail);
        destination.apply.wait = wait;
        let (decrypt, set) = self.target.open(ring, progress, &mut destination).await?;
        match self.plan_and_execute(saved, set, &destination, progress).await {
            Ok(apply) => Ok(RunReport { decrypt, apply }),
            Err(failure) => Err(Failure {
                decrypt: Some(Box::new(decrypt)),
                ..failure
            }),
        }
    }

    /// Compares a plan with the saved one, if one is named.
    fn check(
        &self,
        saved: Option<&Document>,
        key: Option<&FingerprintKey>,
        client: &Client,
        plan: &ApplyPlan,
    ) -> Result<(), Failure> {
        let Some(saved) = saved else { return Ok(()) };
        let has_values_beside = self.target.has_values_beside();
        saved.check(plan, client.server(), key, has_values_beside)
    }

    async fn plan_and_execute(
        &self,
        saved: Option<&Document>,
        set: NormalizedSet,
        destination: &Destination,
        progress: &Progress,
    ) -> Result<ApplyReport, Failure> {
        let key = fingerprint_key::from_file(self.fingerprint_key_file.as_deref())?;
        let emit = &mut |event: StageEvent| progress.show(&event);
        let (client, plan) = afterbay_pipeline::plan(set, destination, emit).await?;
        self.check(saved, key.as_ref(), &client, &plan)?;
        Ok(afterbay_pipeline::execute(&client, plan, emit).await?)
    }
}
