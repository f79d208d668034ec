//! A text as a patch of either kind, or as a target, for a few objects or for one that the text brings along.

use std::sync::LazyLock;

use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{Gvk, Node};
use afterbay_render::merge::{Identity, Options, Patch, Schema, Selector, Target, apply, json6902};

use crate::seed::{cases, selected};

const OBJECTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: web}, finalizers: [x, y]}
spec:
  containers:
  - {name: a, image: x, env: [{name: A, value: \"1\"}], ports: [{containerPort: 80, protocol: TCP}, {containerPort: 90}]}
  - {image: y}
  - ~
  topologySpreadConstraints: [{topologyKey: a, whenUnsatisfiable: b}, {topologyKey: a}]
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: a}
spec: {l: [1, x, ~], m: {a: \"1\", b: ~, c: }, p: {apiVersion: v1, kind: Pod, spec: {containers: [{name: a}]}}}
";

static KNOWN: LazyLock<Vec<Node>> = LazyLock::new(|| objects(OBJECTS));

fn objects(text: &str) -> Vec<Node> {
    let Ok(documents) = yaml::parse(text.as_bytes()) else {
        return Vec::new();
    };
    documents
        .iter()
        .filter_map(|document| document.resolve(Table::Kustomize).ok()?)
        .collect()
}

/// A byte that selects, and the text.
pub fn run(data: &[u8]) {
    let Some((selector, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    if selector % 4 == 3 {
        select(text);
        return;
    }
    // Half of the time the text brings the object along.
    match text.split_once("+++\n") {
        Some((object, patch)) => objects(object)
            .iter()
            .for_each(|object| self::patch(object, patch, *selector)),
        None => KNOWN.iter().for_each(|object| patch(object, text, *selector)),
    }
}

/// Patches on record, as one kind and as the other.
pub fn seeds() -> Vec<Vec<u8>> {
    let cases = cases("fixtures/merge");
    selected(0, cases.clone()).chain(selected(1, cases)).collect()
}

fn patch(object: &Node, text: &str, selector: u8) {
    let mut object = object.clone();
    match Patch::parse(text) {
        Ok(Patch::Strategic(patches)) => {
            let options = Options {
                by_target: selector.is_multiple_of(2),
                ..Options::default()
            };
            for patch in &patches {
                if apply(&mut object, patch, options, Schema::built_in()).is_err() {
                    return;
                }
            }
        }
        Ok(Patch::Json(operations)) => {
            if json6902(&mut object, &operations).is_err() {
                return;
            }
        }
        Err(_) => return,
    }
    // Whatever has become of it can be written and read.
    let written = yaml::emit_sorted([&object]);
    yaml::parse(written.as_bytes()).expect("what was written is read");
}

fn select(text: &str) {
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let target = Target {
        name: next(),
        kind: next(),
        namespace: next(),
        label_selector: next(),
        annotation_selector: next(),
        ..Target::default()
    };
    if let Ok(selector) = Selector::new(&target) {
        let gvk = Gvk::new("v1", "Pod");
        let identity = Identity::new(&gvk, "a", None);
        for object in KNOWN.iter() {
            selector.selects(object, &gvk, identity, identity);
        }
    }
}
