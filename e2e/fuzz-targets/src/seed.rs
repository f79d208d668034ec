//! Files of the repository as seeds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Larger files slow a fuzzer down more than they teach it.
const LARGEST: u64 = 16 * 1024;

/// Writes the seeds of a target, and what was found before, to the folder that `FUZZ_SEEDS` names, if it is set: what
/// its program does before the fuzzer reads its corpus.
pub fn sow(name: &str, seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os("FUZZ_SEEDS").map(PathBuf::from) else {
        return;
    };
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings").join(name);
    let mut found_before = Vec::new();
    if found.is_dir() {
        walk(&found, &mut found_before);
    }
    for (index, seed) in seeds().iter().chain(&found_before).enumerate() {
        let file = folder.join(format!("seed-{index:04}"));
        fs::write(&file, seed).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// The small files below a folder of the repository, in the order of their names.
pub(crate) fn files(folder: &str) -> Vec<Vec<u8>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut found = Vec::new();
    walk(&root.join(folder), &mut found);
    found
}

fn walk(folder: &Path, found: &mut Vec<Vec<u8>>) {
    walk_to(folder, LARGEST, found);
}

fn walk_to(folder: &Path, largest: u64, found: &mut Vec<Vec<u8>>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk_to(&path, largest, found);
        } else if path.metadata().is_ok_and(|metadata| metadata.len() <= largest) {
            found.extend(fs::read(path));
        }
    }
}

/// What the files below a folder hold: the cases behind `=== NAME` one by one, everything else as a whole. Large ones are
/// left out.
pub(crate) fn cases(folder: &str) -> Vec<Vec<u8>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut found = Vec::new();
    walk_to(&root.join(folder), u64::MAX, &mut found);
    let split = |content: Vec<u8>| match str::from_utf8(&content) {
        Ok(text) if text.starts_with("=== ") => text
            .split("=== ")
            .filter_map(|case| Some(case.split_once('\n')?.1.as_bytes().to_vec()))
            .collect(),
        _ => vec![content],
    };
    let mut cases: Vec<Vec<u8>> = found.into_iter().flat_map(split).collect();
    cases.retain(|case| u64::try_from(case.len()).is_ok_and(|length| length <= LARGEST));
    cases
}

/// Each input behind the byte that the target selects by.
pub(crate) fn selected(
    selector: u8,
    inputs: impl IntoIterator<Item = Vec<u8>>,
) -> impl Iterator<Item = Vec<u8>> {
    inputs
        .into_iter()
        .map(move |input| [std::slice::from_ref(&selector), &input].concat())
}

/// What is in the armor, so that the fuzzer alters bytes and not their base64; `None` where there is none.
pub(crate) fn dearmored(text: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(text).ok()?.replace('\r', "");
    let body = text.split_once("-----BEGIN ")?.1.split_once('\n')?.1;
    let body = body.split_once("-----END ")?.0;
    // OpenPGP has headers, an empty line, and a checksum behind the body.
    let body = body.split_once("\n\n").map_or(body, |(_, body)| body);
    let digits: String = body.lines().take_while(|line| !line.starts_with('=')).collect();
    BASE64_STANDARD.decode(digits).ok()
}
