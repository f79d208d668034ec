//! The key under which values are told apart that are not shown.

use std::path::Path;

use afterbay_apply::FingerprintKey;
use afterbay_manifest::SecretBytes;
use anyhow::Context as _;

use crate::exit::Exit;
use crate::failure::Failure;

/// Bytes of a key that is made for one run.
const RANDOM_BYTES: usize = 32;

/// The key in a file, if one is named.
pub(crate) fn from_file(file: Option<&Path>) -> Result<Option<FingerprintKey>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let read = || {
        let bytes = std::fs::read(file)
            .with_context(|| format!("cannot read the key of fingerprints {}", file.display()))?;
        FingerprintKey::new(SecretBytes::new(bytes)).with_context(|| file.display().to_string())
    };
    read()
        .map(Some)
        .map_err(|error| Failure::other(Exit::Usage, &error))
}

/// The key in a file, or one of this run that nobody else will ever have.
pub(crate) fn from_file_or_random(file: Option<&Path>) -> Result<FingerprintKey, Failure> {
    match from_file(file)? {
        Some(key) => Ok(key),
        None => random(),
    }
}

/// A key of this run that nobody else will ever have.
pub(crate) fn random() -> Result<FingerprintKey, Failure> {
    let mut bytes = vec![0; RANDOM_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system has no random bytes: {error}"))?;
    Ok(FingerprintKey::new(SecretBytes::new(bytes)).map_err(anyhow::Error::new)?)
}
