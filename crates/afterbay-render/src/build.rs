//! The build: what each layer lists is brought together, changed in kustomize's order, and finished once at the root.
//!
//! ```text
//! resources ─► configurations, crds ─► generators ─► components ─► transformers ─► validators ─► vars        (every layer)
//! hash of generated names ─► references follow ─► vars ─► local objects go ─► order ─► build metadata        (the root)
//! ```

mod finish;

use std::collections::BTreeSet;
use std::sync::Arc;

use afterbay_manifest::{FileTree, Object, Place, RenderedSet, Revision, TreePath, Warning};

use crate::accumulate::Accumulator;
use crate::arguments::GeneratorOptions;
use crate::build_metadata::{Note, Whereabouts};
use crate::config::Config;
use crate::error::{RenderError, RenderErrors};
use crate::explain::{self, Change, Explanation, Source, Story};
use crate::generators::{self, Kind};
use crate::loads::{self, Files};
use crate::locate::{self, Entry, Found, Target};
use crate::merge::Schema;
use crate::resource::Resource;
use crate::specification::Specification;
use crate::transform::Layer;
use crate::{openapi, read, scope};

/// In which order objects come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they are listed, which is what Flux does and `kustomize build --reorder=none`.
    #[default]
    Input,
    /// By kind, which is what `kustomize build` does by itself.
    Legacy,
}

/// What is asked of a build beside the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// In which order objects come. What `sortOptions` of the root says goes before it.
    pub order: Order,
    /// Whether the directory has to have a kustomization file that says something; without one, Flux's rule makes it up.
    pub needs_kustomization: bool,
    /// Whether an object may have no `apiVersion`, which kustomize lets through and no API server takes.
    pub allows_missing_api_version: bool,
}

/// Builds a directory into objects, in kustomize's input order.
///
/// Everything that is wrong with it is returned together. Warnings name scalars that kustomize and `kubectl apply`
/// read differently.
pub fn render(tree: &FileTree, path: &TreePath, revision: Revision) -> Result<RenderedSet, RenderErrors> {
    render_with(tree, path, revision, Options::default())
}

/// The same with options.
pub fn render_with(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    options: Options,
) -> Result<RenderedSet, RenderErrors> {
    render_specified(tree, path, revision, options, &Specification::default())
}

/// The same with more asked of it than the tree says.
pub fn render_specified(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    options: Options,
    specification: &Specification,
) -> Result<RenderedSet, RenderErrors> {
    match attempt_with(tree, path, revision, options, specification) {
        (set, None) => Ok(set),
        (_, Some(errors)) => Err(errors),
    }
}

/// What made and changed each object, as far as the build comes. It takes more time and memory than the build.
pub fn explanation(
    tree: &FileTree,
    path: &TreePath,
    options: Options,
    specification: &Specification,
) -> Explanation {
    build(tree, path, Revision::UNKNOWN, options, specification, true).2
}

/// The same, and what made and changed each of its objects. It takes more time and memory.
pub fn explain(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    options: Options,
    specification: &Specification,
) -> Result<(RenderedSet, Explanation), RenderErrors> {
    let (set, errors, explanation) = build(tree, path, revision, options, specification, true);
    match errors {
        None => Ok((set, explanation)),
        Some(errors) => Err(errors),
    }
}

/// The same as far as it goes: what is sound of the build, and what is wrong with the rest.
///
/// Files that are left sealed ([`FileTree::leave_sealed`]) are left out. An incomplete set is good for one thing: later
/// stages can look for more errors in it, so that all are reported together.
pub fn attempt(tree: &FileTree, path: &TreePath, revision: Revision) -> (RenderedSet, Option<RenderErrors>) {
    attempt_specified(tree, path, revision, &Specification::default())
}

/// The same with more asked of it than the tree says.
pub fn attempt_specified(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    specification: &Specification,
) -> (RenderedSet, Option<RenderErrors>) {
    attempt_with(tree, path, revision, Options::default(), specification)
}

fn attempt_with(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    options: Options,
    specification: &Specification,
) -> (RenderedSet, Option<RenderErrors>) {
    let (set, errors, _) = build(tree, path, revision, options, specification, false);
    (set, errors)
}

fn build(
    tree: &FileTree,
    path: &TreePath,
    revision: Revision,
    options: Options,
    specification: &Specification,
    explains: bool,
) -> (RenderedSet, Option<RenderErrors>, Explanation) {
    let located = locate::locate(tree, path, options.needs_kustomization, specification);
    let is_complete = located.errors.is_empty();
    let mut build = Build {
        tree,
        errors: located.errors,
        warnings: located.warnings,
        metadata: Metadata::of(&located.target),
        schema: None,
        asked_schema: false,
        options,
        explains,
        explanation: Explanation::default(),
    };
    let objects = if is_complete {
        build.bring_schema(&located.target);
        let gathered = build.target(&located.target, &Whereabouts::default());
        build.finish(gathered, &located.target, specification)
    } else {
        build.read_all(&located.target)
    };
    // A file that two bases list is read twice; what there is to say about it is said once.
    let mut seen = BTreeSet::new();
    let mut warnings = build.warnings;
    warnings.retain(|warning| seen.insert(warning.clone()));
    let set = RenderedSet {
        revision,
        objects,
        warnings,
    };
    (
        set,
        RenderErrors::check(build.errors, ()).err(),
        build.explanation,
    )
}

/// What `buildMetadata` of the root asks for; it is asked of every layer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Metadata {
    is_kept: bool,
    origin: bool,
    transformations: bool,
    managed_by: bool,
}

impl Metadata {
    fn of(target: &Target) -> Self {
        let options = target
            .kustomization
            .as_ref()
            .map_or(&[][..], |kustomization| &kustomization.build_metadata);
        let has = |option: &str| options.iter().any(|found| found == option);
        Self {
            is_kept: !options.is_empty(),
            origin: has("originAnnotations"),
            transformations: has("transformerAnnotations"),
            managed_by: has("managedByLabel"),
        }
    }
}

/// A build under way.
pub(crate) struct Build<'a> {
    pub(crate) tree: &'a FileTree,
    pub(crate) errors: Vec<RenderError>,
    pub(crate) warnings: Vec<Warning>,
    metadata: Metadata,
    /// The schema of the first layer that brings one, which counts from there on.
    schema: Option<Arc<Schema>>,
    /// Whether kustomize would have asked its built-in schema: about a kind whose scope it does not know by heart, or for a
    /// patch that merges.
    asked_schema: bool,
    options: Options,
    /// Whether it is kept what made and changed each object.
    explains: bool,
    explanation: Explanation,
}

/// Which lists merge, for the patches of a build. The built-in schema is not read before a patch asks for it.
#[derive(Clone)]
pub(crate) struct Merging(Option<Arc<Schema>>);

impl Merging {
    pub(crate) fn schema(&self) -> &Schema {
        match &self.0 {
            Some(schema) => schema,
            None => Schema::built_in(),
        }
    }
}

impl<'a> Build<'a> {
    /// One of a part of a tree, for which nothing is kept.
    pub(crate) fn of_part(tree: &'a FileTree) -> Self {
        Self {
            tree,
            errors: Vec::new(),
            warnings: Vec::new(),
            metadata: Metadata::default(),
            schema: None,
            asked_schema: false,
            options: Options::default(),
            explains: false,
            explanation: Explanation::default(),
        }
    }

    /// Builds a directory by itself. `path` is where it lies, seen from the root of the build.
    fn target(&mut self, target: &Target, path: &Whereabouts) -> Accumulator {
        self.accumulate(Accumulator::new(), target, path)
    }

    /// Builds a directory on top of what is there, which is nothing, or for a component what its parent has.
    fn accumulate(&mut self, mut gathered: Accumulator, target: &Target, path: &Whereabouts) -> Accumulator {
        self.entries(&mut gathered, &target.entries, path, target.file());
        let Some(kustomization) = &target.kustomization else {
            return gathered;
        };
        let layer = Layer {
            kustomization,
            files: Files {
                tree: self.tree,
                directory: &target.directory,
            },
            path,
            keeps_metadata: self.metadata.is_kept,
            explains: self.explains,
        };
        layer.configure(&mut gathered, &mut self.errors);
        self.generate(&mut gathered, &layer);
        self.run_generators(&mut gathered, target, &layer);
        for entry in &target.components {
            if let Found::Base(component) = &entry.found {
                let below = path.join(&entry.listed.text);
                self.bring_schema(component);
                gathered = self.accumulate(gathered, component, &below);
                if let (true, Some(inner)) = (self.explains, &component.kustomization) {
                    let place = layer.place(entry.listed.position);
                    explain::lists(&mut gathered.resources, &place, Some(&inner.file));
                }
                // kustomize puts what a component left into an accumulator of its own.
                gathered.changed();
                gathered.check_distinct(&mut self.errors);
                let left = std::mem::replace(&mut gathered.config, Config::nothing());
                layer.conflict(gathered.config.merge(&left), "components", &mut self.errors);
            }
        }
        let merging = self.merging();
        layer.transform(&mut gathered, &merging, &mut self.errors);
        self.run_transformers(&mut gathered, target, &layer);
        layer.declare_variables(&mut gathered, &mut self.errors);
        self.asked_schema |= gathered.is_merged;
        gathered
    }

    /// Takes the schema of a layer, if it brings one and none before it did.
    fn bring_schema(&mut self, target: &Target) {
        let Some(kustomization) = &target.kustomization else {
            return;
        };
        let Some(openapi) = &kustomization.openapi else {
            return;
        };
        let layer = Files {
            tree: self.tree,
            directory: &target.directory,
        };
        match openapi::schema(openapi, layer, &kustomization.place("openapi"), self.asked_schema) {
            Ok(schema) if self.schema.is_none() => self.schema = schema,
            Ok(_) => {}
            // What the first schema makes moot is not looked at.
            Err(_) if self.schema.is_some() && openapi.version.is_some() => {}
            Err(error) => self.errors.push(error),
        }
    }

    /// Which lists merge, for the patches of this build.
    pub(crate) fn merging(&self) -> Merging {
        Merging(self.schema.clone())
    }

    /// Adds what files and bases hold. `by` is the kustomization file, if there is one.
    pub(crate) fn entries(
        &mut self,
        gathered: &mut Accumulator,
        entries: &[Entry],
        path: &Whereabouts,
        by: Option<&TreePath>,
    ) {
        for entry in entries {
            let listed = by
                .filter(|_| self.explains)
                .map(|file| Place::new(file.clone(), entry.listed.position));
            let below = path.join(&entry.listed.text);
            match &entry.found {
                Found::File(file) => {
                    for mut resource in self.file(file) {
                        if self.metadata.is_kept {
                            resource.source.origin = Some(Note::of_file(below.clone()));
                        }
                        if self.explains {
                            let source = Source::File(resource.origin().clone());
                            resource.story = Some(Story::begin(source, &resource.body));
                            if let Some(place) = &listed {
                                explain::lists(std::slice::from_mut(&mut resource), place, None);
                            }
                        }
                        self.errors.extend(gathered.append(resource));
                    }
                }
                Found::Base(base) => {
                    self.bring_schema(base);
                    let mut other = self.target(base, &below);
                    if let Some(place) = &listed {
                        explain::lists(&mut other.resources, place, None);
                    }
                    let place = Place::of_file(base.directory.clone());
                    gathered.merge(other, &place, &mut self.errors);
                }
            }
        }
    }

    fn generate(&mut self, gathered: &mut Accumulator, layer: &Layer<'_>) {
        let kustomization = layer.kustomization;
        let all = [
            (Kind::ConfigMap, &kustomization.config_map_generator),
            (Kind::Secret, &kustomization.secret_generator),
        ];
        for (kind, generators) in all {
            for generator in generators {
                let place = Place::new(kustomization.file.clone(), generator.position);
                let global = kustomization.generator_options.as_ref();
                let options = GeneratorOptions::behind(generator.options.as_ref(), global);
                let made =
                    generators::generate(kind, generator, &options, layer.files, &place, &mut self.errors);
                let Some(mut resource) = made else { continue };
                if layer.keeps_metadata {
                    resource.source.origin = Some(layer.note(kind.plugin()));
                }
                if self.explains {
                    let source = Source::Generator {
                        generator: kind.field(),
                        place: place.clone(),
                        files: layer.files.paths(&loads::generator_files(generator)),
                    };
                    resource.story = Some(Story::begin(source, &resource.body));
                }
                let mut watch = layer.watch(gathered);
                gathered.absorb(vec![resource], &place, kind.field(), &mut self.errors);
                watch.see(gathered, || Change::by(kind.field(), place));
            }
        }
    }

    /// Every object by itself, where a kustomization file is wrong: what it would have changed in them, or how they
    /// would have met, is not known.
    fn read_all(&mut self, target: &Target) -> Vec<Object> {
        let mut objects = Vec::new();
        for entry in &target.entries {
            match &entry.found {
                Found::File(path) => {
                    let read = self.file(path).into_iter();
                    objects.extend(read.filter_map(|resource| resource.into_object().ok()));
                }
                Found::Base(base) => objects.extend(self.read_all(base)),
            }
        }
        objects
    }

    fn file(&mut self, path: &TreePath) -> Vec<Resource> {
        let contents = read::file(self.tree, path, self.options.allows_missing_api_version);
        self.errors.extend(contents.errors);
        self.warnings.extend(contents.warnings);
        let is_unknown = |resource: &Resource| !scope::is_known(resource.gvk());
        self.asked_schema |= contents.resources.iter().any(is_unknown);
        contents.resources
    }
}
