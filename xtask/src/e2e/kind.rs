//! The lane `kind`: a cluster in containers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::Watchdog;
use crate::shell::{check, find_program};

/// The node image; the Kubernetes version is that of the lane `control-plane`.
const IMAGE: &str = "kindest/node:v1.34.2";

/// A running kind cluster; deleted when dropped.
pub(crate) struct Kind {
    /// The administrator's kubeconfig; the user's own is never touched.
    pub(crate) kubeconfig: PathBuf,
    name: String,
    _watchdog: Watchdog,
}

impl Kind {
    /// Creates a cluster of one node.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let name = format!("afterbay-e2e-{}", std::process::id());
        let kubeconfig = folder.join("kind.kubeconfig");
        fs::create_dir_all(folder)?;
        let watchdog = Watchdog::new(
            "kind delete cluster --name \"$1\" --kubeconfig \"$2\"",
            &[&name, &kubeconfig.to_string_lossy()],
        )?;
        let kind = Self {
            kubeconfig,
            name,
            _watchdog: watchdog,
        };
        check(
            Command::new("kind")
                .args([
                    "create",
                    "cluster",
                    "--name",
                    &kind.name,
                    "--image",
                    IMAGE,
                    "--wait",
                    "120s",
                    "--kubeconfig",
                ])
                .arg(&kind.kubeconfig),
        )?;
        Ok(kind)
    }
}

impl Kind {
    /// Saves the logs of the node: containers, kubelet, system.
    pub(crate) fn keep_logs(&self, folder: &Path) {
        let mut command = Command::new("kind");
        command
            .args(["export", "logs", "--name", &self.name])
            .arg(folder.join("kind"));
        let saved = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !saved.is_ok_and(|status| status.success()) {
            eprintln!("kind export logs saved nothing");
        }
    }
}

impl Drop for Kind {
    fn drop(&mut self) {
        let mut command = Command::new("kind");
        command
            .args(["delete", "cluster", "--name", &self.name, "--kubeconfig"])
            .arg(&self.kubeconfig);
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Whether a Docker engine answers.
pub(crate) fn docker_answers() -> bool {
    let mut command = Command::new("docker");
    command.arg("info").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What keeps the lane from running, with the way out.
pub(crate) fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !docker_answers() {
        missing.push("docker: no engine answers `docker info`; install and start Docker, or use --cluster control-plane".to_owned());
    }
    if find_program(&["kind"]).is_none() {
        missing.push("kind: install it with `go install sigs.k8s.io/kind@v0.33.0`".to_owned());
    }
    missing
}
