//! Trees: bases, what builds on them, and components.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::tree::{Content, Tree};
use super::{fields, objects};
use crate::differential::random::Random;

/// An object as a layer sees it.
#[derive(Clone)]
pub(super) struct Seen {
    /// As its file has it.
    pub(super) value: Value,
    /// Its name after the prefixes and suffixes so far.
    pub(super) current: String,
    /// Whether a patch may have taken something out of it.
    pub(super) is_patched: bool,
}

impl Seen {
    pub(super) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// A generated ConfigMap or Secret that a layer above can change.
#[derive(Clone)]
pub(super) struct Generated {
    pub(super) field: &'static str,
    pub(super) name: String,
}

/// A tree in the making.
pub(super) struct Maker {
    pub(super) random: Random,
    files: BTreeMap<String, Content>,
    /// Kind and name of every object, most of which are there once.
    ids: Vec<String>,
    layers: usize,
}

/// What a layer stands on.
pub(super) struct Layer {
    pub(super) directory: String,
    pub(super) is_component: bool,
    pub(super) is_root: bool,
    pub(super) seen: Vec<Seen>,
    pub(super) generated: Vec<Generated>,
    pub(super) kustomization: Map<String, Value>,
}

/// The tree of a number: the same for the same seed.
pub(super) fn tree(seed: u64, number: usize) -> Tree {
    let random = Random::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number as u64));
    let mut maker = Maker {
        random,
        files: BTreeMap::new(),
        ids: Vec::new(),
        layers: 0,
    };
    let depth = maker.random.pick(&[0, 1, 1, 1, 2, 2, 3]);
    let root = maker.layer(depth, true);
    let is_sorted = maker.random.once_in(3);
    Tree {
        files: maker.files,
        target: root.directory,
        is_sorted,
    }
}

impl Maker {
    /// Puts a file into the directory of a layer.
    pub(super) fn file(&mut self, layer: &Layer, name: &str, content: Content) {
        self.files.insert(format!("{}/{name}", layer.directory), content);
    }

    /// Whether there is no object of that kind and name yet; now and then there is.
    pub(super) fn is_new(&mut self, kind: &str, name: &str) -> bool {
        let id = format!("{kind}/{name}");
        if self.ids.contains(&id) && !self.random.once_in(100) {
            return false;
        }
        self.ids.push(id);
        true
    }

    /// A directory with its bases.
    fn layer(&mut self, depth: usize, is_root: bool) -> Layer {
        let mut layer = self.empty(false, is_root);
        let mut resources: Vec<Value> = Vec::new();
        if depth > 0 {
            let bases = if self.random.once_in(4) { 2 } else { 1 };
            for _ in 0..bases {
                let base = self.layer(depth - 1, false);
                let slash = self.random.pick(&["", "", "/"]);
                resources.push(format!("../{}{slash}", base.directory).into());
                layer.seen.extend(base.seen);
                layer.generated.extend(base.generated);
            }
        }
        if depth == 0 || self.random.once_in(3) {
            self.resources(&mut layer, &mut resources);
        }
        if self.random.once_in(5) {
            resources.reverse();
        }
        let field = if self.random.once_in(40) {
            "bases"
        } else {
            "resources"
        };
        layer.kustomization.insert(field.to_owned(), resources.into());
        self.finish(&mut layer);
        layer
    }

    fn empty(&mut self, is_component: bool, is_root: bool) -> Layer {
        self.layers += 1;
        let mut kustomization = Map::new();
        if is_component {
            kustomization.insert("apiVersion".to_owned(), "kustomize.config.k8s.io/v1alpha1".into());
            kustomization.insert("kind".to_owned(), "Component".into());
        } else if !self.random.once_in(4) {
            kustomization.insert("apiVersion".to_owned(), "kustomize.config.k8s.io/v1beta1".into());
            kustomization.insert("kind".to_owned(), "Kustomization".into());
        }
        Layer {
            directory: format!(
                "{}{}",
                if is_component { "component" } else { "layer" },
                self.layers
            ),
            is_component,
            is_root,
            seen: Vec::new(),
            generated: Vec::new(),
            kustomization,
        }
    }

    /// Files of objects.
    fn resources(&mut self, layer: &mut Layer, resources: &mut Vec<Value>) {
        let files = 1 + self.random.below(3);
        for index in 0..files {
            let count = self.random.pick(&[1, 1, 1, 2, 3]);
            let mut documents = Vec::new();
            for _ in 0..count {
                let object = objects::object(&mut self.random);
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if !self.is_new(object["kind"].as_str().unwrap_or_default(), name) {
                    continue;
                }
                let seen = Seen {
                    is_patched: false,
                    current: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
                    value: object,
                };
                documents.push(seen.value.clone());
                layer.seen.push(seen);
            }
            if documents.is_empty() {
                continue;
            }
            if self.random.once_in(15) {
                documents = vec![json!({"apiVersion": "v1", "kind": "List", "items": documents})];
            }
            let name = format!("{}{index}.yaml", self.random.pick(&["a", "b", "z"]));
            resources.push(self.random.pick(&["", "", "", "./"]).to_owned().into());
            if let Some(Value::String(last)) = resources.last_mut() {
                last.push_str(&name);
            }
            self.file(layer, &name, Content::Documents(documents));
        }
    }

    /// Components, every other field, and the file itself.
    fn finish(&mut self, layer: &mut Layer) {
        if !layer.is_component && self.random.once_in(4) {
            let count = 1 + self.random.below(2);
            let mut components: Vec<Value> = Vec::new();
            for _ in 0..count {
                components.push(format!("../{}", self.component(layer)).into());
            }
            layer
                .kustomization
                .insert("components".to_owned(), components.into());
        }
        fields::add(self, layer);
        let name = self.random.pick(&[
            "kustomization.yaml",
            "kustomization.yaml",
            "kustomization.yaml",
            "kustomization.yml",
            "Kustomization",
        ]);
        let kustomization = Value::Object(std::mem::take(&mut layer.kustomization));
        self.file(layer, name, Content::Documents(vec![kustomization]));
    }

    /// A component that changes what a layer has; its directory.
    fn component(&mut self, parent: &mut Layer) -> String {
        let mut layer = self.empty(true, false);
        layer.seen.clone_from(&parent.seen);
        layer.generated.clone_from(&parent.generated);
        if self.random.once_in(3) {
            let mut resources = Vec::new();
            self.resources(&mut layer, &mut resources);
            layer
                .kustomization
                .insert("resources".to_owned(), resources.into());
        }
        self.finish(&mut layer);
        parent.seen = layer.seen;
        parent.generated = layer.generated;
        layer.directory
    }
}
