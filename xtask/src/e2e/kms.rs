//! LocalStack's KMS: as a process from a pinned Python environment, or as a container through `testcontainers`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};

use super::process::{Server, free_port};
use super::python;
use crate::shell::{cargo, check, root, target};

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
    _running: Running,
}

/// What has to end with the run.
#[expect(dead_code, reason = "each variant is held for what its drop does")]
enum Running {
    Elsewhere,
    Process(Server),
    Container(Container),
}

/// The program that holds the container; it removes the container when its standard input closes, with this value or this process.
struct Container(Child);

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Kms {
    /// An endpoint that somebody else runs.
    pub(crate) fn elsewhere(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            _running: Running::Elsewhere,
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
            _running: Running::Process(server),
        })
    }

    /// LocalStack as a container, its port on loopback only; its log is `folder/localstack.log`, as that of the process is.
    pub(crate) fn container(folder: &Path) -> anyhow::Result<Self> {
        let built = target().join("localstack");
        check(
            cargo(["build", "--quiet", "--locked", "--target-dir"])
                .arg(&built)
                .current_dir(root().join("e2e/localstack")),
        )?;
        let log = folder.join("localstack.log");
        let mut child = Command::new(built.join("debug/localstack"))
            .args(SETTINGS.map(|(name, value)| format!("{name}={value}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            // A group of its own: Ctrl-C in the terminal must not end it before the container is gone.
            .process_group(0)
            .spawn()
            .context("cannot start LocalStack's container")?;
        let mut port = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut port)?;
        let container = Container(child);
        let port: u16 = port.trim().parse().map_err(|_| {
            anyhow!(
                "LocalStack's container did not start: {}",
                fs::read_to_string(&log).unwrap_or_default().trim()
            )
        })?;
        let started = Instant::now();
        while !is_ready(port) {
            ensure!(
                started.elapsed() < PATIENCE,
                "LocalStack was not ready after {PATIENCE:?}; its log is {}",
                log.display()
            );
            sleep(Duration::from_millis(200));
        }
        Ok(Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            _running: Running::Container(container),
        })
    }
}

fn is_ready(port: u16) -> bool {
    super::http_get(port, "/_localstack/health").is_some_and(|body| body.contains("\"kms\""))
}
