//! `afterbay apply`.

use std::io;
use std::path::PathBuf;

use afterbay_apply::{ApplyOptions, Conflicts, FIELD_MANAGER, Mode, Prune};
use afterbay_decrypt::DecryptOptions;
use afterbay_keys::KeyRing;
use afterbay_manifest::TreePath;
use afterbay_pipeline::{Build, Destination, RunReport, StageEvent, Target};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, ValueEnum};

use crate::arguments::{
    ClusterArguments, DecryptArguments, InventoryArguments, KeyArguments, LiveArguments, SourceArguments,
    SpecificationArguments,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress::{Progress, Verbosity};
use crate::stream;

/// Apply a revision, or objects from a file or a pipe, to a cluster
///
/// Nothing is written before everything was fetched, opened, checked and dry-run. Nothing is pruned when anything
/// failed.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["url", "file"]))]
pub(crate) struct Apply {
    #[command(flatten)]
    source: SourceArguments,

    /// Directory of the revision to build
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), default_value = ".", conflicts_with = "file")]
    path: String,

    /// YAML or JSON objects instead of a revision; `-` is standard input. Every value of a Secret then counts as sealed, and
    /// the revision is unknown unless the stream carries it
    #[arg(
        long = "filename",
        short = 'f',
        value_name = "FILE",
        id = "file",
        conflicts_with_all = ["SourceArguments", "SpecificationArguments"]
    )]
    file: Option<PathBuf>,

    #[command(flatten)]
    specification: SpecificationArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// Delete what the inventory has and this revision has not
    #[arg(long, requires = "inventory")]
    prune: bool,

    /// Name of the inventory, which remembers in the cluster what is owned
    #[arg(long, value_name = "NAME")]
    inventory: Option<String>,

    #[command(flatten)]
    inventory_options: InventoryArguments,

    /// Report what would be done and write nothing
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "server")]
    dry_run: Option<DryRun>,

    /// Take over fields that other managers own
    #[arg(long)]
    force_conflicts: bool,

    /// Name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    field_manager: String,

    #[command(flatten)]
    live: LiveArguments,

    /// Form of the result on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    decrypt: DecryptArguments,
}

/// Where a dry-run is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// The API server judges every object
    Server,
}

impl Apply {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let ring = KeyRing::new(self.keys.options().map_err(usage)?);
        let options = self.decrypt.options().map_err(usage)?;
        let progress = Progress::new(verbosity);
        let result = self.execute(options, &ring, &progress).await;
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
        Ok(())
    }

    async fn execute(
        &self,
        options: DecryptOptions,
        ring: &KeyRing,
        progress: &Progress,
    ) -> Result<RunReport, Failure> {
        let mut destination = self.destination();
        let emit = &mut |event: StageEvent| progress.show(&event);
        let Some(url) = &self.source.url else {
            // Objects that come without a revision, and whose provenance nobody knows.
            let (rendered, lost) = stream::read_whole(self.file.as_deref())?;
            destination.apply.guards.partly_read = lost;
            let (decrypt, set) = afterbay_pipeline::piped(rendered, ring, &options, emit).await?;
            return match afterbay_pipeline::apply(set, &destination, emit).await {
                Ok(apply) => Ok(RunReport { decrypt, apply }),
                Err(error) => Err((error, Some(decrypt)).into()),
            };
        };
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let build = Build {
            source: self
                .source
                .options(url, progress.fetch_listener())
                .map_err(usage)?,
            path: TreePath::parse(&self.path).map_err(|error| usage(error.into()))?,
            specification: self.specification.specification().map_err(usage)?,
            decrypt: options,
        };
        let target = Target { build, destination };
        Ok(afterbay_pipeline::run(&target, ring, emit).await?)
    }

    fn destination(&self) -> Destination {
        let namespace = self.cluster.namespace.as_deref();
        let inventory = self
            .inventory
            .as_deref()
            .map(|name| self.inventory_options.options(name, namespace));
        let apply = ApplyOptions {
            field_manager: self.field_manager.clone(),
            namespace: namespace.map(str::to_owned),
            conflicts: if self.force_conflicts {
                Conflicts::Override
            } else {
                Conflicts::Report
            },
            prune: if self.prune { Prune::Delete } else { Prune::Keep },
            mode: if self.dry_run.is_some() {
                Mode::DryRun
            } else {
                Mode::Write
            },
            ..ApplyOptions::default()
        };
        Destination {
            connect: self.cluster.options(),
            apply: self.live.decide(apply),
            inventory,
        }
    }
}
