//! `afterbay version`.

use std::io::{self, Write};

use clap::Args;

use crate::failure::Failure;

/// The version with the reference programs whose behavior it follows.
pub(crate) const TEXT: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nkustomize v5.8.2 (behavior of render)\nsops 3.13.3 (behavior of decrypt)"
);

/// Print the version and the reference programs whose behavior it follows
#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Version {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self {} = self;
        writeln!(io::stdout(), "afterbay {TEXT}").map_err(anyhow::Error::new)?;
        Ok(())
    }
}
