//! `cargo xtask e2e`: a cluster, a KMS, the binary, and the scenarios against them.

mod control_plane;
mod kind;
mod kms;
mod process;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::flags::{Cluster, E2e};
use crate::shell::{cargo, check, e2e_target, find_program, target};
use crate::tools;
use control_plane::ControlPlane;
use kind::Kind;
use kms::Kms;

/// Where the cluster comes from, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    ControlPlane,
    Kind,
    Existing,
}

/// A cluster and a KMS that end with this value.
pub(crate) struct Environment {
    pub(crate) lane: Lane,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// URL of KMS.
    pub(crate) kms: String,
    /// Logs and evidence.
    pub(crate) folder: PathBuf,
    _kms: Kms,
    _cluster: Held,
}

/// What has to end with the run; held, not read.
#[expect(dead_code, reason = "each variant is held for what its drop does")]
enum Held {
    ControlPlane(Box<ControlPlane>),
    Kind(Kind),
    Existing,
}

/// Runs the scenarios.
pub(crate) fn run(flags: &E2e) -> anyhow::Result<()> {
    let environment = Environment::start(flags)?;
    let binary = build_binary("dev")?;
    let mut command = cargo(["test", "--quiet", "--package", "e2e", "--test", "e2e"]);
    command
        .env("AFTERBAY_E2E_KUBECONFIG", &environment.kubeconfig)
        .env("AFTERBAY_E2E_KMS", &environment.kms)
        .env("AFTERBAY_E2E_LANE", environment.lane.name())
        .env("AFTERBAY_E2E_BINARY", &binary)
        .env("AFTERBAY_E2E_TOOLS", tools::folder())
        .env("AFTERBAY_E2E_RUN_DIR", &environment.folder);
    if let Some(only) = &flags.only {
        command.env("AFTERBAY_E2E_ONLY", only);
    }
    if flags.keep {
        command.env("AFTERBAY_E2E_KEEP", "1");
    }
    let status = command.status().context("cannot start cargo")?;
    if flags.keep {
        environment.wait_for_enter();
    }
    let folder = environment.folder.clone();
    drop(environment);
    if !status.success() {
        bail!(
            "scenarios failed; logs, events and objects are in {}",
            folder.display()
        );
    }
    Ok(())
}

/// Builds the product and says where it is.
pub(crate) fn build_binary(profile: &str) -> anyhow::Result<PathBuf> {
    check(&mut cargo([
        "build",
        "--quiet",
        "--package",
        "afterbay",
        "--profile",
        profile,
    ]))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target().join(folder).join("afterbay"))
}

impl Lane {
    fn choose(cluster: Cluster) -> Self {
        match cluster {
            Cluster::ControlPlane => Self::ControlPlane,
            Cluster::Kind => Self::Kind,
            Cluster::Existing => Self::Existing,
            Cluster::Auto if kind::missing().is_empty() => {
                println!("Docker answers and kind is there: lane kind");
                Self::Kind
            }
            Cluster::Auto => {
                println!("no Docker with kind: lane control-plane");
                Self::ControlPlane
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::Kind => "kind",
            Self::Existing => "existing",
        }
    }
}

impl Environment {
    /// Checks that everything needed is there, builds what is missing, and starts cluster and KMS.
    pub(crate) fn start(flags: &E2e) -> anyhow::Result<Self> {
        Self::start_with(flags, &tools::CLIENTS)
    }

    /// The same with the client tools that the caller needs.
    pub(crate) fn start_with(flags: &E2e, clients: &[&str]) -> anyhow::Result<Self> {
        let lane = Lane::choose(flags.cluster);
        let kms = choose_kms(&flags.kms, lane);
        let mut needed: Vec<&str> = clients.to_vec();
        if lane == Lane::ControlPlane {
            needed.extend(tools::CONTROL_PLANE);
            needed.push("kubectl");
        }
        refuse_if_missing(lane, &kms, &needed)?;
        tools::ensure(&needed)?;

        let folder = run_folder()?;
        println!("lane {}, logs in {}", lane.name(), folder.display());
        let kms = match kms.as_str() {
            "process" => Kms::process(&folder)?,
            "container" => Kms::container()?,
            endpoint => Kms::elsewhere(endpoint),
        };
        let (cluster, kubeconfig) = start_cluster(lane, flags, &folder)?;
        println!(
            "cluster and KMS are up: KUBECONFIG={} AWS_ENDPOINT_URL={}",
            kubeconfig.display(),
            kms.endpoint
        );
        Ok(Self {
            lane,
            kubeconfig,
            kms: kms.endpoint.clone(),
            folder,
            _kms: kms,
            _cluster: cluster,
        })
    }

    fn wait_for_enter(&self) {
        println!(
            "kept: export KUBECONFIG={} AWS_ENDPOINT_URL={}; press Enter to end everything",
            self.kubeconfig.display(),
            self.kms
        );
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}

fn start_cluster(lane: Lane, flags: &E2e, folder: &Path) -> anyhow::Result<(Held, PathBuf)> {
    Ok(match lane {
        Lane::ControlPlane => {
            let cluster = ControlPlane::start(folder)?;
            let kubeconfig = cluster.kubeconfig.clone();
            (Held::ControlPlane(Box::new(cluster)), kubeconfig)
        }
        Lane::Kind => {
            let cluster = Kind::start(folder)?;
            let kubeconfig = cluster.kubeconfig.clone();
            (Held::Kind(cluster), kubeconfig)
        }
        Lane::Existing => {
            let file = flags
                .kubeconfig
                .as_ref()
                .context("--cluster existing needs --kubeconfig")?;
            (
                Held::Existing,
                copy_kubeconfig(file, flags.context.as_deref(), folder)?,
            )
        }
    })
}

/// A copy in which the context is the current one, so that the user's file stays as it is.
fn copy_kubeconfig(file: &Path, context: Option<&str>, folder: &Path) -> anyhow::Result<PathBuf> {
    let copy = folder.join("existing.kubeconfig");
    fs::copy(file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    if let Some(context) = context {
        let mut command = std::process::Command::new(tools::folder().join("kubectl"));
        check(
            command
                .arg("--kubeconfig")
                .arg(&copy)
                .args(["config", "use-context", context]),
        )?;
    }
    Ok(copy)
}

fn choose_kms(wanted: &str, lane: Lane) -> String {
    match (wanted, lane) {
        ("auto", Lane::Kind) => "container".to_owned(),
        ("auto", _) => "process".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// Names everything that is missing before anything starts.
fn refuse_if_missing(lane: Lane, kms: &str, needed: &[&str]) -> anyhow::Result<()> {
    let mut missing: Vec<String> = tools::missing(needed).into_iter().collect();
    if lane == Lane::Kind {
        missing.extend(kind::missing());
    }
    match kms {
        "process" => missing.extend(kms::missing_for_process()),
        "container" if lane != Lane::Kind && !kind::docker_answers() => {
            missing.push("docker: no engine answers `docker info`; use --kms process".to_owned());
        }
        "container" => {}
        url if url.starts_with("http://") || url.starts_with("https://") => {}
        other => missing.push(format!(
            "--kms {other}: neither auto, container, process nor a URL"
        )),
    }
    for (name, package) in [("git", "git"), ("openssl", "openssl"), ("curl", "curl")] {
        if find_program(&[name]).is_none() {
            missing.push(format!("{name}: install Debian's {package}"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("cannot start, this is missing:\n  {}", missing.join("\n  "))
}

fn run_folder() -> anyhow::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let folder = e2e_target()
        .join("runs")
        .join(format!("{now}-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The body of a plain HTTP answer from this machine.
fn http_get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}
