//! Building directories, beside the real kustomize: from one object to 5,000, plain and transformed, definitions of 3 MB, and
//! eight builds at once.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::manifests::{self, Variant};
use super::measure::{Cost, Program};
use super::{Figure, Metric, binary};
use crate::shell::{cargo, check, output, target};
use crate::tools;

const KUSTOMIZE: &str = "kustomize 5.8.2";
const KUSTOMIZE_PROCESSES: &str = "kustomize 5.8.2, eight processes";

/// From here on kustomize takes minutes for one build.
const SLOW: u32 = 5000;

/// A short program runs this often, because the kernel counts its time in small numbers.
const REPEATS: u32 = 20;

/// How many builds at once.
const AT_ONCE: u32 = 8;

/// How often one object is built in one process.
const BUILDS: u32 = 1000;

/// The programs.
struct Programs {
    afterbay: OsString,
    kustomize: OsString,
    /// Builds in one process, without the command around it.
    builds: OsString,
}

impl Programs {
    fn ours(&self, folder: &Path) -> Program {
        let arguments = [
            self.afterbay.clone(),
            "render".into(),
            folder.into(),
            "--root".into(),
        ];
        Program::new(arguments.into_iter().chain([folder.into()]))
    }

    fn peer(&self, folder: &Path) -> Program {
        let arguments = [self.kustomize.clone(), "build".into(), "--reorder=none".into()];
        Program::new(arguments.into_iter().chain([folder.into()]))
    }

    /// Builds in one process: so many threads, each so often.
    fn builds(&self, threads: u32, folder: &Path, times: u32) -> Program {
        let count = |number: u32| OsString::from(number.to_string());
        Program::new([self.builds.clone(), count(threads), folder.into(), count(times)])
    }

    /// What a build costs by itself in a process that runs already, as a controller has it: kustomize is a process each time.
    fn build_cpu_ms(&self, folder: &Path) -> anyhow::Result<f64> {
        let (one, many) = (
            self.builds(1, folder, 1).times(REPEATS).median()?,
            self.builds(1, folder, BUILDS + 1).median()?,
        );
        Ok((many.cpu_s - one.cpu_s / f64::from(REPEATS)) * 1000.0 / f64::from(BUILDS))
    }

    /// Nothing is compared in speed that is not the same in bytes.
    fn check_equal(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        let ours = output(
            Command::new(&self.afterbay)
                .arg("render")
                .arg(folder)
                .arg("--root")
                .arg(folder),
        )?;
        let peer = output(
            Command::new(&self.kustomize)
                .args(["build", "--reorder=none"])
                .arg(folder),
        )?;
        anyhow::ensure!(ours == peer, "{name}: the two programs print different bytes");
        Ok(())
    }
}

/// `slow_peer` runs kustomize on 5,000 objects, too.
pub(super) fn run(slow_peer: bool) -> anyhow::Result<Vec<Figure>> {
    tools::ensure(&["kustomize"])?;
    let programs = Programs {
        afterbay: binary()?.into_os_string(),
        kustomize: tools::folder().join("kustomize").into_os_string(),
        builds: builds()?,
    };
    let mut figures = Vec::new();
    for variant in Variant::ALL {
        let mut at_thousand = None;
        for objects in [1, 100, 1000, SLOW] {
            let name = format!("render-{objects}-{}", variant.name());
            let folder = manifests::objects(objects, variant)?;
            let runs = if objects == 1 { REPEATS } else { 1 };
            eprintln!("{name}: afterbay");
            let ours = programs.ours(&folder).times(runs).median()?;
            let peer = if objects < SLOW {
                eprintln!("{name}: kustomize");
                programs.check_equal(&folder, &name)?;
                // Three runs where they are short; one of seconds is long enough to be counted.
                let peer = programs.peer(&folder).times(runs);
                Some(if objects < 1000 {
                    peer.median()?
                } else {
                    peer.run()?
                })
            } else if slow_peer {
                eprintln!("{name}: kustomize, which takes minutes");
                Some(programs.peer(&folder).run()?)
            } else {
                None
            };
            figures.extend(costs(&name, ours, peer, runs));
            if let (1, Some(peer)) = (objects, peer) {
                let build = programs.build_cpu_ms(&folder)?;
                let process = peer.cpu_s * 1000.0 / f64::from(runs);
                figures.push(Figure::new(&name, "build_cpu_ms", build).against(KUSTOMIZE, process));
            }
            figures.push(Figure::new(&name, "input_mib", manifests::size_mib(&folder)?));
            match (objects, at_thousand) {
                (1000, _) => at_thousand = Some(ours.cpu_s),
                (SLOW, Some(before)) => {
                    figures.push(Figure::new(&name, "cpu_times_that_of_1000", ours.cpu_s / before));
                }
                _ => {}
            }
        }
    }
    figures.extend(definitions(&programs)?);
    figures.extend(at_once(&programs)?);
    Ok(figures)
}

fn definitions(programs: &Programs) -> anyhow::Result<Vec<Figure>> {
    let name = "render-crds";
    let folder = manifests::definitions()?;
    eprintln!("{name}: afterbay, kustomize");
    programs.check_equal(&folder, name)?;
    let (ours, peer) = (programs.ours(&folder).median()?, programs.peer(&folder).median()?);
    let mut figures = costs(name, ours, Some(peer), 1);
    figures.push(Figure::new(name, "input_mib", manifests::size_mib(&folder)?));
    Ok(figures)
}

fn costs(name: &str, ours: Cost, peer: Option<Cost>, runs: u32) -> Vec<Figure> {
    let metrics: [Metric; 3] = [
        ("cpu_ms", |cost| cost.cpu_s * 1000.0),
        ("wall_s", |cost| cost.wall_s),
        ("peak_rss_mib", |cost| cost.peak_rss_mib),
    ];
    let each = |cost: Cost| Cost {
        wall_s: cost.wall_s / f64::from(runs),
        cpu_s: cost.cpu_s / f64::from(runs),
        ..cost
    };
    let figure = |(metric, value): Metric| {
        let figure = Figure::new(name, metric, value(each(ours)));
        match peer {
            Some(peer) => figure.against(KUSTOMIZE, value(each(peer))),
            None => figure,
        }
    };
    metrics.map(figure).into()
}

/// Eight builds of 1,000 objects: as threads of one process, which Flux builds one after another, and as processes.
fn at_once(programs: &Programs) -> anyhow::Result<Vec<Figure>> {
    let name = format!("render-{AT_ONCE}-at-once");
    let folder = manifests::objects(1000, Variant::Transformed)?;
    let threads = |count: u32| programs.builds(count, &folder, 1).median();
    eprintln!("{name}: afterbay");
    let (alone, together) = (threads(1)?, threads(AT_ONCE)?);
    let ours = programs.ours(&folder).at_once(AT_ONCE).median()?;
    eprintln!("{name}: kustomize");
    let peer = programs.peer(&folder).at_once(AT_ONCE).run()?;
    let builds = f64::from(AT_ONCE);
    Ok(vec![
        Figure::new(&name, "wall_s", ours.wall_s).against(KUSTOMIZE_PROCESSES, peer.wall_s),
        Figure::new(&name, "cpu_s", ours.cpu_s).against(KUSTOMIZE_PROCESSES, peer.cpu_s),
        Figure::new(&name, "threads_wall_s", together.wall_s).against(KUSTOMIZE_PROCESSES, peer.wall_s),
        Figure::new(&name, "threads_cores_in_use", together.cpu_s / together.wall_s),
        // 1.0: what builds share costs nothing.
        Figure::new(
            &name,
            "threads_cpu_times_that_alone",
            together.cpu_s / (alone.cpu_s * builds),
        ),
    ])
}

/// The example that builds in one process.
fn builds() -> anyhow::Result<OsString> {
    let mut build = cargo(["build", "--quiet", "--release", "--locked"]);
    check(build.args(["--package", "afterbay-render", "--example", "builds_at_once"]))?;
    Ok(target().join("release/examples/builds_at_once").into_os_string())
}

/// Bytes of every file below a folder.
pub(super) fn bytes_below(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            bytes_below(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}
