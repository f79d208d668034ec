//! Applying sealed Secrets and a mixed set to an API server: for the first time, with one object changed, and again with nothing
//! changed.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::input::{self, Input, NAMESPACE};
use super::manifests::{self, Variant};
use super::measure::{Cost, Program};
use super::requests::{self, Requests};
use super::{Figure, binary, folder};
use crate::e2e::{Environment, GIT, Plan};
use crate::flags::{BenchSet, Cluster, E2e};
use crate::shell::output;
use crate::tools;

/// Published with the benchmark; measured on another machine with 2 cores, so good for orientation only.
const FLUX: &str = "flux kustomize-controller 1.9.4 (published, another machine)";

/// The peer's figures for 1,000 Secrets: wall, CPU, memory and requests (`None`: not published).
struct Published {
    wall_s: f64,
    cpu_s: f64,
    peak_rss_mib: Option<f64>,
    requests: f64,
}

const COLD: Published = Published {
    wall_s: 18.0,
    cpu_s: 6.1,
    peak_rss_mib: Some(111.0),
    requests: 3050.0,
};

const UNCHANGED: Published = Published {
    wall_s: 10.0,
    cpu_s: 5.8,
    peak_rss_mib: None,
    requests: 2029.0,
};

/// Applies one set three times, to a server of its own.
pub(super) fn run(set: BenchSet) -> anyhow::Result<Vec<Figure>> {
    let flags = E2e {
        cluster: Cluster::ControlPlane,
        kms: "http://127.0.0.1:9".to_owned(),
        keep: false,
        only: None,
        without_redaction: false,
        kubeconfig: None,
        context: None,
    };
    let plan = Plan::new(&flags, &["sops", "age-keygen", "kubectl"], &[GIT])?;
    let afterbay = binary()?;
    let source = Source::of(set)?;
    let environment = Environment::start(&plan, &flags)?;
    let bench = Bench {
        afterbay,
        source,
        kubeconfig: environment.kubeconfig.clone(),
        cache: folder().join("cache"),
    };
    bench.kubectl(&["create", "namespace", NAMESPACE])?;
    super::emptied(&bench.cache)?;
    let is_published = set == BenchSet::Secrets1000;
    let mut figures = Vec::new();
    for (what, reference, published) in [
        ("cold", "main", Some(&COLD)),
        ("unchanged", "main", Some(&UNCHANGED)),
        ("one-of", "changed", None),
    ] {
        let name = format!("apply-{what}-{}", set.name());
        eprintln!("{name}");
        figures.extend(bench.measure(&name, reference, published.filter(|_| is_published))?);
    }
    // The stages of a run without news, on top, for their wall time alone.
    let name = format!("apply-unchanged-{}", set.name());
    let (before, stage) = bench.stages("changed")?;
    figures.push(Figure::new(&name, "fetch_to_normalize_wall_s", before));
    figures.push(Figure::new(&name, "apply_stage_wall_s", stage));
    let folder = environment.folder.clone();
    drop(environment);
    fs::remove_dir_all(folder)?;
    Ok(figures)
}

/// A repository with two branches: `main`, and `changed` with one object that differs.
struct Source {
    repository: PathBuf,
    identity: Option<PathBuf>,
}

impl Source {
    fn of(set: BenchSet) -> anyhow::Result<Self> {
        let count = match set {
            BenchSet::Secrets100 => 100,
            BenchSet::Secrets1000 => 1000,
            BenchSet::Secrets5000 => 5000,
            BenchSet::Mixed => return Self::mixed(),
        };
        let input = Input::of(count)?;
        let repository = folder().join(format!("apply/{count}"));
        super::emptied(&repository)?;
        let from = input.repository.display().to_string();
        input::git(&repository, &["clone", "--quiet", &from, "."])?;
        input::git(&repository, &["checkout", "--quiet", "-b", "changed"])?;
        input.change_one(&repository.join("secrets/sealed").join(input::file_name(0)))?;
        input::commit_all(&repository)?;
        Ok(Self {
            repository,
            identity: Some(input.identity),
        })
    }

    fn mixed() -> anyhow::Result<Self> {
        let repository = folder().join("apply/mixed");
        super::emptied(&repository)?;
        fs::rename(
            manifests::objects(1000, Variant::Plain)?,
            repository.join("secrets"),
        )?;
        let kustomization = repository.join("secrets/kustomization.yaml");
        // Nothing is to be started for them.
        let text = format!(
            "namespace: {NAMESPACE}\n{}patches:\n- target: {{kind: Deployment}}\n  patch: |\n    - op: replace\n      \
             path: /spec/replicas\n      value: 0\n",
            fs::read_to_string(&kustomization)?
        );
        fs::write(&kustomization, text)?;
        input::commit(&repository)?;
        input::git(&repository, &["checkout", "--quiet", "-b", "changed"])?;
        let file = repository.join("secrets/application-0000.yaml");
        let changed = fs::read_to_string(&file)?.replace("LOG_LEVEL: info", "LOG_LEVEL: debug");
        fs::write(&file, changed)?;
        input::commit_all(&repository)?;
        Ok(Self {
            repository,
            identity: None,
        })
    }
}

/// One set and the server that it is applied to.
struct Bench {
    afterbay: PathBuf,
    source: Source,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Bench {
    fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut kubectl = Command::new(tools::folder().join("kubectl"));
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        output(&mut kubectl).map(drop)
    }

    fn arguments(&self, reference: &str) -> Vec<OsString> {
        let words = [
            "apply",
            "--ref",
            reference,
            "--path",
            "secrets",
            "--prune",
            "--inventory",
            "bench",
            "--namespace",
            NAMESPACE,
            "--timeout",
            "10m",
            "--url",
        ];
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.push(self.source.repository.clone().into_os_string());
        arguments
    }

    fn variables(&self) -> Vec<(&'static str, &Path)> {
        let mut variables = vec![
            ("KUBECONFIG", self.kubeconfig.as_path()),
            ("XDG_CACHE_HOME", self.cache.as_path()),
        ];
        let identity = self.source.identity.as_deref();
        variables.extend(identity.map(|identity| ("SOPS_AGE_KEY_FILE", identity)));
        variables
    }

    /// One run, from the start of the process to its end.
    fn measure(
        &self,
        name: &str,
        reference: &str,
        published: Option<&Published>,
    ) -> anyhow::Result<Vec<Figure>> {
        let mut arguments = vec![self.afterbay.clone().into_os_string()];
        arguments.extend(self.arguments(reference));
        arguments.push("--quiet".into());
        let mut program = Program::new(arguments);
        for (variable, value) in self.variables() {
            program = program.env(variable, value);
        }
        let before = self.settled()?;
        let cost = program.run()?;
        let asked = requests::between(&before, &requests::count(&self.kubeconfig)?);
        Ok(figures_of(name, cost, &asked, published))
    }

    /// What was asked so far, once the controllers have done what the run before asks of them.
    fn settled(&self) -> anyhow::Result<Requests> {
        let started = Instant::now();
        let mut last = requests::count(&self.kubeconfig)?;
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let now = requests::count(&self.kubeconfig)?;
            let writes = |requests: &Requests| {
                let is_read = |verb: &str| matches!(verb, "GET" | "LIST");
                requests
                    .iter()
                    .filter(|(verb, _)| !is_read(verb))
                    .map(|(_, count)| count)
                    .sum::<f64>()
            };
            if writes(&now) <= writes(&last) {
                return Ok(now);
            }
            ensure!(
                started.elapsed() < Duration::from_mins(5),
                "the controllers do not come to rest"
            );
            last = now;
        }
    }

    /// How long a run takes until its objects are normalized, and from there to its end, in seconds.
    fn stages(&self, reference: &str) -> anyhow::Result<(f64, f64)> {
        let mut command = Command::new(&self.afterbay);
        command
            .args(self.arguments(reference))
            .envs(self.variables())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let mut normalized = None;
        for line in lines {
            if line?.trim_start().starts_with("normalize ") {
                normalized = Some(started.elapsed().as_secs_f64());
            }
        }
        let status = child.wait()?;
        ensure!(status.success(), "afterbay apply ended with {status}");
        let normalized = normalized.context("the run names no stage")?;
        Ok((normalized, started.elapsed().as_secs_f64() - normalized))
    }
}

fn figures_of(name: &str, cost: Cost, asked: &Requests, published: Option<&Published>) -> Vec<Figure> {
    let figure = |metric: &str, value: f64, peer: Option<f64>| {
        let figure = Figure::new(name, metric, value);
        match peer {
            Some(peer) => figure.against(FLUX, peer),
            None => figure,
        }
    };
    let mut figures = vec![
        figure("wall_s", cost.wall_s, published.map(|peer| peer.wall_s)),
        figure("cpu_s", cost.cpu_s, published.map(|peer| peer.cpu_s)),
        figure(
            "peak_rss_mib",
            cost.peak_rss_mib,
            published.and_then(|peer| peer.peak_rss_mib),
        ),
        figure(
            "requests",
            asked.values().sum(),
            published.map(|peer| peer.requests),
        ),
    ];
    figures.extend(
        asked
            .iter()
            .map(|(verb, count)| Figure::new(name, &format!("requests {verb}"), *count)),
    );
    figures
}
