//! Reading the fields of a kustomization file.

use std::collections::BTreeMap;

use afterbay_manifest::yaml::{Document, ElementKind, Pair, Table, YamlError};
use afterbay_manifest::{File, Mapping, Node, Place, Position, TreePath};

use super::{
    API_VERSION, COMPONENT, COMPONENT_API_VERSION, Field, Form, Kustomization, Listed, METADATA, OpenApi,
};
use crate::arguments::{
    Generator, GeneratorOptions, Image, Label, Patch, Replacement, Replica, SortOptions, Variable,
};
use crate::decode::{Decoder, Mode};
use crate::error::{RenderError, UnsupportedField, an};

/// Reads a file; what is wrong with it is kept.
pub(super) struct Reader {
    pub(super) file: TreePath,
    /// Positions of the keys of the root, as written.
    keys: BTreeMap<String, Position>,
    /// Keys that stand twice.
    pub(super) repeated: Vec<YamlError>,
    pub(super) errors: Vec<RenderError>,
}

impl Reader {
    pub(super) fn new(file: TreePath) -> Self {
        Self {
            file,
            keys: BTreeMap::new(),
            repeated: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn fields(&mut self, file: &File) -> Vec<(Field, String, Node)> {
        if file.is_opened() {
            self.errors.push(RenderError::EncryptedKustomization {
                file: self.file.clone(),
            });
            return Vec::new();
        }
        let Some(root) = self.root(file) else {
            return Vec::new();
        };
        if root
            .get("sops")
            .is_some_and(|block| block.get("mac").is_some() || block.get("version").is_some())
        {
            self.errors.push(RenderError::EncryptedKustomization {
                file: self.file.clone(),
            });
            return Vec::new();
        }
        let afterbay_manifest::Value::Mapping(mapping) = root.value else {
            self.errors.push(RenderError::Field {
                place: Place::new(self.file.clone(), root.position),
                field: "the kustomization file".to_owned(),
                problem: format!(
                    "is {} where a map with resources is expected",
                    an(root.kind_name())
                ),
            });
            return Vec::new();
        };
        self.distinct(mapping)
    }

    fn root(&mut self, file: &File) -> Option<Node> {
        let mut roots = Vec::new();
        match file.documents() {
            Ok(documents) => {
                for document in documents.iter() {
                    self.keys.extend(key_positions(document));
                    match document.resolve_last(Table::Kubectl) {
                        Ok((node, repeated)) => {
                            roots.extend(node.filter(|node| !node.is_null()));
                            self.repeated.extend(repeated);
                        }
                        Err(errors) => self.yaml(errors),
                    }
                }
            }
            Err(errors) => self.yaml(errors),
        }
        if let Some(second) = roots.get(1) {
            self.errors.push(RenderError::Field {
                place: Place::new(self.file.clone(), second.position),
                field: "a second document".to_owned(),
                problem: "is ignored by kustomize; keep one document in a kustomization file".to_owned(),
            });
        }
        roots.into_iter().next()
    }

    fn yaml(&mut self, errors: afterbay_manifest::yaml::YamlErrors) {
        self.errors.extend(crate::read::yaml_errors(&self.file, errors));
    }

    /// The fields of the root, each once.
    fn distinct(&mut self, mapping: Mapping) -> Vec<(Field, String, Node)> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut fields = Vec::new();
        for (key, value) in mapping {
            let place = self.place(&key, &value);
            if let Some(first) = seen.insert(key.to_ascii_lowercase(), place.position.line) {
                self.errors.push(RenderError::RepeatedField {
                    place,
                    field: key,
                    first,
                });
                continue;
            }
            fields.push((Field::of(&key), key, value));
        }
        fields
    }

    pub(super) fn place(&self, key: &str, value: &Node) -> Place {
        Place::new(
            self.file.clone(),
            self.keys.get(key).copied().unwrap_or(value.position),
        )
    }

    pub(super) fn unsupported(&self, key: &str, value: &Node, known: bool) -> UnsupportedField {
        UnsupportedField {
            place: self.place(key, value),
            field: key.to_owned(),
            known,
        }
    }

    fn wrong(&mut self, place: Place, field: &str, problem: String) {
        self.errors.push(RenderError::Field {
            place,
            field: field.to_owned(),
            problem,
        });
    }

    fn api_version(&mut self, key: &str, value: &Node, expected: &str) {
        if let Some(version) = self.text(key, value)
            && version.text != expected
        {
            let place = Place::new(self.file.clone(), version.position);
            self.wrong(
                place,
                key,
                format!("is {:?} where {expected} is expected", version.text),
            );
        }
    }

    fn kind(&mut self, key: &str, value: &Node) {
        let Some(kind) = self.text(key, value) else {
            return;
        };
        if kind.text != "Kustomization" && kind.text != COMPONENT {
            let problem = format!("is {:?} where Kustomization is expected", kind.text);
            self.wrong(Place::new(self.file.clone(), kind.position), key, problem);
        }
    }

    /// Reads one field into its place.
    pub(super) fn apply(&mut self, all: &mut Kustomization, name: &str, key: &str, value: &Node) {
        match name {
            "apiVersion" if all.is_component => self.api_version(key, value, COMPONENT_API_VERSION),
            "apiVersion" => self.api_version(key, value, API_VERSION),
            "kind" => self.kind(key, value),
            "metadata" => self.metadata(key, value),
            "resources" => all.resources = self.texts(key, value),
            "components" => all.components = self.texts(key, value),
            "configurations" => all.configurations = self.texts(key, value),
            "crds" => all.crds = self.texts(key, value),
            "generators" => all.generators = self.texts(key, value),
            "transformers" => all.transformers = self.texts(key, value),
            "validators" => all.validators = self.texts(key, value),
            "patchesStrategicMerge" => all.patches_strategic_merge = self.texts(key, value),
            "namespace" => all.namespace = self.text(key, value),
            "namePrefix" => all.name_prefix = self.text(key, value),
            "nameSuffix" => all.name_suffix = self.text(key, value),
            _ => self.structure(all, name, key, value),
        }
    }

    /// The same for fields that are more than texts.
    fn structure(&mut self, all: &mut Kustomization, name: &str, key: &str, value: &Node) {
        let file = self.file.clone();
        let mut decoder = Decoder::new(&file, Mode::Strict);
        let read = &mut decoder;
        match name {
            "labels" => all.labels = read.list(value, key, Label::read),
            "commonLabels" => all.common_labels = read.text_map(value, key),
            "commonAnnotations" => all.common_annotations = read.text_map(value, key),
            "patches" => all.patches = read.list(value, key, Patch::read),
            "patchesJson6902" => all.patches_json6902 = read.list(value, key, Patch::read),
            // Entries of `imageTags` come last, wherever the field stands.
            "images" => drop(all.images.splice(0..0, read.list(value, key, Image::read))),
            "imageTags" => all.images.extend(read.list(value, key, Image::read)),
            "replicas" => all.replicas = read.list(value, key, Replica::read),
            "replacements" => all.replacements = read.list(value, key, Replacement::read),
            "vars" => all.vars = read.list(value, key, Variable::read),
            "configMapGenerator" => {
                all.config_map_generator = read.list(value, key, |read, value, at| {
                    Generator::read(read, value, at, false)
                });
            }
            "secretGenerator" => {
                all.secret_generator = read.list(value, key, |read, value, at| {
                    Generator::read(read, value, at, true)
                });
            }
            "generatorOptions" if !value.is_null() => {
                all.generator_options = Some(GeneratorOptions::read(read, value, key));
            }
            "sortOptions" if !value.is_null() => all.sort_options = Some(SortOptions::read(read, value, key)),
            "openapi" if !value.is_null() => all.openapi = Some(OpenApi::read(read, value, key)),
            "buildMetadata" => all.build_metadata = read.texts(value, key),
            _ => {}
        }
        self.errors.append(&mut decoder.errors);
    }

    fn metadata(&mut self, key: &str, value: &Node) {
        let place = self.place(key, value);
        match value.as_mapping() {
            None if value.is_null() => {}
            None => self.wrong(
                place,
                key,
                format!("is {} where a map is expected", an(value.kind_name())),
            ),
            Some(entries) => {
                for (name, value) in entries {
                    self.metadata_entry(name, value);
                }
            }
        }
    }

    fn metadata_entry(&mut self, name: &str, value: &Node) {
        let field = format!("metadata.{name}");
        let place = Place::new(self.file.clone(), value.position);
        let form = METADATA
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, form)| *form);
        let texts = |entries: &Mapping| {
            entries
                .values()
                .all(|value| value.is_null() || value.as_plain_str().is_some())
        };
        let problem = match form {
            None => "is not a field that kustomize knows; remove it".to_owned(),
            Some(_) if value.is_null() => return,
            Some(Form::Text) if value.as_plain_str().is_some() => return,
            Some(Form::Map) if value.as_mapping().is_some_and(texts) => return,
            Some(Form::Text) => format!("is {} where text is expected", an(value.kind_name())),
            Some(_) => "must be a map of text to text; put quotes around the values".to_owned(),
        };
        self.wrong(place, &field, problem);
    }

    /// The text of a field; `None` when it is empty or `null`.
    fn text(&mut self, key: &str, value: &Node) -> Option<Listed> {
        match value.as_plain_str() {
            Some("") => None,
            Some(text) => Some(Listed {
                text: text.to_owned(),
                position: self.place(key, value).position,
            }),
            None if value.is_null() => None,
            None => {
                let place = self.place(key, value);
                self.wrong(
                    place,
                    key,
                    format!("is {} where text is expected", an(value.kind_name())),
                );
                None
            }
        }
    }

    pub(super) fn texts(&mut self, key: &str, value: &Node) -> Vec<Listed> {
        let Some(items) = value.as_sequence() else {
            if !value.is_null() {
                let place = self.place(key, value);
                self.wrong(
                    place,
                    key,
                    format!("is {} where a list of paths is expected", an(value.kind_name())),
                );
            }
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item.as_plain_str() {
                Some(text) => texts.push(Listed {
                    text: text.to_owned(),
                    position: item.position,
                }),
                // Go reads `null` into a string as the empty string, which is refused later as a path.
                None if item.is_null() => texts.push(Listed {
                    text: String::new(),
                    position: item.position,
                }),
                None => {
                    let place = Place::new(self.file.clone(), item.position);
                    let problem = format!("is {} where a path is expected", an(item.kind_name()));
                    self.wrong(place, &format!("{key}[{index}]"), problem);
                }
            }
        }
        texts
    }
}

/// Where the keys of the root stand; [`Node`] keeps the positions of values only.
fn key_positions(document: &Document) -> Vec<(String, Position)> {
    let Some(ElementKind::Mapping(pairs)) = document.root.as_ref().map(|root| &root.kind) else {
        return Vec::new();
    };
    pairs
        .iter()
        .filter_map(|pair| match pair {
            Pair::Entry { key, .. } => match &key.kind {
                ElementKind::Text(text) => Some((text.text.to_string(), key.position)),
                _ => None,
            },
            Pair::Comment(_) => None,
        })
        .collect()
}
