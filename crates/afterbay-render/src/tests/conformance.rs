//! The same objects in the same order as kustomize 5.8.2.

use std::fs;
use std::path::{Path, PathBuf};

use afterbay_manifest::{Revision, TreePath};
use serde_json::Value;

use super::tree_from_disk;
use crate::{RenderErrors, render};

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

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}
