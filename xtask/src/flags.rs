//! The whole command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::differential::Format;

/// Developer tasks
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
pub(crate) struct Xtask {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// What the product costs, against its peers
    Bench(Bench),
    /// Everything a change must pass
    Ci(Ci),
    /// Builds that kustomize has on record, by the product
    Conformance(Conformance),
    /// A cluster, a KMS and a sample repository: applies it, changes a secret, applies again
    Demo(Demo),
    /// Inputs made at random, through the product and through the real `sops` or `kustomize`
    Differential(Differential),
    /// The end-to-end scenarios against a real API server and a KMS emulator
    E2e(E2e),
    /// Remake the test data with the real tools, or with --check compare it
    Fixtures(Fixtures),
    /// What strangers write, altered at random: the targets of `e2e/fuzz-targets`
    Fuzz(Fuzz),
    /// What one program took; `bench` starts it
    #[command(hide = true)]
    Measure(Measure),
    /// Rules about the tree itself: crate arrows, who may call expose_*, module docs, file sizes
    Tidy,
    /// Build the pinned tools that tests and fixtures use, and print where they are
    Tools(Tools),
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Only this one (default: all)
    #[arg(value_enum)]
    pub(crate) name: Option<BenchName>,

    /// One JSON object a line: name, metric, value, peer, peer value
    #[arg(long)]
    pub(crate) json: bool,

    /// What `apply` applies (can be repeated; default: all)
    #[arg(long = "set", value_enum, value_name = "SET")]
    pub(crate) sets: Vec<BenchSet>,

    /// Run peers that take minutes as well: kustomize on 5,000 objects
    #[arg(long)]
    pub(crate) slow_peers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchName {
    /// Opening 1,000 sealed Secrets, one file, a file of 5,000 keys, and files behind a slow KMS
    Decrypt,
    /// Applying sealed Secrets and a mixed set: for the first time, one changed, unchanged
    Apply,
    /// Applying 1,000 Secrets for the first time
    #[value(name = "apply-cold-1000")]
    ApplyCold,
    /// Applying them again with nothing changed
    #[value(name = "apply-unchanged-1000")]
    ApplyUnchanged,
    /// Building 1 to 5,000 objects, definitions of 3 MB, and eight builds at once
    Render,
}

/// What the benchmark applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchSet {
    /// 100 sealed Secrets
    #[value(name = "100")]
    Secrets100,
    /// 1,000 sealed Secrets
    #[value(name = "1000")]
    Secrets1000,
    /// 5,000 sealed Secrets
    #[value(name = "5000")]
    Secrets5000,
    /// 1,000 objects, a third each Deployments, ConfigMaps and Secrets, none sealed
    Mixed,
}

impl BenchSet {
    pub(crate) const ALL: [Self; 4] = [
        Self::Secrets100,
        Self::Secrets1000,
        Self::Secrets5000,
        Self::Mixed,
    ];

    /// As the name of a benchmark has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Secrets100 => "100",
            Self::Secrets1000 => "1000",
            Self::Secrets5000 => "5000",
            Self::Mixed => "mixed-1000",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Leave a lane out (can be repeated); it is printed as skipped
    #[arg(long, value_name = "LANE")]
    pub(crate) skip: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Whose behavior
    #[arg(value_enum)]
    pub(crate) reference: Reference,

    /// The folder with `cases`, `errors` and `plugin`
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Run only cases whose name contains this
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,

    /// Name the cases whose bytes differ, too
    #[arg(long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reference {
    /// What `afterbay render` builds
    Kustomize,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the API server comes from
    #[arg(long, value_enum, default_value_t = DemoCluster::Auto)]
    pub(crate) cluster: DemoCluster,

    /// Leave cluster and KMS running until Enter is pressed
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Differential {
    /// What is compared
    #[arg(value_enum, default_value_t = Compared::Sops)]
    pub(crate) compared: Compared,

    /// How many documents or trees
    #[arg(long, default_value_t = 2000)]
    pub(crate) count: usize,

    /// Where the random numbers start
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Only this store of SOPS (default: all)
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Only the tree of this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) only: Option<usize>,

    /// How many of the trees that differ are made as small as they get
    #[arg(long, default_value_t = 10)]
    pub(crate) shrink: usize,
}

/// Which pair of programs a differential run compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compared {
    /// Documents sealed by `sops`, opened by both
    Sops,
    /// Trees of kustomizations, built by both
    Render,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct E2e {
    /// Where the API server comes from
    #[arg(long, value_enum, default_value_t = Cluster::Auto)]
    pub(crate) cluster: Cluster,

    /// Where KMS comes from: `auto`, `container`, `process`, or the URL of an endpoint
    #[arg(long, default_value = "auto", value_name = "KMS")]
    pub(crate) kms: String,

    /// Leave cluster, KMS and namespaces running until Enter is pressed
    #[arg(long)]
    pub(crate) keep: bool,

    /// Run only scenarios whose name contains this
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,

    /// Build the product with redaction taken out and run the canary scenario, which then has to find the canary
    #[arg(long, conflicts_with = "only")]
    pub(crate) without_redaction: bool,

    /// Kubeconfig of `--cluster existing`
    #[arg(long, value_name = "FILE", required_if_eq("cluster", "existing"))]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Context in that kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cluster {
    /// `kind` where Docker answers, else `control-plane`
    Auto,
    /// etcd, kube-apiserver and kube-controller-manager as processes
    ControlPlane,
    /// A cluster in containers
    Kind,
    /// The cluster of a kubeconfig
    Existing,
}

/// A sample has no place in somebody's own cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoCluster {
    /// `kind` where Docker answers, else `control-plane`
    Auto,
    /// etcd, kube-apiserver and kube-controller-manager as processes
    ControlPlane,
    /// A cluster in containers
    Kind,
}

impl From<DemoCluster> for Cluster {
    fn from(cluster: DemoCluster) -> Self {
        match cluster {
            DemoCluster::Auto => Self::Auto,
            DemoCluster::ControlPlane => Self::ControlPlane,
            DemoCluster::Kind => Self::Kind,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Fixtures {
    /// Compare with what is committed, and change nothing
    #[arg(long)]
    pub(crate) check: bool,

    /// Start an API server and a KMS for what needs them (else it is skipped)
    #[arg(long)]
    pub(crate) with_cluster: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// Only this target (default: all, one after another)
    pub(crate) target: Option<String>,

    /// How many executions in sum, of which quick targets get more than slow ones
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) executions: u64,

    /// How many seconds for each target at most
    #[arg(long, default_value_t = 1800)]
    pub(crate) seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// What the program reads
    #[arg(long)]
    pub(crate) stdin: Option<PathBuf>,

    /// Run it once for every file of this folder
    #[arg(long)]
    pub(crate) each: Option<PathBuf>,

    /// Run it that often
    #[arg(long, default_value_t = 1)]
    pub(crate) times: u32,

    /// Start it that often at the same time
    #[arg(long, default_value_t = 1)]
    pub(crate) at_once: u32,

    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Tools {
    /// Only these (default: all)
    pub(crate) names: Vec<String>,
}
