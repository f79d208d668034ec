//! `afterbay render`.

use std::io;
use std::path::PathBuf;

use afterbay_manifest::TreePath;
use afterbay_pipeline::RunError;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::archive;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::masking::Hide;
use crate::stream::{self, Reveal};

/// Render a directory of a tar stream to objects, as kustomize does
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Directory to build
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), default_value = ".")]
    path: String,

    /// Tar stream from `afterbay fetch`, `afterbay decrypt` or `git archive` [default: standard input]
    #[arg(long = "filename", short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,

    /// Show the values of Secrets and of files that were opened on a terminal
    #[arg(long)]
    reveal: bool,
}

impl Render {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self { path, file, reveal } = self;
        let path = TreePath::parse(&path).map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let input = stream::input(file.as_deref())?;
        let archive::Contents { snapshot, opened, .. } =
            archive::read(&*input).map_err(anyhow::Error::new)?;
        let rendered =
            afterbay_render::render(&snapshot.tree, &path, snapshot.revision).map_err(RunError::from)?;
        for warning in &rendered.warnings {
            eprintln!("warning: {warning}");
        }
        let reveal = if reveal {
            Reveal::Everywhere
        } else {
            Reveal::NotOnTerminal
        };
        stream::write(
            &rendered.objects,
            &rendered.revision,
            reveal,
            |object| {
                if opened.contains(&object.origin().file) {
                    Hide::Everything
                } else {
                    Hide::Opened
                }
            },
            &mut io::stdout().lock(),
        )?;
        Ok(())
    }
}
