//! `afterbay render`.

mod explanation;
mod verification;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use afterbay_manifest::{FileTree, Object, Revision, TreePath};
use afterbay_pipeline::RunError;
use afterbay_render::{Explanation, RenderError, RenderErrors, Specification};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use crate::archive;
use crate::arguments::{PlaceArguments, SpecificationArguments};
use crate::directory;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::masking::Hide;
use crate::stream::{self, Reveal};
use verification::Comparison;

/// Render a directory to objects, as kustomize does: one on disk, or one of a tar stream
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Directory on disk to build; sealed files are built as they are [default: a tar stream]
    #[arg(value_name = "PATH", conflicts_with_all = ["path", "file"])]
    directory: Option<PathBuf>,

    /// Directory that the build of PATH may read, and nothing outside of it [default: the Git work tree that holds PATH, else
    /// the working directory if it does, else PATH]
    #[arg(long, value_name = "DIR", requires = "directory")]
    root: Option<PathBuf>,

    /// Directory of the tar stream to build
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
    specification: SpecificationArguments,

    /// Form of the objects
    #[arg(long, short, value_enum, default_value_t = Form::Yaml)]
    output: Form,

    /// Print, in place of the objects, which file, patch and transformer made and changed each of them; no values
    #[arg(long)]
    explain: bool,

    /// Have this program, the real kustomize, build PATH too and print, in place of the objects, what differs; a tree with sealed
    /// files is refused. Exit code 1 if something does
    #[arg(
        long,
        value_name = "PROGRAM",
        requires = "directory",
        conflicts_with_all = ["explain", "SpecificationArguments"]
    )]
    verify_with: Option<OsString>,

    #[command(flatten)]
    places: PlaceArguments,

    /// Show the values of Secrets and of files that were opened on a terminal
    #[arg(long)]
    reveal: bool,
}

/// The form of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Documents, byte for byte as kustomize prints them; text with --explain
    Yaml,
    /// One List of v1; one JSON object with --explain
    Json,
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

/// What is built, wherever it comes from.
struct Source {
    tree: FileTree,
    path: TreePath,
    revision: Revision,
    /// The files in which values were opened.
    opened: BTreeSet<TreePath>,
}

impl Render {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let allowed = self
            .places
            .patterns()
            .map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let specification = self
            .specification
            .specification()
            .map_err(|error| Failure::other(Exit::Usage, &error))?;
        let options = afterbay_render::Options {
            order: self.order.into(),
            needs_kustomization: self.needs_kustomization || self.verify_with.is_some(),
            allows_missing_api_version: true,
        };
        let Source {
            tree,
            path,
            revision,
            opened,
        } = self.source(&specification)?;
        let (tree, piped) = afterbay_decrypt::mark_opened(tree, &opened);
        let built = if self.explain {
            afterbay_render::explain(&tree, &path, revision, options, &specification)
                .map(|(rendered, explanation)| (rendered, Some(explanation)))
        } else {
            afterbay_render::render_specified(&tree, &path, revision, options, &specification)
                .map(|rendered| (rendered, None))
        };
        let (rendered, explanation) = built.map_err(|errors| self.refused(errors))?;
        for warning in &rendered.warnings {
            eprintln!("warning: {warning}");
        }
        if let (Some(program), Some(directory)) = (&self.verify_with, &self.directory) {
            verification::check_plain(&tree, &path, &rendered)?;
            let comparison = verification::compare(program, directory, self.order, &rendered)?;
            return self.verified(&comparison);
        }
        piped.confine(&rendered.objects, &allowed).map_err(|mut errors| {
            let explain = || afterbay_render::explanation(&tree, &path, options, &specification);
            errors.blame(explain, Explanation::cause);
            RunError::from(errors)
        })?;
        // Objects hold what they need of it.
        drop((tree, piped));
        let reveal = if self.reveal {
            Reveal::Everywhere
        } else {
            Reveal::NotOnTerminal
        };
        let hide = |object: &Object| {
            if opened.contains(&object.origin().file) {
                Hide::Everything
            } else {
                Hide::Opened
            }
        };
        let out = &mut io::stdout().lock();
        match (explanation, self.output) {
            (Some(explanation), Form::Yaml) => explanation::write_text(&explanation, out)?,
            (Some(explanation), Form::Json) => explanation::write_json(&explanation, out)?,
            // Without a revision nothing is due but what kustomize prints.
            (None, Form::Yaml) if rendered.revision == Revision::UNKNOWN => {
                stream::write_bare(&rendered.objects, reveal, hide, out)?;
            }
            (None, Form::Yaml) => {
                stream::write(&rendered.objects, &rendered.revision, reveal, hide, out)?;
            }
            (None, Form::Json) => stream::write_json(&rendered.objects, reveal, hide, out)?,
        }
        Ok(())
    }

    fn verified(&self, comparison: &Comparison) -> Result<(), Failure> {
        if let Some(warning) = comparison.warning() {
            eprintln!("warning: {warning}");
        }
        let out = &mut io::stdout().lock();
        match self.output {
            Form::Yaml => comparison.write_text(out)?,
            Form::Json => comparison.write_json(out)?,
        }
        if comparison.differs() {
            let error = anyhow::anyhow!("the build differs from that of kustomize");
            return Err(Failure::other(Exit::Failure, &error));
        }
        Ok(())
    }

    /// What is wrong with the build, and how more of the disk may be read, if that is it.
    fn refused(&self, errors: RenderErrors) -> Failure {
        let leaves = self.directory.is_some() && errors.0.iter().any(RenderError::leaves_tree);
        let mut failure = Failure::from(RunError::from(errors));
        if leaves {
            failure.hint("--root DIR names a directory that holds everything the build may read");
        }
        failure
    }

    fn source(&self, specification: &Specification) -> Result<Source, Failure> {
        if let Some(directory) = &self.directory {
            let missing = |tree: &FileTree, path: &TreePath| {
                let inputs = afterbay_render::inputs_specified(tree, path, specification);
                inputs.missing().cloned().collect()
            };
            let read = directory::read(directory, self.root.as_deref(), missing);
            let read = read.map_err(|error| Failure::other(Exit::Failure, &error.into()))?;
            return Ok(Source {
                tree: read.tree,
                path: read.path,
                revision: Revision::UNKNOWN,
                opened: BTreeSet::new(),
            });
        }
        let path = TreePath::parse(&self.path);
        let path = path.map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let input = stream::input(self.file.as_deref())?;
        let archive::Contents { snapshot, opened, .. } =
            archive::read(&*input).map_err(anyhow::Error::new)?;
        Ok(Source {
            tree: snapshot.tree,
            path,
            revision: snapshot.revision,
            opened,
        })
    }
}

#[cfg(test)]
mod tests;
