//! Byte for byte what kustomize 5.8.2 prints.

use std::fs;
use std::path::{Path, PathBuf};

use afterbay_manifest::{FileTree, Object, RemoteAddress, Revision, TreePath, yaml};

use super::tree_from_disk;
use crate::{RenderErrors, remote_entries, render};

fn built(root: &Path) -> Result<String, RenderErrors> {
    let path = TreePath::parse("input").unwrap();
    let mut tree = tree_from_disk(root);
    bring(&mut tree, root, &path);
    let set = render(&tree, &path, Revision::UNKNOWN)?;
    Ok(yaml::emit_sorted(set.objects.iter().map(Object::body)))
}

/// Lays in what the case keeps of other machines, until nothing is missing.
fn bring(tree: &mut FileTree, root: &Path, path: &TreePath) {
    loop {
        let entries = remote_entries(tree, path, &crate::Specification::default());
        let Some(address) = entries.first().and_then(|entry| entry.address.as_ref().ok()) else {
            return;
        };
        let kept = root.join("remotes").join(address.url().replace("://", "/"));
        let files = match address {
            RemoteAddress::Git { .. } => tree_from_disk(&kept),
            RemoteAddress::File { .. } => {
                let mut files = FileTree::new();
                let name = TreePath::parse(address.file_name().unwrap()).unwrap();
                files.insert_file(name, fs::read(&kept).unwrap(), false);
                files
            }
        };
        tree.mount(&address.mount().unwrap(), files).unwrap();
    }
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
