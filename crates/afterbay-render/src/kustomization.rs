//! The kustomization file: its name, its fields, and which of them are applied.
//!
//! The fields are those of `types.Kustomization` in kustomize 5.8.2. It is read as kustomize reads it: YAML 1.1
//! ([`Table::Kubectl`](afterbay_manifest::yaml::Table::Kubectl)), keys without regard to case, unknown keys refused.

mod reader;

use std::collections::BTreeMap;

use afterbay_manifest::yaml::YamlError;
use afterbay_manifest::{File, FileTree, Mapping, Node, Place, Position, TreePath};

use crate::arguments::{
    Generator, GeneratorOptions, Image, Label, Patch, Replacement, Replica, SortOptions, Variable,
};
use crate::decode::{Decoder, TextMap};
use crate::error::RenderError;
use crate::specification;
use reader::Reader;

/// The names a kustomization file can have, in kustomize's order.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What `apiVersion` has to be, if it is there (`Kustomization.EnforceFields` of kustomize).
const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The same for a Component.
const COMPONENT_API_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";

const COMPONENT: &str = "Component";

/// A kustomization file that this build can apply. Fields have the names of the file.
#[derive(Default)]
pub(crate) struct Kustomization {
    /// The file.
    pub(crate) file: TreePath,
    /// Whether it is a Component, which changes what its parent has.
    pub(crate) is_component: bool,
    /// Whether it says nothing at all.
    pub(crate) empty: bool,
    /// The entries of `resources` and of `bases`, in order.
    pub(crate) resources: Vec<Listed>,
    pub(crate) components: Vec<Listed>,
    pub(crate) configurations: Vec<Listed>,
    pub(crate) crds: Vec<Listed>,
    pub(crate) generators: Vec<Listed>,
    pub(crate) transformers: Vec<Listed>,
    pub(crate) validators: Vec<Listed>,
    /// `namespace`, when it is not empty.
    pub(crate) namespace: Option<Listed>,
    pub(crate) name_prefix: Option<Listed>,
    pub(crate) name_suffix: Option<Listed>,
    pub(crate) labels: Vec<Label>,
    pub(crate) common_labels: TextMap,
    pub(crate) common_annotations: TextMap,
    pub(crate) patches_strategic_merge: Vec<Listed>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) patches_json6902: Vec<Patch>,
    /// The entries of `images` and of `imageTags`.
    pub(crate) images: Vec<Image>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) replacements: Vec<Replacement>,
    pub(crate) vars: Vec<Variable>,
    pub(crate) config_map_generator: Vec<Generator>,
    pub(crate) secret_generator: Vec<Generator>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) openapi: Option<OpenApi>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) build_metadata: Vec<String>,
    /// Whether fields came from outside; their positions are unknown.
    pub(crate) has_specified: bool,
    /// Whether all of them did, and there is no file.
    pub(crate) is_made_up: bool,
    /// Keys that stand twice; the last one counts.
    pub(crate) repeated: Vec<YamlError>,
    /// Where fields stand, by their names.
    positions: BTreeMap<&'static str, Position>,
}

impl Kustomization {
    /// One that says nothing, for a directory without a file.
    pub(crate) fn made_up(file: TreePath) -> Self {
        Self {
            file,
            is_made_up: true,
            ..Self::default()
        }
    }

    /// Puts another `buildMetadata` in the place of its own.
    pub(crate) fn replace_build_metadata(&mut self, names: Vec<String>) {
        self.build_metadata = names;
        self.positions.remove("buildMetadata");
    }

    /// Where something stands that has a position in it, or came from outside.
    pub(crate) fn at(&self, position: Position) -> Place {
        if self.has_specified && position == Position::UNKNOWN {
            Place::of_file(TreePath::name_only(specification::NAME))
        } else {
            Place::new(self.file.clone(), position)
        }
    }

    /// Where a field stands.
    pub(crate) fn place(&self, field: &str) -> Place {
        self.at(self.positions.get(field).copied().unwrap_or(Position::UNKNOWN))
    }
}

/// `openapi`: a schema for merging, by file or by the version of Kubernetes.
#[derive(Clone, Default)]
pub(crate) struct OpenApi {
    pub(crate) path: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) position: Position,
}

impl OpenApi {
    fn read(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> Self {
        let mut texts = decoder.text_map(node, at);
        Self {
            path: texts.remove("path"),
            version: texts.remove("version"),
            position: node.position,
        }
    }
}

/// A text of the kustomization file with its position.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) text: String,
    pub(crate) position: Position,
}

/// The form of a field's value, which tells when it is empty and so without effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    List,
    Map,
}

/// Fields kustomize knows that are applied here.
const APPLIED: [&str; 31] = [
    "patchesStrategicMerge",
    "patches",
    "patchesJson6902",
    "replacements",
    "vars",
    "crds",
    "generators",
    "transformers",
    "validators",
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "bases",
    "components",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "images",
    "imageTags",
    "replicas",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "configurations",
    "sortOptions",
    "buildMetadata",
    "openapi",
];

/// Fields kustomize knows that are not applied.
const NOT_APPLIED: [(&str, Form); 3] = [
    ("helmChartInflationGenerator", Form::List),
    ("helmCharts", Form::List),
    ("helmGlobals", Form::Map),
];

/// Fields of `metadata` in a kustomization file, which names it and has no effect.
const METADATA: [(&str, Form); 4] = [
    ("name", Form::Text),
    ("namespace", Form::Text),
    ("labels", Form::Map),
    ("annotations", Form::Map),
];

/// The kustomization files directly in a directory.
pub(crate) fn file_names(tree: &FileTree, directory: &TreePath) -> Vec<String> {
    let is_file = |name: &&&str| directory.join(name).is_ok_and(|path| tree.file(&path).is_ok());
    FILE_NAMES
        .iter()
        .filter(is_file)
        .map(|name| (*name).to_owned())
        .collect()
}

/// Reads a kustomization file. What can be read is returned beside the errors, so that its bases are checked too.
pub(crate) fn read(path: TreePath, file: &File) -> (Kustomization, Vec<RenderError>) {
    let mut reader = Reader::new(path);
    let fields = reader.fields(file);
    let is_component = fields
        .iter()
        .any(|(field, _, value)| *field == Field::Applied("kind") && value.as_plain_str() == Some(COMPONENT));
    let mut kustomization = Kustomization {
        file: reader.file.clone(),
        is_component,
        empty: reader.errors.is_empty()
            && !fields
                .iter()
                .any(|(field, _, value)| field.is_content() && !is_zero(value)),
        ..Kustomization::default()
    };
    let mut unsupported = Vec::new();
    for (field, key, value) in &fields {
        match field {
            Field::Applied(name) => {
                kustomization
                    .positions
                    .insert(name, reader.place(key, value).position);
                reader.apply(&mut kustomization, name, key, value);
            }
            Field::NotApplied(form) if has_no_effect(*form, value) => {}
            Field::NotApplied(_) => unsupported.push(reader.unsupported(key, value, true)),
            Field::Unknown => unsupported.push(reader.unsupported(key, value, false)),
        }
    }
    let bases = fields
        .iter()
        .find(|(field, _, _)| *field == Field::Applied("bases"));
    if let Some((_, key, value)) = bases {
        kustomization.resources.extend(reader.texts(key, value));
    }
    if !unsupported.is_empty() {
        reader
            .errors
            .push(RenderError::Unsupported { fields: unsupported });
    }
    kustomization.repeated = reader.repeated;
    (kustomization, reader.errors)
}

/// What a key of the file stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Applied(&'static str),
    NotApplied(Form),
    Unknown,
}

impl Field {
    fn of(key: &str) -> Self {
        let is = |name: &str| name.eq_ignore_ascii_case(key);
        if let Some(name) = APPLIED.iter().find(|name| is(name)) {
            return Self::Applied(name);
        }
        NOT_APPLIED
            .iter()
            .find(|(name, _)| is(name))
            .map_or(Self::Unknown, |(_, form)| Self::NotApplied(*form))
    }

    /// Whether it says more than what kind of file this is.
    fn is_content(self) -> bool {
        !matches!(self, Self::Applied("apiVersion" | "kind"))
    }
}

/// Whether Go reads the value as if the field was not there.
fn is_zero(value: &Node) -> bool {
    value.is_null() || value.as_plain_str() == Some("")
}

/// Whether kustomize does the same with the field and without it: what is empty is not there, but for warnings of fields
/// that are deprecated. `fixtures/render/fields-empty` holds its own builds.
fn has_no_effect(form: Form, value: &Node) -> bool {
    match form {
        _ if value.is_null() => true,
        Form::Text => value.as_plain_str() == Some(""),
        Form::List => value.as_sequence().is_some_and(<[Node]>::is_empty),
        Form::Map => value.as_mapping().is_some_and(Mapping::is_empty),
    }
}
