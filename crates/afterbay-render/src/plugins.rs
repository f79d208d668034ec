//! Builtin generators, transformers and validators by files of their own: what kustomize runs for the fields of a kustomization,
//! with a configuration that says everything itself.

use afterbay_manifest::{FileTree, Node, Place};

use crate::accumulate::Accumulator;
use crate::arguments::{Patch, Replacement, field_spec};
use crate::build::Build;
use crate::build_metadata::{Note, Whereabouts};
use crate::decode::{Decoder, Mode};
use crate::error::{RenderError, UnsupportedField};
use crate::explain::{Change, Source, Story};
use crate::fieldspec::FieldSpec;
use crate::generators::{self, Kind};
use crate::kustomization::Listed;
use crate::loads::{self, Files};
use crate::locate::{Found, Plugin, Target};
use crate::plugin_generators as made;
use crate::plugin_transformers as changed;
use crate::read;
use crate::resource::Resource;
use crate::transform::Layer;

/// One configuration: what it configures, and where it stands.
pub(crate) struct Configuration<'c> {
    pub(crate) resource: &'c Resource,
    pub(crate) place: Place,
}

impl<'c> Configuration<'c> {
    fn of(resource: &'c Resource) -> Self {
        let origin = resource.origin();
        Self {
            resource,
            place: Place::new(origin.file.clone(), origin.position),
        }
    }

    /// Reads its fields.
    pub(crate) fn read<T: Default>(
        &self,
        known: &[&'static str],
        errors: &mut Vec<RenderError>,
        mut visit: impl FnMut(&mut T, &mut Decoder<'_>, &'static str, &str, &Node),
    ) -> T {
        let mut all = T::default();
        let mut decoder = Decoder::new(&self.place.file, Mode::Lenient);
        decoder.fields(&self.resource.body, "", known, |decoder, name, at, value| {
            visit(&mut all, decoder, name, at, value);
        });
        errors.append(&mut decoder.errors);
        all
    }

    pub(crate) fn wrong(&self, step: &'static str, problem: String) -> RenderError {
        RenderError::Step {
            place: self.place.clone(),
            step,
            problem,
        }
    }

    /// What `buildMetadata` keeps about it.
    fn note(&self) -> Note {
        let resource = self.resource;
        let origin = resource.source.origin.clone().unwrap_or_default();
        Note {
            file: origin.file,
            configured_by: Some([
                resource.gvk().api_version(),
                resource.gvk().kind.clone(),
                resource.name().to_owned(),
                resource.namespace().unwrap_or("").to_owned(),
            ]),
        }
    }
}

/// Field specs in a configuration.
pub(crate) fn field_specs(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Option<Vec<FieldSpec>> {
    (!node.is_null()).then(|| decoder.list(node, at, field_spec))
}

/// The files that configurations name, as far as these can be read without opening anything.
pub(crate) fn files(
    tree: &FileTree,
    plugins: &[&Vec<Plugin>],
    directory: &afterbay_manifest::TreePath,
) -> Vec<String> {
    let mut files = Vec::new();
    let mut build = Build::of_part(tree);
    for plugins in plugins {
        let configurations = build.configurations(
            plugins,
            &Place::of_file(directory.clone()),
            &Whereabouts::default(),
            "",
        );
        for resource in &configurations {
            files.extend(files_of(&Configuration::of(resource)));
        }
    }
    files
}

fn files_of(configuration: &Configuration<'_>) -> Vec<String> {
    let mut ignored = Vec::new();
    match configuration.resource.gvk().kind.as_str() {
        "ConfigMapGenerator" => {
            loads::generator_files(&made::generator(configuration, Kind::ConfigMap, &mut ignored))
        }
        "SecretGenerator" => {
            loads::generator_files(&made::generator(configuration, Kind::Secret, &mut ignored))
        }
        _ => {
            let known = ["path", "paths", "targetFilePath", "replacements"];
            configuration.read(
                &known,
                &mut ignored,
                |files: &mut Vec<String>, decoder, name, at, value| {
                    let more = match name {
                        "paths" => decoder.texts(value, at),
                        "replacements" => decoder
                            .list(value, at, Replacement::read)
                            .into_iter()
                            .map(|replacement| replacement.path)
                            .collect(),
                        _ => vec![decoder.text(value, at)],
                    };
                    files.extend(
                        more.into_iter()
                            .filter(|path| !path.is_empty() && !read::is_inline(path)),
                    );
                },
            )
        }
    }
}

impl Build<'_> {
    /// Reads configurations: those that stand in the kustomization file come first, as in kustomize.
    fn configurations(
        &mut self,
        plugins: &[Plugin],
        place: &Place,
        path: &Whereabouts,
        file: &str,
    ) -> Vec<Resource> {
        let mut gathered = Accumulator::new();
        let origin = Note::of_file(path.join(file));
        for plugin in plugins {
            if let Plugin::Inline(listed) = plugin {
                let at = Place::new(place.file.clone(), listed.position);
                let contents = read::inline_patches(&listed.text, &at);
                self.add_configurations(&mut gathered, contents, &origin);
            }
        }
        for plugin in plugins {
            match plugin {
                Plugin::Entry(entry) => match &entry.found {
                    Found::File(found) => {
                        let contents = read::patches(self.tree, found);
                        let origin = Note::of_file(path.join(&entry.listed.text));
                        self.add_configurations(&mut gathered, contents, &origin);
                    }
                    Found::Base(_) => self.entries(&mut gathered, std::slice::from_ref(entry), path, None),
                },
                Plugin::Inline(Listed { .. }) => {}
            }
        }
        gathered.resources
    }

    fn add_configurations(&mut self, gathered: &mut Accumulator, contents: read::Contents, origin: &Note) {
        self.errors.extend(contents.errors);
        for mut resource in contents.patches {
            resource.source.origin = Some(origin.clone());
            self.errors.extend(gathered.append(resource));
        }
    }

    /// Makes what the files of `generators` say.
    pub(crate) fn run_generators(&mut self, gathered: &mut Accumulator, target: &Target, layer: &Layer<'_>) {
        for resource in self.layer_configurations(&target.generators, layer, "generators") {
            let configuration = Configuration::of(&resource);
            let Some(generated) = self.generated(&configuration, layer.files) else {
                continue;
            };
            let note = configuration.note();
            let with_origin = generated.into_iter().map(|mut resource| {
                if layer.keeps_metadata && resource.source.origin.is_none() {
                    resource.source.origin = Some(note.clone());
                }
                if layer.explains {
                    let source = Source::Generator {
                        generator: "generators",
                        place: configuration.place.clone(),
                        files: layer.files.paths(&files_of(&configuration)),
                    };
                    resource.story = Some(Story::begin(source, &resource.body));
                }
                resource
            });
            let place = configuration.place.clone();
            let mut watch = layer.watch(gathered);
            gathered.absorb(with_origin.collect(), &place, "generators", &mut self.errors);
            watch.see(gathered, || Change::by("generators", place));
        }
    }

    fn generated(&mut self, configuration: &Configuration<'_>, files: Files<'_>) -> Option<Vec<Resource>> {
        let errors = &mut self.errors;
        let kind = match configuration.resource.gvk().kind.as_str() {
            "ConfigMapGenerator" => Kind::ConfigMap,
            "SecretGenerator" => Kind::Secret,
            "IAMPolicyGenerator" => {
                return made::service_account(configuration, errors).map(|made| vec![made]);
            }
            other => {
                errors.push(configuration.wrong("generators", format!("{other} is no builtin generator")));
                return None;
            }
        };
        let generator = made::generator(configuration, kind, errors);
        let options = generator.options.clone().unwrap_or_default();
        let place = &configuration.place;
        generators::generate(kind, &generator, &options, files, place, errors).map(|made| vec![made])
    }

    /// Does what the files of `transformers` say, and sees that those of `validators` change nothing.
    pub(crate) fn run_transformers(
        &mut self,
        gathered: &mut Accumulator,
        target: &Target,
        layer: &Layer<'_>,
    ) {
        let merging = self.merging();
        for resource in self.layer_configurations(&target.transformers, layer, "transformers") {
            let configuration = Configuration::of(&resource);
            let errors = &mut self.errors;
            let mut watch = layer.watch(gathered);
            changed::transform(&configuration, layer.files, merging.schema(), gathered, errors);
            gathered.resources.iter_mut().for_each(Resource::settle);
            gathered.changed();
            layer.remember(gathered, || configuration.note());
            watch.see(gathered, || {
                Change::by(resource.gvk().kind.as_str(), configuration.place.clone())
            });
        }
        for resource in self.layer_configurations(&target.validators, layer, "validators") {
            let configuration = Configuration::of(&resource);
            let before: Vec<Node> = gathered
                .resources
                .iter()
                .map(|resource| resource.body.clone())
                .collect();
            let errors = &mut self.errors;
            changed::transform(&configuration, layer.files, merging.schema(), gathered, errors);
            let is_same = before.len() == gathered.resources.len()
                && before
                    .iter()
                    .zip(&gathered.resources)
                    .all(|(before, after)| *before == after.body);
            if !is_same {
                let problem =
                    "changes objects, which a validator must not; list it under transformers".to_owned();
                errors.push(configuration.wrong("validators", problem));
            }
        }
    }

    /// The configurations that can be run here; the others are reported.
    fn layer_configurations(
        &mut self,
        plugins: &[Plugin],
        layer: &Layer<'_>,
        field: &'static str,
    ) -> Vec<Resource> {
        if plugins.is_empty() {
            return Vec::new();
        }
        let place = layer.kustomization.place(field);
        let file = layer.kustomization.file.file_name();
        let mut configurations = self.configurations(plugins, &place, layer.path, file);
        configurations.retain(|resource| {
            let gvk = resource.gvk();
            let is_builtin = gvk.group.is_empty() && gvk.version == "builtin";
            let is_run = is_builtin && gvk.kind != "HelmChartInflationGenerator";
            if !is_run {
                self.errors.push(RenderError::Unsupported {
                    fields: vec![UnsupportedField {
                        place: Place::new(resource.origin().file.clone(), resource.origin().position),
                        field: format!("{field}: {} of {:?}", gvk.kind, gvk.api_version()),
                        known: true,
                    }],
                });
            }
            is_run
        });
        configurations
    }
}

/// A patch in a configuration of `PatchTransformer`.
pub(crate) fn patch(configuration: &Configuration<'_>, errors: &mut Vec<RenderError>) -> Patch {
    let mut decoder = Decoder::new(&configuration.place.file, Mode::Lenient);
    let patch = Patch::read(&mut decoder, &configuration.resource.body, "");
    errors.append(&mut decoder.errors);
    patch
}
