//! Directories that tests write: what is read of them, and what is refused.

#![expect(
    clippy::disallowed_methods,
    reason = "the files that are read have to be written"
)]

use std::os::unix::fs::symlink;

use afterbay_manifest::{Object, Revision, yaml};
use tempfile::TempDir;

use super::*;

fn read_below(path: &Path, root: Option<&Path>) -> Result<Directory, DirectoryError> {
    read(path, root, |tree, path| {
        afterbay_render::inputs(tree, path).missing().cloned().collect()
    })
}

/// A folder with files, of which those that end in ` -> ` and a target are links.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let (name, target) = name.split_once(" -> ").unwrap_or((name, ""));
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if target.is_empty() {
            fs::write(path, text).unwrap();
        } else {
            symlink(target, path).unwrap();
        }
    }
    folder
}

fn paths(directory: &Directory) -> Vec<&str> {
    directory.tree.entries().map(|(path, _)| path.as_str()).collect()
}

fn names(directory: &Directory) -> Result<Vec<String>, String> {
    let set = afterbay_render::render(&directory.tree, &directory.path, Revision::UNKNOWN);
    let set = set.map_err(|errors| errors.to_string())?;
    Ok(set
        .objects
        .iter()
        .map(|object| object.reference().to_string())
        .collect())
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

/// Whatever field names a file, it is found.
#[test]
fn every_recorded_build_is_the_same_from_disk() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/render"));
    let mut equal = 0;
    for case in fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        let Ok(expected) = fs::read_to_string(case.join("expected.yaml")) else {
            continue;
        };
        // What these build is not on this disk.
        if case.join("remotes").is_dir() {
            continue;
        }
        let input = case.join("input");
        let directory = read_below(&input, Some(&case)).unwrap();
        assert_eq!(directory.path.as_str(), "input");
        let set = afterbay_render::render(&directory.tree, &directory.path, Revision::UNKNOWN)
            .unwrap_or_else(|errors| panic!("{}: {errors}", case.display()));
        let text = yaml::emit_sorted(set.objects.iter().map(Object::body));
        assert_eq!(text, expected, "{}", case.display());
        equal += 1;
    }
    assert!(equal >= 60, "{equal}");
}

#[test]
fn nothing_is_read_but_what_is_built() {
    let folder = folder(&[
        (".git/HEAD", ""),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\npatches: [{path: patches/p.yaml, target: {kind: ConfigMap}}]\n",
        ),
        ("overlays/prod/patches/p.yaml", CONFIG_MAP),
        ("overlays/prod/other.yaml", CONFIG_MAP),
        ("overlays/dev/kustomization.yaml", "resources: [../../base]\n"),
        ("base/kustomization.yaml", "resources: [c.yaml]\n"),
        ("base/c.yaml", CONFIG_MAP),
        ("base/d.yaml", CONFIG_MAP),
    ]);
    let directory = read_below(&folder.path().join("overlays/prod"), None).unwrap();
    assert_eq!(
        paths(&directory),
        [
            "base/c.yaml",
            "base/kustomization.yaml",
            "overlays/prod/kustomization.yaml",
            "overlays/prod/patches/p.yaml"
        ]
    );
    assert_eq!(names(&directory).unwrap(), ["ConfigMap/c"]);
}

#[test]
fn without_a_kustomization_file_every_manifest_is_built() {
    let folder = folder(&[
        ("a/c.yaml", CONFIG_MAP),
        ("a/notes.txt", ""),
        ("b/kustomization.yaml", "resources: [d.yaml]\nnamePrefix: b-\n"),
        ("b/d.yaml", CONFIG_MAP),
        ("b/e.yaml", CONFIG_MAP),
        ("l.yaml -> a/linked", ""),
        (
            "a/linked",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l}\n",
        ),
    ]);
    let directory = read_below(folder.path(), Some(folder.path())).unwrap();
    assert_eq!(
        names(&directory).unwrap(),
        ["ConfigMap/c", "ConfigMap/b-c", "ConfigMap/l"]
    );
    assert!(
        directory
            .tree
            .file(&TreePath::parse("a/notes.txt").unwrap())
            .is_err()
    );
}

#[test]
fn a_base_outside_of_the_root_is_refused() {
    let folder = folder(&[
        ("base/kustomization.yaml", "resources: [c.yaml]\n"),
        ("base/c.yaml", CONFIG_MAP),
        ("app/kustomization.yaml", "resources: [../base]\n"),
    ]);
    let app = folder.path().join("app");
    let directory = read_below(&app, Some(&app)).unwrap();
    insta::assert_snapshot!(
        names(&directory).unwrap_err(),
        @r#"kustomization.yaml:1:13: resource "../base": path "../base" seen from . leaves the tree; use a path inside the repository"#
    );
    assert_eq!(paths(&directory), ["kustomization.yaml"]);
    let directory = read_below(&app, Some(folder.path())).unwrap();
    assert_eq!(names(&directory).unwrap(), ["ConfigMap/c"]);
    let error = read_below(&folder.path().join("base"), Some(&app)).err().unwrap();
    assert!(matches!(error, DirectoryError::Outside { .. }), "{error}");
}

#[test]
fn links_are_followed_inside_and_refused_outside() {
    let folder = folder(&[
        ("root/kustomization.yaml", "resources: [linked/c.yaml, d.yaml]\n"),
        ("root/linked -> real", ""),
        ("root/real/c.yaml", CONFIG_MAP),
        ("root/d.yaml -> ./linked/../real/d.yaml", ""),
        (
            "root/real/d.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\n",
        ),
        (
            "root/out/kustomization.yaml",
            "resources: [../leaves/secret.yaml]\n",
        ),
        ("root/leaves -> ../outside", ""),
        ("root/absolute/kustomization.yaml -> /etc/hostname", ""),
        ("root/loop/kustomization.yaml", "resources: [l.yaml]\n"),
        ("root/loop/l.yaml -> l.yaml", ""),
        ("outside/secret.yaml", CONFIG_MAP),
    ]);
    let root = folder.path().join("root");
    let directory = read_below(&root, Some(&root)).unwrap();
    assert_eq!(names(&directory).unwrap(), ["ConfigMap/c", "ConfigMap/d"]);
    for (path, says) in [
        ("out", "leaves: symbolic link to ../outside leaves "),
        (
            "absolute",
            "absolute/kustomization.yaml: symbolic link to /etc/hostname leaves ",
        ),
    ] {
        let error = read_below(&root.join(path), Some(&root)).err().unwrap();
        assert!(error.to_string().starts_with(says), "{error}");
    }
    let directory = read_below(&root.join("loop"), Some(&root)).unwrap();
    let error = names(&directory).unwrap_err();
    assert!(error.contains("too many levels of symbolic links"), "{error}");
}

#[test]
fn what_is_not_there_is_named_by_the_build() {
    let folder = folder(&[(
        "kustomization.yaml",
        "resources: [gone.yaml, empty]\npatches: [{path: p.yaml}]\n",
    )]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let directory = read_below(folder.path(), Some(folder.path())).unwrap();
    insta::assert_snapshot!(names(&directory).unwrap_err());
    let file = folder.path().join("kustomization.yaml");
    let error = read_below(&file, None).err().unwrap();
    assert!(matches!(error, DirectoryError::NoDirectory { .. }), "{error}");
}
