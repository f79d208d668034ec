//! Which lists merge, and by which keys: kustomize's built-in schema, or one that a kustomization brings.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

static BUILT_IN: LazyLock<Schema> =
    LazyLock::new(|| Schema::read(include_str!("../../data/patch-schema.tsv")));

/// How deep the schema of one definition may be nested, references aside.
const MAX_DEPTH: usize = 64;

/// What is known of kinds and their fields, as far as patches depend on it.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    kinds: HashMap<(Box<str>, Box<str>), Below>,
    nodes: Vec<Described>,
    /// The names of definitions, without what all of Kubernetes begin with.
    names: HashMap<Box<str>, usize>,
}

/// What is known of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    /// It is known, and what may be below it is not.
    Unknown,
    /// It is known with all that is below it, and nothing there merges.
    Unmerged,
    /// It is described here.
    Node(usize),
}

/// A description.
#[derive(Debug, Clone, Default)]
struct Described {
    fields: HashMap<Box<str>, Below>,
    any: Option<Below>,
    item: Option<Below>,
    /// The keys of a list that merges; none for a list of scalars.
    merges: Option<Vec<Box<str>>>,
}

impl Schema {
    /// The schema of Kubernetes 1.21.2, which kustomize 5.8.2 has built in.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// The schema of an OpenAPI document, which takes the place of the built-in one. The document is what the file under
    /// `openapi.path` holds, as JSON.
    ///
    /// The error says what of it is not understood.
    pub fn from_openapi(document: &Json) -> Result<Self, String> {
        Self::default().with_openapi(document)
    }

    /// This schema with what an OpenAPI document adds to it. What is there already stays as it is.
    pub fn with_openapi(mut self, document: &Json) -> Result<Self, String> {
        let definitions = match document.get("definitions") {
            None | Some(Json::Null) => return Ok(self),
            Some(Json::Object(definitions)) => definitions,
            Some(_) => return Err("definitions must be a map of schemas by name".to_owned()),
        };
        let first = self.nodes.len();
        self.nodes.resize(first + definitions.len(), Described::default());
        let own = definitions.keys().zip(first..);
        let numbers = own.map(|(name, number)| {
            let known = self.names.get(short(name)).copied();
            (name.as_str(), known.unwrap_or(number))
        });
        let mut reader = OpenApi {
            definitions,
            numbers: numbers.collect(),
            schema: self,
        };
        for (number, (name, definition)) in (first..).zip(definitions) {
            reader
                .describe(number, definition, 0)
                .map_err(|problem| format!("definition {name:?}: {problem}"))?;
            let below = reader
                .numbers
                .get(name.as_str())
                .map_or(Below::Unknown, |number| Below::Node(*number));
            for kind in kinds(definition) {
                reader.schema.kinds.entry(kind).or_insert(below);
            }
        }
        Ok(reader.schema)
    }

    /// What is known of a kind.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<Below> {
        self.kinds.get(&(api_version.into(), kind.into())).copied()
    }

    /// What is known of a field of a map.
    pub(super) fn field(&self, below: Below, field: &str) -> Option<Below> {
        match below {
            Below::Unknown => None,
            Below::Unmerged => Some(Below::Unmerged),
            Below::Node(node) => {
                let node = self.nodes.get(node)?;
                node.fields.get(field).copied().or(node.any)
            }
        }
    }

    /// What is known of the items of a list.
    pub(super) fn item(&self, below: Below) -> Option<Below> {
        match below {
            Below::Unknown => None,
            Below::Unmerged => Some(Below::Unmerged),
            Below::Node(node) => self.nodes.get(node)?.item,
        }
    }

    /// The keys by which a list merges, none for a list of scalars; `None` for a list that is replaced.
    pub(super) fn merge_keys(&self, below: Below) -> Option<&[Box<str>]> {
        match below {
            Below::Unknown | Below::Unmerged => None,
            Below::Node(node) => self.nodes.get(node)?.merges.as_deref(),
        }
    }

    /// Reads the table that `e2e/tools/kustomize/patchschema` prints.
    fn read(table: &'static str) -> Self {
        let mut schema = Self::default();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            match columns.as_slice() {
                ["kind", api_version, kind, below] => {
                    let below = schema.below(&mut numbers, below);
                    schema
                        .kinds
                        .insert(((*api_version).into(), (*kind).into()), below);
                }
                [node, "field", name, below] => {
                    let below = schema.below(&mut numbers, below);
                    schema
                        .named(&mut numbers, node)
                        .fields
                        .insert((*name).into(), below);
                }
                [node, "any", below] => {
                    let below = schema.below(&mut numbers, below);
                    schema.named(&mut numbers, node).any = Some(below);
                }
                [node, "item", below] => {
                    let below = schema.below(&mut numbers, below);
                    schema.named(&mut numbers, node).item = Some(below);
                }
                [node, "list", strategy, keys] if merges(strategy) => {
                    let keys = keys.split(',').filter(|key| !key.is_empty());
                    schema.named(&mut numbers, node).merges = Some(keys.map(Into::into).collect());
                }
                _ => {}
            }
        }
        schema
    }

    fn below(&mut self, numbers: &mut HashMap<&'static str, usize>, column: &'static str) -> Below {
        match column {
            "-" => Below::Unknown,
            "+" => Below::Unmerged,
            name => Below::Node(self.number(numbers, name)),
        }
    }

    fn number(&mut self, numbers: &mut HashMap<&'static str, usize>, name: &'static str) -> usize {
        *numbers.entry(name).or_insert_with(|| {
            self.nodes.push(Described::default());
            self.names.insert(name.into(), self.nodes.len() - 1);
            self.nodes.len() - 1
        })
    }

    fn named(&mut self, numbers: &mut HashMap<&'static str, usize>, name: &'static str) -> &mut Described {
        let number = self.number(numbers, name);
        &mut self.nodes[number]
    }
}

/// The name of a definition without what all of Kubernetes begin with.
fn short(name: &str) -> &str {
    name.strip_prefix("io.k8s.").unwrap_or(name)
}

/// Whether a strategy, such as `merge,retainKeys`, merges lists.
fn merges(strategy: &str) -> bool {
    strategy.split(',').any(|word| word == "merge")
}

/// `x-kubernetes-group-version-kind` of a definition, as `apiVersion` and kind.
fn kinds(definition: &Json) -> impl Iterator<Item = (Box<str>, Box<str>)> {
    let kinds = definition
        .get("x-kubernetes-group-version-kind")
        .and_then(Json::as_array);
    kinds.into_iter().flatten().filter_map(|kind| {
        let text = |field: &str| kind.get(field).and_then(Json::as_str);
        let (version, name) = (text("version")?, text("kind")?);
        let api_version = match text("group") {
            None | Some("") => version.to_owned(),
            Some(group) => format!("{group}/{version}"),
        };
        Some((api_version.into(), name.into()))
    })
}

/// A document that is being read.
struct OpenApi<'d> {
    definitions: &'d serde_json::Map<String, Json>,
    numbers: HashMap<&'d str, usize>,
    schema: Schema,
}

impl<'d> OpenApi<'d> {
    /// Fills in a description.
    fn describe(&mut self, number: usize, definition: &'d Json, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "is nested more than {MAX_DEPTH} levels deep, which is the limit"
            ));
        }
        let mut described = Described::default();
        if let Some(Json::Object(properties)) = definition.get("properties") {
            for (name, property) in properties {
                if let Some(below) = self.below(property, depth)? {
                    described.fields.insert(name.as_str().into(), below);
                }
            }
        }
        if let Some(any @ Json::Object(_)) = definition.get("additionalProperties") {
            described.any = self.below(any, depth)?;
        }
        if is_list(definition) {
            if let Some(item @ Json::Object(_)) = definition.get("items") {
                described.item = self.below(item, depth)?;
            }
            described.merges = merge_keys(definition);
        }
        self.schema.nodes[number] = described;
        Ok(())
    }

    /// What a schema inside of another one describes; `None` for a reference that leads nowhere.
    fn below(&mut self, mut schema: &'d Json, depth: usize) -> Result<Option<Below>, String> {
        let mut number = None;
        for _ in 0..=self.definitions.len() {
            let Some(reference) = schema
                .get("$ref")
                .and_then(Json::as_str)
                .filter(|text| !text.is_empty())
            else {
                if number.is_none() {
                    let new = self.schema.nodes.len();
                    self.schema.nodes.push(Described::default());
                    self.describe(new, schema, depth + 1)?;
                    number = Some(new);
                }
                return Ok(number.map(Below::Node));
            };
            let name = reference.strip_prefix("#/definitions/").unwrap_or(reference);
            let Some(definition) = self.definitions.get(name) else {
                return Ok(self.schema.names.get(short(name)).copied().map(Below::Node));
            };
            number = self.numbers.get(name).copied();
            schema = definition;
        }
        Err("its $ref leads back to itself".to_owned())
    }
}

fn is_list(schema: &Json) -> bool {
    match schema.get("type") {
        Some(Json::String(name)) => name == "array",
        Some(Json::Array(names)) => matches!(names.as_slice(), [Json::String(name)] if name == "array"),
        _ => false,
    }
}

/// The keys of a list that merges.
fn merge_keys(schema: &Json) -> Option<Vec<Box<str>>> {
    let strategy = schema.get("x-kubernetes-patch-strategy")?.as_str()?;
    if !merges(strategy) {
        return None;
    }
    if let Some(Json::Array(keys)) = schema.get("x-kubernetes-list-map-keys") {
        return Some(keys.iter().filter_map(Json::as_str).map(Into::into).collect());
    }
    let key = schema.get("x-kubernetes-patch-merge-key").and_then(Json::as_str);
    Some(key.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Below, Schema};

    /// The keys of the list at the end of a path, `[]` being the items of a list.
    fn keys(schema: &Schema, api_version: &str, kind: &str, path: &str) -> Option<String> {
        let start = schema.kind(api_version, kind)?;
        let end = path.split('.').try_fold(start, |below, step| match step {
            "[]" => schema.item(below),
            field => schema.field(below, field),
        })?;
        schema.merge_keys(end).map(|keys| keys.join(","))
    }

    #[test]
    fn the_table_is_whole() {
        let schema = Schema::built_in();
        assert_eq!(schema.kinds.len(), 274);
        let lists = schema.nodes.iter().filter(|node| node.merges.is_some()).count();
        assert_eq!(lists, 45);
    }

    #[test]
    fn lists_merge_by_the_keys_of_kubernetes() {
        let container = "spec.template.spec.containers.[]";
        for (api_version, kind, path, expected) in [
            (
                "apps/v1",
                "Deployment",
                "spec.template.spec.containers",
                Some("name"),
            ),
            (
                "apps/v1",
                "Deployment",
                &format!("{container}.ports"),
                Some("containerPort,protocol"),
            ),
            (
                "apps/v1",
                "Deployment",
                &format!("{container}.volumeMounts"),
                Some("mountPath"),
            ),
            ("apps/v1", "Deployment", &format!("{container}.envFrom"), None),
            ("apps/v1", "Deployment", &format!("{container}.args"), None),
            ("apps/v1", "Deployment", "spec.template.spec.tolerations", None),
            ("apps/v1", "Deployment", "metadata.finalizers", Some("")),
            (
                "batch/v1",
                "CronJob",
                "spec.jobTemplate.spec.template.spec.volumes",
                Some("name"),
            ),
            ("v1", "Service", "spec.ports", Some("port,protocol")),
            ("networking.k8s.io/v1", "Ingress", "spec.rules", None),
            (
                "example.com/v1",
                "Deployment",
                "spec.template.spec.containers",
                None,
            ),
        ] {
            let found = keys(Schema::built_in(), api_version, kind, path);
            assert_eq!(found.as_deref(), expected, "{kind} {path}");
        }
    }

    #[test]
    fn a_schema_of_its_own_is_read() {
        let document = json!({"definitions": {
            "v1.Cluster": {
                "properties": {
                    "spec": {"$ref": "#/definitions/v1.Spec"},
                    "lost": {"$ref": "#/definitions/v1.Lost"},
                    "byName": {"additionalProperties": {"$ref": "#/definitions/v1.Spec"}},
                },
                "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Cluster", "version": "v1"}],
            },
            "v1.Spec": {"properties": {
                "users": {"type": "array", "items": {"$ref": "#/definitions/v1.User"},
                    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"},
                "plain": {"type": "array", "items": {"type": "string"}},
            }},
            "v1.User": {"properties": {"name": {"type": "string"},
                "keys": {"type": ["array"], "x-kubernetes-patch-strategy": "merge",
                    "x-kubernetes-list-map-keys": ["a", "b"]},
                "again": {"$ref": "#/definitions/v1.Spec"}}},
        }});
        let schema = Schema::from_openapi(&document).unwrap();
        let keys = |path: &str| keys(&schema, "example.com/v1", "Cluster", path);
        assert_eq!(keys("spec.users").as_deref(), Some("name"));
        assert_eq!(keys("spec.users.[].keys").as_deref(), Some("a,b"));
        assert_eq!(keys("spec.users.[].again.users").as_deref(), Some("name"));
        assert_eq!(keys("byName.whatever.users").as_deref(), Some("name"));
        assert_eq!(keys("spec.plain"), None);
        assert_eq!(keys("lost"), None);
        assert_eq!(schema.kind("apps/v1", "Deployment"), None);
    }

    #[test]
    fn a_schema_that_goes_round_is_refused() {
        let round = json!({"definitions": {"a": {"properties": {"x": {"$ref": "#/definitions/b"}}},
            "b": {"$ref": "#/definitions/b"}}});
        let error = Schema::from_openapi(&round).unwrap_err();
        assert_eq!(error, "definition \"a\": its $ref leads back to itself");
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"properties": {"x": deep}});
        }
        assert!(Schema::from_openapi(&json!({"definitions": {"a": deep}})).is_err());
        assert!(Schema::from_openapi(&json!({"definitions": []})).is_err());
        assert!(Schema::from_openapi(&json!({})).unwrap().kinds.is_empty());
    }

    #[test]
    fn below_what_is_known_to_the_end_nothing_merges() {
        let schema = Schema::built_in();
        assert_eq!(schema.field(Below::Unmerged, "x"), Some(Below::Unmerged));
        assert_eq!(schema.field(Below::Unknown, "x"), None);
    }
}
