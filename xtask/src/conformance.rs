//! `cargo xtask conformance kustomize DIR`: the builds that DIR has on record, by the product.
//!
//! DIR holds `cases/NAME` (builds that succeed, with `expected.yaml`), `errors/NAME` (builds that are refused) and `plugin/NAME`
//! (builtin generators and transformers by files of their own; with `expected.yaml` or `expected_error.txt`). Each has `input/`, the
//! directory to build in `target`, and often `case.json` with the features it uses and the flags of the command line. Outputs are
//! compared as JSON documents in order, which decides, and then as bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::counts::Counts;
use crate::flags::Conformance;
use crate::shell::{cargo, check, root, target};

/// What a case is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// A build that succeeds.
    Build,
    /// A build that is refused.
    Refusal,
    /// A builtin plugin with a configuration of its own.
    Plugin,
}

const CLASSES: [(Class, &str); 3] = [
    (Class::Build, "cases"),
    (Class::Refusal, "errors"),
    (Class::Plugin, "plugin"),
];

/// A case on record.
struct Case {
    class: Class,
    name: String,
    folder: PathBuf,
    features: Vec<String>,
    is_refused: bool,
    order: &'static str,
}

/// What became of a case.
enum Verdict {
    /// The same bytes.
    SameBytes,
    /// The same documents, spelled otherwise.
    SameDocuments,
    /// Refused, as it must be.
    Refused,
    /// Built otherwise, refused, or not refused.
    Wrong(String),
}

impl Verdict {
    fn is_right(&self) -> bool {
        !matches!(self, Self::Wrong(_))
    }
}

/// Runs every case and prints a table of the features.
pub(crate) fn run(flags: &Conformance) -> anyhow::Result<Counts> {
    let mut cases = cases(&flags.folder)?;
    if let Some(only) = &flags.only {
        cases.retain(|case| case.name.contains(only.as_str()));
    }
    ensure!(!cases.is_empty(), "{} holds no case", flags.folder.display());
    let programs = Programs::prepare()?;
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(number) else {
                    return Ok(());
                };
                let verdict = programs.judge(case).with_context(|| case.name.clone())?;
                let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                verdicts.insert(number, verdict);
            }
        };
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker ended early")))
    })?;
    let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(report(&cases, verdicts.values(), flags.verbose))
}

fn report<'a>(cases: &[Case], verdicts: impl Iterator<Item = &'a Verdict>, verbose: bool) -> Counts {
    let mut counts = Counts::default();
    let mut features: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut classes: BTreeMap<Class, [usize; 3]> = BTreeMap::new();
    for (case, verdict) in cases.iter().zip(verdicts) {
        let right = verdict.is_right();
        counts += if right { Counts::PASSED } else { Counts::FAILED };
        let same_bytes = matches!(verdict, Verdict::SameBytes | Verdict::Refused);
        let tally = [1, usize::from(right), usize::from(same_bytes)];
        let add = |sum: &mut [usize; 3]| {
            for (sum, one) in sum.iter_mut().zip(tally) {
                *sum += one;
            }
        };
        add(classes.entry(case.class).or_default());
        for feature in &case.features {
            add(features.entry(feature).or_default());
        }
        match verdict {
            Verdict::Wrong(why) => println!("{}: {why}", case.folder.display()),
            Verdict::SameDocuments if verbose => println!("{}: other bytes", case.folder.display()),
            _ => {}
        }
    }
    println!("| feature | cases | as kustomize | byte for byte |\n| --- | --- | --- | --- |");
    for (feature, [all, right, bytes]) in features {
        println!("| {feature} | {all} | {right} | {bytes} |");
    }
    for (class, name) in CLASSES {
        let [all, right, bytes] = classes.get(&class).copied().unwrap_or_default();
        println!("{name}: {right} of {all}, {bytes} byte for byte or refused");
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    counts
}

fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (class, name) in CLASSES {
        let Ok(entries) = fs::read_dir(folder.join(name)) else {
            continue;
        };
        for entry in entries {
            cases.push(case(class, entry?.path())?);
        }
    }
    cases.sort_by(|a, b| (a.class, &a.name).cmp(&(b.class, &b.name)));
    Ok(cases)
}

fn case(class: Class, folder: PathBuf) -> anyhow::Result<Case> {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(folder.join("case.json"));
    let record: Value = text.map_or(Ok(Value::Null), |text| serde_json::from_str(&text))?;
    let texts = |key: &str| -> Vec<String> {
        let items = record[key].as_array().map_or(&[][..], Vec::as_slice);
        items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let mut features = texts("features");
    if class == Class::Plugin {
        features.push(name.split("__").next().unwrap_or(&name).to_owned());
    }
    // Without the flag, kustomize's command line sorts; a plugin's case says in its file that it is not sorted.
    let is_sorted = class != Class::Plugin && !texts("flags").iter().any(|flag| flag == "--reorder=none");
    Ok(Case {
        class,
        is_refused: class == Class::Refusal || folder.join("expected_error.txt").is_file(),
        order: if is_sorted { "legacy" } else { "input" },
        name,
        folder,
        features,
    })
}

/// The product, and what turns YAML into JSON without it.
struct Programs {
    afterbay: PathBuf,
    to_json: PathBuf,
}

impl Programs {
    fn prepare() -> anyhow::Result<Self> {
        check(&mut cargo([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "afterbay",
        ]))?;
        let to_json = target().join("conformance/tojson");
        fs::create_dir_all(target().join("conformance"))?;
        let source = root().join("fixtures/render/tojson");
        let mut build = Command::new("go");
        build
            .args(["build", "-o"])
            .arg(&to_json)
            .arg(".")
            .current_dir(source);
        check(&mut build).context("Go is needed, to read YAML as Kubernetes' own tools do")?;
        Ok(Self {
            afterbay: target().join("debug/afterbay"),
            to_json,
        })
    }

    fn judge(&self, case: &Case) -> anyhow::Result<Verdict> {
        let built = self.build(case)?;
        let said = String::from_utf8_lossy(&built.stderr).trim().to_owned();
        if case.is_refused || !built.status.success() {
            return Ok(match (case.is_refused, built.status.code()) {
                (true, Some(0)) => Verdict::Wrong("is built, and must be refused".to_owned()),
                (true, Some(101) | None) => Verdict::Wrong(format!("ended early: {said}")),
                (true, Some(_)) => Verdict::Refused,
                (false, _) => Verdict::Wrong(format!("is refused: {said}")),
            });
        }
        let expected = fs::read(case.folder.join("expected.yaml"))?;
        if built.stdout == expected {
            return Ok(Verdict::SameBytes);
        }
        let (ours, theirs) = (self.documents(&built.stdout)?, self.documents(&expected)?);
        Ok(match difference(&ours, &theirs) {
            None => Verdict::SameDocuments,
            Some(difference) => Verdict::Wrong(difference),
        })
    }

    fn build(&self, case: &Case) -> anyhow::Result<Output> {
        let mut tar = Command::new("tar");
        tar.arg("-C")
            .arg(case.folder.join("input"))
            .args(["-cf", "-", "."]);
        let tree = tar.output().context("cannot start tar")?.stdout;
        let path = fs::read_to_string(case.folder.join("target"))?;
        let mut render = Command::new(&self.afterbay);
        render.args([
            "render",
            "--needs-kustomization",
            "--order",
            case.order,
            "--path",
            path.trim(),
        ]);
        feed(&mut render, tree)
    }

    fn documents(&self, text: &[u8]) -> anyhow::Result<Vec<Value>> {
        let output = feed(&mut Command::new(&self.to_json), text.to_vec())?;
        ensure!(
            output.status.success(),
            "the output is not YAML: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Runs a program on bytes.
fn feed(command: &mut Command, input: Vec<u8>) -> anyhow::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    // A program that refuses early does not read to the end.
    let _ = writer.join();
    Ok(output)
}

/// Where the first difference is.
fn difference(ours: &[Value], theirs: &[Value]) -> Option<String> {
    let name = |object: &Value| format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]));
    for (ours, theirs) in ours.iter().zip(theirs) {
        if name(ours) != name(theirs) {
            return Some(format!("{} where {} is expected", name(ours), name(theirs)));
        }
        let mut path = Vec::new();
        if let Some(found) = differs(ours, theirs, &mut path) {
            return Some(format!("{}: {}: {found}", name(theirs), path.join(".")));
        }
    }
    (ours.len() != theirs.len())
        .then(|| format!("{} objects where {} are expected", ours.len(), theirs.len()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn differs(ours: &Value, theirs: &Value, path: &mut Vec<String>) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                path.push(key.clone());
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => {
                        if let Some(found) = differs(left, right, path) {
                            return Some(found);
                        }
                    }
                    (None, Some(right)) => return Some(format!("is missing, expected {right}")),
                    (left, _) => return Some(format!("{} is not expected", left.unwrap_or(&Value::Null))),
                }
                path.pop();
            }
            None
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                path.push(index.to_string());
                if let Some(found) = differs(left, right, path) {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        _ if ours == theirs => None,
        _ => Some(format!("{ours} where {theirs} is expected")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn the_first_difference_is_named() {
        let object = |value: i32| json!({"kind": "A", "metadata": {"name": "a"}, "spec": [{"x": value}]});
        assert_eq!(difference(&[object(1)], &[object(1)]), None);
        assert_eq!(
            difference(&[object(1)], &[object(2)]).as_deref(),
            Some("A/a: spec.0.x: 1 where 2 is expected")
        );
        assert_eq!(
            difference(&[], &[object(1)]).as_deref(),
            Some("0 objects where 1 are expected")
        );
    }
}
