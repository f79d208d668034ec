//! An object on its way through the build, with the identities it had before.

use std::borrow::Cow;
use std::sync::Arc;

use afterbay_manifest::{Gvk, Node, Object, ObjectError, ObjectRef, Origin, Position, Spelling, Value};

use crate::build_metadata::Source;
use crate::explain::Story;
use crate::scope;
use crate::shared::Shared;

/// The effective namespace of a kind that has none, as kustomize spells it; a selector's expression can match it.
pub(crate) const CLUSTER: &str = "_non_namespaceable_";

/// The namespace of an object that names none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// An identity as kustomize compares it: the namespace is the effective one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    /// The namespace; `default` when none is written, [`CLUSTER`] when the kind has none.
    pub(crate) namespace: &'a str,
}

impl Id<'_> {
    /// The identity as a key of an index.
    pub(crate) fn key(&self) -> String {
        let Self {
            group,
            version,
            kind,
            name,
            namespace,
        } = self;
        [*group, *version, *kind, *namespace, *name].join("\n")
    }
}

/// An identity that an object had. Group and version are always those it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The effective namespace.
    pub(crate) namespace: String,
}

/// What a generated object does to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

/// An object and its history.
#[derive(Clone)]
pub(crate) struct Resource {
    pub(crate) body: Node,
    origin: Origin,
    gvk: Gvk,
    name: String,
    namespace: Option<String>,
    previous: Vec<Previous>,
    /// What `namePrefix` of each layer put before the name, innermost first.
    pub(crate) prefixes: Vec<String>,
    /// What `nameSuffix` of each layer put behind it.
    pub(crate) suffixes: Vec<String>,
    /// Whether a hash of its content is put behind the name at the end.
    pub(crate) needs_hash: bool,
    pub(crate) behavior: Behavior,
    /// Whether a generator made it.
    pub(crate) is_generated: bool,
    /// Names of `vars` that are read from it.
    pub(crate) variables: Vec<String>,
    /// What `buildMetadata` says about it.
    pub(crate) source: Source,
    /// What made and changed it, where that is asked for.
    pub(crate) story: Option<Arc<Story>>,
    /// Fields that kustomize holds as one.
    pub(crate) shared: Shared,
}

impl Resource {
    /// One whose identity may be incomplete, as in a patch.
    pub(crate) fn unchecked(body: Node, origin: Origin) -> Self {
        let mut resource = Self {
            body,
            origin,
            gvk: Gvk::new("", ""),
            name: String::new(),
            namespace: None,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            needs_hash: false,
            behavior: Behavior::default(),
            is_generated: false,
            variables: Vec::new(),
            source: Source::default(),
            story: None,
            shared: Shared::default(),
        };
        resource.refresh();
        resource
    }

    /// Reads the identity again, after the body was changed.
    pub(crate) fn refresh(&mut self) {
        // A patch may write a name that is a number without quotes: kustomize goes by how it is spelled.
        let text = |keys: &[&str]| {
            let node = self.body.at(keys)?;
            let is_known = node.provenance.is_plain() && !node.is_null();
            node.expose_spelling().filter(|text| is_known && !text.is_empty())
        };
        let api_version = text(&["apiVersion"]).unwrap_or_default();
        let kind = text(&["kind"]).unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        if self.gvk.kind != kind || self.gvk.group != group || self.gvk.version != version {
            self.gvk = Gvk::new(&api_version, &kind);
        }
        let name = text(&["metadata", "name"]).unwrap_or_default();
        if self.name != name {
            self.name = name.into_owned();
        }
        let namespace = text(&["metadata", "namespace"]);
        if self.namespace.as_deref() != namespace.as_deref() {
            self.namespace = namespace.map(Cow::into_owned);
        }
    }

    /// Does what follows a change: fields that are held together are brought in line, and the identity is read again.
    pub(crate) fn settle(&mut self) {
        if !self.shared.is_empty() {
            self.shared.settle(&mut self.body);
        }
        self.refresh();
    }

    /// The object as later stages see it.
    pub(crate) fn into_object(self) -> Result<Object, ObjectError> {
        Object::new(self.body, self.origin)
    }

    /// The same, where `apiVersion` may be missing.
    pub(crate) fn into_any_object(self) -> Result<Object, ObjectError> {
        Object::with_any_version(self.body, self.origin)
    }

    /// Whether it can be told which object it is.
    pub(crate) fn check_identity(&self, allows_missing_api_version: bool) -> Result<(), ObjectError> {
        Object::check(&self.body, &self.origin, allows_missing_api_version)
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn gvk(&self) -> &Gvk {
        &self.gvk
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The namespace as written.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(crate) fn is_cluster_scoped(&self) -> bool {
        scope::is_cluster_scoped(&self.gvk)
    }

    pub(crate) fn effective_namespace(&self) -> &str {
        match self.namespace() {
            _ if self.is_cluster_scoped() => CLUSTER,
            namespace => namespace.unwrap_or(DEFAULT_NAMESPACE),
        }
    }

    /// The identity it has now.
    pub(crate) fn id(&self) -> Id<'_> {
        Id {
            group: &self.gvk.group,
            version: &self.gvk.version,
            kind: &self.gvk.kind,
            name: &self.name,
            namespace: self.effective_namespace(),
        }
    }

    fn previous_id<'a>(&'a self, previous: &'a Previous) -> Id<'a> {
        Id {
            group: &self.gvk.group,
            version: &self.gvk.version,
            kind: &previous.kind,
            name: &previous.name,
            namespace: &previous.namespace,
        }
    }

    /// The identities it had, oldest first.
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = Id<'_>> {
        self.previous.iter().map(|previous| self.previous_id(previous))
    }

    /// The identities it had, and the one it has.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id<'_>> {
        self.previous_ids().chain([self.id()])
    }

    /// The identity it had at first, which references and patches were written against.
    pub(crate) fn original_id(&self) -> Id<'_> {
        self.previous
            .first()
            .map_or_else(|| self.id(), |previous| self.previous_id(previous))
    }

    /// Remembers the identity it has now, before a change.
    pub(crate) fn remember(&mut self) {
        self.previous.push(Previous {
            kind: self.gvk.kind.clone(),
            name: self.name.clone(),
            namespace: self.effective_namespace().to_owned(),
        });
    }

    /// Gives it a name.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.set_metadata("name", Some(name));
    }

    /// Gives it a namespace, or takes it away.
    pub(crate) fn set_namespace(&mut self, namespace: Option<&str>) {
        self.set_metadata("namespace", namespace);
    }

    fn set_metadata(&mut self, key: &str, text: Option<&str>) {
        let Some(entries) = self.body.as_mapping_mut() else {
            return;
        };
        let metadata = entries.entry("metadata".to_owned()).or_insert_with(empty_map);
        if metadata.is_null() {
            *metadata = empty_map();
        }
        put_text(metadata, key, text);
        self.refresh();
    }

    /// Whether kustomize, which keeps its books in annotations, would have given it annotations by now.
    pub(crate) fn has_books(&self) -> bool {
        !self.previous.is_empty() || self.is_generated || self.source.origin.is_some()
    }

    /// Takes over what kustomize takes over from the object that a generated one is merged into or replaces: labels,
    /// annotations, name, namespace and history.
    pub(crate) fn inherit(&mut self, old: &Self) {
        for field in ["labels", "annotations"] {
            let mut merged = string_map(&old.body, &["metadata", field]);
            for (key, value) in string_map(&self.body, &["metadata", field]) {
                merged.insert(key, value);
            }
            let Some(metadata) = self
                .body
                .as_mapping_mut()
                .and_then(|body| body.get_mut("metadata"))
            else {
                continue;
            };
            if let Some(entries) = metadata.as_mapping_mut() {
                entries.shift_remove(field);
                if !merged.is_empty() {
                    entries.insert(field.to_owned(), Node::plain(merged));
                }
            }
        }
        self.set_name(&old.name);
        self.set_namespace(old.namespace());
        self.previous.clone_from(&old.previous);
        self.prefixes.clone_from(&old.prefixes);
        self.suffixes.clone_from(&old.suffixes);
        self.needs_hash = self.needs_hash && old.needs_hash;
        self.behavior = old.behavior;
        self.is_generated = old.is_generated;
        self.variables.clone_from(&old.variables);
        self.story.clone_from(&old.story);
        self.source
            .transformations
            .clone_from(&old.source.transformations);
        if self.source.origin.is_none() {
            self.source.origin.clone_from(&old.source.origin);
        }
    }

    /// Puts the entries of an object below its own, which win. `stringData` of a Secret counts as the API server counts it.
    pub(crate) fn take_data(&mut self, old: &Self) -> Result<(), String> {
        for field in ["data", "binaryData"] {
            let mut merged = string_map(&old.body, &[field]);
            if field == "data" && self.gvk.is_secret() {
                for (key, value) in old
                    .body
                    .get("stringData")
                    .and_then(Node::as_mapping)
                    .into_iter()
                    .flatten()
                {
                    let Some(text) = value.expose_spelling() else {
                        return Err(format!(
                            "stringData of {} has {key:?}, which is no text",
                            old.reference()
                        ));
                    };
                    let node = Node {
                        value: crate::generators::base64_lines(text.as_bytes()).into(),
                        ..value.clone()
                    };
                    merged.insert(key.clone(), node);
                }
            }
            for (key, value) in string_map(&self.body, &[field]) {
                merged.insert(key, value);
            }
            if let Some(entries) = self.body.as_mapping_mut() {
                entries.shift_remove(field);
                if !merged.is_empty() {
                    entries.insert(field.to_owned(), Node::plain(merged));
                }
            }
        }
        Ok(())
    }

    /// Moves it down in its file, when it was read from a text that stands in another.
    pub(crate) fn move_down(&mut self, lines: u32) {
        crate::stream::move_down(&mut self.body, lines);
        self.origin.position.line += lines;
    }

    /// The identity as later stages and messages have it.
    pub(crate) fn reference(&self) -> ObjectRef {
        ObjectRef {
            gvk: self.gvk.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }
}

/// A map whose scalars are texts, as kustomize takes labels and data out of an object; empty if there is none.
pub(crate) fn string_map(body: &Node, keys: &[&str]) -> afterbay_manifest::Mapping {
    let entries = body.at(keys).and_then(Node::as_mapping);
    entries
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let text = crate::go::node_text(value).unwrap_or_default();
            // A node of its own: what kustomize copies this way is not held together with other fields any more.
            let node = Node {
                value: text.into(),
                spelling: Spelling::Plain,
                position: Position::UNKNOWN,
                ..value.clone()
            };
            (key.clone(), node)
        })
        .collect()
}

pub(crate) fn empty_map() -> Node {
    Node::plain(afterbay_manifest::Mapping::new())
}

/// Puts a plain text into a map, or takes it out.
fn put_text(map: &mut Node, key: &str, text: Option<&str>) {
    let Value::Mapping(entries) = &mut map.value else {
        return;
    };
    match (text, entries.get_mut(key)) {
        (None, _) => {
            entries.shift_remove(key);
        }
        (Some(text), Some(node)) => {
            *node = Node {
                position: node.position,
                ..Node::plain(text)
            };
        }
        (Some(text), None) => {
            entries.insert(key.to_owned(), Node::plain(text));
        }
    }
}
