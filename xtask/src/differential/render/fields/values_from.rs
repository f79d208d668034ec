//! `replacements` and `vars`: values that come from another object.

use serde_json::{Value, json};

use super::{known_name, one, put, unpatched};
use crate::differential::random::Random;
use crate::differential::render::layers::{Layer, Maker, Seen};
use crate::differential::render::tree::Content;
use crate::differential::render::values;

/// The path of a field of the object, as `replacements` spell it.
fn field(random: &mut Random, object: &Value, wants_scalar: bool) -> String {
    let mut paths = Vec::new();
    walk(random, object, &mut Vec::new(), wants_scalar, &mut paths);
    if paths.is_empty() || random.once_in(5) {
        return "metadata.name".to_owned();
    }
    paths.swap_remove(random.below(paths.len()))
}

fn walk(
    random: &mut Random,
    value: &Value,
    path: &mut Vec<String>,
    wants_scalar: bool,
    paths: &mut Vec<String>,
) {
    let mut steps: Vec<(String, &Value)> = Vec::new();
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = match random.below(8) {
                    _ if !key.contains('.') => key.clone(),
                    0 => format!("[{key}]"),
                    _ => key.replace('.', "\\."),
                };
                steps.push((key, value));
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let name = value.get("name").and_then(Value::as_str);
                let step = match (name, random.below(4)) {
                    (_, 0) => "*".to_owned(),
                    (Some(name), 1 | 2) => format!("[name={name}]"),
                    _ => index.to_string(),
                };
                steps.push((step, value));
            }
        }
        _ => {}
    }
    if !path.is_empty() && !(wants_scalar && (value.is_object() || value.is_array())) {
        paths.push(path.join("."));
    }
    for (step, value) in steps {
        path.push(step);
        walk(random, value, path, wants_scalar, paths);
        path.pop();
    }
}

fn selected(maker: &mut Maker, seen: &Seen) -> Value {
    let name = known_name(maker, seen);
    match maker.random.below(6) {
        0 => json!({"kind": seen.kind()}),
        1 => json!({"name": name}),
        _ => json!({"kind": seen.kind(), "name": name}),
    }
}

fn options(random: &mut Random) -> Value {
    match random.below(4) {
        0 => json!({"create": true}),
        1 => {
            json!({"delimiter": random.pick(&[":", "/", ".", "-"]), "index": random.pick(&[0, 0, 0, 1, 2, -1])})
        }
        2 => json!({"delimiter": random.pick(&[":", "/"])}),
        _ => json!({"create": true, "delimiter": "-", "index": 0}),
    }
}

/// One replacement between two objects.
pub(super) fn replacement(maker: &mut Maker, layer: &Layer) -> Option<Value> {
    let (from, to) = (unpatched(maker, layer)?, unpatched(maker, layer)?);
    let mut all = json!({});
    if maker.random.once_in(8) {
        all["sourceValue"] = values::quoted(&mut maker.random);
    } else {
        let name = known_name(maker, &from);
        let wants_scalar = !maker.random.once_in(6);
        // A source is one field.
        let path = field(&mut maker.random, &from.value, wants_scalar).replace('*', "0");
        all["source"] = json!({"kind": from.kind(), "name": name, "fieldPath": path});
        if maker.random.once_in(5) {
            all["source"]["options"] = options(&mut maker.random);
        }
    }
    let mut paths = Vec::new();
    for _ in 0..=maker.random.below(2) {
        paths.push(field(&mut maker.random, &to.value, true));
    }
    if maker.random.once_in(20) {
        paths.push(
            maker
                .random
                .pick(&[
                    "metadata.annotations.new",
                    "spec.template.spec.containers.*.image",
                    "data.new\\.key",
                    "spec.none",
                ])
                .to_owned(),
        );
    }
    let mut target = json!({"select": selected(maker, &to), "fieldPaths": paths});
    if maker.random.once_in(3) {
        target["options"] = options(&mut maker.random);
    }
    if maker.random.once_in(10)
        && let Some(other) = one(maker, layer)
    {
        target["reject"] = json!([selected(maker, &other)]);
    }
    all["targets"] = json!([target]);
    Some(all)
}

pub(super) fn replacements(maker: &mut Maker, layer: &mut Layer) {
    let mut list = Vec::new();
    for index in 0..=maker.random.below(2) {
        let Some(mut entry) = replacement(maker, layer) else {
            return;
        };
        if maker.random.once_in(6) {
            let name = format!("replacement-{index}.yaml");
            let content = if maker.random.once_in(2) {
                json!([entry])
            } else {
                entry
            };
            maker.file(layer, &name, Content::Documents(vec![content]));
            entry = json!({ "path": name });
        }
        list.push(entry);
    }
    put(layer, "replacements", list);
}

pub(super) fn vars(maker: &mut Maker, layer: &mut Layer) {
    let mut list = Vec::new();
    for name in ["NAME", "APP_HOST", "PORT", "IMAGE"] {
        if !maker.random.once_in(2) {
            continue;
        }
        let Some(seen) = one(maker, layer) else {
            return;
        };
        let reference =
            json!({"kind": seen.kind(), "apiVersion": seen.value["apiVersion"], "name": seen.name()});
        let mut entry = json!({"name": name, "objref": reference});
        if maker.random.once_in(3) {
            let path = field(&mut maker.random, &seen.value, true);
            entry["fieldref"] = json!({"fieldpath": path.replace("[name=", "[")});
        } else if maker.random.once_in(2) {
            entry["fieldref"] = json!({"fieldPath": maker.random.pick(&["metadata.name", "metadata.namespace", "spec.replicas", "spec.ports[0].port"])});
        }
        list.push(entry);
    }
    put(layer, "vars", list);
}
