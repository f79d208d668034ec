//! The fields of a specification become fields of the kustomization.

use afterbay_manifest::{FileTree, Place, Position, TreeError, TreePath};

use super::{Image, NAME, Patch, Selector, Specification};
use crate::arguments;
use crate::error::RenderError;
use crate::fieldspec;
use crate::kustomization::{Kustomization, Listed};

/// What a component may not begin with, in lower case: it would lie on another machine (`IsLocalRelativePath` in
/// `kustomize_generator.go` of fluxcd/pkg).
const ELSEWHERE: [&str; 8] = [
    "git::",
    "gh:",
    "ssh://",
    "https://",
    "http://",
    "git@",
    "github.com:",
    "github.com/",
];

impl Specification {
    /// The kustomization of a directory that has no file, if there is to be one.
    pub(crate) fn made_up(&self, directory: &TreePath) -> Option<Kustomization> {
        let file = directory.join("kustomization.yaml").ok()?;
        self.changes_kustomization().then(|| Kustomization::made_up(file))
    }

    /// Puts the fields into the kustomization of the root, which lies in `directory`.
    pub(crate) fn inject(&self, into: &mut Kustomization, directory: &TreePath, tree: &FileTree) -> Lacking {
        let mut lacking = Lacking::default();
        into.has_specified = self.changes_kustomization();
        for (field, specified) in [
            (&mut into.namespace, &self.target_namespace),
            (&mut into.name_prefix, &self.name_prefix),
            (&mut into.name_suffix, &self.name_suffix),
        ] {
            // kustomize takes an empty field for none.
            if let Some(text) = specified {
                *field = (!text.is_empty()).then(|| listed(text));
            }
        }
        into.patches.extend(self.patches.iter().map(Patch::as_entry));
        for component in &self.components {
            self.component(component, into, directory, tree, &mut lacking);
        }
        for image in &self.images {
            image.merge(&mut into.images);
        }
        if !self.build_metadata.is_empty() {
            let names = self.build_metadata.iter().map(|name| name.as_str().to_owned());
            into.replace_build_metadata(names.collect());
        }
        lacking
    }

    fn component(
        &self,
        path: &str,
        into: &mut Kustomization,
        directory: &TreePath,
        tree: &FileTree,
        lacking: &mut Lacking,
    ) {
        if !is_local(path) {
            lacking.errors.push(RenderError::Entry {
                place: Place::of_file(TreePath::name_only(NAME)),
                what: "component",
                entry: crate::remote::redact(path),
                problem: "is not a relative path; name a directory of the same tree, seen from the one that is built",
            });
            return;
        }
        // What leaves the tree, or a link that loops, is wrong and not missing.
        let joined = directory.join(path).ok();
        let gone = joined.filter(|path| matches!(tree.directory(path), Err(TreeError::NotFound { .. })));
        match gone {
            Some(gone) if self.ignore_missing_components => lacking.missing.push(gone),
            _ => {
                into.components.push(listed(path));
                into.empty = false;
            }
        }
    }
}

/// What is lacking where a specification meets a tree.
#[derive(Default)]
pub(crate) struct Lacking {
    /// What is wrong.
    pub(crate) errors: Vec<RenderError>,
    /// Components that are not in the tree and are passed over. Who holds a part of a tree can bring them.
    pub(crate) missing: Vec<TreePath>,
}

fn listed(text: &str) -> Listed {
    Listed {
        text: text.to_owned(),
        position: Position::UNKNOWN,
    }
}

fn is_local(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_elsewhere = |prefix: &&str| lower.len() > prefix.len() && lower.starts_with(*prefix);
    let local = lower.strip_prefix("file://").unwrap_or(&lower);
    !ELSEWHERE.iter().any(is_elsewhere) && !local.starts_with('/')
}

impl Patch {
    fn as_entry(&self) -> arguments::Patch {
        arguments::Patch {
            specified_as: Some(if self.name.is_empty() { NAME } else { &self.name }.to_owned()),
            text: self.patch.clone(),
            target: self.target.as_ref().map(Selector::as_target),
            ..arguments::Patch::default()
        }
    }
}

impl Selector {
    fn as_target(&self) -> arguments::Target {
        arguments::Target {
            gvk: fieldspec::Selector {
                group: self.group.clone(),
                version: self.version.clone(),
                kind: self.kind.clone(),
            },
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            annotation_selector: self.annotation_selector.clone(),
            label_selector: self.label_selector.clone(),
            position: Position::UNKNOWN,
        }
    }
}

impl Image {
    /// Merges it into the first entry of its name. Tag and digest are one: who sets one takes the other away, because an
    /// old digest beside a new tag would win when the image is pulled.
    fn merge(&self, images: &mut Vec<arguments::Image>) {
        let Some(image) = images.iter_mut().find(|image| image.name == self.name) else {
            images.push(arguments::Image {
                name: self.name.clone(),
                new_name: self.new_name.clone(),
                new_tag: self.new_tag.clone(),
                digest: self.digest.clone(),
                ..arguments::Image::default()
            });
            return;
        };
        if !self.new_name.is_empty() {
            image.new_name.clone_from(&self.new_name);
        }
        if !self.new_tag.is_empty() || !self.digest.is_empty() {
            image.new_tag.clone_from(&self.new_tag);
            image.digest.clone_from(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    /// The cases of `Test_IsLocalRelativePath` in `kustomize_generator_test.go` of fluxcd/pkg, and their like.
    #[test]
    fn components_lie_in_the_tree() {
        for path in ["../components/a", "a", "./a", "file://a", "git::", "github.com"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "/a",
            "file:///a",
            "FILE:///a",
            "https://example.org/a",
            "HTTPS://example.org/a",
            "git::https://example.org/a",
            "gh:org/repo",
            "git@github.com:org/repo",
            "github.com/org/repo",
            "ssh://host/repo",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}
