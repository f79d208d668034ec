//! `afterbay fetch`.

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use clap::Args;

use crate::archive;
use crate::arguments::SourceArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::{Progress, Verbosity};

/// Fetch a revision and print its files as a tar stream, sealed as they are
///
/// The stream carries the commit as `git archive` writes it, and the remote.
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    #[command(flatten)]
    source: SourceArguments,
}

impl Fetch {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let Self { source } = self;
        let url = source
            .url
            .as_deref()
            .ok_or_else(|| Failure::usage("--url is required"))?;
        if io::stdout().is_terminal() {
            return Err(Failure::usage(
                "a tar stream is not for a terminal; redirect it or pipe it on",
            ));
        }
        let progress = Progress::new(verbosity);
        let options = source
            .options(url, progress.fetch_listener())
            .map_err(|error| Failure::other(Exit::Usage, &error))?;
        let remote = options.remote.to_string();
        let result = afterbay_source::fetch(&options).await;
        progress.finish();
        let snapshot = result.map_err(|error| Failure::from(afterbay_pipeline::RunError::from(error)))?;
        archive::write(io::stdout().lock(), &snapshot, Some(&remote), |_| true).context("standard output")?;
        Ok(())
    }
}
