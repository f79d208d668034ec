//! The fields of a kustomization, as often as repositories use them and now and then wrong.

mod generators;
mod plugins;
mod values_from;

use serde_json::{Map, Value, json};

use super::layers::{Layer, Maker, Seen};
use super::tree::{Content, embedded};
use super::{patches, values};

/// How many of a hundred kustomizations have a field, and what adds it.
type Field = (usize, fn(&mut Maker, &mut Layer));

const FIELDS: [Field; 24] = [
    (35, namespace),
    (45, patch_list),
    (12, patches_strategic_merge),
    (12, patches_json6902),
    (35, images),
    (8, replicas),
    (20, labels),
    (10, common_labels),
    (15, common_annotations),
    (25, generators::config_map),
    (15, generators::secret),
    (12, generators::options_of_all),
    (14, values_from::replacements),
    (7, values_from::vars),
    (4, plugins::configurations),
    (2, plugins::crds),
    (2, plugins::openapi),
    (5, sort_options),
    (10, build_metadata),
    (5, plugins::transformers),
    (3, plugins::generators),
    (2, plugins::validators),
    (14, name_prefix),
    (8, name_suffix),
];

/// Adds fields at random.
pub(super) fn add(maker: &mut Maker, layer: &mut Layer) {
    for (percent, field) in FIELDS {
        if maker.random.below(100) < percent {
            field(maker, layer);
        }
    }
    if maker.random.once_in(200) {
        let (key, value) = maker.random.pick(&[
            ("nameprefix", "x-"),
            ("unknownField", "x"),
            ("commonLabel", "x"),
            ("NAMESPACE", "prod"),
            ("kind", "Kustomisation"),
        ]);
        layer.kustomization.insert(key.to_owned(), value.into());
    }
}

/// Puts a field, unless there is nothing to put.
pub(super) fn put(layer: &mut Layer, field: &str, value: impl Into<Value>) {
    layer.kustomization.insert(field.to_owned(), value.into());
}

/// One of the objects that a layer sees.
pub(super) fn one(maker: &mut Maker, layer: &Layer) -> Option<Seen> {
    let index = maker.random.below(layer.seen.len().max(1));
    layer.seen.get(index).cloned()
}

/// The same, mostly one that still is as its file has it.
pub(super) fn unpatched(maker: &mut Maker, layer: &Layer) -> Option<Seen> {
    (0..4)
        .find_map(|_| one(maker, layer).filter(|seen| !seen.is_patched))
        .or_else(|| one(maker, layer).filter(|_| maker.random.once_in(4)))
}

/// A name that the object goes by: the first, or what it has become.
pub(super) fn known_name(maker: &mut Maker, seen: &Seen) -> String {
    if maker.random.once_in(12) {
        seen.current.clone()
    } else {
        seen.name().to_owned()
    }
}

fn namespace(maker: &mut Maker, layer: &mut Layer) {
    let namespace = maker.random.pick(&values::NAMESPACES);
    put(layer, "namespace", namespace);
}

fn affix(
    maker: &mut Maker,
    layer: &mut Layer,
    field: &str,
    affixes: &[&str],
    name: fn(&str, &str) -> String,
) {
    let affix = maker.random.pick(affixes);
    put(layer, field, affix);
    for seen in &mut layer.seen {
        if !["CustomResourceDefinition", "APIService", "Namespace"].contains(&seen.kind()) {
            seen.current = name(affix, &seen.current);
        }
    }
}

fn name_prefix(maker: &mut Maker, layer: &mut Layer) {
    affix(
        maker,
        layer,
        "namePrefix",
        &["dev-", "x-", "a.", ""],
        |affix, name| format!("{affix}{name}"),
    );
}

fn name_suffix(maker: &mut Maker, layer: &mut Layer) {
    affix(maker, layer, "nameSuffix", &["-v2", "-x", "-1"], |affix, name| {
        format!("{name}{affix}")
    });
}

fn common_labels(maker: &mut Maker, layer: &mut Layer) {
    let count = 1 + maker.random.below(2);
    let labels = values::labels(&mut maker.random, count);
    put(layer, "commonLabels", labels);
}

fn common_annotations(maker: &mut Maker, layer: &mut Layer) {
    let all: Map<String, Value> = values::text_annotations(&mut maker.random, 2);
    put(layer, "commonAnnotations", all);
}

fn labels(maker: &mut Maker, layer: &mut Layer) {
    let random = &mut maker.random;
    let count = 1 + random.below(2);
    let mut list = Vec::new();
    for _ in 0..count {
        let mut entry = json!({"pairs": values::labels(random, 2)});
        for (field, of) in [
            ("includeSelectors", 3),
            ("includeTemplates", 3),
            ("includeVolumeClaimTemplates", 6),
        ] {
            if random.once_in(of) {
                entry[field] = json!(!random.once_in(4));
            }
        }
        if random.once_in(6) {
            entry["fields"] = json!([{"path": random.pick(&["spec/labels", "metadata/labels", "spec/template/metadata/labels", "spec/list[]/labels"]),
                "create": !random.once_in(3), "kind": random.pick(&["Deployment", "HelmRelease", "Service"])}]);
        }
        list.push(entry);
    }
    put(layer, "labels", list);
}

fn images(maker: &mut Maker, layer: &mut Layer) {
    const DIGEST: &str = "sha256:25a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3";
    let random = &mut maker.random;
    let count = 1 + random.below(3);
    let mut list = Vec::new();
    for _ in 0..count {
        let image = random.pick(&values::IMAGES);
        let name = image.split('@').next().unwrap_or(image);
        let name = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => name,
            _ => name,
        };
        let mut entry =
            json!({"name": random.pick(&[name, name, name, name, image, "nginx.*", "acme/(app", "*"])});
        if random.once_in(3) {
            entry["newName"] = random
                .pick(&["mirror.local/nginx", "mirror.local:5000/a/b", "nginx", ""])
                .into();
        }
        match random.below(6) {
            0 => entry["digest"] = DIGEST.into(),
            1 => entry["tagSuffix"] = random.pick(&["-alpine", "-1"]).into(),
            2 => {
                entry["newTag"] = "v9".into();
                entry[random.pick(&["digest", "tagSuffix"])] = DIGEST.into();
            }
            _ => entry["newTag"] = random.pick(&["v2.0", "1.5", "latest", "0123", "1e3"]).into(),
        }
        list.push(entry);
    }
    let field = random.pick(&[
        "images",
        "images",
        "images",
        "images",
        "images",
        "images",
        "images",
        "imageTags",
    ]);
    put(layer, field, list);
}

fn replicas(maker: &mut Maker, layer: &mut Layer) {
    let scalable: Vec<String> = layer
        .seen
        .iter()
        .filter(|seen| ["Deployment", "StatefulSet"].contains(&seen.kind()))
        .flat_map(|seen| {
            [
                seen.name().to_owned(),
                seen.name().to_owned(),
                seen.current.clone(),
            ]
        })
        .collect();
    if scalable.is_empty() {
        return;
    }
    let name = scalable[maker.random.below(scalable.len())].clone();
    let count = maker.random.below(9);
    put(layer, "replicas", json!([{"name": name, "count": count}]));
}

fn sort_options(maker: &mut Maker, layer: &mut Layer) {
    let random = &mut maker.random;
    if !layer.is_root && !random.once_in(20) {
        return;
    }
    let mut options = json!({"order": random.pick(&["fifo", "legacy", "legacy", "legacy"])});
    if random.once_in(2) && options["order"] == "legacy" {
        options["legacySortOptions"] = json!({"orderFirst": ["Namespace", "Secret", "Deployment"], "orderLast": ["Service", "ConfigMap"]});
    }
    put(layer, "sortOptions", options);
}

fn build_metadata(maker: &mut Maker, layer: &mut Layer) {
    let random = &mut maker.random;
    let all = ["originAnnotations", "transformerAnnotations", "managedByLabel"];
    let mut list: Vec<&str> = all.into_iter().filter(|_| random.once_in(2)).collect();
    if random.once_in(30) {
        list.push("wrong");
    }
    put(layer, "buildMetadata", list);
}

/// What selects the object, and perhaps others.
pub(super) fn target(maker: &mut Maker, seen: &Seen) -> Value {
    let name = known_name(maker, seen);
    let random = &mut maker.random;
    let mut target = match random.below(8) {
        0 => json!({"kind": random.pick(&["Deployment|StatefulSet", ".*", "Service", "Deploy"])}),
        1 => json!({"kind": seen.kind()}),
        2 => {
            json!({"kind": seen.kind(), "name": random.pick(&["app.*", "(app|web)", ".*b", "^web$", "[a-w]+"])})
        }
        3 => json!({"labelSelector": values::label_selector(random)}),
        4 => {
            json!({"kind": seen.kind(), "annotationSelector": random.pick(&["note", "note=plain", "x.y/z!=plain"])})
        }
        _ => json!({"kind": seen.kind(), "name": name}),
    };
    if random.once_in(5) {
        let (group, version) = seen.value["apiVersion"]
            .as_str()
            .and_then(|all| all.split_once('/'))
            .unwrap_or(("", "v1"));
        target["group"] = group.into();
        target["version"] = random.pick(&[version, version, "v1"]).into();
    }
    if random.once_in(10) {
        target["namespace"] = random.pick(&values::NAMESPACES).into();
    }
    target
}

/// Operations on the object, which the layer then sees changed.
fn change(maker: &mut Maker, layer: &mut Layer, seen: &Seen) -> Value {
    let same = |other: &&mut Seen| other.kind() == seen.kind() && other.name() == seen.name();
    match layer.seen.iter_mut().find(same) {
        Some(seen) => {
            let mut value = seen.value.clone();
            let operations = patches::operations(&mut maker.random, &mut value);
            // What it is called stays, for whoever refers to it.
            value["kind"] = seen.value["kind"].clone();
            value["apiVersion"] = seen.value["apiVersion"].clone();
            value["metadata"]["name"] = seen.value["metadata"]["name"].clone();
            seen.value = value;
            operations
        }
        None => patches::operations(&mut maker.random, &mut seen.value.clone()),
    }
}

/// A merge patch of the object, which then is not what it was.
fn merge(maker: &mut Maker, layer: &mut Layer, seen: &Seen) -> Value {
    let name = known_name(maker, seen);
    let patch = patches::strategic(&mut maker.random, &seen.value, &name);
    let same = |other: &Seen| other.kind() == seen.kind() && other.name() == seen.name();
    if patch.get("$patch").is_some() {
        layer.seen.retain(|other| !same(other));
    }
    for seen in layer.seen.iter_mut().filter(|other| same(other)) {
        seen.is_patched = true;
    }
    patch
}

/// A patch by its text or by a file.
fn place(maker: &mut Maker, layer: &Layer, entry: &mut Value, documents: Vec<Value>, index: usize) {
    if maker.random.once_in(3) {
        let name = format!(
            "patch-{index}.{}",
            if documents.len() == 1 && maker.random.once_in(6) {
                "json"
            } else {
                "yaml"
            }
        );
        maker.file(layer, &name, Content::Documents(documents));
        entry["path"] = name.into();
    } else {
        entry["patch"] = embedded(&documents);
    }
}

fn patch_list(maker: &mut Maker, layer: &mut Layer) {
    let count = maker.random.pick(&[1, 1, 2, 3]);
    let mut list: Vec<Value> = Vec::new();
    for index in 0..count {
        let is_json = maker.random.once_in(2);
        let found = if is_json {
            unpatched(maker, layer)
        } else {
            one(maker, layer)
        };
        let Some(seen) = found else { break };
        let mut entry = json!({});
        let document = if is_json {
            entry["target"] = target(maker, &seen);
            change(maker, layer, &seen)
        } else {
            if maker.random.once_in(3) {
                entry["target"] = target(maker, &seen);
            }
            merge(maker, layer, &seen)
        };
        if maker.random.once_in(15) {
            let option = maker.random.pick(&["allowNameChange", "allowKindChange"]);
            entry["options"] = json!({ option: true });
        }
        let mut documents = vec![document];
        if entry.get("target").is_none()
            && maker.random.once_in(6)
            && let Some(other) = one(maker, layer)
        {
            documents.push(merge(maker, layer, &other));
        }
        place(maker, layer, &mut entry, documents, index);
        list.push(entry);
    }
    if !list.is_empty() {
        put(layer, "patches", list);
    }
}

fn patches_strategic_merge(maker: &mut Maker, layer: &mut Layer) {
    let mut list: Vec<Value> = Vec::new();
    for index in 0..=maker.random.below(2) {
        let Some(seen) = one(maker, layer) else {
            return;
        };
        let document = merge(maker, layer, &seen);
        if maker.random.once_in(2) {
            let name = format!("merge-{index}.yaml");
            maker.file(layer, &name, Content::Documents(vec![document]));
            list.push(name.into());
        } else {
            list.push(embedded(&[document]));
        }
    }
    if !list.is_empty() {
        put(layer, "patchesStrategicMerge", list);
    }
}

fn patches_json6902(maker: &mut Maker, layer: &mut Layer) {
    let Some(seen) = unpatched(maker, layer) else {
        return;
    };
    let (group, version) = seen.value["apiVersion"]
        .as_str()
        .map_or(("", ""), |all| all.split_once('/').unwrap_or(("", all)));
    let name = known_name(maker, &seen);
    let mut entry =
        json!({"target": {"group": group, "version": version, "kind": seen.kind(), "name": name}});
    let operations = change(maker, layer, &seen);
    place(maker, layer, &mut entry, vec![operations], 60);
    put(layer, "patchesJson6902", json!([entry]));
}
