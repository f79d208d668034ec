//! Byte for byte what kustomize 5.8.2 prints.

use std::fs;
use std::path::{Path, PathBuf};

use afterbay_manifest::{Object, Revision, TreePath, yaml};

use super::tree_from_disk;
use crate::{RenderErrors, render};

fn built(root: &Path) -> Result<String, RenderErrors> {
    let path = TreePath::parse("input").unwrap();
    let set = render(&tree_from_disk(root), &path, Revision::UNKNOWN)?;
    Ok(yaml::emit_sorted(set.objects.iter().map(Object::body)))
}

#[test]
fn fixtures_are_built_as_kustomize_builds_them() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/render"));
    let mut cases = folders(root);
    cases.retain(|case| case.join("expected.yaml").is_file());
    assert!(
        cases.len() >= 60,
        "fixtures are missing: {} are there",
        cases.len()
    );
    for case in cases {
        let expected = fs::read_to_string(case.join("expected.yaml")).unwrap();
        match built(&case) {
            Ok(text) => assert_eq!(text, expected, "{}", case.display()),
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
