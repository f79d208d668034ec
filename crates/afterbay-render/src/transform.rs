//! The transformers of one layer, in kustomize's order.

use afterbay_manifest::{Place, Position, TreePath};

use crate::accumulate::Accumulator;
use crate::affixes::{self, End};
use crate::build::Merging;
use crate::build_metadata::{Note, Whereabouts};
use crate::config::{Config, Specs};
use crate::error::RenderError;
use crate::explain::{Change, Watch};
use crate::kustomization::Kustomization;
use crate::loads::Files;
use crate::namespace::{Namespace, Subjects};
use crate::patches::Patcher;
use crate::resource::Resource;
use crate::{configurations, crds, images, labels, read, replacements, replicas};

/// One kustomization file and where it lies.
pub(crate) struct Layer<'k> {
    pub(crate) kustomization: &'k Kustomization,
    pub(crate) files: Files<'k>,
    /// Where its directory lies, seen from the root of the build.
    pub(crate) path: &'k Whereabouts,
    /// Whether it is kept which transformers an object went through.
    pub(crate) keeps_metadata: bool,
    /// Whether it is kept what changed an object.
    pub(crate) explains: bool,
}

/// A transformer that a field stands for.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    plugin: &'static str,
    field: &'static str,
    position: Position,
}

impl Step {
    pub(crate) fn new(plugin: &'static str, field: &'static str, position: Position) -> Self {
        Self {
            plugin,
            field,
            position,
        }
    }
}

impl Layer<'_> {
    /// The note of a builtin plugin that a field stands for.
    pub(crate) fn note(&self, plugin: &str) -> Note {
        Note::of_builtin(self.path.join(self.kustomization.file.file_name()), plugin)
    }

    pub(crate) fn place(&self, position: Position) -> Place {
        self.kustomization.at(position)
    }

    /// Adds the specs of `configurations` and `crds` to the builtin ones, and all of them to what is there.
    pub(crate) fn configure(&self, gathered: &mut Accumulator, errors: &mut Vec<RenderError>) {
        let (mut added, mut own) = (Specs::default(), Config::builtin());
        for listed in &self.kustomization.configurations {
            let place = self.place(listed.position);
            let specs = configurations::read(self.files, &listed.text, &place, errors);
            self.conflict(added.add(&specs), "configurations", errors);
            added.sort();
        }
        self.conflict(own.add(&added), "configurations", errors);
        self.conflict(gathered.config.merge(&own), "configurations", errors);
        for listed in &self.kustomization.crds {
            let place = self.place(listed.position);
            let specs = crds::read(self.files, &listed.text, &place, errors);
            self.conflict(gathered.config.add(&specs), "crds", errors);
        }
    }

    /// Reports field specs that contradict each other.
    pub(crate) fn conflict(
        &self,
        result: Result<(), String>,
        field: &'static str,
        errors: &mut Vec<RenderError>,
    ) {
        if let Err(problem) = result {
            errors.push(RenderError::Step {
                place: self.kustomization.place(field),
                step: field,
                problem,
            });
        }
    }

    /// Runs a transformer over every object, and does what follows each.
    pub(crate) fn step(
        &self,
        gathered: &mut Accumulator,
        step: Step,
        transform: impl FnOnce(&mut Vec<Resource>),
    ) {
        let mut watch = self.watch(gathered);
        transform(&mut gathered.resources);
        gathered.resources.iter_mut().for_each(Resource::settle);
        gathered.changed();
        self.remember(gathered, || self.note(step.plugin));
        watch.see(gathered, || Change::by(step.field, self.place(step.position)));
    }

    /// Begins to see what changes, where that is asked for.
    pub(crate) fn watch(&self, gathered: &Accumulator) -> Watch {
        Watch::new(self.explains, gathered)
    }

    /// What a patch changes.
    fn patched(&self, field: &str, place: Place, path: &str) -> Change {
        let file = (!path.is_empty() && !read::is_inline(path))
            .then(|| self.files.directory.join(path))
            .and_then(Result::ok);
        Change {
            file,
            ..Change::by(field, place)
        }
    }

    /// Remembers that a transformer went over every object, where that is asked for.
    pub(crate) fn remember(&self, gathered: &mut Accumulator, note: impl FnOnce() -> Note) {
        if self.keeps_metadata {
            let note = note();
            for resource in &mut gathered.resources {
                resource.source.transformed(&note);
                // Where kustomize writes its notes, it writes all annotations anew.
                resource
                    .shared
                    .part(&mut resource.body, ["metadata", "annotations"]);
            }
        }
    }

    /// Everything that the kustomization file asks for.
    pub(crate) fn transform(
        &self,
        gathered: &mut Accumulator,
        merging: &Merging,
        errors: &mut Vec<RenderError>,
    ) {
        let config = gathered.config.clone();
        let (specs, all) = (config.specs(), self.kustomization);
        self.patches(gathered, merging, errors);
        if let Some(namespace) = &all.namespace {
            let namespace_of = Namespace {
                name: &namespace.text,
                specs: &specs.namespace,
                unset_only: false,
                subjects: Subjects::Default,
            };
            let place = self.place(namespace.position);
            self.step(
                gathered,
                Step::new("NamespaceTransformer", "namespace", namespace.position),
                |resources| {
                    namespace_of.transform(resources, &place, errors);
                },
            );
        }
        for (affix, end, specs, plugin, field) in [
            (
                &all.name_prefix,
                End::Front,
                &specs.name_prefix,
                "PrefixTransformer",
                "namePrefix",
            ),
            (
                &all.name_suffix,
                End::Back,
                &specs.name_suffix,
                "SuffixTransformer",
                "nameSuffix",
            ),
        ] {
            if let Some(affix) = affix {
                self.step(gathered, Step::new(plugin, field, affix.position), |resources| {
                    affixes::transform(resources, &affix.text, end, specs, errors);
                });
            }
        }
        self.labels(gathered, errors);
        if !all.common_annotations.is_empty() {
            let position = all.place("commonAnnotations").position;
            self.step(
                gathered,
                Step::new("AnnotationsTransformer", "commonAnnotations", position),
                |resources| {
                    labels::transform(
                        resources,
                        &all.common_annotations,
                        &specs.common_annotations,
                        errors,
                    );
                },
            );
        }
        for entry in &all.patches_json6902 {
            let patcher = self.patcher("patchesJson6902", entry.position, merging);
            let mut watch = self.watch(gathered);
            errors.extend(patcher.json(entry, gathered).err());
            self.remember(gathered, || self.note("PatchJson6902Transformer"));
            watch.see(gathered, || {
                self.patched("patchesJson6902", self.place(entry.position), &entry.path)
            });
        }
        for replica in &all.replicas {
            let place = self.place(replica.position);
            self.step(
                gathered,
                Step::new("ReplicaCountTransformer", "replicas", replica.position),
                |resources| {
                    replicas::transform(resources, replica, &specs.replicas, &place, errors);
                },
            );
        }
        for image in &all.images {
            self.step(
                gathered,
                Step::new("ImageTagTransformer", "images", image.position),
                |resources| {
                    images::transform(resources, image, &specs.images, errors);
                },
            );
        }
        self.replacements(gathered, errors);
    }

    fn patcher<'p>(&'p self, step: &'static str, position: Position, merging: &'p Merging) -> Patcher<'p> {
        Patcher {
            files: self.files,
            schema: merging.schema(),
            step,
            place: self.place(position),
        }
    }

    /// Those that come before everything else.
    fn patches(&self, gathered: &mut Accumulator, merging: &Merging, errors: &mut Vec<RenderError>) {
        let all = self.kustomization;
        if let Some(first) = all.patches_strategic_merge.first() {
            let patcher = self.patcher("patchesStrategicMerge", first.position, merging);
            let texts: Vec<String> = all
                .patches_strategic_merge
                .iter()
                .map(|listed| listed.text.clone())
                .collect();
            let mut watch = self.watch(gathered);
            let mut after = |index: usize, gathered: &mut Accumulator| {
                if let Some(listed) = all.patches_strategic_merge.get(index) {
                    watch.see(gathered, || {
                        self.patched("patchesStrategicMerge", self.place(listed.position), &listed.text)
                    });
                }
            };
            errors.extend(patcher.all_strategic(&texts, "", gathered, &mut after).err());
            self.remember(gathered, || self.note("PatchStrategicMergeTransformer"));
        }
        for entry in &all.patches {
            let mut patcher = self.patcher("patches", entry.position, merging);
            if let Some(name) = &entry.specified_as {
                patcher.place = Place::of_file(TreePath::name_only(name));
            }
            let place = patcher.place.clone();
            let mut watch = self.watch(gathered);
            errors.extend(patcher.patch(entry, gathered).err());
            self.remember(gathered, || self.note("PatchTransformer"));
            watch.see(gathered, || self.patched("patches", place, &entry.path));
        }
    }

    fn replacements(&self, gathered: &mut Accumulator, errors: &mut Vec<RenderError>) {
        let all = self.kustomization;
        if all.replacements.is_empty() {
            return;
        }
        let place = all.place("replacements");
        let list = replacements::expand(&all.replacements, self.files, &place, errors);
        let mut watch = self.watch(gathered);
        for (replacement, place) in list {
            if let Err(problem) = replacements::replace(&replacement, &mut gathered.resources) {
                let step = "replacements";
                let place = place.clone();
                errors.push(RenderError::Step { place, step, problem });
            }
            watch.see(gathered, || Change::by("replacements", place));
        }
        gathered.resources.iter_mut().for_each(Resource::settle);
        gathered.changed();
        self.remember(gathered, || self.note("ReplacementTransformer"));
        watch.see(gathered, || Change::by("replacements", place));
        // Any field may have been a name.
        gathered.is_renamed = true;
    }

    fn labels(&self, gathered: &mut Accumulator, errors: &mut Vec<RenderError>) {
        let config = gathered.config.clone();
        let all = self.kustomization;
        if all.labels.is_empty() && all.common_labels.is_empty() {
            return;
        }
        for label in &all.labels {
            match labels::specs(label, config.specs()) {
                Ok(specs) => self.step(
                    gathered,
                    Step::new("LabelTransformer", "labels", label.position),
                    |resources| {
                        labels::transform(resources, &label.pairs, &specs, errors);
                    },
                ),
                Err(problem) => errors.push(RenderError::Step {
                    place: self.place(label.position),
                    step: "labels",
                    problem,
                }),
            }
        }
        // kustomize runs this one whenever it runs the others, which shows in what it keeps about objects.
        let position = all.place("commonLabels").position;
        self.step(
            gathered,
            Step::new("LabelTransformer", "commonLabels", position),
            |resources| {
                labels::transform(
                    resources,
                    &all.common_labels,
                    &config.specs().common_labels,
                    errors,
                );
            },
        );
    }
}
