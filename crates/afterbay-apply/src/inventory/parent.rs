//! The parent object: labels and annotations of the `ApplySet` specification, and our own.

use std::collections::BTreeSet;

use afterbay_manifest::tame_to;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::holder::Holder;
use super::{Entry, ParentKind};
use crate::client::segment;

/// Label of the parent: its own id.
const ID: &str = "applyset.kubernetes.io/id";
/// Label of a member: the id of its set.
pub(crate) const PART_OF: &str = "applyset.kubernetes.io/part-of";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const REVISION: &str = "afterbay.dev/revision";
const HOLDER: &str = "afterbay.dev/holder";
const PARTS: &str = "afterbay.dev/parts";
/// Label of a part: the id of the inventory it belongs to.
pub(super) const INVENTORY: &str = "afterbay.dev/inventory";
/// The data key that holds the list of objects.
const OBJECTS: &str = "objects";
const TOOL: &str = "afterbay";

/// The parent as it was read or written last.
#[derive(Debug, Clone)]
pub(crate) struct ParentState {
    pub(super) kind: ParentKind,
    pub(super) namespace: String,
    pub(super) name: String,
    id: String,
    /// The live object's metadata; `None` before the first write.
    metadata: Option<Map<String, Value>>,
}

impl ParentState {
    pub(crate) fn new(kind: ParentKind, namespace: String, name: String) -> Self {
        let id = applyset_id(&name, &namespace, kind.kind());
        Self {
            kind,
            namespace,
            name,
            id,
            metadata: None,
        }
    }

    /// Takes over the metadata of an answer.
    pub(super) fn observe(&mut self, object: &Value) {
        self.metadata = object.get("metadata").and_then(Value::as_object).cloned();
        if let Some(metadata) = &mut self.metadata {
            metadata.remove("managedFields");
        }
    }

    pub(super) fn forget(&mut self) {
        self.metadata = None;
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    pub(super) fn uid(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("uid")?.as_str()
    }

    pub(super) fn resource_version(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("resourceVersion")?.as_str()
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.get("annotations")?.get(key)?.as_str()
    }

    /// The revision that was applied last; what cannot be one is taken as unknown.
    pub(crate) fn revision(&self) -> Option<&str> {
        self.annotation(REVISION).filter(|revision| is_clean(revision))
    }

    /// The names of the objects that hold what does not fit here.
    pub(super) fn parts(&self) -> Vec<String> {
        self.annotation(PARTS)
            .map(|text| {
                text.split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect()
            })
            .unwrap_or_default()
    }

    /// Whether it is in the cluster as a run leaves it that finished.
    pub(crate) fn is_settled(&self) -> bool {
        self.exists() && self.annotation(HOLDER).is_none()
    }

    /// The run that says it writes; whether it is still believed is for the caller to decide.
    pub(super) fn holder(&self) -> Option<Holder> {
        Holder::parse(self.annotation(HOLDER)?)
    }

    /// Whether the live object is what a write of `body` leaves: the list, whose it is, and who holds it.
    /// The server answers a write that is sent again, because the first answer was lost, with a conflict.
    pub(super) fn is_written(body: &Value, live: &Value) -> bool {
        let uid = &body["metadata"]["uid"];
        let of = |object: &Value, key| object["metadata"]["annotations"].get(key).cloned();
        let annotations = [TOOLING, GROUP_KINDS, NAMESPACES, PARTS, REVISION, HOLDER];
        (uid.is_null() || *uid == live["metadata"]["uid"])
            && body["data"] == live["data"]
            && body["metadata"]["labels"][ID] == live["metadata"]["labels"][ID]
            && annotations.into_iter().all(|key| of(body, key) == of(live, key))
    }

    /// `namespace/name`, as messages call it.
    pub(crate) fn display(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.collection(), segment(&self.name))
    }

    pub(super) fn part_path(&self, part: &str) -> String {
        format!("{}/{}", self.collection(), segment(part))
    }

    pub(super) fn collection(&self) -> String {
        format!(
            "/api/v1/namespaces/{}/{}",
            segment(&self.namespace),
            self.kind.plural()
        )
    }

    /// Refuses an object that only happens to have the name.
    pub(super) fn verify(&self) -> Result<(), String> {
        match self
            .annotation(TOOLING)
            .map(|tooling| tooling.rsplit_once('/').map_or(tooling, |(tool, _)| tool))
        {
            Some(TOOL) => {}
            Some(other) => {
                return Err(format!(
                    "a {} of this name is an ApplySet of {}",
                    self.kind.kind(),
                    tame_to(other, 100)
                ));
            }
            None => {
                return Err(format!(
                    "a {} of this name exists and is no ApplySet parent",
                    self.kind.kind()
                ));
            }
        }
        let label = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get("labels")?.get(ID)?.as_str());
        if label != Some(self.id.as_str()) {
            return Err(format!("its label {ID} is not the id of this name and namespace"));
        }
        Ok(())
    }

    /// The object to create or to replace the live one with. What others put into labels and
    /// annotations stays.
    pub(super) fn render(
        &self,
        entries: &[&Entry],
        text: &str,
        parts: &[String],
        revision: Option<&str>,
        holder: Option<&Holder>,
    ) -> Value {
        let mut metadata = self.metadata.clone().unwrap_or_default();
        metadata.insert("name".to_owned(), json!(self.name));
        metadata.insert("namespace".to_owned(), json!(self.namespace));
        let labels = entry_map(&mut metadata, "labels");
        labels.insert(ID.to_owned(), json!(self.id));
        labels.insert(MANAGED_BY.to_owned(), json!(TOOL));
        let annotations = entry_map(&mut metadata, "annotations");
        annotations.insert(TOOLING.to_owned(), json!(tooling()));
        annotations.insert(GROUP_KINDS.to_owned(), json!(group_kinds(entries)));
        annotations.insert(NAMESPACES.to_owned(), json!(self.other_namespaces(entries)));
        set(annotations, PARTS, (!parts.is_empty()).then(|| parts.join(",")));
        if let Some(revision) = revision {
            annotations.insert(REVISION.to_owned(), json!(revision));
        }
        set(annotations, HOLDER, holder.map(Holder::to_text));
        json!({
            "apiVersion": "v1",
            "kind": self.kind.kind(),
            "metadata": metadata,
            "data": { OBJECTS: self.data(text) },
        })
    }

    /// An object that holds what does not fit into the parent, owned by it.
    pub(super) fn render_part(&self, name: &str, text: &str) -> Value {
        let owner = self.uid().map(
            |uid| json!([{ "apiVersion": "v1", "kind": self.kind.kind(), "name": self.name, "uid": uid }]),
        );
        let mut metadata = json!({
            "name": name,
            "namespace": self.namespace,
            "labels": { INVENTORY: self.id, MANAGED_BY: TOOL },
        });
        if let Some(owner) = owner {
            metadata["ownerReferences"] = owner;
        }
        json!({
            "apiVersion": "v1",
            "kind": self.kind.kind(),
            "metadata": metadata,
            "data": { OBJECTS: self.data(text) },
        })
    }

    /// The name of a part follows from its content, so a part never changes once it is there.
    pub(super) fn part_name(&self, text: &str) -> String {
        let digest = Sha256::digest(text.as_bytes());
        let short = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        // A name has at most 253 characters.
        let stem: String = self.name.chars().take(236).collect();
        format!("{stem}-{short:016x}")
    }

    /// A patch that only says that the holder is alive.
    pub(super) fn renewal(&self, holder: &Holder) -> Value {
        json!({ "metadata": {
            "resourceVersion": self.resource_version(),
            "annotations": { HOLDER: holder.to_text() },
        } })
    }

    fn data(&self, text: &str) -> String {
        match self.kind {
            ParentKind::ConfigMap => text.to_owned(),
            ParentKind::Secret => STANDARD.encode(text),
        }
    }

    /// The list of objects out of a parent or part.
    pub(super) fn text(&self, object: &Value) -> Result<String, String> {
        let text = object["data"][OBJECTS]
            .as_str()
            .ok_or_else(|| format!("it has no data key {OBJECTS:?}"))?;
        match self.kind {
            ParentKind::ConfigMap => Ok(text.to_owned()),
            ParentKind::Secret => STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| format!("its data key {OBJECTS:?} is not text")),
        }
    }

    fn other_namespaces(&self, entries: &[&Entry]) -> String {
        let namespaces: BTreeSet<_> = entries
            .iter()
            .filter_map(|entry| entry.object.namespace.as_deref())
            .filter(|namespace| *namespace != self.namespace)
            .collect();
        namespaces.into_iter().collect::<Vec<_>>().join(",")
    }
}

/// Whether a text can be shown as it is. Whoever may write the parent can put anything there.
pub(super) fn is_clean(text: &str) -> bool {
    tame_to(text, text.len()) == text
}

/// Whether an object is an inventory of ours, as a label selector.
pub(super) fn selector() -> String {
    format!("{ID},{MANAGED_BY}={TOOL}")
}

/// The name of this program in the form that the specification asks for.
fn tooling() -> String {
    format!("{TOOL}/v{}", env!("CARGO_PKG_VERSION"))
}

/// `Deployment.apps,Secret`, sorted.
fn group_kinds(entries: &[&Entry]) -> String {
    let kinds: BTreeSet<_> = entries
        .iter()
        .map(|entry| {
            let gvk = &entry.object.gvk;
            if gvk.group.is_empty() {
                gvk.kind.clone()
            } else {
                format!("{}.{}", gvk.kind, gvk.group)
            }
        })
        .collect();
    kinds.into_iter().collect::<Vec<_>>().join(",")
}

/// The id of a parent in the core group, `applyset-BASE64URL(SHA256(name.namespace.kind.group))-v1`.
fn applyset_id(name: &str, namespace: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{name}.{namespace}.{kind}.").as_bytes());
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(digest))
}

fn entry_map<'a>(metadata: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = metadata.entry(key).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    match slot {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

fn set(annotations: &mut Map<String, Value>, key: &str, value: Option<String>) {
    match value {
        Some(value) => annotations.insert(key.to_owned(), json!(value)),
        None => annotations.shift_remove(key),
    };
}
