//! Rules about single files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The longest file that is not a test.
const LONGEST: usize = 800;

/// The most lines of code, comments not counted, that the orchestrator may have.
const LONGEST_PIPELINE: usize = 250;

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = [
    "mod.rs",
    "utils.rs",
    "util.rs",
    "common.rs",
    "helpers.rs",
    "types.rs",
];

/// A Rust file of the workspace.
pub(super) struct Source {
    /// Path from the root.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// Whether it is only built for tests.
    pub(super) fn is_test(&self) -> bool {
        let path = &self.path;
        path.contains("/tests/")
            || path.ends_with("/tests.rs")
            || path.ends_with("/testing.rs")
            || path.contains("/testing/")
            || path.contains("/examples/")
    }

    /// The text without the unit tests, which stand at the end of a file.
    pub(super) fn product(&self) -> &str {
        let parts = self.text.split("#[cfg(test)]\nmod tests {");
        parts.into_iter().next().unwrap_or_default()
    }
}

/// Every Rust file outside build output.
pub(super) fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in ["crates", "xtask", "e2e", "fixtures"] {
        walk(root, &root.join(folder), &mut sources)?;
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

/// Every breach of the rules about files.
pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut problems: Vec<String> = sources.iter().flat_map(check_file).collect();
    let pipeline = sources
        .iter()
        .filter(|source| source.path.starts_with("crates/afterbay-pipeline/src/") && !source.is_test());
    let lines: usize = pipeline.map(|source| code_lines(&source.text)).sum();
    if lines > LONGEST_PIPELINE {
        problems.push(format!(
            "crates/afterbay-pipeline: {lines} lines of code; the orchestrator has at most {LONGEST_PIPELINE}"
        ));
    }
    problems
}

fn check_file(source: &Source) -> Vec<String> {
    let Source { path, text } = source;
    let mut problems = Vec::new();
    let mut problem = |line: usize, what: &str| problems.push(format!("{path}:{line}: {what}"));
    if !text.starts_with("//!") {
        problem(1, "every file starts with //! and says what it is for");
    }
    if EMPTY_NAMES.contains(&path.rsplit('/').next().unwrap_or_default()) {
        problem(1, "a file is named for what is in it");
    }
    let lines = text.lines().count();
    if lines > LONGEST && !source.is_test() {
        problem(lines, &format!("{lines} lines; a file has at most {LONGEST}"));
    }
    for (index, line) in text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            problem(index + 1, "blanks at the end of the line");
        }
        // Split, so that this file does not find itself.
        for folder in [
            concat!("/ro", "ot/"),
            concat!("/wo", "rk/"),
            concat!("/ho", "me/"),
        ] {
            if line.contains(folder) && !line.contains("\\\"") && !source.is_test() {
                problem(index + 1, "a path of one machine");
            }
        }
    }
    problems
}

/// Lines that are neither blank nor comments.
fn code_lines(text: &str) -> usize {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let long = "//! x\n".repeat(LONGEST + 1);
        for (path, text, expected) in [
            ("crates/a/src/a.rs", "fn a() {}\n", "every file starts"),
            ("crates/a/src/utils.rs", "//! x\n", "named for"),
            ("crates/a/src/a.rs", long.as_str(), "at most 800"),
            ("crates/a/src/a.rs", "//! x \n", "blanks"),
            ("crates/a/src/a.rs", concat!("//! /ro", "ot/x\n"), "one machine"),
        ] {
            let problems = check(&[source(path, text)]);
            assert!(
                problems.len() == 1 && problems[0].contains(expected),
                "{expected}: {problems:?}"
            );
        }
        assert!(check(&[source("crates/a/src/tests.rs", &long)]).is_empty());
    }

    #[test]
    fn the_orchestrator_stays_thin() {
        let text = format!("//! x\n{}", "fn a() {}\n".repeat(LONGEST_PIPELINE + 1));
        assert_eq!(
            check(&[source("crates/afterbay-pipeline/src/run.rs", &text)]).len(),
            1
        );
    }
}
