//! `afterbay normalize`.

use std::io;
use std::path::PathBuf;

use afterbay_decrypt::OpenedFiles;
use afterbay_keys::KeyRing;
use afterbay_pipeline::RunError;
use clap::Args;

use crate::arguments::{DecryptArguments, KeyArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::stream::{self, Reveal};

/// Bring objects into the form the API server stores
///
/// Opens hiera-eyaml tokens, proves that nothing sealed is left, and turns `stringData` into `data`.
#[derive(Debug, Args)]
pub(crate) struct Normalize {
    /// YAML or JSON objects [default: standard input]
    #[arg(long = "filename", short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,

    /// Show the values of Secrets on a terminal
    #[arg(long)]
    reveal: bool,

    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    decrypt: DecryptArguments,
}

impl Normalize {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let Self {
            file,
            reveal,
            keys,
            decrypt,
        } = self;
        let usage = |error: anyhow::Error| Failure::other(Exit::Usage, &error);
        let ring = KeyRing::new(keys.options().map_err(usage)?);
        let options = decrypt.options().map_err(usage)?;
        let rendered = stream::read(file.as_deref())?;
        let decrypted = afterbay_pipeline::prove(rendered, OpenedFiles::default(), &ring, &options).await?;
        let normalized = afterbay_normalize::normalize(decrypted).map_err(RunError::from)?;
        let reveal = if reveal {
            Reveal::Everywhere
        } else {
            Reveal::NotOnTerminal
        };
        stream::write(
            normalized.objects(),
            normalized.revision(),
            reveal,
            &mut io::stdout().lock(),
        )?;
        Ok(())
    }
}
