//! What a scenario is given: a namespace, a scratch folder, and the ways to the world.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{Afterbay, AgeKey, Cluster, Environment, Kms, Repository, Sops};

/// How a scenario ended when nothing was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything held.
    Passed,
    /// Everything held in so many cases; the line says in which.
    Counted(String),
    /// It could not be run here, for this reason.
    Skipped(String),
}

/// The world of one scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, as in `--only`.
    pub name: String,
    /// Its own namespace, which exists.
    pub namespace: String,
    /// Its own folder.
    pub folder: PathBuf,
    /// What was started.
    pub environment: Environment,
    /// The cluster as its administrator.
    pub cluster: Cluster,
}

impl Scenario {
    /// A Git repository in the scratch folder, with one empty commit on `main`.
    pub fn repository(&self) -> anyhow::Result<Repository> {
        Repository::create(&self.folder.join("repository"))
    }

    /// The binary, set up with this scenario's namespace, home and cluster.
    pub fn afterbay(&self) -> Afterbay {
        Afterbay::new(&self.environment, &self.folder, &self.namespace)
    }

    /// The real `sops`.
    pub fn sops(&self) -> Sops {
        Sops::new(&self.environment, &self.folder)
    }

    /// A new age identity.
    pub fn age_key(&self, name: &str) -> anyhow::Result<AgeKey> {
        AgeKey::generate(&self.environment, &self.folder.join(format!("{name}.age")))
    }

    /// A new post-quantum age identity.
    pub fn post_quantum_age_key(&self, name: &str) -> anyhow::Result<AgeKey> {
        AgeKey::generate_post_quantum(&self.environment, &self.folder.join(format!("{name}.age")))
    }

    /// KMS; `Err(Outcome::Skipped)` where none was started.
    pub fn kms(&self) -> Result<Kms, Outcome> {
        match &self.environment.kms {
            Some(endpoint) => Ok(Kms::new(endpoint)),
            None => Err(Outcome::Skipped("no KMS was started".to_owned())),
        }
    }

    /// Writes a file in the scratch folder and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        write(&path, text.as_ref())?;
        Ok(path)
    }

    /// The same for a file that only its owner can read.
    pub fn write_private(&self, name: &str, text: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.write(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
