//! `cargo xtask bench`: what the product costs, against its peers on the same machine in the same run.

mod apply;
mod decrypt;
mod input;
mod manifests;
mod measure;
mod render;
mod requests;
mod single;
mod slow_kms;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::flags::{Bench, BenchName, BenchSet};
use crate::shell::{check, root, target};

pub(crate) use measure::child as measure;

/// One figure, beside that of a peer.
struct Figure {
    /// Name of the benchmark.
    name: String,
    /// What was measured; the unit is its ending.
    metric: String,
    value: f64,
    peer: Option<Peer>,
}

/// Name of a metric, and where it is in a cost.
type Metric = (&'static str, fn(measure::Cost) -> f64);

/// The same figure of another program.
struct Peer {
    name: &'static str,
    value: f64,
}

/// Runs one benchmark, or all.
pub(crate) fn run(flags: &Bench) -> anyhow::Result<()> {
    fs::create_dir_all(folder())?;
    let mut figures = Vec::new();
    if matches!(flags.name, None | Some(BenchName::Decrypt)) {
        figures.extend(decrypt::run()?);
        figures.extend(single::run()?);
        figures.extend(slow_kms::run()?);
    }
    if matches!(flags.name, None | Some(BenchName::Render)) {
        figures.extend(render::run(flags.slow_peers)?);
    }
    // What is unchanged has been applied before, so both are always run; the name says which is shown.
    if !matches!(flags.name, Some(BenchName::Decrypt | BenchName::Render)) {
        let only = match flags.name {
            Some(BenchName::ApplyCold) => Some("apply-cold-1000"),
            Some(BenchName::ApplyUnchanged) => Some("apply-unchanged-1000"),
            _ => None,
        };
        let sets = match (only, &flags.sets[..]) {
            (Some(_), _) => &[BenchSet::Secrets1000][..],
            (None, []) => &BenchSet::ALL,
            (None, sets) => sets,
        };
        for set in sets {
            let applied = apply::run(*set)?.into_iter();
            figures.extend(applied.filter(|figure| only.is_none_or(|only| figure.name == only)));
        }
    }
    if flags.json {
        for figure in &figures {
            println!("{}", figure.json());
        }
    } else {
        table(&figures);
    }
    Ok(())
}

/// Where inputs and peers are kept between runs.
fn folder() -> PathBuf {
    root().join("target").join("bench")
}

/// The product as it is shipped.
fn binary() -> anyhow::Result<PathBuf> {
    let mut build = crate::shell::cargo([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "afterbay",
    ]);
    check(&mut build)?;
    Ok(target().join("release/afterbay"))
}

impl Figure {
    fn new(name: &str, metric: &str, value: f64) -> Self {
        Self {
            name: name.to_owned(),
            metric: metric.to_owned(),
            value,
            peer: None,
        }
    }

    fn against(mut self, name: &'static str, value: f64) -> Self {
        self.peer = Some(Peer { name, value });
        self
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "metric": self.metric,
            "value": rounded(self.value),
            "peer": self.peer.as_ref().map(|peer| peer.name),
            "peer_value": self.peer.as_ref().map(|peer| rounded(peer.value)),
        })
    }
}

/// Three digits after the point: more is noise.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn table(figures: &[Figure]) {
    println!(
        "\n{:<23} {:<28} {:>10}  {:>10}  {:>7}  peer",
        "name", "metric", "value", "peer value", "ratio"
    );
    for figure in figures {
        let (name, value, ratio) = figure.peer.as_ref().map_or_else(
            || ("", String::new(), String::new()),
            |peer| {
                let ratio = if figure.value > 0.0 {
                    format!("{:.1}", peer.value / figure.value)
                } else {
                    String::new()
                };
                (peer.name, format!("{:.3}", peer.value), ratio)
            },
        );
        let line = format!(
            "{:<23} {:<28} {:>10.3}  {value:>10}  {ratio:>7}  {name}",
            figure.name, figure.metric, figure.value
        );
        println!("{}", line.trim_end());
    }
}

/// Where a run leaves its files; empty at its beginning.
fn emptied(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}
