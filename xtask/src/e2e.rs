//! `cargo xtask e2e`: a cluster, a KMS, the binary, and the scenarios against them.

mod control_plane;
mod kind;
mod kms;
mod openbao;
mod process;
mod python;
mod scenarios;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::flags::{Cluster, E2e};
use crate::shell::{e2e_target, find_program, output};
use crate::tools;
use control_plane::ControlPlane;
use kind::Kind;
use kms::Kms;
use openbao::OpenBao;
use process::Watchdog;
pub(crate) use scenarios::build_binary;

/// The label on every namespace of a scenario; its value is the name of the run's folder.
const RUN_LABEL: &str = "afterbay.dev/e2e-run";

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
    cluster: Held,
    _kms: Kms,
}

/// What has to end with the run.
#[expect(dead_code, reason = "each variant is held for what its drop does")]
enum Held {
    ControlPlane(Box<ControlPlane>),
    Kind(Kind),
    Existing(Existing),
}

/// A program of the machine, and the package of Debian that brings it.
type Program = (&'static str, &'static str);

/// Commits what is applied.
pub(crate) const GIT: Program = ("git", "git");

/// Makes the certificates of a control plane, and keys and tokens of hiera-eyaml.
pub(crate) const OPENSSL: Program = ("openssl", "openssl");

/// What the scenarios take from the machine. The last two see which programs are started, and become another user.
const SCENARIOS: [Program; 4] = [GIT, OPENSSL, ("strace", "strace"), ("setpriv", "util-linux")];

/// Runs the scenarios and says how many ended how.
pub(crate) fn run(flags: &E2e) -> anyhow::Result<Counts> {
    let plan = Plan::new(flags, &tools::CLIENTS, &SCENARIOS)?;
    if let Some(missing) = python::missing() {
        bail!("cannot start, this is missing:\n  {missing}");
    }
    let binary = scenarios::build_product(flags)?;
    let scenarios = scenarios::build()?;
    let environment = Environment::start(&plan, flags)?;
    let openbao = OpenBao::start(&environment.folder)?;
    let counts = scenarios::run(&scenarios, &binary, &environment, &openbao, flags);
    if !counts.as_ref().is_ok_and(|counts| counts.failed == 0) {
        environment.keep_logs();
    }
    if flags.keep {
        environment.wait_for_enter();
    }
    let folder = environment.folder.clone();
    drop(openbao);
    drop(environment);
    let counts = counts?;
    if counts.failed == 0 && !flags.keep {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(counts)
}

/// What will be started, with nothing missing.
pub(crate) struct Plan {
    lane: Lane,
    kms: String,
}

impl Plan {
    /// Decides the lane and builds the pinned tools; what is missing is named before anything starts.
    pub(crate) fn new(flags: &E2e, clients: &[&str], programs: &[Program]) -> anyhow::Result<Self> {
        let lane = Lane::choose(flags.cluster);
        let kms = choose_kms(&flags.kms, lane);
        let mut needed: Vec<&str> = clients.to_vec();
        // kind brings a cluster up by itself; what only shows the product on it needs nothing built.
        if lane != Lane::Kind && !needed.contains(&"kubectl") {
            needed.push("kubectl");
        }
        if lane == Lane::ControlPlane {
            needed.extend(tools::CONTROL_PLANE);
        }
        let mut programs = programs.to_vec();
        if lane == Lane::ControlPlane && !programs.contains(&OPENSSL) {
            programs.push(OPENSSL);
        }
        refuse_if_missing(lane, &kms, &needed, &programs)?;
        tools::ensure(&needed)?;
        Ok(Self { lane, kms })
    }
}

impl Lane {
    fn choose(cluster: Cluster) -> Self {
        match cluster {
            Cluster::ControlPlane => Self::ControlPlane,
            Cluster::Kind => Self::Kind,
            Cluster::Existing => Self::Existing,
            Cluster::Auto if kind::missing().is_empty() => {
                eprintln!("Docker answers and kind is there: lane kind");
                Self::Kind
            }
            Cluster::Auto => {
                eprintln!("no Docker with kind: lane control-plane");
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
    /// Starts cluster and KMS.
    pub(crate) fn start(plan: &Plan, flags: &E2e) -> anyhow::Result<Self> {
        let started = Instant::now();
        let folder = run_folder()?;
        eprintln!("lane {}, logs in {}", plan.lane.name(), folder.display());
        let kms = match plan.kms.as_str() {
            "process" => Kms::process(&folder)?,
            "container" => Kms::container(&folder)?,
            endpoint => Kms::elsewhere(endpoint),
        };
        let (cluster, kubeconfig) = start_cluster(plan.lane, flags, &folder)?;
        eprintln!(
            "cluster and KMS are up after {:.1} s",
            started.elapsed().as_secs_f64()
        );
        Ok(Self {
            lane: plan.lane,
            kubeconfig,
            kms: kms.endpoint.clone(),
            folder,
            _kms: kms,
            cluster,
        })
    }

    /// Saves the logs of kind's node, which go away with it; the others write theirs into the folder.
    fn keep_logs(&self) {
        if let Held::Kind(kind) = &self.cluster {
            kind.keep_logs(&self.folder);
        }
    }

    /// Leaves everything running until the user has seen enough.
    pub(crate) fn wait_for_enter(&self) {
        println!("\nkept, with logs in {}", self.folder.display());
        println!(
            "  export KUBECONFIG={} AWS_ENDPOINT_URL={}",
            self.kubeconfig.display(),
            self.kms
        );
        println!("press Enter to end everything");
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
            let cluster = Existing::start(flags, folder)?;
            let kubeconfig = cluster.kubeconfig.clone();
            (Held::Existing(cluster), kubeconfig)
        }
    })
}

/// A cluster that somebody else runs; what scenarios made there is deleted when dropped.
struct Existing {
    kubeconfig: PathBuf,
    _watchdog: Watchdog,
}

impl Existing {
    /// Takes a copy of the context, complete in itself, so that the user's file stays as it is.
    fn start(flags: &E2e, folder: &Path) -> anyhow::Result<Self> {
        let file = flags
            .kubeconfig
            .as_ref()
            .context("--cluster existing needs --kubeconfig")?;
        let kubectl = tools::folder().join("kubectl");
        let mut command = Command::new(&kubectl);
        command
            .arg("--kubeconfig")
            .arg(file)
            .args(["config", "view", "--raw", "--flatten", "--minify"]);
        if let Some(context) = &flags.context {
            command.args(["--context", context]);
        }
        let kubeconfig = folder.join("existing.kubeconfig");
        fs::write(&kubeconfig, output(&mut command)?)?;
        output(
            Command::new(&kubectl)
                .arg("--kubeconfig")
                .arg(&kubeconfig)
                .args(["get", "--raw", "/version"]),
        )
        .context("the cluster of the kubeconfig does not answer")?;
        let run = folder.file_name().unwrap_or_default().to_string_lossy();
        let script = format!(
            "\"$1\" --kubeconfig \"$2\" delete namespaces --wait=false --selector '{RUN_LABEL}={run}'"
        );
        let watchdog = Watchdog::new(
            &script,
            &[&kubectl.to_string_lossy(), &kubeconfig.to_string_lossy()],
        )?;
        Ok(Self {
            kubeconfig,
            _watchdog: watchdog,
        })
    }
}

fn choose_kms(wanted: &str, lane: Lane) -> String {
    match (wanted, lane) {
        ("auto", Lane::Kind) => "container".to_owned(),
        ("auto", _) => "process".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// Names everything that is missing before anything starts.
fn refuse_if_missing(lane: Lane, kms: &str, needed: &[&str], programs: &[Program]) -> anyhow::Result<()> {
    let mut missing: Vec<String> = tools::missing(needed).into_iter().collect();
    if lane == Lane::Kind {
        missing.extend(kind::missing());
    }
    match kms {
        "process" => missing.extend(python::missing()),
        "container" if lane != Lane::Kind && !kind::docker_answers() => {
            missing.push("docker: no engine answers `docker info`; use --kms process".to_owned());
        }
        "container" => {}
        url if url.starts_with("http://") || url.starts_with("https://") => {}
        other => missing.push(format!(
            "--kms {other}: neither auto, container, process nor a URL"
        )),
    }
    for (name, package) in programs {
        if find_program(&[*name]).is_none() {
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
