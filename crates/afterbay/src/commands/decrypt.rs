//! `afterbay decrypt`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use afterbay_decrypt::OpenedFiles;
use afterbay_keys::KeyRing;
use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Entry, FileTree, RenderedSet, Revision, Snapshot, TreePath};
use afterbay_pipeline::RunError;
use afterbay_sops::{Format, SealedFile};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::archive;
use crate::arguments::{DecryptArguments, KeyArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stream::{self, Reveal};

/// Where the magic of a tar header stands (POSIX.1-2017, ustar).
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Open a file, or the files of a tar stream
///
/// A SOPS file of any store is printed as `sops decrypt` prints it; Secrets with hiera-eyaml tokens are printed with
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
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let ring = KeyRing::new(self.keys.options().map_err(usage)?);
        let input = stream::input(Some(&self.file))?;
        let result = if input.get(TAR_MAGIC) == Some(b"ustar") {
            self.tar(&input, &ring).await
        } else {
            self.single(&input, &ring, reveal).await
        };
        for note in ring
            .notes()
            .into_iter()
            .filter(afterbay_keys::KeyNote::is_warning)
        {
            eprintln!("warning: {note}");
        }
        result
    }

    async fn tar(&self, input: &[u8], ring: &KeyRing) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            return Err(Failure::usage(
                "a tar stream is not for a terminal; redirect it or pipe it on",
            ));
        }
        let options = self.rules.options()?;
        let (snapshot, remote) = archive::read(input).map_err(anyhow::Error::new)?;
        let inputs: BTreeSet<TreePath> = match &self.path {
            Some(path) => {
                let path =
                    TreePath::parse(path).map_err(|error| Failure::other(Exit::Usage, &error.into()))?;
                afterbay_render::inputs(&snapshot.tree, &path)
                    .map_err(RunError::from)?
                    .iter()
                    .cloned()
                    .collect()
            }
            None => files(&snapshot.tree),
        };
        let sealed = afterbay_decrypt::scan(&snapshot.tree, &inputs, &options).map_err(RunError::from)?;
        let keys = ring.unwrap_all(sealed.key_requests()).await;
        let (tree, opened) =
            afterbay_decrypt::overlay(snapshot.tree, sealed, &keys, &options).map_err(RunError::from)?;
        for warning in opened.warnings() {
            eprintln!("warning: {warning}");
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

    async fn single(&self, input: &[u8], ring: &KeyRing, reveal: Reveal) -> Result<(), Failure> {
        if self.path.is_some() {
            return Err(Failure::usage(
                "--path belongs to a tar stream, and the input is none",
            ));
        }
        let name = stream::name(Some(&self.file));
        match SealedFile::find(&name, Format::of_path(&name), input) {
            // What is wrong with its metadata is said with everything else when it is opened.
            Ok(Some(_)) | Err(_) => self.sops(&name, input, ring, reveal).await,
            Ok(None) => self.objects(input, ring, reveal).await,
        }
    }

    async fn sops(
        &self,
        name: &TreePath,
        input: &[u8],
        ring: &KeyRing,
        reveal: Reveal,
    ) -> Result<(), Failure> {
        if !reveal.shows_plaintext() {
            return Err(Failure::usage("plaintext on a terminal needs --reveal"));
        }
        let mut tree = FileTree::new();
        tree.insert_file(name.clone(), input, false);
        let mut options = self.rules.options()?;
        // Exemptions are about what goes to a cluster; who names a file wants it opened.
        options.exempt_kinds.clear();
        let sealed = afterbay_decrypt::scan(&tree, [name], &options).map_err(RunError::from)?;
        let keys = ring.unwrap_all(sealed.key_requests()).await;
        let (tree, opened) =
            afterbay_decrypt::overlay(tree, sealed, &keys, &options).map_err(RunError::from)?;
        for warning in opened.warnings() {
            eprintln!("warning: {warning}");
        }
        let (_, file) = tree.file(name).map_err(anyhow::Error::new)?;
        let (content, _) = file.expose_content();
        io::stdout().write_all(content).map_err(anyhow::Error::new)?;
        Ok(())
    }

    async fn objects(&self, input: &[u8], ring: &KeyRing, reveal: Reveal) -> Result<(), Failure> {
        let name = stream::name(Some(&self.file));
        let objects = afterbay_render::read_objects(input, &name, Table::Kustomize);
        let has_tokens = String::from_utf8_lossy(input).contains("ENC[");
        let (Ok(objects), true) = (objects, has_tokens) else {
            return Err(not_sealed(&self.file));
        };
        let rendered = RenderedSet {
            revision: Revision::UNKNOWN,
            objects,
            warnings: Vec::new(),
        };
        let options = self.rules.options()?;
        let set = afterbay_pipeline::prove(rendered, OpenedFiles::default(), ring, &options).await?;
        stream::write(set.objects(), set.revision(), reveal, &mut io::stdout().lock())?;
        Ok(())
    }
}

fn not_sealed(file: &Path) -> Failure {
    let message = format!(
        "{}: sops metadata not found, and no hiera-eyaml token in a Kubernetes object; there is nothing to open",
        file.display()
    );
    Failure::other(Exit::Decrypt, &anyhow::Error::msg(message))
}

fn files(tree: &FileTree) -> BTreeSet<TreePath> {
    let files = tree
        .entries()
        .filter(|(_, entry)| matches!(entry, Entry::File(_)));
    files.map(|(path, _)| path.clone()).collect()
}
