//! Fields of managers whose place afterbay takes, so that a field which left the revision leaves the object too.
//!
//! The semantics are those of Flux (fluxcd/pkg, ssa, `cleanupMetadata`): the entries of such managers in
//! `metadata.managedFields` are merged into our own, and what `kubectl apply` keeps in an annotation goes. Entries of
//! subresources stay.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::judge::Judge;
use super::managed::{entries, is_main};
use crate::client::{Failure, Method, Request};
use crate::desired::{Address, has_control};
use crate::discovery::write_query;
use crate::error::{ApplyError, FieldConflict};

/// How often an object that changes under the hands of a take-over is read again.
const LOOKS: usize = 3;
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Annotations in which other appliers keep what they applied last, values of Secrets included.
const ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];
const LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];

/// Whether a name is one of these; a pattern that ends in `*` stands for all names that begin so.
pub(crate) fn is_among(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

/// Whose place is taken.
#[derive(Clone, Copy)]
pub(super) struct Successor<'a> {
    /// Our own name.
    pub(super) manager: &'a str,
    pub(super) predecessors: &'a [String],
}

impl Successor<'_> {
    /// Whether this entry becomes ours.
    pub(super) fn takes(self, entry: &Value) -> bool {
        let name = entry["manager"].as_str().unwrap_or_default();
        let is_ours = name == self.manager;
        is_main(entry)
            && if is_ours {
                entry["operation"] == "Update"
            } else {
                is_among(name, self.predecessors)
            }
    }

    /// Managers and annotations that give way to us; none where `ssa: Merge` says that they stay.
    pub(super) fn predecessors(self, desired: &Value, live: &Value) -> Vec<String> {
        let (desired, live_metadata) = (&desired["metadata"], &live["metadata"]);
        if [desired, live_metadata]
            .iter()
            .any(|metadata| has_control(metadata, "ssa", "merge"))
        {
            return Vec::new();
        }
        let mut names: Vec<String> = entries(live)
            .filter(|entry| self.takes(entry))
            .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
            .collect();
        names.extend(
            marks(desired, live_metadata)
                .into_iter()
                .map(|(_, key)| key.to_owned()),
        );
        names.sort();
        names.dedup();
        names
    }

    /// The fields that they own, that the applied object does not set, and that nobody else owns.
    pub(super) fn given_up(self, live: &Value, applied: Option<&Value>) -> Vec<String> {
        let taken = union(entries(live).filter(|entry| self.takes(entry)));
        let others = entries(live)
            .filter(|entry| !self.takes(entry) && entry["manager"] != self.manager)
            .map(|entry| &entry["fieldsV1"]);
        let kept: Vec<&Value> = others.chain(applied).collect();
        let mut paths = Vec::new();
        for (field, below) in taken.as_object().into_iter().flatten() {
            // The server keeps nothing in stringData; what came through it is named as a leftover.
            if field != "f:stringData" {
                leaves(&field[..], below, &kept, "", &mut paths);
            }
        }
        paths
    }

    /// The patch that makes it so, of metadata read just now; `None` when there is nothing to take.
    pub(super) fn patch(self, desired: &Value, metadata: &Value) -> Option<Value> {
        let live = json!({ "metadata": { "managedFields": metadata["managedFields"] } });
        let (taken, mut rest): (Vec<&Value>, Vec<&Value>) =
            entries(&live).partition(|entry| self.takes(entry));
        let mut body = json!({ "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"] });
        for (field, key) in marks(&desired["metadata"], metadata) {
            body[field][key] = Value::Null;
        }
        let own = rest.iter().position(|entry| {
            entry["manager"] == self.manager && entry["operation"] == "Apply" && is_main(entry)
        });
        let first = match own {
            Some(index) => Some(rest.remove(index)),
            None => taken.first().copied(),
        };
        if let Some(first) = first.filter(|_| !taken.is_empty()) {
            let mut entry = first.clone();
            entry["manager"] = json!(self.manager);
            entry["operation"] = json!("Apply");
            entry["fieldsV1"] = union(std::iter::once(first).chain(taken.iter().copied()));
            body["managedFields"] = rest.into_iter().cloned().chain([entry]).collect();
        }
        let is_change = body.as_object().is_some_and(|body| body.len() > 2);
        is_change.then(|| json!({ "metadata": body }))
    }
}

/// All fields of these entries.
fn union<'v>(entries: impl Iterator<Item = &'v Value>) -> Value {
    let mut all = Value::Object(Map::new());
    entries.for_each(|entry| merge(&mut all, &entry["fieldsV1"]));
    all
}

impl Judge<'_> {
    pub(super) fn successor(&self) -> Successor<'_> {
        Successor {
            manager: &self.options.field_manager,
            predecessors: &self.options.take_over,
        }
    }

    /// Whether the only thing that stands against the dry-run is what predecessors own. Their part in the error goes
    /// either way.
    pub(super) fn yields(&self, error: &mut ApplyError, desired: &Value, live: &Value) -> bool {
        let ApplyError::Conflict { conflicts, .. } = error else {
            return false;
        };
        let predecessors = self.successor().predecessors(desired, live);
        let rest: Vec<FieldConflict> = conflicts
            .iter()
            .filter(|conflict| !is_with_any(conflict, &predecessors))
            .cloned()
            .collect();
        if rest.is_empty() {
            return true;
        }
        *conflicts = rest;
        false
    }

    /// Makes the fields of predecessors ours, provided that the object is still the one that was judged.
    pub(crate) async fn take_over(
        &self,
        address: &Address,
        uid: &str,
        desired: &Value,
    ) -> Result<(), Failure> {
        let query = write_query(&[("fieldManager", self.options.field_manager.as_str())]);
        let uri = format!("{}?{query}", address.path());
        let mut looks = 0;
        loop {
            looks += 1;
            let read = Request::get(address.path()).accepting(METADATA_ONLY);
            let mut object: Value = self.client.send(&read).await?.json()?;
            // The server refuses a patch that names another uid.
            object["metadata"]["uid"] = json!(uid);
            let Some(patch) = self.successor().patch(desired, &object["metadata"]) else {
                return Ok(());
            };
            match self
                .client
                .send(&Request::with_body(Method::Merge, uri.clone(), &patch))
                .await
            {
                Err(failure) if failure.is_conflict() && looks < LOOKS => {}
                outcome => return outcome.map(drop),
            }
        }
    }
}

/// Whether the owner in a conflict is one of these. Of a subresource, nothing is taken over.
fn is_with_any(conflict: &FieldConflict, managers: &[String]) -> bool {
    let mut parts = conflict.manager.split('"');
    let name = parts.nth(1).unwrap_or_default();
    managers.iter().any(|manager| manager == name) && !conflict.manager.contains(" with subresource ")
}

/// Annotations and labels of other appliers that the live object has and the new one has not.
fn marks(desired: &Value, live: &Value) -> Vec<(&'static str, &'static str)> {
    let annotations = ANNOTATIONS.iter().map(|key| ("annotations", *key));
    annotations
        .chain(LABELS.iter().map(|key| ("labels", *key)))
        .filter(|(field, key)| live[field].get(key).is_some() && desired[field].get(key).is_none())
        .collect()
}

/// `FieldsV1` is a trie of maps, so the union of two is their merge.
fn merge(into: &mut Value, other: &Value) {
    let (Some(into), Some(other)) = (into.as_object_mut(), other.as_object()) else {
        return;
    };
    for (key, below) in other {
        merge(
            into.entry(key).or_insert_with(|| Value::Object(Map::new())),
            below,
        );
    }
}

/// The leaves below a step of the trie that none of `kept` has, as key paths without values.
fn leaves(step: &str, below: &Value, kept: &[&Value], path: &str, paths: &mut Vec<String>) {
    let path = match step.split_once(':') {
        Some(("f", name)) if path.is_empty() => name.to_owned(),
        Some(("f", name)) if super::compare::is_word(name) => format!("{path}.{name}"),
        Some(("f", name)) => format!("{path}[{name:?}]"),
        Some(("k", key)) => format!("{path}[{}]", item_key(key)),
        // `.` says that the map itself is owned, `v:` and `i:` are items of a list.
        _ => return,
    };
    let kept: Vec<&Value> = kept.iter().filter_map(|fields| fields.get(step)).collect();
    let is_leaf = below.as_object().is_none_or(|below| {
        below
            .keys()
            .all(|key| !key.starts_with("f:") && !key.starts_with("k:"))
    });
    if is_leaf {
        if kept.is_empty() {
            paths.push(path);
        }
        return;
    }
    for (step, below) in below.as_object().into_iter().flatten() {
        leaves(step, below, &kept, &path, paths);
    }
}

/// `name=a` for `{"name":"a"}`, as `kubectl` shows the key of an item.
fn item_key(text: &str) -> String {
    let key: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let parts: Vec<String> = key
        .iter()
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        })
        .collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "afterbay";

    fn patterns() -> Vec<String> {
        ["kubectl*", "before-first-apply"].map(str::to_owned).to_vec()
    }

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields })
    }

    fn scale() -> Value {
        let mut entry = entry("kubectl", "Update", &json!({ "f:spec": { "f:replicas": {} } }));
        entry["subresource"] = json!("scale");
        entry
    }

    fn live(entries: &[Value]) -> Value {
        json!({ "metadata": { "uid": "u", "resourceVersion": "7", "managedFields": entries } })
    }

    #[test]
    fn entries_of_predecessors_become_one_of_ours_and_others_stay() {
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let stranger = entry("controller", "Update", &json!({ "f:status": {} }));
        let live = live(&[
            entry(
                "kubectl-client-side-apply",
                "Update",
                &json!({ "f:data": { ".": {}, "f:a": {} } }),
            ),
            scale(),
            stranger.clone(),
            entry(OURS, "Apply", &json!({ "f:data": { "f:b": {} } })),
            entry(OURS, "Update", &json!({ "f:data": { "f:c": {} } })),
            entry("kubectl-edit", "Update", &json!({ "f:data": { "f:d": {} } })),
        ]);
        let desired = json!({ "metadata": {} });
        assert_eq!(
            successor.predecessors(&desired, &live),
            ["afterbay", "kubectl-client-side-apply", "kubectl-edit"]
        );
        let patch = successor.patch(&desired, &live["metadata"]).unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(
            patch["metadata"]["managedFields"],
            json!([
                scale(),
                stranger,
                entry(
                    OURS,
                    "Apply",
                    &json!({ "f:data": { "f:b": {}, ".": {}, "f:a": {}, "f:c": {}, "f:d": {} } })
                ),
            ])
        );
    }

    #[test]
    fn without_an_entry_of_ours_the_first_is_renamed() {
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let live = live(&[entry(
            "before-first-apply",
            "Update",
            &json!({ "f:data": { "f:a": {} } }),
        )]);
        let patch = successor.patch(&json!({}), &live["metadata"]).unwrap();
        assert_eq!(
            patch["metadata"]["managedFields"],
            json!([entry(OURS, "Apply", &json!({ "f:data": { "f:a": {} } }))])
        );
    }

    #[test]
    fn what_is_ours_alone_needs_no_patch() {
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let live = live(&[entry(OURS, "Apply", &json!({})), scale()]);
        assert!(successor.predecessors(&json!({}), &live).is_empty());
        assert!(successor.patch(&json!({}), &live["metadata"]).is_none());
    }

    #[test]
    fn what_kubectl_remembers_goes_unless_the_revision_has_it() {
        let key = ANNOTATIONS[0];
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let live = json!({ "metadata": { "uid": "u", "annotations": { key: "{}" } } });
        assert_eq!(successor.predecessors(&json!({}), &live), [key]);
        let patch = successor.patch(&json!({}), &live["metadata"]).unwrap();
        assert_eq!(patch["metadata"]["annotations"], json!({ key: null }));
        assert!(patch["metadata"].get("managedFields").is_none());
        assert!(successor.predecessors(&live, &live).is_empty());
    }

    #[test]
    fn merge_of_flux_leaves_the_managers_alone() {
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let mut live = live(&[entry("kubectl", "Apply", &json!({}))]);
        let merge = json!({ "metadata": { "annotations": { "kustomize.toolkit.fluxcd.io/ssa": "merge" } } });
        assert!(successor.predecessors(&merge, &live).is_empty());
        live["metadata"]["labels"] = json!({ "kustomize.toolkit.fluxcd.io/ssa": "Merge" });
        assert!(successor.predecessors(&json!({}), &live).is_empty());
    }

    #[test]
    fn names_what_the_revision_does_not_set_and_nobody_else_owns() {
        let patterns = patterns();
        let successor = Successor {
            manager: OURS,
            predecessors: &patterns,
        };
        let live = live(&[
            entry(
                "kubectl",
                "Apply",
                &json!({
                    "f:data": { ".": {}, "f:kept": {}, "f:gone": {}, "f:shared": {}, "f:tls.crt": {} },
                    "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:name": {} } } },
                    "f:metadata": { "f:finalizers": { "v:\"x\"": {} } },
                    "f:stringData": { "f:left": {} },
                }),
            ),
            entry("other", "Update", &json!({ "f:data": { "f:shared": {} } })),
        ]);
        let applied = json!({ "f:data": { "f:kept": {} } });
        assert_eq!(
            successor.given_up(&live, Some(&applied)),
            [
                "data.gone",
                "data[\"tls.crt\"]",
                "spec.ports[port=80,protocol=TCP].name",
                "metadata.finalizers"
            ]
        );
    }
}
