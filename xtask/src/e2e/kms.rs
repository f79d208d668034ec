//! LocalStack's KMS: as a process from a pinned Python environment, or as a container.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Server, Watchdog, free_port};
use crate::shell::{check, e2e_target, find_program, output, root};

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
        let environment = environment()?;
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

/// What keeps the process from running, with the way out.
pub(crate) fn missing_for_process() -> Option<String> {
    let problem = "python3.11 with venv: needed for LocalStack; install Debian's python3.11-venv, or Python 3.11 by pyenv or uv";
    python().is_none().then(|| problem.to_owned())
}

fn is_ready(port: u16) -> bool {
    super::http_get(port, "/_localstack/health").is_some_and(|body| body.contains("\"kms\""))
}

/// A Python 3.11: the lock file holds its wheels only.
fn python() -> Option<PathBuf> {
    let check = "import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))";
    let candidates = ["python3.11", "python3", "python"]
        .into_iter()
        .filter_map(|name| find_program(&[name]));
    candidates.into_iter().find(|python| {
        let mut command = Command::new(python);
        command
            .args(["-c", check])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// The virtual environment, made anew when the lock file has changed.
fn environment() -> anyhow::Result<PathBuf> {
    let lock = root().join("e2e/tools/localstack/requirements.txt");
    let mut hasher = DefaultHasher::new();
    fs::read(&lock)?.hash(&mut hasher);
    let folder = e2e_target()
        .join("tools")
        .join(format!("localstack-{:016x}", hasher.finish()));
    let stamp = folder.join(".complete");
    if stamp.is_file() {
        return Ok(folder);
    }
    eprintln!("installing LocalStack {VERSION} into a virtual environment");
    let python = python().ok_or_else(|| anyhow::anyhow!("no Python 3.11"))?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    check(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    check(
        Command::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--require-hashes",
                "--requirement",
            ])
            .arg(&lock),
    )?;
    fs::write(&stamp, "")?;
    Ok(folder)
}
