//! Tests of whole builds: against the real kustomize, and of what is refused.

mod conformance;
mod explained;
mod flux;
mod provenance;
mod refused;
mod refused_fields;
mod remote;
mod rules;
mod specified;
mod streams;

use std::fs;
use std::path::Path;

use afterbay_manifest::{FileTree, RenderedSet, Revision, TreePath};

use crate::{RenderErrors, render};

/// A tree of files given as path and text.
fn tree(files: &[(&str, &str)]) -> FileTree {
    let mut tree = FileTree::new();
    for (path, text) in files {
        tree.insert_file(TreePath::parse(path).unwrap(), text.as_bytes(), false);
    }
    tree
}

/// Builds a directory of such a tree.
fn build(files: &[(&str, &str)], path: &str) -> Result<RenderedSet, RenderErrors> {
    render(&tree(files), &TreePath::parse(path).unwrap(), Revision::UNKNOWN)
}

/// The error text of a build that must fail.
fn refusal(files: &[(&str, &str)], path: &str) -> String {
    build(files, path)
        .expect_err("the build must be refused")
        .to_string()
}

/// The objects of a build, one a line.
fn listing(set: &RenderedSet) -> String {
    lines(
        set.objects
            .iter()
            .map(|object| format!("{} {}", object.origin(), object.reference())),
    )
}

/// One a line.
fn lines<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

/// A tree from a directory on disk.
fn tree_from_disk(root: &Path) -> FileTree {
    let mut tree = FileTree::new();
    insert(&mut tree, root, root);
    tree
}

fn insert(tree: &mut FileTree, root: &Path, directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = TreePath::parse(path.strip_prefix(root).unwrap().to_str().unwrap()).unwrap();
        if path.is_symlink() {
            tree.insert_link(name, fs::read_link(&path).unwrap().to_str().unwrap());
        } else if path.is_dir() {
            insert(tree, root, &path);
        } else {
            tree.insert_file(name, fs::read(&path).unwrap(), false);
        }
    }
}
