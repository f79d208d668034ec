//! Patches of both kinds for an object that is there, most of which fit.

use serde_json::{Map, Value, json};

use super::tree::verbatim;
use super::values;
use crate::differential::random::Random;

/// Keys that lists are merged by, in kustomize's schema.
const MERGE_KEYS: [&str; 10] = [
    "name",
    "containerPort",
    "port",
    "mountPath",
    "key",
    "topologyKey",
    "ip",
    "devicePath",
    "uid",
    "type",
];

/// A pointer into a value, and what is there.
struct Spot<'v> {
    pointer: String,
    value: &'v Value,
}

fn spots<'v>(value: &'v Value, pointer: String, into: &mut Vec<Spot<'v>>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                spots(inner, format!("{pointer}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                spots(inner, format!("{pointer}/{index}"), into);
            }
        }
        _ => {}
    }
    if !matches!(pointer.as_str(), "" | "/apiVersion" | "/kind" | "/metadata") {
        into.push(Spot { pointer, value });
    }
}

/// The operations of a JSON6902 patch, which are also done to the object, as far as the next ones have to know.
pub(super) fn operations(random: &mut Random, object: &mut Value) -> Value {
    let mut list = Vec::new();
    for _ in 0..random.pick(&[1, 1, 1, 2, 3]) {
        let operation = {
            let mut all = Vec::new();
            spots(object, String::new(), &mut all);
            if all.is_empty() {
                break;
            }
            let Spot { pointer, value } = &all[random.below(all.len())];
            operation(random, &all, pointer, value)
        };
        follow(object, &operation);
        list.push(operation);
    }
    Value::Array(list)
}

fn follow(object: &mut Value, operation: &Value) {
    let path = operation["path"].as_str().unwrap_or_default();
    if operation["op"] == "remove" {
        let Some((above, last)) = path.rsplit_once('/') else {
            return;
        };
        match object.pointer_mut(above) {
            Some(Value::Object(map)) => {
                map.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
            }
            Some(Value::Array(items)) => {
                if let Some(index) = last.parse().ok().filter(|index| *index < items.len()) {
                    items.remove(index);
                }
            }
            _ => {}
        }
    } else if let (Some(value), Some(new)) = (object.pointer_mut(path), operation.get("value")) {
        *value = new.clone();
    }
}

fn operation(random: &mut Random, all: &[Spot<'_>], pointer: &str, value: &Value) -> Value {
    if pointer == "/metadata/name" {
        // Names with commas and line breaks make kustomize lose its books.
        return json!({"op": "replace", "path": pointer, "value": values::name(random)});
    }
    match random.below(12) {
        0 => json!({"op": "remove", "path": pointer}),
        1 if !random.once_in(3) => json!({"op": "test", "path": pointer, "value": value}),
        2 if random.once_in(3) => {
            // Among all annotations are kustomize's books, and these would end up in the output.
            let from = match all[random.below(all.len())].pointer.as_str() {
                "/metadata/annotations" | "/metadata" => "/metadata/labels",
                pointer => pointer,
            };
            json!({"op": random.pick(&["copy", "move", "copy"]), "from": from, "path": pointer})
        }
        3 if random.once_in(10) => {
            let path = format!("{pointer}{}", random.pick(&["/none/deep", "/-1", "/99", "x"]));
            json!({"op": random.pick(&["replace", "remove", "add"]), "path": path, "value": "v"})
        }
        4..=7 => match value {
            Value::Array(_) => {
                let at = random.pick(&["-", "0", "1", "-"]);
                json!({"op": "add", "path": format!("{pointer}/{at}"), "value": item(random, value)})
            }
            Value::Object(_) => {
                let key = random.pick(&["new", "a~1b", "x.y~1z", "name", "replicas"]);
                json!({"op": "add", "path": format!("{pointer}/{key}"), "value": fresh(random)})
            }
            _ => json!({"op": "add", "path": pointer, "value": like(random, value)}),
        },
        8 if random.once_in(2) => {
            json!({"op": "add", "path": format!("/metadata/{}", random.pick(&["annotations", "labels"])), "value": values::labels(random, 2)})
        }
        _ => json!({"op": "replace", "path": pointer, "value": like(random, value)}),
    }
}

fn item(random: &mut Random, list: &Value) -> Value {
    match list.get(0) {
        Some(first) => like(random, first),
        None => fresh(random),
    }
}

/// Another value of the same type.
fn like(random: &mut Random, value: &Value) -> Value {
    match value {
        Value::Number(_) => match random.below(4) {
            0 => verbatim(random.pick(&["1.0", "1e3", "0x10", "9007199254740993", "-0", "1.50"])),
            _ => json!(random.below(1000)),
        },
        Value::Bool(value) => json!(!value),
        Value::String(_) => {
            if random.once_in(3) {
                values::scalar(random)
            } else {
                values::quoted(random)
            }
        }
        Value::Array(items) => {
            let keep = random.below(items.len() + 1);
            let mut items = items[..keep].to_vec();
            items.reverse();
            items.into()
        }
        other => {
            let mut other = other.clone();
            if let Some(map) = other.as_object_mut() {
                map.shift_remove(["optional", "namespace", "labels"][random.below(3)]);
            }
            other
        }
    }
}

fn fresh(random: &mut Random) -> Value {
    match random.below(5) {
        0 => json!({"a": values::scalar(random), "b": []}),
        1 => json!([values::scalar(random), {"name": "x"}]),
        2 => json!(random.pick(&[None, Some(true), Some(false)])),
        _ => values::scalar(random),
    }
}

/// A strategic merge patch of an object that goes by `name`.
pub(super) fn strategic(random: &mut Random, object: &Value, name: &str) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(namespace) = object["metadata"].get("namespace") {
        metadata["namespace"] = namespace.clone();
    }
    if random.once_in(4) {
        metadata["labels"] = values::labels(random, 1).into();
    }
    if random.once_in(4) {
        metadata["annotations"] = values::annotations(random, 1).into();
    }
    let mut patch = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata});
    if random.once_in(20) {
        patch["$patch"] = "delete".into();
        return patch;
    }
    if let (Value::Object(object), Value::Object(patch)) = (object, &mut patch) {
        for (key, value) in object {
            if !["apiVersion", "kind", "metadata"].contains(&key.as_str()) && !random.once_in(4) {
                patch.insert(key.clone(), changed(random, value));
            }
        }
        if random.once_in(10) {
            patch.insert("extra".to_owned(), fresh(random));
        }
    }
    patch
}

/// A part of a value, with something else in it.
fn changed(random: &mut Random, value: &Value) -> Value {
    if random.once_in(25) {
        return Value::Null;
    }
    match value {
        Value::Object(map) => {
            let mut patch = Map::new();
            for (key, value) in map {
                if random.once_in(2) {
                    patch.insert(key.clone(), changed(random, value));
                }
            }
            match random.below(14) {
                0 => {
                    let directive = random.pick(&["replace", "delete", "merge", "replace"]);
                    patch.insert("$patch".to_owned(), directive.into());
                }
                1 => {
                    patch.insert("added".to_owned(), fresh(random));
                }
                _ => {}
            }
            patch.into()
        }
        Value::Array(items) => list(random, items),
        other => like(random, other),
    }
}

fn list(random: &mut Random, items: &[Value]) -> Value {
    let mut patch = Vec::new();
    for item in items {
        let Value::Object(map) = item else {
            if random.once_in(2) {
                patch.push(like(random, item));
            }
            continue;
        };
        if random.once_in(2) {
            continue;
        }
        let mut entry = Map::new();
        for (key, value) in map {
            if MERGE_KEYS.contains(&key.as_str()) {
                if !random.once_in(20) {
                    entry.insert(key.clone(), value.clone());
                }
            } else if random.once_in(2) {
                entry.insert(key.clone(), changed(random, value));
            }
        }
        if random.once_in(10) {
            entry.insert("$patch".to_owned(), random.pick(&["delete", "replace"]).into());
        }
        patch.push(entry.into());
    }
    if random.once_in(4) {
        let mut new = items.first().cloned().unwrap_or_else(|| fresh(random));
        if let Some(name) = new.get_mut("name") {
            *name = "new".into();
        }
        let at = random.below(patch.len() + 1);
        patch.insert(at, new);
    }
    if random.once_in(20) {
        patch.insert(0, json!({"$patch": random.pick(&["replace", "delete"])}));
    }
    patch.into()
}
