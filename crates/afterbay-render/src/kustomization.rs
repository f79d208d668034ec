//! The kustomization file: its name, its fields, and which of them are applied.
//!
//! The fields are those of `types.Kustomization` in kustomize 5.8.2. It is read as kustomize reads it: YAML 1.1
//! ([`Table::Kubectl`]), keys without regard to case, unknown keys refused.

use std::collections::BTreeMap;

use afterbay_manifest::yaml::{Document, ElementKind, Pair, Table};
use afterbay_manifest::{File, FileTree, Mapping, Node, Place, Position, TreePath};

use crate::error::{RenderError, UnsupportedField, an};

/// The names a kustomization file can have, in kustomize's order.
const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What `apiVersion` has to be, if it is there (`Kustomization.EnforceFields` of kustomize).
const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";

/// The same for a Component.
const COMPONENT_API_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";

const COMPONENT: &str = "Component";

/// A kustomization file that this build can apply.
pub(crate) struct Kustomization {
    /// The file.
    pub(crate) file: TreePath,
    /// The entries of `resources`, in order.
    pub(crate) resources: Vec<Listed>,
    /// `namespace`, when it is not empty.
    pub(crate) namespace: Option<Listed>,
    /// Whether it says nothing at all.
    pub(crate) empty: bool,
}

/// A text of the kustomization file with its position.
#[derive(Clone)]
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
    /// Has an effect even when empty.
    Any,
}

/// Fields kustomize knows that are applied here.
const APPLIED: [&str; 5] = ["apiVersion", "kind", "metadata", "resources", "namespace"];

/// Fields kustomize knows that are not applied yet.
const NOT_APPLIED: [(&str, Form); 29] = [
    ("bases", Form::List),
    ("buildMetadata", Form::List),
    ("commonAnnotations", Form::Map),
    ("commonLabels", Form::Map),
    ("components", Form::List),
    ("configMapGenerator", Form::List),
    ("configurations", Form::List),
    ("crds", Form::List),
    ("generatorOptions", Form::Map),
    ("generators", Form::List),
    ("helmChartInflationGenerator", Form::List),
    ("helmCharts", Form::List),
    ("helmGlobals", Form::Map),
    ("images", Form::List),
    ("imageTags", Form::List),
    ("labels", Form::List),
    ("namePrefix", Form::Text),
    ("nameSuffix", Form::Text),
    ("openapi", Form::Any),
    ("patches", Form::List),
    ("patchesJson6902", Form::List),
    ("patchesStrategicMerge", Form::List),
    ("replacements", Form::List),
    ("replicas", Form::List),
    ("secretGenerator", Form::List),
    ("sortOptions", Form::Any),
    ("transformers", Form::List),
    ("validators", Form::List),
    ("vars", Form::List),
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
    let mut reader = Reader {
        file: path,
        keys: BTreeMap::new(),
        errors: Vec::new(),
    };
    let fields = reader.fields(file);
    let empty = reader.errors.is_empty() && !fields.iter().any(|(field, _, _)| field.is_content());
    let mut kustomization = Kustomization {
        file: reader.file.clone(),
        resources: Vec::new(),
        namespace: None,
        empty,
    };
    let is_component = fields
        .iter()
        .any(|(field, _, value)| *field == Field::Kind && value.as_plain_str() == Some(COMPONENT));
    let version = if is_component {
        COMPONENT_API_VERSION
    } else {
        API_VERSION
    };
    let mut unsupported = Vec::new();
    for (field, key, value) in &fields {
        match field {
            Field::ApiVersion => reader.api_version(key, value, version),
            Field::Kind => unsupported.extend(reader.kind(key, value)),
            Field::Metadata => reader.metadata(key, value),
            Field::Resources => kustomization.resources = reader.texts(key, value),
            Field::Namespace => kustomization.namespace = reader.text(key, value),
            Field::NotApplied(form) if has_no_effect(*form, value) => {}
            Field::NotApplied(_) => unsupported.push(reader.unsupported(key, value, true)),
            Field::Unknown => unsupported.push(reader.unsupported(key, value, false)),
        }
    }
    if !unsupported.is_empty() {
        reader
            .errors
            .push(RenderError::Unsupported { fields: unsupported });
    }
    (kustomization, reader.errors)
}

/// What a key of the file stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    ApiVersion,
    Kind,
    Metadata,
    Resources,
    Namespace,
    NotApplied(Form),
    Unknown,
}

impl Field {
    fn of(key: &str) -> Self {
        let is = |name: &str| name.eq_ignore_ascii_case(key);
        match APPLIED.iter().position(|name| is(name)) {
            Some(0) => Self::ApiVersion,
            Some(1) => Self::Kind,
            Some(2) => Self::Metadata,
            Some(3) => Self::Resources,
            Some(_) => Self::Namespace,
            None => NOT_APPLIED
                .iter()
                .find(|(name, _)| is(name))
                .map_or(Self::Unknown, |(_, form)| Self::NotApplied(*form)),
        }
    }

    /// Whether it says more than what kind of file this is.
    fn is_content(self) -> bool {
        !matches!(self, Self::ApiVersion | Self::Kind)
    }
}

/// Whether kustomize does the same with the field and without it: what is empty is not there, but for warnings of fields
/// that are deprecated. `fixtures/render/fields-empty` holds its own builds.
fn has_no_effect(form: Form, value: &Node) -> bool {
    match form {
        _ if value.is_null() => true,
        Form::Text => value.as_plain_str() == Some(""),
        Form::List => value.as_sequence().is_some_and(<[Node]>::is_empty),
        Form::Map => value.as_mapping().is_some_and(Mapping::is_empty),
        Form::Any => false,
    }
}

struct Reader {
    file: TreePath,
    /// Positions of the keys of the root, as written.
    keys: BTreeMap<String, Position>,
    errors: Vec<RenderError>,
}

impl Reader {
    fn fields(&mut self, file: &File) -> Vec<(Field, String, Node)> {
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
                    match document.resolve(Table::Kubectl) {
                        Ok(Some(node)) if !node.is_null() => roots.push(node),
                        Ok(_) => {}
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

    fn place(&self, key: &str, value: &Node) -> Place {
        Place::new(
            self.file.clone(),
            self.keys.get(key).copied().unwrap_or(value.position),
        )
    }

    fn unsupported(&self, key: &str, value: &Node, known: bool) -> UnsupportedField {
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

    /// A Component is a thing of its own, so it is named with what is not applied.
    fn kind(&mut self, key: &str, value: &Node) -> Option<UnsupportedField> {
        let kind = self.text(key, value)?;
        match kind.text.as_str() {
            "Kustomization" => None,
            COMPONENT => Some(UnsupportedField {
                field: "kind: Component".to_owned(),
                ..self.unsupported(key, value, true)
            }),
            other => {
                let problem = format!("is {other:?} where Kustomization is expected");
                self.wrong(Place::new(self.file.clone(), kind.position), key, problem);
                None
            }
        }
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

    fn texts(&mut self, key: &str, value: &Node) -> Vec<Listed> {
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
