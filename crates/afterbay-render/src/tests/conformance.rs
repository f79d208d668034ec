//! The same objects in the same order as kustomize 5.8.2.

use std::fs;
use std::path::{Path, PathBuf};

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Revision, TreePath};
use serde_json::Value;

use super::tree_from_disk;
use crate::{RenderError, RenderErrors, read_objects, render};

/// Numbers are compared as numbers: the API server makes no difference between `1` and `1.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

fn built(root: &Path, target: &str) -> Result<Vec<Value>, RenderErrors> {
    let set = render(
        &tree_from_disk(root),
        &TreePath::parse(target).unwrap(),
        Revision::UNKNOWN,
    )?;
    Ok(set
        .objects
        .iter()
        .map(|object| object.body().expose_json())
        .collect())
}

/// Says which object differs first.
fn difference(built: &[Value], expected: &[Value]) -> Option<String> {
    if built.len() != expected.len() {
        return Some(format!("{} objects, {} expected", built.len(), expected.len()));
    }
    let (built, expected) = built
        .iter()
        .zip(expected)
        .find(|(built, expected)| !same(built, expected))?;
    Some(format!("built {built:#}\nexpected {expected:#}"))
}

#[test]
fn fixtures_are_built_as_kustomize_builds_them() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/render"));
    let mut cases = folders(root);
    cases.retain(|case| case.join("expected.json").is_file());
    assert!(cases.len() >= 8, "the fixtures are missing");
    for case in cases {
        let expected: Vec<Value> =
            serde_json::from_slice(&fs::read(case.join("expected.json")).unwrap()).unwrap();
        match built(&case, "input") {
            Ok(objects) => assert_eq!(difference(&objects, &expected), None, "{}", case.display()),
            Err(errors) => panic!("{}: {errors}", case.display()),
        }
    }
}

/// Every build of the corpus either equals kustomize's, or is refused because of a field that is not applied or
/// because a key is written twice, where kustomize takes the last.
///
/// The corpus (test data of kubernetes-sigs/kustomize) is not part of the repository: `AFTERBAY_CORPORA` names the folder
/// that holds `kustomize/cases`. The lane `corpus` of `cargo xtask ci` runs the test where there is one.
#[test]
#[ignore = "needs the corpus; the lane `corpus` of `cargo xtask ci` runs it"]
fn corpus_is_built_as_kustomize_builds_it_or_refused() {
    let corpora =
        std::env::var_os("AFTERBAY_CORPORA").expect("AFTERBAY_CORPORA names a folder with kustomize/cases");
    let root = PathBuf::from(corpora).join("kustomize");
    let mut tally = Tally::default();
    for case in folders(&root.join("cases")) {
        tally.count(&case);
    }
    println!("{tally:#?}");
    let accepted = accepted_failures(&root);
    assert!(
        tally.wrong.is_empty() && accepted.is_empty(),
        "{}\n{}",
        tally.wrong.join("\n"),
        accepted.join("\n")
    );
}

/// What became of the cases of the corpus, by name.
#[derive(Debug, Default)]
struct Tally {
    equal: Vec<String>,
    unsupported: usize,
    repeated_key: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, case: &Path) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        match built(&case.join("input"), target(case).trim()) {
            Ok(objects) => {
                match difference(&sorted_like(case, objects), &sorted_like(case, expected(case))) {
                    None => self.equal.push(name),
                    Some(difference) => self.wrong.push(format!("{name}: {difference}")),
                }
            }
            Err(errors)
                if errors
                    .0
                    .iter()
                    .any(|error| matches!(error, RenderError::Unsupported { .. })) =>
            {
                self.unsupported += 1;
            }
            Err(errors) if errors.to_string().contains("is already defined") => self.repeated_key.push(name),
            Err(errors) => self
                .wrong
                .push(format!("{name}: refused for another reason: {errors}")),
        }
    }
}

fn target(case: &Path) -> String {
    fs::read_to_string(case.join("target")).unwrap()
}

fn expected(case: &Path) -> Vec<Value> {
    let text = fs::read(case.join("expected.yaml")).unwrap();
    let objects = read_objects(&text, &TreePath::parse("expected.yaml").unwrap(), Table::Kubectl)
        .unwrap()
        .objects;
    objects.iter().map(|object| object.body().expose_json()).collect()
}

/// A few cases expect the order that only kustomize's command line has; there the order is not compared.
fn sorted_like(case: &Path, mut objects: Vec<Value>) -> Vec<Value> {
    if !fs::read_to_string(case.join("case.json"))
        .unwrap()
        .contains("--reorder=none")
    {
        objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    }
    objects
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

/// Builds that kustomize refuses and we do not.
fn accepted_failures(root: &Path) -> Vec<String> {
    let mut accepted = Vec::new();
    for case in folders(&root.join("errors")) {
        match built(&case.join("input"), target(&case).trim()) {
            // Flux's rule builds a directory without kustomization file.
            Ok(_) if case.ends_with("accumulation__TestTargetMustHaveKustomizationFile") => {}
            Ok(_) => accepted.push(format!("{}: accepted, kustomize refuses it", case.display())),
            Err(errors) => println!("{}: {errors}", case.file_name().unwrap().to_string_lossy()),
        }
    }
    accepted
}
