//! LocalStack's KMS: as a process from a pinned Python environment, or as a container.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Server, Watchdog, free_port};
use super::python;
use crate::shell::{check, output};

/// The release; the lock file and the image are of the same.
const VERSION: &str = "4.10.0";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// What both forms are told: KMS only, started at once, nothing asked of the network.
const SETTINGS: [(&str, &str); 4] = [
    ("SERVICES", "kms"),
    ("EAGER_SERVICE_LOADING", "1"),
    ("SKIP_SSL_CERT_DOWNLOAD", "1"),
    ("DISABLE_EVENTS", "1"),
];

/// A running KMS; gone when dropped.
pub(crate) struct Kms {
    /// Its URL.
    pub(crate) endpoint: String,
    running: Running,
}

/// What has to end with the run.
#[expect(dead_code, reason = "each variant is held for what its drop does")]
enum Running {
    Elsewhere,
    Process(Server),
    Container(Container),
}

/// A container that is removed when dropped.
struct Container {
    name: String,
    _watchdog: Watchdog,
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", &self.name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

impl Kms {
    /// An endpoint that somebody else runs.
    pub(crate) fn elsewhere(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            running: Running::Elsewhere,
        }
    }

    /// LocalStack as a process.
    pub(crate) fn process(folder: &Path) -> anyhow::Result<Self> {
        let environment = python::environment("localstack")?;
        let port = free_port()?;
        let scratch = folder.join("localstack");
        fs::create_dir_all(&scratch)?;
        let mut path = vec![environment.join("bin")];
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let mut command = Command::new(environment.join("bin/localstack-supervisor"));
        command
            .envs(SETTINGS)
            .env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"))
            .env("FILESYSTEM_ROOT", &scratch)
            .env("PATH", std::env::join_paths(path)?)
            .current_dir(&scratch);
        // The user's own profile and endpoint are none of its business, and a profile that is not there ends it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        let mut server = Server::start("localstack", &mut command, folder)?;
        server.wait_until(PATIENCE, || is_ready(port))?;
        Ok(Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            running: Running::Process(server),
        })
    }

    /// LocalStack as a container, its port on loopback only.
    pub(crate) fn container() -> anyhow::Result<Self> {
        let port = free_port()?;
        let name = format!("afterbay-e2e-localstack-{}", std::process::id());
        let watchdog = Watchdog::new("docker rm --force \"$1\"", &[&name])?;
        let mut command = Command::new("docker");
        command.args([
            "run",
            "--detach",
            "--rm",
            "--name",
            &name,
            "--publish",
            &format!("127.0.0.1:{port}:4566"),
        ]);
        for (key, value) in SETTINGS {
            command.args(["--env", &format!("{key}={value}")]);
        }
        output(command.arg(format!("localstack/localstack:{VERSION}")))?;
        let container = Container {
            name,
            _watchdog: watchdog,
        };
        let started = std::time::Instant::now();
        while !is_ready(port) {
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "LocalStack in {} was not ready after {PATIENCE:?}",
                container.name
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            running: Running::Container(container),
        })
    }
}

impl Kms {
    /// Saves the log of a container; a process writes its own.
    pub(crate) fn keep_log(&self, folder: &Path) {
        let Running::Container(container) = &self.running else {
            return;
        };
        let save = || -> anyhow::Result<()> {
            let log = fs::File::create(folder.join("localstack.log"))?;
            let mut command = Command::new("docker");
            command.args(["logs", &container.name]);
            check(command.stdout(log.try_clone()?).stderr(log))
        };
        if let Err(error) = save() {
            eprintln!("the log of LocalStack is not saved: {error:#}");
        }
    }
}

fn is_ready(port: u16) -> bool {
    super::http_get(port, "/_localstack/health").is_some_and(|body| body.contains("\"kms\""))
}
