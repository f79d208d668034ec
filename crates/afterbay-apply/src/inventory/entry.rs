//! The members of a set, and their compact text.

use std::collections::BTreeMap;

use afterbay_manifest::{Gvk, ObjectRef};
use serde::{Deserialize, Serialize};

use super::parent::is_clean;

/// What the API server keys an object by, whatever version it is read under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(object: &ObjectRef) -> Self {
        Self {
            group: object.gvk.group.clone(),
            kind: object.gvk.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }
}

/// One object that a set owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Identity, with its namespace and the version it was applied at.
    pub object: ObjectRef,
    /// The `metadata.uid`; `None` while a run that was to create it has not finished.
    pub uid: Option<String>,
    /// The revision that last changed it; `None` when unknown.
    pub since: Option<String>,
}

/// Characters of text in one object; the server refuses a ConfigMap or Secret above 1 MiB in all.
pub(super) const PART_LIMIT: usize = 512 * 1024;

/// The text: kinds and revisions once, then a short row per object.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    kinds: Vec<(String, String)>,
    revisions: Vec<String>,
    objects: Vec<Row>,
}

/// Index of the kind, namespace (empty for none), name, uid (empty for unknown), index of the
/// revision (-1 for unknown).
type Row = (usize, String, String, String, i64);

/// Writes entries in order, split so that no text is longer than `limit` characters or so.
pub(super) fn encode(entries: &BTreeMap<Key, Entry>, limit: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = Document::empty();
    let mut size = 0;
    for entry in entries.values() {
        let cost = entry_cost(entry);
        if size + cost > limit && !part.objects.is_empty() {
            parts.push(part.to_text());
            part = Document::empty();
            size = 0;
        }
        size += cost;
        part.push(entry);
    }
    parts.push(part.to_text());
    parts
}

/// An upper bound of what an entry adds: its row, and its kind and revision if they are new.
fn entry_cost(entry: &Entry) -> usize {
    let ObjectRef { gvk, namespace, name } = &entry.object;
    let texts = [
        Some(&gvk.group),
        Some(&gvk.version),
        Some(&gvk.kind),
        namespace.as_ref(),
        Some(name),
    ];
    let known = [entry.uid.as_ref(), entry.since.as_ref()];
    let length: usize = texts.iter().chain(&known).flatten().map(|text| text.len()).sum();
    length + 40
}

/// Reads one part, adding to what is there.
pub(super) fn decode(text: &str, entries: &mut BTreeMap<Key, Entry>) -> Result<(), String> {
    let document: Document =
        serde_json::from_str(text).map_err(|error| format!("its list of objects cannot be read: {error}"))?;
    if document.version != VERSION {
        return Err(format!(
            "its list of objects has version {}, and this program reads version {VERSION}",
            document.version
        ));
    }
    for (kind, namespace, name, uid, revision) in document.objects {
        let (api_version, kind) = document
            .kinds
            .get(kind)
            .ok_or_else(|| format!("its list of objects has no kind {kind}"))?;
        let texts = [api_version, kind, &namespace, &name, &uid];
        if !texts.iter().all(|text| is_clean(text)) {
            return Err("its list of objects has a name that no server can hold".to_owned());
        }
        let object = ObjectRef {
            gvk: Gvk::new(api_version, kind),
            namespace: Some(namespace).filter(|text| !text.is_empty()),
            name,
        };
        let since = usize::try_from(revision)
            .ok()
            .and_then(|index| document.revisions.get(index))
            .filter(|revision| is_clean(revision))
            .cloned();
        let uid = Some(uid).filter(|text| !text.is_empty());
        entries.insert(Key::of(&object), Entry { object, uid, since });
    }
    Ok(())
}

const VERSION: u32 = 1;

impl Document {
    fn empty() -> Self {
        Self {
            version: VERSION,
            kinds: Vec::new(),
            revisions: Vec::new(),
            objects: Vec::new(),
        }
    }

    fn push(&mut self, entry: &Entry) {
        let kind = (entry.object.gvk.api_version(), entry.object.gvk.kind.clone());
        let kind = index_of(&mut self.kinds, kind);
        let revision = entry
            .since
            .clone()
            .and_then(|since| i64::try_from(index_of(&mut self.revisions, since)).ok());
        self.objects.push((
            kind,
            entry.object.namespace.clone().unwrap_or_default(),
            entry.object.name.clone(),
            entry.uid.clone().unwrap_or_default(),
            revision.unwrap_or(-1),
        ));
    }

    fn to_text(&self) -> String {
        // Strings, numbers and lists only: writing them to memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Position of a value in a table that has few different ones; most often it is the last.
fn index_of<T: PartialEq>(table: &mut Vec<T>, value: T) -> usize {
    if let Some(index) = table.iter().rposition(|known| *known == value) {
        return index;
    }
    table.push(value);
    table.len() - 1
}
