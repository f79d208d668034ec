//! Whether an apply would change nothing, told from the live object alone.
//!
//! The server notes which fields our last apply set (`managedFields`, of operation `Apply`). An object is unchanged when
//! what it declares now owns exactly these fields, and each declared value is the live one as the server would write it. Then a
//! merge of the two is the live object itself: there is nothing to add, to remove or to put in another order, and no conflict.
//!
//! All else is a [`Doubt`], which the server's dry-run resolves: this says "unchanged" or nothing at all. What it cannot see is
//! what the server would do that no field tells of: admission and validation that are others than when the object was applied.

mod fields;
mod quantity;
mod same;
#[cfg(test)]
mod tests;

use std::fmt;

use afterbay_manifest::Gvk;
use serde_json::{Map, Value};

use super::managed::{entries, is_main};
use crate::shape::Shape;
use fields::{Place, Walk};

/// Why it cannot be told. Names no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    what: &'static str,
    /// Where, as key path; empty for the whole object.
    path: String,
}

impl Doubt {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            path: String::new(),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(self.what)
    }
}

/// What of `metadata` is no field of the object to server-side apply.
const IDENTITY: [&str; 2] = ["name", "namespace"];
/// What else an object may declare there; anything more is the server's own.
const DECLARED: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

/// An object to be applied, and how its fields merge.
pub(super) struct Declared<'a> {
    pub(super) gvk: &'a Gvk,
    pub(super) body: &'a Value,
    pub(super) shape: Option<Shape<'a>>,
    /// Our name as a field manager.
    pub(super) manager: &'a str,
}

/// Fails unless applying the object would leave the live one as it is.
pub(super) fn check(declared: &Declared<'_>, live: &Value) -> Result<(), Doubt> {
    let shape = declared.shape.ok_or(Doubt::new("a kind without known schema"))?;
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Err(Doubt::new("it is being deleted"));
    }
    // What came through it left `data` without an owner, ours or somebody's.
    if entries(live).any(|entry| entry["fieldsV1"].get("f:stringData").is_some()) {
        return Err(Doubt::new("somebody applied its stringData"));
    }
    let (ours, others) = split(declared, live)?;
    let objects = (declared.body.as_object(), live.as_object(), ours.as_object());
    let (Some(body), Some(live), Some(ours)) = objects else {
        return Err(Doubt::new("no object"));
    };
    let mut walk = Walk::new(others);
    let mut owned = walk.entries(shape, own(body), live, ours)?;
    owned += usize::from(metadata(&mut walk, &body["metadata"], &live["metadata"], ours)?);
    if owned == ours.len() {
        Ok(())
    } else {
        Err(Doubt::new("we own a field that it does not declare"))
    }
}

/// The fields that our last apply of this version owns, and those of everybody else.
fn split<'v>(declared: &Declared<'_>, live: &'v Value) -> Result<(&'v Value, Vec<&'v Value>), Doubt> {
    let is_ours = |entry: &Value| {
        entry["manager"] == declared.manager && entry["operation"] == "Apply" && is_main(entry)
    };
    let (ours, others): (Vec<&Value>, Vec<&Value>) = entries(live).partition(|entry| is_ours(entry));
    let [ours] = ours[..] else {
        return Err(Doubt::new("we have not applied it, or more than once"));
    };
    if ours["apiVersion"] != declared.gvk.api_version() {
        return Err(Doubt::new("we applied it in another version"));
    }
    if ours["fieldsType"] != "FieldsV1" {
        return Err(Doubt::new("fields of an unknown type"));
    }
    let others = others.into_iter().map(|entry| &entry["fieldsV1"]).collect();
    Ok((&ours["fieldsV1"], others))
}

/// What an object declares beside its identity and its metadata.
fn own(body: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    body.iter()
        .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
}

/// The same for `metadata`; whether we own anything of it.
fn metadata<'a>(
    walk: &mut Walk<'a>,
    declared: &'a Value,
    live: &'a Value,
    ours: &'a Map<String, Value>,
) -> Result<bool, Doubt> {
    let (Some(declared), Some(live)) = (declared.as_object(), live.as_object()) else {
        return Err(Doubt::new("no metadata"));
    };
    let mut fields = Vec::new();
    for (key, value) in declared {
        if DECLARED.contains(&key.as_str()) {
            fields.push((key, value));
        } else if !IDENTITY.contains(&key.as_str()) {
            return Err(Doubt::new("metadata that the server sets"));
        }
    }
    let place = Place::field("metadata");
    walk.below(place, ours.get("f:metadata"), |walk, entry| {
        walk.entries(Shape::metadata(), fields.into_iter(), live, entry)
    })
}
