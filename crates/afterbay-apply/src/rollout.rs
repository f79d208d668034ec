//! Rolls a workload out when what it is started with changes: its pod template gets an annotation that is another one for
//! other content of the Secrets and ConfigMaps it refers to, and from which nobody can tell or guess what they hold.
//!
//! Kubernetes does not restart a Pod because a Secret that it reads from has changed. What people put into the template
//! for it is a plain hash of the Secret (Helm's `checksum/config`, the environment variables of stakater/Reloader), and whoever may
//! read Pods can then try a list of passwords against it. Here it is an HMAC under a key that is in one Secret of the
//! cluster ([`key`]) and nowhere else. A digest of the ciphertext would need no key, but it is another one for the same
//! content encrypted anew, so that `sops rotate` would restart everything.

mod key;
mod references;

use std::collections::BTreeMap;

use afterbay_manifest::{Node, Object, ObjectRef};
use serde_json::{Value, json};

pub(crate) use key::RolloutKey;
use references::Uses;

use crate::ApplyOptions;
use crate::desired::{Address, has_control};
use crate::diff::{FingerprintKey, canonical, hex};
use crate::error::Subject;

/// The annotation of a pod template.
pub(crate) const ANNOTATION: &str = "afterbay.dev/references-fingerprint";

/// The annotation by which a workload takes part or does not, and by which a Secret or ConfigMap restarts nobody.
const CONTROL: &str = "afterbay.dev/rollout-on-change";

/// As many digits are shown: 128 bits, so that two contents are never taken for one.
const DIGITS: usize = 32;

/// Which workloads are rolled out when a Secret or ConfigMap of the set that they refer to changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutOnChange {
    /// None.
    Never,
    /// Those whose annotation `afterbay.dev/rollout-on-change` is `true`, of whatever kind with a pod template.
    Annotated,
    /// Those, and every Deployment, `StatefulSet` and `DaemonSet` whose annotation is not `false`.
    All,
}

/// What a workload refers to in the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct References {
    /// The objects. One that fails keeps the workload from being rolled out.
    pub(crate) sources: Vec<ObjectRef>,
    /// What identifies their content.
    pub(crate) fingerprint: String,
}

/// The objects of a set and where they go, by index; `None` for what goes nowhere.
pub(crate) type Placed<'a> = [(&'a Object, Option<&'a Address>)];

/// Which workloads there are to roll out, and what is wrong with what they say about it.
pub(crate) struct Workloads {
    found: Vec<(usize, Vec<(usize, Uses)>)>,
    pub(crate) warnings: Vec<String>,
}

impl Workloads {
    /// Looks for them.
    pub(crate) fn of(placed: &Placed<'_>, options: &ApplyOptions) -> Self {
        let mut workloads = Self {
            found: Vec::new(),
            warnings: Vec::new(),
        };
        if options.rollout == RolloutOnChange::Never {
            return workloads;
        }
        let sources = sources(placed);
        for (index, (object, address)) in placed.iter().enumerate() {
            let Some(address) = address else { continue };
            if !workloads.takes_part(object, options.rollout) {
                continue;
            }
            let namespace = address.object.namespace.as_deref();
            let sources: Vec<(usize, Uses)> = references::of(object)
                .into_iter()
                .filter_map(|((kind, name), uses)| Some((*sources.get(&(kind, namespace, &*name))?, uses)))
                .collect();
            if !sources.is_empty() {
                workloads.found.push((index, sources));
            }
        }
        workloads
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What each of them refers to, by its index in the set.
    pub(crate) fn references(&self, placed: &Placed<'_>, key: &FingerprintKey) -> Vec<(usize, References)> {
        let references = self.found.iter().map(|(index, sources)| {
            let contents = sources.iter().map(|(source, uses)| {
                let (object, address) = &placed[*source];
                content(object, *address, uses)
            });
            let digest = key.references(canonical(&contents.collect()).as_bytes());
            let references = References {
                sources: sources
                    .iter()
                    .filter_map(|(source, _)| Some(placed[*source].1?.object.clone()))
                    .collect(),
                fingerprint: hex(&digest).chars().take(DIGITS).collect(),
            };
            (*index, references)
        });
        references.collect()
    }

    fn takes_part(&mut self, workload: &Object, policy: RolloutOnChange) -> bool {
        let gvk = &workload.reference().gvk;
        let is_usual =
            gvk.group == "apps" && matches!(&*gvk.kind, "Deployment" | "StatefulSet" | "DaemonSet");
        let asked = match control(workload) {
            None => return is_usual && policy == RolloutOnChange::All,
            Some(text) => match &*text.to_ascii_lowercase() {
                "true" => true,
                "false" => false,
                _ => {
                    self.warnings.push(format!(
                        "{}: {workload}: the annotation {CONTROL} is neither `true` nor `false`, and counts for nothing",
                        workload.origin(),
                        workload = workload.reference(),
                    ));
                    return false;
                }
            },
        };
        if let Some(reason) = unmoved(workload).filter(|_| asked) {
            self.warnings.push(format!(
                "{}: {}: {CONTROL} does nothing for it: {reason}",
                workload.origin(),
                workload.reference()
            ));
            return false;
        }
        asked
    }
}

/// Why a change of its pod template restarts nothing of this kind.
fn unmoved(workload: &Object) -> Option<&'static str> {
    let gvk = &workload.reference().gvk;
    match (&*gvk.group, &*gvk.kind) {
        ("batch", "Job") => Some("the template of a Job cannot change"),
        ("batch", "CronJob") => Some("its next Pod reads the new content anyway"),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            Some("its Pods stay when its template changes")
        }
        // What is a Secret's or a ConfigMap's own is read where it is referred to.
        ("", "Secret" | "ConfigMap") => None,
        _ if workload.body().at(&["spec", "template", "spec"]).is_none() => Some("it has no pod template"),
        _ => None,
    }
}

fn control(object: &Object) -> Option<&str> {
    object
        .body()
        .at(&["metadata", "annotations", CONTROL])?
        .as_plain_str()
}

/// Secrets and `ConfigMap`s by kind, namespace and name.
type Sources<'a> = BTreeMap<(&'a str, Option<&'a str>, &'a str), usize>;

/// The objects that a workload can refer to and of which the set says what will be in them.
fn sources<'a>(placed: &Placed<'a>) -> Sources<'a> {
    let sources = placed
        .iter()
        .enumerate()
        .filter_map(|(index, (object, address))| {
            let reference = &(*address)?.object;
            let is_one =
                reference.gvk.group.is_empty() && matches!(&*reference.gvk.kind, "Secret" | "ConfigMap");
            (is_one && restarts(object)).then(|| {
                let key = (
                    &*reference.gvk.kind,
                    reference.namespace.as_deref(),
                    &*reference.name,
                );
                (key, index)
            })
        });
    sources.collect()
}

/// Whether it says nothing against it, and is applied as it is: what is created once or never touched may hold something
/// else in the cluster.
fn restarts(source: &Object) -> bool {
    let metadata = source
        .body()
        .at(&["metadata"])
        .map(Node::expose_json)
        .unwrap_or_default();
    let is_left = |(name, value)| has_control(&metadata, name, value);
    let controls = [
        ("reconcile", "disabled"),
        ("ssa", "ignore"),
        ("ssa", "ifnotpresent"),
    ];
    control(source).is_none_or(|text| !text.eq_ignore_ascii_case("false"))
        && !controls.into_iter().any(is_left)
}

/// What a workload reads of an object, on its way into an HMAC.
fn content(object: &Object, address: Option<&Address>, uses: &Uses) -> Value {
    let reference = address.map_or(object.reference(), |address| &address.object);
    let entries = |field: &str| {
        let entries = object.body().at(&[field]).map(Node::expose_json);
        let mut entries = entries.unwrap_or_default();
        if let (Uses::Keys(keys), Some(entries)) = (uses, entries.as_object_mut()) {
            entries.retain(|key, _| keys.contains(key));
        }
        entries
    };
    json!({
        "kind": reference.gvk.kind,
        "namespace": reference.namespace,
        "name": reference.name,
        "data": entries("data"),
        "binaryData": entries("binaryData"),
    })
}

/// Puts the annotation on the pod template of a body. One that has another form is left for the server to refuse.
pub(crate) fn annotate(body: &mut Value, references: &References) {
    let mut at = body;
    for key in ["spec", "template", "metadata", "annotations"] {
        let Value::Object(entries) = at else { return };
        at = entries.entry(key).or_insert(Value::Null);
        if at.is_null() {
            *at = json!({});
        }
    }
    if let Value::Object(annotations) = at {
        annotations.insert(ANNOTATION.to_owned(), json!(references.fingerprint));
    }
}

/// Which of these, which failed, a workload would be rolled out for.
pub(crate) fn awaited<'a>(references: &'a References, failed: &[Subject]) -> Option<&'a ObjectRef> {
    let sources = &references.sources;
    sources
        .iter()
        .find(|source| failed.iter().any(|failed| failed.object == **source))
}

#[cfg(test)]
mod tests;
