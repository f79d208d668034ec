//! `afterbay render`.

use std::io;
use std::path::PathBuf;

use afterbay_manifest::TreePath;
use afterbay_pipeline::RunError;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use crate::archive;
use crate::arguments::PlaceArguments;
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

    /// Order of the objects
    #[arg(long, value_enum, default_value_t = Order::Input)]
    order: Order,

    /// Refuse a directory without kustomization file, as kustomize does; Flux builds every manifest below it
    #[arg(long)]
    needs_kustomization: bool,

    #[command(flatten)]
    places: PlaceArguments,

    /// Show the values of Secrets and of files that were opened on a terminal
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// As they are listed: what Flux does, and `kustomize build --reorder=none`
    Input,
    /// By kind: what `kustomize build` does by itself
    Legacy,
}

impl From<Order> for afterbay_render::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Input => Self::Input,
            Order::Legacy => Self::Legacy,
        }
    }
}

impl Render {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self {
            path,
            file,
            order,
            needs_kustomization,
            places,
            reveal,
        } = self;
        let allowed = places
            .patterns()
            .map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let options = afterbay_render::Options {
            order: order.into(),
            needs_kustomization,
            allows_missing_api_version: true,
        };
        let path = TreePath::parse(&path).map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let input = stream::input(file.as_deref())?;
        let archive::Contents { snapshot, opened, .. } =
            archive::read(&*input).map_err(anyhow::Error::new)?;
        let (tree, piped) = afterbay_decrypt::mark_opened(snapshot.tree, &opened);
        let rendered =
            afterbay_render::render_with(&tree, &path, snapshot.revision, options).map_err(RunError::from)?;
        for warning in &rendered.warnings {
            eprintln!("warning: {warning}");
        }
        piped
            .confine(&rendered.objects, &allowed)
            .map_err(RunError::from)?;
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

#[cfg(test)]
mod tests;
