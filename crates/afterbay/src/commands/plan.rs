//! `afterbay plan`.

use std::io::{self, Write};
use std::path::PathBuf;

use afterbay_apply::{ApplyPlan, Client, Detail, Mode, Planned, SaveOptions};
use afterbay_keys::KeyRing;
use afterbay_pipeline::StageEvent;
use anyhow::Context as _;
use clap::{ArgGroup, Args};

use crate::arguments::TargetArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fingerprint_key;
use crate::marks::Marks;
use crate::output::{self, Format};
use crate::progress::{Progress, Verbosity};
use crate::saved_plan::Document;

/// Show what would be created, changed, adopted, pruned and skipped, and why; write nothing
///
/// What `--output json` prints is a saved plan, which `afterbay apply --plan FILE` applies if everything still is as it was. There is
/// no value in it, and nothing by which one could be guessed.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["url", "file"]), after_help = Exit::OF_COMPARISONS)]
pub(crate) struct Plan {
    #[command(flatten)]
    target: TargetArguments,

    /// Key under which the plan identifies content; needed to save a plan of objects from a file or a pipe
    #[arg(long, value_name = "FILE")]
    fingerprint_key_file: Option<PathBuf>,

    /// Place whose values go into no digest either, as `Kind:key.path` or `Kind.group:key.path` (can be repeated)
    #[arg(long, value_name = "KIND:PATH")]
    mask: Vec<String>,

    /// Form of the plan on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Plan {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        self.compare(verbosity).await.map_err(Failure::of_comparison)
    }

    async fn compare(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let marks = Marks::parse(&self.mask).map_err(usage)?;
        let key = fingerprint_key::from_file(self.fingerprint_key_file.as_deref())?;
        let ring = self.target.ring()?;
        let progress = Progress::new(verbosity);
        let (client, plan) = planned(&self.target, &ring, &progress).await?;
        let hidden = |gvk: &_, path: &_| marks.hide(gvk, path);
        let saved = plan.save(&SaveOptions {
            server: client.server(),
            marks: &hidden,
            key: key.as_ref(),
            has_values_beside: self.target.has_values_beside(),
        });
        let outline = saved.outline();
        output::warnings(&outline.warnings);
        let out = &mut io::stdout().lock();
        match self.output {
            Format::Table => out
                .write_all(output::plan_table(outline).as_bytes())
                .context("standard output")?,
            format => {
                let json = Document::json(&saved, self.target.record(), &marks)?;
                output::value(&json, format, out)?;
            }
        }
        let is_any = |is: fn(Planned) -> bool| outline.counts.keys().any(|action| is(*action));
        if is_any(|action| action == Planned::Refuse) {
            return Err(Failure::refused_objects());
        }
        Ok(if is_any(Planned::is_change) {
            Exit::Failure
        } else {
            Exit::Success
        })
    }
}

/// A plan with the objects that it is about, and the connection that it was made through. Writes nothing; what the keys had
/// to say was printed.
pub(super) async fn planned(
    target: &TargetArguments,
    ring: &KeyRing,
    progress: &Progress,
) -> Result<(Client, ApplyPlan), Failure> {
    let mut destination = target.destination(Mode::Write, Detail::Objects);
    let planned = async {
        let (_, set) = target.open(ring, progress, &mut destination).await?;
        let emit = &mut |event: StageEvent| progress.show(&event);
        Ok::<_, Failure>(afterbay_pipeline::plan(set, &destination, emit).await?)
    };
    let planned = planned.await;
    progress.finish();
    output::notes(&ring.notes());
    planned
}
