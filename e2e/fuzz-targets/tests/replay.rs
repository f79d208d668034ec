//! Seeds and findings without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fuzz_targets::TARGETS;

/// The entries of a folder of this crate, or of one relative to it, by name without extension.
fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    entries.map(|entry| stem(&entry.unwrap().path())).collect()
}

#[test]
fn every_target_takes_its_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in seeds {
            (target.run)(&seed);
        }
    }
}

#[test]
fn what_was_found_is_found_no_more() {
    for name in names("findings").iter().filter(|name| *name != "README") {
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("findings/{name} is of no target"));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(name);
        for entry in fs::read_dir(folder).unwrap() {
            (target.run)(&fs::read(entry.unwrap().path()).unwrap());
        }
    }
}

/// A target without a program would never run.
#[test]
fn every_target_has_its_program() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names("../fuzz/src/bin"), targets);
}
