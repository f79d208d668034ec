//! Tests of the whole stage, on files made by sops (`fixtures/decrypt`) and tokens made by OpenSSL and
//! hiera-eyaml (`fixtures/eyaml`).

mod canary;
mod confinement;
mod exemptions;
mod files;
mod leftovers;
mod nested;
mod plaintext;
mod tokens;
mod vectors;

use std::borrow::Borrow;

use afterbay_manifest::{DataKeys, FileTree, KeyPath, Node, Object, RenderedSet, TreePath};

use crate::testing::{data_keys, inputs, render, rsa_key, unwrap_all};
use crate::*;

/// The whole stage on a tree, with the right data keys and the first RSA key.
fn run(tree: FileTree, options: &DecryptOptions) -> Result<DecryptedSet, DecryptErrors> {
    let sealed = scan(&tree, inputs(&tree), options)?;
    let keys = data_keys(&sealed);
    let (tree, opened) = overlay(tree, sealed, &keys, options)?;
    run_objects(render(&tree), opened, options)
}

/// What is sealed, when nothing may be wrong with it.
fn scan<P: Borrow<TreePath>>(
    tree: &FileTree,
    inputs: impl IntoIterator<Item = P>,
    options: &DecryptOptions,
) -> Result<SealedFiles, DecryptErrors> {
    crate::scan(tree, inputs, options).check()
}

/// The files opened, when all of them have to.
fn overlay(
    tree: FileTree,
    sealed: SealedFiles,
    keys: &DataKeys,
    options: &DecryptOptions,
) -> Result<(FileTree, OpenedFiles), DecryptErrors> {
    let (tree, opened) = crate::overlay(tree, sealed, keys, options);
    Ok((tree, opened.check()?))
}

/// The second pass on objects, with the first RSA key.
fn run_objects(
    rendered: RenderedSet,
    opened: OpenedFiles,
    options: &DecryptOptions,
) -> Result<DecryptedSet, DecryptErrors> {
    let tokens = scan_objects(&rendered, opened, options);
    let keys = if tokens.key_requests().is_empty() {
        DataKeys::default()
    } else {
        unwrap_all(tokens.key_requests(), &[rsa_key("first.pkcs8")])
    };
    finish(rendered, tokens, &keys, options).map_err(|unfinished| unfinished.errors)
}

fn text<'a>(object: &'a Object, keys: &[&str]) -> &'a str {
    object
        .body()
        .at(keys)
        .and_then(Node::expose_str)
        .unwrap_or_else(|| panic!("{keys:?}"))
}

fn errors_of(result: Result<DecryptedSet, DecryptErrors>) -> String {
    result.unwrap_err().to_string()
}

fn sealed_paths(object: &Object) -> Vec<String> {
    let mut paths = Vec::new();
    object.body().leaves(&mut |path: &KeyPath, leaf| {
        if !leaf.provenance.is_plain() {
            paths.push(path.to_string());
        }
    });
    paths
}
