//! `afterbay fetch`.

use std::io::{self, IsTerminal};

use afterbay_manifest::{FileTree, Snapshot, TreePath};
use afterbay_render::Specification;
use afterbay_source::{SourceError, SourceOptions};
use anyhow::Context as _;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

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
    /// Directory whose build decides what `--allow-remote` adds to the stream
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    path: Option<String>,

    #[command(flatten)]
    source: SourceArguments,
}

impl Fetch {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let Self { source, path } = self;
        if path.is_some() != source.allows_remotes() {
            return Err(Failure::usage(
                "--path and --allow-remote go together: the build of a directory decides what is fetched for it",
            ));
        }
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
        let path = path.as_deref().map(TreePath::parse).transpose();
        let path = path.map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let result = fetched(&options, path.as_ref()).await;
        progress.finish();
        let snapshot = result.map_err(|error| Failure::from(afterbay_pipeline::RunError::from(error)))?;
        archive::write(io::stdout().lock(), &snapshot, Some(&remote), |_| true).context("standard output")?;
        Ok(())
    }
}

/// The revision, with what the build of a directory needs beside it.
async fn fetched(options: &SourceOptions, path: Option<&TreePath>) -> Result<Snapshot, SourceError> {
    let Some(path) = path else {
        return afterbay_source::fetch(options).await;
    };
    let missing = |tree: &FileTree| afterbay_render::remote_entries(tree, path, &Specification::default());
    afterbay_source::fetch_for(options, missing).await
}
