//! What a pod template refers to.
//!
//! Counted is what a container is started with or finds in its file system: `env`, `envFrom`, and volumes of Secrets and ConfigMaps,
//! projected ones included. Not counted are `imagePullSecrets` and the credentials of volume plugins: the kubelet reads
//! them anew for every pull and every mount, and no container sees them, so that a running Pod gains nothing from a restart.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::{Node, Object};

/// What is read of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Uses {
    /// Every entry.
    All,
    /// These entries.
    Keys(BTreeSet<String>),
}

/// By kind and name.
pub(super) type Found = BTreeMap<(&'static str, String), Uses>;

const SECRET: &str = "Secret";
const CONFIG_MAP: &str = "ConfigMap";

/// What the pod template of an object refers to; nothing where it has none.
pub(super) fn of(workload: &Object) -> Found {
    let mut found = Found::new();
    let Some(pod) = workload.body().at(&["spec", "template", "spec"]) else {
        return found;
    };
    for container in ["containers", "initContainers"]
        .into_iter()
        .flat_map(|field| items(pod.get(field)))
    {
        for variable in items(container.get("env")) {
            for (field, kind) in [("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)] {
                let reference = variable.at(&["valueFrom", field]);
                add(
                    &mut found,
                    kind,
                    text(reference, "name"),
                    keys([text(reference, "key")]),
                );
            }
        }
        for all in items(container.get("envFrom")) {
            for (field, kind) in [("secretRef", SECRET), ("configMapRef", CONFIG_MAP)] {
                add(&mut found, kind, text(all.get(field), "name"), Uses::All);
            }
        }
    }
    for volume in items(pod.get("volumes")) {
        let secret = volume.get("secret");
        add(&mut found, SECRET, text(secret, "secretName"), listed(secret));
        let map = volume.get("configMap");
        add(&mut found, CONFIG_MAP, text(map, "name"), listed(map));
        for source in items(volume.at(&["projected", "sources"])) {
            for (field, kind) in [("secret", SECRET), ("configMap", CONFIG_MAP)] {
                let projection = source.get(field);
                add(&mut found, kind, text(projection, "name"), listed(projection));
            }
        }
    }
    found
}

fn add(found: &mut Found, kind: &'static str, name: Option<&str>, uses: Uses) {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return;
    };
    let known = found
        .entry((kind, name.to_owned()))
        .or_insert_with(|| Uses::Keys(BTreeSet::new()));
    match (known, uses) {
        (Uses::All, _) => {}
        (Uses::Keys(known), Uses::Keys(keys)) => known.extend(keys),
        (known, Uses::All) => *known = Uses::All,
    }
}

/// The entries that a volume picks; without a list, all of them.
fn listed(volume: Option<&Node>) -> Uses {
    match volume.and_then(|volume| volume.get("items")) {
        Some(picked) if !picked.is_null() => {
            keys(items(Some(picked)).iter().map(|item| text(Some(item), "key")))
        }
        _ => Uses::All,
    }
}

fn keys<'a>(keys: impl IntoIterator<Item = Option<&'a str>>) -> Uses {
    Uses::Keys(keys.into_iter().flatten().map(str::to_owned).collect())
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_sequence).unwrap_or_default()
}

fn text<'a>(node: Option<&'a Node>, key: &str) -> Option<&'a str> {
    node?.get(key)?.as_plain_str()
}
