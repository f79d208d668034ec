//! The files that fields of a kustomization name beside `resources`: what a build loads.

use afterbay_manifest::{File, FileTree, Place, TreePath};

use crate::arguments::Generator;
use crate::error::RenderError;
use crate::generators;
use crate::kustomization::{Kustomization, Listed};
use crate::{reach, read};

/// Every file that is loaded, with what it is for.
pub(crate) fn of(kustomization: &Kustomization) -> Vec<(&'static str, Listed)> {
    let mut files = Vec::new();
    let mut add = |what: &'static str, listed: Listed| files.push((what, listed));
    for listed in &kustomization.configurations {
        add("configuration", listed.clone());
    }
    for listed in &kustomization.crds {
        add("definition", listed.clone());
    }
    for generator in kustomization
        .config_map_generator
        .iter()
        .chain(&kustomization.secret_generator)
    {
        for path in generator_files(generator) {
            add("generator file", at(path, generator.position));
        }
    }
    for listed in &kustomization.patches_strategic_merge {
        if !read::is_inline(&listed.text) {
            add("patch", listed.clone());
        }
    }
    for patch in kustomization
        .patches
        .iter()
        .chain(&kustomization.patches_json6902)
    {
        if !patch.path.is_empty() {
            add("patch", at(patch.path.clone(), patch.position));
        }
    }
    for replacement in &kustomization.replacements {
        if !replacement.path.is_empty() {
            add("replacement", at(replacement.path.clone(), replacement.position));
        }
    }
    if let Some(openapi) = &kustomization.openapi
        && let Some(path) = &openapi.path
    {
        add("schema", at(path.clone(), openapi.position));
    }
    files
}

fn at(text: String, position: afterbay_manifest::Position) -> Listed {
    Listed { text, position }
}

/// The files of a generator, in kustomize's order. What cannot be told apart is said when it is generated.
pub(crate) fn generator_files(generator: &Generator) -> Vec<String> {
    let named = generator
        .files
        .iter()
        .filter_map(|source| generators::key_and_file(source).ok())
        .map(|(_, path)| path.to_owned());
    generator.envs.iter().cloned().chain(named).collect()
}

/// The files of one layer of the build.
#[derive(Clone, Copy)]
pub(crate) struct Files<'t> {
    pub(crate) tree: &'t FileTree,
    pub(crate) directory: &'t TreePath,
}

impl<'t> Files<'t> {
    /// Where paths as written lead; those that lead nowhere are left out.
    pub(crate) fn paths(&self, written: &[String]) -> Vec<TreePath> {
        let joined = written.iter().map(|path| self.directory.join(path));
        joined.filter_map(Result::ok).collect()
    }

    /// The file at a path as written.
    pub(crate) fn load(
        &self,
        path: &str,
        what: &'static str,
        place: &Place,
    ) -> Result<(TreePath, &'t File), RenderError> {
        reach::load(self.tree, self.directory, what, path, place)
    }
}
