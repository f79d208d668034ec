//! One SOPS file, in the way of `sops decrypt`: its flags, its choice of stores, its exit codes (`cmd/sops/main.go`,
//! `cmd/sops/codes`).

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use afterbay_decrypt::{DecryptErrors, DecryptOptions, MacPolicy};
use afterbay_keys::KeyRing;
use afterbay_manifest::{SecretBytes, TreePath};
use afterbay_pipeline::RunError;
use afterbay_sops::{ExtractError, ExtractPath, Format, OpenedFile, SealedFile, SopsError, SopsErrors};
use anyhow::Context as _;
use clap::Args;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::stream::{self, Reveal};

/// Flags of `sops decrypt`.
#[derive(Debug, Args)]
#[command(next_help_heading = "One file, as `sops decrypt` has it")]
pub(super) struct FileArguments {
    /// Store of the file: `yaml`, `json`, `dotenv`, `ini` or `binary` [default: by name, else by content]
    #[arg(long, value_name = "STORE")]
    input_type: Option<String>,

    /// Store to print [default: by name with `--input-type`, else the file's own]
    #[arg(long, value_name = "STORE")]
    output_type: Option<String>,

    /// Print one part only, as `["key"]["list"][0]`
    #[arg(long, value_name = "PATH")]
    extract: Option<String>,

    /// Do not look at the MAC, as with `--mac off`
    #[arg(long)]
    ignore_mac: bool,

    /// Name that tells the stores, for standard input or a file under another name
    #[arg(long, value_name = "NAME")]
    filename_override: Option<PathBuf>,

    /// File to write to instead of standard output; only its owner can read it
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Refused: plaintext never takes the place of a sealed file
    #[arg(short, long)]
    in_place: bool,
}

/// The flags of one file, parsed.
pub(super) struct FileOptions {
    input_type: Option<Format>,
    output_type: Option<Format>,
    extract: Option<ExtractPath>,
    /// What tells the stores, when it is not the file's own name.
    name: Option<TreePath>,
    output: Option<PathBuf>,
}

impl FileArguments {
    /// Whether any flag is given that means nothing for a tar stream.
    pub(super) fn is_given(&self) -> bool {
        self.input_type.is_some()
            || self.output_type.is_some()
            || self.extract.is_some()
            || self.filename_override.is_some()
            || self.output.is_some()
    }

    /// What the decrypt stage does about MACs, this flag considered.
    pub(super) fn apply(&self, options: &mut DecryptOptions) {
        if self.ignore_mac {
            options.mac = MacPolicy::Off;
            options.mac_for.clear();
        }
    }

    /// What was asked for; a store that SOPS does not know is ignored with a warning, as SOPS ignores it.
    pub(super) fn options(&self, input: &Path) -> Result<FileOptions, Failure> {
        if self.in_place {
            return Err(Failure::usage(
                "--in-place is refused: it would put plaintext where a sealed file is, one commit away from being \
                 published; print it, or name another file with --output",
            ));
        }
        if self
            .output
            .as_deref()
            .is_some_and(|output| is_same_file(input, output))
        {
            return Err(Failure::usage(
                "--output is refused: it names the sealed file itself, and plaintext never takes its place; name another file",
            ));
        }
        let extract = self.extract.as_deref().map(str::parse).transpose();
        let extract = extract.map_err(|error: afterbay_sops::ExtractPathError| {
            Failure::other(
                Exit::SopsExtractPath,
                &anyhow::Error::new(error).context("--extract"),
            )
        })?;
        Ok(FileOptions {
            input_type: store("--input-type", self.input_type.as_deref()),
            output_type: store("--output-type", self.output_type.as_deref()),
            extract,
            name: self
                .filename_override
                .as_deref()
                .map(|name| stream::name(Some(name))),
            output: self.output.clone(),
        })
    }
}

fn store(flag: &str, name: Option<&str>) -> Option<Format> {
    let name = name?;
    let format = Format::named(name);
    if format.is_none() {
        eprintln!("warning: {flag}: there is no store of that name; the file name tells");
    }
    format
}

impl FileOptions {
    /// Reads the input as the file it is; `None` if it has no SOPS metadata.
    pub(super) fn detect(&self, name: &TreePath, input: &[u8]) -> Result<Option<SealedFile>, Failure> {
        let found = match self.input_type {
            Some(format) => SealedFile::detect(name, input, format),
            None => SealedFile::find(name, Format::of_path(self.name.as_ref().unwrap_or(name)), input),
        };
        found.map_err(|errors| {
            let mut failure = failure(&errors);
            let is_syntax = |error: &SopsError| matches!(error, SopsError::Syntax { .. });
            if errors.errors.iter().any(is_syntax)
                && let Some(format) = store_of(name, input)
            {
                failure.hint(&format!(
                    "it can be read as {0}: give --input-type {0}",
                    format.as_str()
                ));
            }
            failure
        })
    }

    /// Opens the file and prints it, or the part that was asked for.
    pub(super) async fn run(
        &self,
        name: &TreePath,
        sealed: SealedFile,
        ring: &KeyRing,
        options: &DecryptOptions,
        reveal: Reveal,
    ) -> Result<(), Failure> {
        if self.output.is_none() && !reveal.shows_plaintext() {
            return Err(Failure::usage("plaintext on a terminal needs --reveal"));
        }
        let keys = ring.unwrap_all(sealed.key_requests().cloned().collect()).await;
        let opened = sealed
            .open(&keys, options.policy_for(name))
            .map_err(|errors| failure(&errors))?;
        output::warnings(&opened.warnings);
        let text = self.text(name, &opened)?;
        let text = text.as_ref().unwrap_or(&opened.text);
        Ok(self.write(text)?)
    }

    /// What is printed when it is not the whole file in its own store.
    fn text(&self, name: &TreePath, opened: &OpenedFile) -> Result<Option<SecretBytes>, Failure> {
        let format = self.format(name, opened.format);
        if let Some(path) = &self.extract {
            return opened
                .extract(path, format)
                .map(Some)
                .map_err(|error| not_extracted(&error));
        }
        if format == opened.format {
            return Ok(None);
        }
        opened.emit(format).map(Some).map_err(|errors| failure(&errors))
    }

    /// The store to print. A name that is not the file's own store tells it only where `--input-type` says that it is
    /// not.
    fn format(&self, name: &TreePath, own: Format) -> Format {
        let named = Format::of_path(self.name.as_ref().unwrap_or(name));
        let named = named.filter(|_| self.input_type.is_some());
        self.output_type.or(named).unwrap_or(own)
    }

    fn write(&self, text: &SecretBytes) -> anyhow::Result<()> {
        let Some(path) = &self.output else {
            return Ok(io::stdout().write_all(text.expose_bytes())?);
        };
        write_private(path, text.expose_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The one way in which plaintext gets to a disk: the user names the file. It is written when everything has opened.
#[expect(clippy::disallowed_methods, reason = "the user asks for the file by name")]
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path)?;
    // A file that is there already may be open to others; nothing is in it before it is not.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
    }
    file.write_all(bytes)
}

/// A store that takes the file as a sealed one, where the name tells another.
fn store_of(name: &TreePath, input: &[u8]) -> Option<Format> {
    let stores = [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini];
    stores
        .into_iter()
        .find(|format| matches!(SealedFile::detect(name, input, *format), Ok(Some(_))))
}

/// Whether two paths lead to one file, also through links.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// The exit code that SOPS has for what it would come upon first.
fn exit(errors: &SopsErrors) -> Exit {
    let rank = |error: &SopsError| match error {
        SopsError::NoDataKey { .. } | SopsError::TooFewShares { .. } | SopsError::Shares { .. } => 1,
        SopsError::Value { .. }
        | SopsError::KeyNotText { .. }
        | SopsError::WrongKey { .. }
        | SopsError::DataKeyLength { .. } => 2,
        SopsError::MacMissing { .. } | SopsError::MacUnreadable { .. } | SopsError::MacMismatch { .. } => 3,
        SopsError::NotWritable { .. } => 4,
        _ => 0,
    };
    match errors.errors.iter().map(rank).min() {
        Some(1) => Exit::SopsDataKey,
        Some(2) => Exit::SopsTree,
        Some(3) => Exit::SopsMac,
        Some(4) => Exit::SopsStore,
        _ => Exit::Failure,
    }
}

pub(super) fn failure(errors: &SopsErrors) -> Failure {
    let exit = exit(errors);
    Failure {
        exit,
        outcome: None,
        ..RunError::from(DecryptErrors(vec![errors.clone().into()])).into()
    }
}

fn not_extracted(error: &ExtractError) -> Failure {
    match error {
        ExtractError::NotWritable(errors) => failure(errors),
        other => Failure::other(Exit::Failure, &anyhow::anyhow!("--extract: {other}")),
    }
}
