//! Opening one file, from the start of the process to its end: a Secret, and a file of 5,000 keys.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::input::Input;
use super::measure::{Cost, Program};
use super::{Figure, Metric, binary, folder};
use crate::shell::{output, root};
use crate::tools;

const SOPS: &str = "sops 3.13.3";
const KEYS: u32 = 5000;

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
    let input = Input::get()?;
    let secret = input.secrets().join("secret-0000.yaml");
    let many = many_keys()?;
    let identity = root().join("fixtures/keys/age.txt");
    let mut figures = Vec::new();
    for (name, file, keys) in [
        ("decrypt-one", &secret, &input.identity),
        ("decrypt-5000-keys", &many, &identity),
    ] {
        eprintln!("{name}: afterbay, sops");
        let ours = decrypt(&binary()?, file, keys)?;
        let sops = decrypt(&tools::folder().join("sops"), file, keys)?;
        let metrics: [Metric; 3] = [
            ("cpu_ms", |cost| cost.cpu_s * 1000.0),
            ("wall_s", |cost| cost.wall_s),
            ("peak_rss_mib", |cost| cost.peak_rss_mib),
        ];
        let figure =
            |(metric, value): Metric| Figure::new(name, metric, value(ours)).against(SOPS, value(sops));
        figures.extend(metrics.map(figure));
    }
    Ok(figures)
}

fn decrypt(program: &Path, file: &Path, identity: &Path) -> anyhow::Result<Cost> {
    Program::new([program.into(), "decrypt".into(), file.as_os_str().to_owned()])
        .env("SOPS_AGE_KEY_FILE", identity)
        .median()
}

/// A file of 5,000 sealed keys, made once.
fn many_keys() -> anyhow::Result<PathBuf> {
    let file = folder().join("keys-5000.yaml");
    if !file.is_file() {
        let mut text = String::new();
        for number in 0..KEYS {
            writeln!(
                text,
                "key_{number:04}: value-{number:04}-abcdefghijklmnopqrstuvwxyz"
            )?;
        }
        let plain = folder().join("keys-5000.plain.yaml");
        fs::write(&plain, text)?;
        let identities = fs::read_to_string(root().join("fixtures/keys/age.txt"))?;
        let recipient = identities
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "))
            .unwrap_or_default();
        let mut sops = Command::new(tools::folder().join("sops"));
        sops.args(["encrypt", "--age", recipient]).arg(&plain);
        let sealed = output(&mut sops)?;
        fs::write(&file, sealed)?;
    }
    Ok(file)
}
