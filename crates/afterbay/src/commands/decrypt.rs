//! `afterbay decrypt`.

mod file;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use afterbay_decrypt::{DecryptOptions, OpenedFiles};
use afterbay_keys::{DuplicateKind, KeyRing};
use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Entry, FileTree, Snapshot, TreePath};
use afterbay_pipeline::RunError;
use afterbay_render::RenderErrors;
use afterbay_sops::SopsErrors;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::archive;
use crate::arguments::{DecryptArguments, KeyArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::masking::Hide;
use crate::output;
use crate::stream::{self, Reveal};
use file::FileArguments;

/// Where the magic of a tar header stands (POSIX.1-2017, ustar).
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Open a file, or the files of a tar stream
///
/// A SOPS file of any store is printed as `sops decrypt` prints it, with its flags and its exit codes; Secrets with hiera-eyaml tokens are printed with
/// the tokens opened. Of a tar stream every sealed file is opened, or with `--path` only what that build reads, and the
/// others are left out.
#[derive(Debug, Args)]
pub(crate) struct Decrypt {
    /// File, or `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// Directory of a tar stream whose build is to be opened
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    path: Option<String>,

    /// Show plaintext on a terminal
    #[arg(long)]
    reveal: bool,

    #[command(flatten)]
    single: FileArguments,

    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    rules: DecryptArguments,
}

impl Decrypt {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let reveal = if self.reveal {
            Reveal::Everywhere
        } else {
            Reveal::NotOnTerminal
        };
        // sops has an exit code of its own for this.
        let usage = |error: anyhow::Error| {
            let is_duplicate = error.is::<DuplicateKind>();
            let exit = if is_duplicate {
                Exit::DuplicateKeyKind
            } else {
                Exit::Usage
            };
            Failure::other(exit, &error)
        };
        let ring = KeyRing::new(self.keys.options().map_err(usage)?);
        let mut options = self.rules.options().map_err(usage)?;
        self.single.apply(&mut options);
        let input = self.input()?;
        let result = if input.get(TAR_MAGIC) == Some(b"ustar") {
            self.tar(&input, &ring, &options).await
        } else {
            self.single(input, &ring, &options, reveal).await
        };
        output::notes(&ring.notes());
        result
    }

    fn input(&self) -> Result<Vec<u8>, Failure> {
        stream::input(Some(&self.file)).map_err(|error| {
            let is_missing =
                error.downcast_ref::<io::Error>().map(io::Error::kind) == Some(ErrorKind::NotFound);
            // What cannot be read has the code 2 in sops, too.
            let exit = if is_missing { Exit::SopsNoFile } else { Exit::Usage };
            let mut failure = Failure::other(exit, &error);
            if self.file.is_dir() {
                failure.hint("name a file in it; all files of a revision are opened as a tar stream, which `afterbay fetch` prints");
            }
            failure
        })
    }

    async fn tar(&self, input: &[u8], ring: &KeyRing, options: &DecryptOptions) -> Result<(), Failure> {
        if self.single.is_given() {
            return Err(Failure::usage(
                "the input is a tar stream, and flags of `sops decrypt` are for one file",
            ));
        }
        if io::stdout().is_terminal() {
            return Err(Failure::usage(
                "a tar stream is not for a terminal; redirect it or pipe it on",
            ));
        }
        let archive::Contents { snapshot, remote, .. } = archive::read(input).map_err(anyhow::Error::new)?;
        let (inputs, wrong) = self.inputs(&snapshot.tree)?;
        let sealed = afterbay_decrypt::scan(&snapshot.tree, &inputs, options);
        let keys = ring.unwrap_all(sealed.key_requests()).await;
        let (tree, opened) = afterbay_decrypt::overlay(snapshot.tree, sealed, &keys, options);
        output::warnings(opened.warnings());
        let errors: Vec<RunError> = opened
            .check()
            .err()
            .map(RunError::from)
            .into_iter()
            .chain(wrong.map(RunError::from))
            .collect();
        if !errors.is_empty() {
            return Err(RunError::Several(errors).into());
        }
        // Links are kept, because the files they lead to were found through them.
        let links: BTreeSet<TreePath> = tree
            .entries()
            .filter(|(_, entry)| matches!(entry, Entry::Link(_)))
            .map(|(path, _)| path.clone())
            .collect();
        let keep = |path: &TreePath| self.path.is_none() || inputs.contains(path) || links.contains(path);
        let mut out = Vec::new();
        let written = Snapshot {
            revision: snapshot.revision,
            tree,
        };
        archive::write(&mut out, &written, remote.as_deref(), keep).map_err(anyhow::Error::new)?;
        io::stdout().write_all(&out).map_err(anyhow::Error::new)?;
        Ok(())
    }

    /// The files to open, and what is wrong with the build that says so.
    fn inputs(&self, tree: &FileTree) -> Result<(BTreeSet<TreePath>, Option<RenderErrors>), Failure> {
        let Some(path) = &self.path else {
            return Ok((files(tree), None));
        };
        let path = TreePath::parse(path).map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
        let inputs = afterbay_render::inputs(tree, &path);
        Ok((inputs.iter().cloned().collect(), inputs.check().err()))
    }

    async fn single(
        &self,
        input: Vec<u8>,
        ring: &KeyRing,
        options: &DecryptOptions,
        reveal: Reveal,
    ) -> Result<(), Failure> {
        if self.path.is_some() {
            return Err(Failure::usage(
                "--path belongs to a tar stream, and the input is none",
            ));
        }
        let file = self.single.options(&self.file)?;
        let name = stream::name(Some(&self.file));
        // Exemptions are about what goes to a cluster; who names a file wants it opened.
        match file.detect(&name, &input)? {
            Some(sealed) => {
                // A large file is in memory once, as what it is opened to.
                drop(input);
                file.run(&name, sealed, ring, options, reveal).await
            }
            None => self.objects(&input, ring, options, reveal).await,
        }
    }

    async fn objects(
        &self,
        input: &[u8],
        ring: &KeyRing,
        options: &DecryptOptions,
        reveal: Reveal,
    ) -> Result<(), Failure> {
        let name = stream::name(Some(&self.file));
        let rendered = afterbay_render::read_objects(input, &name, Table::Kustomize);
        let has_tokens = String::from_utf8_lossy(input).contains("ENC[");
        let (Ok(rendered), true) = (rendered, has_tokens) else {
            return Err(not_sealed(&self.file, &name, input));
        };
        output::warnings(&rendered.warnings);
        let tokens = afterbay_decrypt::scan_objects(&rendered, OpenedFiles::default(), options);
        // Without a token that is opened it is a file without metadata, for which sops has this code.
        let exit = if tokens.key_requests().is_empty() {
            Exit::Failure
        } else {
            Exit::Decrypt
        };
        let keys = ring.unwrap_all(tokens.key_requests().to_vec()).await;
        let set =
            afterbay_decrypt::finish(rendered, tokens, &keys, options).map_err(|unfinished| Failure {
                exit,
                outcome: None,
                ..RunError::from(unfinished.errors).into()
            })?;
        let (objects, revision) = (set.objects(), set.revision());
        stream::write(
            objects,
            revision,
            reveal,
            |_| Hide::Opened,
            &mut io::stdout().lock(),
        )?;
        Ok(())
    }
}

fn not_sealed(file: &Path, name: &TreePath, input: &[u8]) -> Failure {
    if let Some(errors) = SopsErrors::stray_tokens(name, input) {
        return file::failure(&errors);
    }
    let message = format!(
        "{}: sops metadata not found, and no hiera-eyaml token in a Kubernetes object; there is nothing to open",
        file.display()
    );
    let mut failure = Failure::other(Exit::Failure, &anyhow::Error::msg(message));
    failure.hint("see whether it is the right file; a plain one is encrypted with `sops encrypt`");
    failure
}

fn files(tree: &FileTree) -> BTreeSet<TreePath> {
    let files = tree
        .entries()
        .filter(|(_, entry)| matches!(entry, Entry::File(_)));
    files.map(|(path, _)| path.clone()).collect()
}
