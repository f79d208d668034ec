//! Applying 1,000 sealed Secrets to an API server: for the first time, and again with nothing changed.

use std::ffi::OsString;
use std::process::Command;

use super::input::{Input, NAMESPACE};
use super::measure::{Cost, Program};
use super::requests::{self, Requests};
use super::{Figure, binary, folder};
use crate::e2e::{Environment, GIT, Plan};
use crate::flags::{Cluster, E2e};
use crate::shell::output;
use crate::tools;

/// The names of the two benchmarks.
pub(super) const COLD_NAME: &str = "apply-cold-1000";
pub(super) const UNCHANGED_NAME: &str = "apply-unchanged-1000";

/// Published with the benchmark; measured on another machine with 2 cores, so good for orientation only.
const FLUX: &str = "flux kustomize-controller 1.9.4 (published, another machine)";

/// The peer's figures: wall, CPU, memory and requests (`None`: not published).
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

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
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
    let input = Input::get()?;
    let environment = Environment::start(&plan, &flags)?;
    let mut kubectl = Command::new(tools::folder().join("kubectl"));
    kubectl
        .arg("--kubeconfig")
        .arg(&environment.kubeconfig)
        .args(["create", "namespace", NAMESPACE]);
    output(&mut kubectl)?;
    // What the controllers put into a new namespace is there before anything is counted.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let cache = folder().join("cache");
    super::emptied(&cache)?;
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut arguments = vec![afterbay.into_os_string()];
    arguments.extend(words(&["apply", "--quiet", "--ref", "main", "--path", "secrets"]));
    arguments.extend(words(&[
        "--prune",
        "--inventory",
        "bench",
        "--namespace",
        NAMESPACE,
    ]));
    arguments.extend(["--url".into(), input.repository.clone().into_os_string()]);
    let program = Program::new(arguments)
        .env("KUBECONFIG", &environment.kubeconfig)
        .env("SOPS_AGE_KEY_FILE", &input.identity)
        .env("XDG_CACHE_HOME", &cache);
    let mut figures = Vec::new();
    for (name, published) in [(COLD_NAME, COLD), (UNCHANGED_NAME, UNCHANGED)] {
        eprintln!("{name}");
        let before = requests::count(&environment.kubeconfig)?;
        let cost = program.run()?;
        let asked = requests::between(&before, &requests::count(&environment.kubeconfig)?);
        figures.extend(figures_of(name, cost, &asked, &published));
    }
    let folder = environment.folder.clone();
    drop(environment);
    std::fs::remove_dir_all(folder)?;
    Ok(figures)
}

fn figures_of(name: &'static str, cost: Cost, asked: &Requests, published: &Published) -> Vec<Figure> {
    let memory = Figure::new(name, "peak_rss_mib", cost.peak_rss_mib);
    let mut figures = vec![
        Figure::new(name, "wall_s", cost.wall_s).against(FLUX, published.wall_s),
        Figure::new(name, "cpu_s", cost.cpu_s).against(FLUX, published.cpu_s),
        match published.peak_rss_mib {
            Some(peer) => memory.against(FLUX, peer),
            None => memory,
        },
        Figure::new(name, "requests", asked.values().sum()).against(FLUX, published.requests),
    ];
    figures.extend(
        asked
            .iter()
            .map(|(verb, count)| Figure::new(name, &format!("requests {verb}"), *count)),
    );
    figures
}
