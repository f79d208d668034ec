//! The build of a directory without kustomization file, by Flux's rule.
//!
//! Every `.yaml` and `.yml` file below it, in the order of a file walk; a directory below that has a kustomization
//! file is built as one entry and not descended. What Flux's source-controller leaves out of an artifact by default
//! is left out (fluxcd/pkg `sourceignore`).

use afterbay_manifest::{FileTree, Place, Position, TreePath, Warning};

use crate::error::RenderError;
use crate::kustomization::{self, Listed};
use crate::locate::{Entry, Found, Locator, Target};

/// Directories that Flux leaves out of an artifact.
const LEFT_OUT_DIRECTORIES: [&str; 3] = [".git", ".github", ".circleci"];

/// Files that Flux leaves out of an artifact, among those a walk would list.
const LEFT_OUT_FILES: [&str; 11] = [
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    ".goreleaser.yml",
    ".sops.yaml",
    ".flux.yaml",
    ".gitmodules",
];

/// What the directory builds.
pub(crate) fn target(locator: &mut Locator<'_>, directory: &TreePath) -> Target {
    let mut entries = Vec::new();
    walk(locator, directory, directory, &mut entries);
    if entries.is_empty() {
        locator.warnings.push(Warning {
            place: Some(Place::of_file(directory.clone())),
            message: "no kustomization file and no .yaml or .yml file below, so nothing is built".to_owned(),
        });
    }
    warn_about_ignore_file(locator, directory);
    Target {
        directory: directory.clone(),
        entries,
        ..Target::default()
    }
}

fn walk(locator: &mut Locator<'_>, root: &TreePath, directory: &TreePath, entries: &mut Vec<Entry>) {
    let names = match locator.tree.names(directory) {
        Ok(names) => names,
        Err(source) => {
            locator.errors.push(RenderError::Target {
                path: directory.clone(),
                source,
            });
            return;
        }
    };
    for name in names {
        // A name of the tree joins without fail; were it not so, there would be nothing to read.
        let Ok(path) = directory.join(&name) else { continue };
        if is_own_directory(locator.tree, &path) {
            let is_fetched = locator.tree.mount_of(&path) != locator.tree.mount_of(directory);
            if is_fetched || LEFT_OUT_DIRECTORIES.contains(&name.as_str()) {
                continue;
            }
            match kustomization::file_names(locator.tree, &path) {
                files if files.is_empty() => walk(locator, root, &path, entries),
                files => {
                    let base = Found::Base(Box::new(locator.directory(&path, files)));
                    entries.push(entry(root, &path, base));
                }
            }
        } else if is_manifest(&name) {
            match locator.tree.file(&path) {
                Ok((real, _)) => entries.push(entry(root, &path, Found::File(real))),
                Err(source) => locator.errors.push(RenderError::Target { path, source }),
            }
        }
    }
}

/// No file lists it; it is listed as Flux lists it, seen from the directory of the build.
fn entry(root: &TreePath, path: &TreePath, found: Found) -> Entry {
    let below = path
        .as_str()
        .strip_prefix(root.as_str())
        .filter(|_| !root.is_root());
    let text = below.map_or(path.as_str(), |below| below.trim_start_matches('/'));
    Entry {
        listed: Listed {
            text: text.to_owned(),
            position: Position::UNKNOWN,
        },
        found,
    }
}

/// A directory, not a link to one: a file walk does not follow links.
fn is_own_directory(tree: &FileTree, path: &TreePath) -> bool {
    tree.directory(path).is_ok_and(|real| real == *path)
}

/// The case of the ending counts, as in Flux; a name that is nothing but the ending is a manifest too.
fn is_manifest(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("yaml" | "yml")) && !LEFT_OUT_FILES.contains(&name)
}

/// Flux applies this file when it packs the artifact; here nothing does.
fn warn_about_ignore_file(locator: &mut Locator<'_>, directory: &TreePath) {
    let mut at = directory.clone();
    loop {
        if let Ok(path) = at.join(".sourceignore")
            && locator.tree.file(&path).is_ok()
        {
            locator.warnings.push(Warning {
                place: Some(Place::of_file(path)),
                message:
                    "is not applied; a directory without kustomization file builds every YAML file below it, \
                          so list the files in a kustomization.yaml instead"
                        .to_owned(),
            });
        }
        if at.is_root() {
            return;
        }
        at = at.parent();
    }
}
