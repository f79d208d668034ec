//! The failures that people meet, as they read them: one case each, the index of which is `failures/README.md`.
//!
//! ```text
//! Case ──► Scene { files, variables, fakes } ──► afterbay ──► failures/snapshots/NAME.snap
//!                                            └─► sops     ──► failures/snapshots/NAME.sops.snap
//! ```
//!
//! What the real sops says to the same files and variables is recorded beside. With `AFTERBAY_TEST_SOPS=/path/to/sops` it
//! is run again and compared; without, its recorded exit code is what ours is compared with.

mod builds;
mod files;
mod keys;
mod places;
mod scene;
mod services;
mod values;

use std::fmt::Write as _;
use std::fs;

use scene::Scene;

/// One failure.
pub(crate) struct Case {
    /// Name of its snapshots.
    name: &'static str,
    /// What is wrong, for the index.
    what: &'static str,
    /// Where people met it, as the index explains.
    met: &'static str,
    /// Sets it up.
    set: fn(&mut Scene),
}

const SECTIONS: [(&str, &[Case]); 6] = [
    ("No local key opens it", keys::CASES),
    ("No key service opens it", services::CASES),
    ("A value or the MAC", values::CASES),
    ("The file", files::CASES),
    ("The command line and its places", places::CASES),
    ("A whole build", builds::CASES),
];

/// Runs the cases of a section; every one that is not as recorded is told, not only the first.
fn run(cases: &[Case]) {
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| {
            let run = || {
                let mut scene = Scene::new();
                (case.set)(&mut scene);
                scene.check(case.name);
            };
            std::panic::catch_unwind(run).is_err()
        })
        .map(|case| case.name)
        .collect();
    assert!(failed.is_empty(), "not as recorded: {}", failed.join(", "));
}

#[test]
fn no_local_key() {
    run(keys::CASES);
}

#[test]
fn no_key_service() {
    run(services::CASES);
}

#[test]
fn values_and_macs() {
    run(values::CASES);
}

#[test]
fn wrong_files() {
    run(files::CASES);
}

#[test]
fn wrong_places() {
    run(places::CASES);
}

#[test]
fn whole_builds() {
    run(builds::CASES);
}

/// The index has every case once, and the folder has no snapshot besides.
#[test]
fn the_index_has_every_case() {
    let mut rows = String::new();
    let mut wanted = Vec::new();
    for (section, cases) in SECTIONS {
        let _ = write!(
            rows,
            "\n## {section}\n\n| failure | met in | exit | as they read it | sops 3.13.3 |\n|---|---|---|---|---|\n"
        );
        for Case { name, what, met, .. } in cases {
            let (ours, theirs) = (scene::recorded(name), scene::recorded(&format!("{name}.sops")));
            let code = ours.as_ref().map_or("?", scene::Recorded::code);
            let theirs = match &theirs {
                Some(theirs) => format!("[{}](snapshots/{name}.sops.snap)", theirs.code()),
                None => "–".to_owned(),
            };
            let _ = writeln!(
                rows,
                "| {what} | {met} | {code} | [{name}](snapshots/{name}.snap) | {theirs} |"
            );
            wanted.push(format!("{name}.snap"));
            if theirs != "–" {
                wanted.push(format!("{name}.sops.snap"));
            }
        }
    }
    wanted.sort();
    assert_eq!(scene::snapshots(), wanted);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/failures/README.md");
    let index = fs::read_to_string(path).unwrap();
    let (preface, _) = index.split_once("\n## ").unwrap_or((&index, ""));
    let wanted = format!("{preface}{rows}");
    if index != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(path, &wanted).unwrap();
        return;
    }
    assert!(
        index == wanted,
        "the index differs from the cases; INSTA_UPDATE=always writes it"
    );
}
