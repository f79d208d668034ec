//! `afterbay normalize`.

use std::io;
use std::path::PathBuf;

use afterbay_keys::KeyRing;
use clap::Args;

use crate::arguments::{DecryptArguments, KeyArguments};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::masking::Hide;
use crate::output;
use crate::progress::{Progress, Verbosity};
use crate::stream::{self, Reveal};

/// Bring objects into the form the API server stores
///
/// Opens hiera-eyaml tokens, proves that nothing sealed is left, and turns `stringData` into `data`.
#[derive(Debug, Args)]
pub(crate) struct Normalize {
    /// YAML or JSON objects [default: standard input]
    #[arg(long = "filename", short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,

    /// Show values on a terminal
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
        // There is little to wait for here: warnings only.
        let progress = Progress::new(Verbosity::Quiet);
        let result =
            afterbay_pipeline::piped(rendered, &ring, &options, &mut |event| progress.show(&event)).await;
        output::notes(&ring.notes());
        let (_, normalized) = result?;
        let reveal = if reveal {
            Reveal::Everywhere
        } else {
            Reveal::NotOnTerminal
        };
        stream::write(
            normalized.objects(),
            normalized.revision(),
            reveal,
            // Any kind may hold opened values, and a stream does not say which do.
            |_| Hide::Everything,
            &mut io::stdout().lock(),
        )?;
        Ok(())
    }
}
