//! OpenBao as a dev server: everything in memory, unsealed, with a known root token.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::process::{Server, free_port};
use super::python;

/// The root token of the server, which protects nothing.
pub(super) const TOKEN: &str = "e2e-root-token";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; gone when dropped.
pub(super) struct OpenBao {
    /// Its address.
    pub(super) address: String,
    _server: Server,
}

impl OpenBao {
    /// Starts it from the pinned package.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let environment = python::environment("openbao")?;
        let port = free_port()?;
        let mut command = Command::new(environment.join("bin/bao"));
        command
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={TOKEN}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", folder)
            .current_dir(folder);
        let mut server = Server::start("openbao", &mut command, folder)?;
        server.wait_until(PATIENCE, || {
            super::http_get(port, "/v1/sys/health").is_some_and(|body| body.contains("\"sealed\":false"))
        })?;
        Ok(Self {
            address: format!("http://127.0.0.1:{port}"),
            _server: server,
        })
    }
}
