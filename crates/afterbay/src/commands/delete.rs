//! `afterbay delete`.

use std::io;

use afterbay_apply::{ApplyOptions, FIELD_MANAGER, Guards, Mode};
use afterbay_pipeline::{RunError, Stage, StageEvent};
use clap::Args;

use crate::arguments::{ClusterArguments, InventoryArguments, own_namespace};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress::{Progress, Verbosity};

/// Delete everything an inventory owns, and the inventory itself
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name of the inventory
    #[arg(long, value_name = "NAME")]
    inventory: String,

    #[command(flatten)]
    cluster: ClusterArguments,

    #[command(flatten)]
    inventory_options: InventoryArguments,

    /// Report what would be deleted and delete nothing
    #[arg(long)]
    dry_run: bool,

    /// Name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    field_manager: String,

    /// Form of the result on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Delete {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let Self {
            inventory,
            cluster,
            inventory_options,
            dry_run,
            field_manager,
            output,
        } = self;
        let progress = Progress::new(verbosity);
        let client = afterbay_apply::connect(&cluster.options())
            .await
            .map_err(RunError::from)?;
        let which = inventory_options.options(&inventory, cluster.namespace.as_deref());
        let inventory = afterbay_apply::inventory(&client, &which)
            .await
            .map_err(RunError::from)?;
        let options = ApplyOptions {
            field_manager,
            mode: if dry_run { Mode::DryRun } else { Mode::Write },
            guards: Guards {
                own_namespace: own_namespace(),
                ..Guards::default()
            },
            ..ApplyOptions::default()
        };
        progress.show(&StageEvent::Started(Stage::Apply));
        let mut count = (0, 0);
        let report = afterbay_apply::delete(&client, inventory, &options, &mut |event| {
            count = event.count(count);
            progress.show(&StageEvent::Progressed {
                stage: Stage::Apply,
                done: count.0 as u64,
                total: Some(count.1 as u64),
                unit: "objects",
            });
        })
        .await;
        progress.finish();
        let report = match report {
            Ok(report) => report,
            Err(failure) => {
                let failure = Failure::from(RunError::from(failure));
                failure.print_report(&[], output)?;
                return Err(failure);
            }
        };
        let summary = report.summary();
        progress.show(&StageEvent::Finished {
            stage: Stage::Apply,
            summary,
        });
        output::apply_report(&report, output, &mut io::stdout().lock())?;
        Ok(())
    }
}
