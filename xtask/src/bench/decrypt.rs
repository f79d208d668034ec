//! Opening 1,000 sealed Secrets.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use super::input::{COUNT, Input};
use super::measure::{Cost, Program};
use super::{Figure, Metric, binary, folder};
use crate::shell::{cargo, check, root};
use crate::tools;

const NAME: &str = "decrypt";
const SOPS: &str = "sops 3.13.3, a process per file";
pub(super) const SOPS_LIBRARY: &str = "sops 3.13.3, as a library";
const ROPS: &str = "rops 0.1.7, as a library";

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
    let input = Input::get()?;
    let afterbay = binary()?;
    let (sops_library, rops) = (sops_library()?, rops()?);
    let files = super::input::files(&input.secrets())?;
    // The stage as it composes through pipes: all files of a revision in one process.
    let tar = folder().join("input.tar");
    let mut fetch = Command::new(&afterbay);
    fetch.arg("fetch").arg("--url").arg(&input.repository);
    fetch.args(["--ref", "main", "--no-cache", "--quiet"]);
    check(fetch.stdout(File::create(&tar)?))?;

    eprintln!("decrypt: afterbay");
    let arguments = [
        afterbay.into_os_string(),
        "decrypt".into(),
        "--path".into(),
        "secrets".into(),
    ];
    let ours = Program::new(arguments)
        .stdin(&tar)
        .env("SOPS_AGE_KEY_FILE", &input.identity)
        .median()?;
    let in_one_process = |program: PathBuf, variable, keys: &OsStr| {
        Program::new(std::iter::once(program).chain(files.iter().cloned()))
            .env(variable, keys)
            .median()
    };
    eprintln!("decrypt: rops");
    // rops refuses an identity file with comments, which is what age-keygen writes.
    let identities = fs::read_to_string(&input.identity)?;
    let identity = identities
        .lines()
        .find(|line| !line.starts_with('#'))
        .unwrap_or_default();
    let rops = in_one_process(rops, "ROPS_AGE", identity.as_ref())?;
    eprintln!("decrypt: sops as a library");
    let library = in_one_process(sops_library, "SOPS_AGE_KEY_FILE", input.identity.as_os_str())?;
    eprintln!("decrypt: sops, a process per file");
    // Once: its thousand processes are runs enough.
    let sops = Program::new([tools::folder().join("sops").into_os_string(), "decrypt".into()])
        .each(&input.secrets())
        .env("SOPS_AGE_KEY_FILE", &input.identity)
        .run()?;
    let peers = [(SOPS_LIBRARY, library), (SOPS, sops), (ROPS, rops)];
    Ok(figures(ours, &peers))
}

fn figures(ours: Cost, peers: &[(&'static str, Cost)]) -> Vec<Figure> {
    let metrics: [Metric; 3] = [
        ("cpu_ms_per_file", |cost| cost.cpu_s * 1000.0 / f64::from(COUNT)),
        ("wall_s", |cost| cost.wall_s),
        ("peak_rss_mib", |cost| cost.peak_rss_mib),
    ];
    let mut figures = Vec::new();
    for (metric, value) in metrics {
        for (name, cost) in peers {
            figures.push(Figure::new(NAME, metric, value(ours)).against(name, value(*cost)));
        }
    }
    figures
}

/// The library of sops in the release that is pinned.
pub(super) fn sops_library() -> anyhow::Result<PathBuf> {
    let program = folder().join("sops-library");
    check(
        Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-o"])
            .arg(&program)
            .arg("./peer")
            .env("CGO_ENABLED", "0")
            .current_dir(root().join("e2e/tools/sops")),
    )?;
    Ok(program)
}

fn rops() -> anyhow::Result<PathBuf> {
    let built = folder().join("rops");
    check(
        cargo(["build", "--quiet", "--release", "--locked", "--target-dir"])
            .arg(&built)
            .current_dir(root().join("e2e/peers/rops")),
    )?;
    Ok(built.join("release/rops-peer"))
}
