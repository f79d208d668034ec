//! Two states of an object, value by value.

use afterbay_manifest::{KeyPath, Scrubber};
use serde::Serialize;
use serde_json::{Map, Value};

use super::mask::{self, METADATA, Mask};
use super::{FingerprintKey, Masked, Shown, Sides, lists};

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place: `spec.containers[name=web].image`.
    pub path: String,
    /// The value in the cluster; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Shown>,
    /// The value after the apply; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Shown>,
}

/// Everything that an apply would change, in order; what is compared is what decides whether an object is changed at all.
pub(super) fn changes(
    sides: &Sides,
    mask: &Mask<'_>,
    key: &FingerprintKey,
    scrubbers: &[&Scrubber],
) -> Vec<Change> {
    let mut diff = Walk {
        mask,
        key,
        scrubbers,
        changes: Vec::new(),
    };
    let (before, after) = (compared(sides.before.as_ref()), compared(sides.after.as_ref()));
    diff.maps(&Place::default(), &before, &after);
    diff.changes
}

/// What is compared of an object. A created one is compared with nothing, field by field.
fn compared(object: Option<&Value>) -> Map<String, Value> {
    let metadata = object.map(|object| &object["metadata"]);
    let metadata: Map<String, Value> = METADATA
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), metadata?.get(*field)?.clone())))
        .collect();
    let mut fields = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    for (key, value) in object.and_then(Value::as_object).into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" | "status" | "metadata" => {}
            _ => {
                fields.insert(key.clone(), value.clone());
            }
        }
    }
    fields
}

/// A place in both states; items of lists may have moved.
#[derive(Clone, Default)]
struct Place {
    before: KeyPath,
    after: KeyPath,
    written: String,
}

impl Place {
    fn key(&self, key: &str) -> Self {
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_');
        let written = match &*self.written {
            above if !key.chars().all(is_word) || key.is_empty() => format!("{above}[{key:?}]"),
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        };
        Self {
            before: self.before.key(key),
            after: self.after.key(key),
            written,
        }
    }

    fn item(&self, before: Option<usize>, after: Option<usize>, label: &str) -> Self {
        let index = |path: &KeyPath, index: Option<usize>, other: Option<usize>| {
            path.index(index.or(other).unwrap_or_default())
        };
        Self {
            before: index(&self.before, before, after),
            after: index(&self.after, after, before),
            written: format!("{}{label}", self.written),
        }
    }
}

struct Walk<'a> {
    mask: &'a Mask<'a>,
    key: &'a FingerprintKey,
    scrubbers: &'a [&'a Scrubber],
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn values(&mut self, place: &Place, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => self.maps(place, before, after),
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.lists(place, before, after),
            _ => {
                let before = before.map(|value| self.shown(&place.before, &place.after, value));
                let after = after.map(|value| self.shown(&place.after, &place.before, value));
                self.changes.push(Change {
                    path: place.written.clone(),
                    before,
                    after,
                });
            }
        }
    }

    fn maps(&mut self, place: &Place, before: &Map<String, Value>, after: &Map<String, Value>) {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            self.values(&place.key(key), before.get(key), after.get(key));
        }
    }

    fn lists(&mut self, place: &Place, before: &[Value], after: &[Value]) {
        let item = place.item(None, None, "");
        // A value that is not shown is not written into a path either.
        let may_tell = |field: &str| {
            let field = item.key(field);
            !self.mask.hides(&field.before) && !self.mask.hides(&field.after)
        };
        let pairs = lists::pairs(before, after, &may_tell);
        let known = self.changes.len();
        for pair in &pairs {
            let label = self.clean(&pair.label);
            let place = place.item(pair.before, pair.after, &label);
            let at =
                |items: &'_ [Value], index: Option<usize>| index.and_then(|index| items.get(index).cloned());
            let (old, new) = (at(before, pair.before), at(after, pair.after));
            self.values(&place, old.as_ref(), new.as_ref());
        }
        if self.changes.len() == known {
            // The items are the same and stand in another order.
            let order = |order: &mut dyn Iterator<Item = &lists::Pair>| {
                Some(Shown::List(
                    order.map(|pair| Shown::Text(self.clean(&pair.label))).collect(),
                ))
            };
            let mut old: Vec<&lists::Pair> = pairs.iter().collect();
            old.sort_by_key(|pair| pair.before);
            self.changes.push(Change {
                path: format!("{} (order)", place.written),
                before: order(&mut old.into_iter()),
                after: order(&mut pairs.iter()),
            });
        }
    }

    /// A value with everything masked that is not shown at this place, or at the same place of the other state.
    fn shown(&self, path: &KeyPath, other: &KeyPath, value: &Value) -> Shown {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                Shown::Map(
                    entries
                        .into_iter()
                        .map(|(key, value)| (key.clone(), self.shown(&path.key(key), &other.key(key), value)))
                        .collect(),
                )
            }
            Value::Array(items) if !items.is_empty() => Shown::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.shown(&path.index(index), &other.index(index), item))
                    .collect(),
            ),
            leaf if mask::is_empty(leaf) => match leaf {
                Value::Array(_) => Shown::List(Vec::new()),
                Value::Object(_) => Shown::Map(Vec::new()),
                _ => Shown::Literal("null".to_owned()),
            },
            leaf if self.mask.hides(path) || self.mask.hides(other) => {
                let bytes = self.mask.bytes(path, leaf);
                Shown::Masked(Masked::new(bytes.len(), self.key.value(&bytes)))
            }
            Value::String(text) => Shown::Text(self.clean(text)),
            leaf => {
                let text = leaf.to_string();
                let clean = self.clean(&text);
                if clean == text {
                    Shown::Literal(text)
                } else {
                    Shown::Text(clean)
                }
            }
        }
    }

    /// The text without any value that is not shown elsewhere.
    fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for scrubber in self.scrubbers {
            clean = scrubber.scrub(&clean);
        }
        clean
    }
}
