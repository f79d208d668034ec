//! What `cargo xtask e2e` has started, told by environment variables.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The environment of a run.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// `control-plane`, `kind` or `existing`.
    pub lane: String,
    /// URL of a LocalStack KMS; without one, scenarios that need it are skipped.
    pub kms: Option<String>,
    /// Address of an OpenBao dev server and its root token; without one, scenarios that need it are skipped.
    pub vault: Option<(String, String)>,
    /// The `afterbay` binary.
    pub binary: PathBuf,
    /// Folder with the real `sops`, `age`, `age-keygen`, `kubectl`, `kustomize`.
    pub tools: PathBuf,
    /// Where logs and evidence go.
    pub run_dir: PathBuf,
    /// Only scenarios whose name contains this.
    pub only: Option<String>,
    /// Whether the binary was built without redaction, so that the canary scenario has to find the canary.
    pub without_redaction: bool,
    /// Whether namespaces stay after the run.
    pub keep: bool,
}

impl Environment {
    /// Reads the variables; names the command to run when they are not set.
    pub fn from_env() -> anyhow::Result<Self> {
        let path = |name: &str| {
            let value = env::var_os(name).map(PathBuf::from);
            value.with_context(|| format!("{name} is not set; the scenarios are run by `cargo xtask e2e`"))
        };
        Ok(Self {
            kubeconfig: path("AFTERBAY_E2E_KUBECONFIG")?,
            lane: env::var("AFTERBAY_E2E_LANE").unwrap_or_else(|_| "existing".to_owned()),
            kms: env::var("AFTERBAY_E2E_KMS").ok().filter(|url| !url.is_empty()),
            vault: env::var("AFTERBAY_E2E_VAULT")
                .ok()
                .zip(env::var("AFTERBAY_E2E_VAULT_TOKEN").ok()),
            binary: path("AFTERBAY_E2E_BINARY")?,
            tools: path("AFTERBAY_E2E_TOOLS")?,
            run_dir: path("AFTERBAY_E2E_RUN_DIR")?,
            only: env::var("AFTERBAY_E2E_ONLY").ok(),
            without_redaction: env::var_os("AFTERBAY_E2E_WITHOUT_REDACTION").is_some(),
            keep: env::var_os("AFTERBAY_E2E_KEEP").is_some(),
        })
    }

    /// Names the run: the name of its folder.
    pub fn run_name(&self) -> String {
        self.run_dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// A tool by name.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }
}

/// A file or folder of the test data that the real tools made.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(name)
}
