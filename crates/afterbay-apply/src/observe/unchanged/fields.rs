//! A declared value beside the live one and beside the fields that we own, where fields merge.
//!
//! Which fields a value owns is decided as by the server (structured-merge-diff, `typed/tofieldset.go` and `merge.go`).

use serde_json::{Map, Value};

use super::super::compare::is_word;
use super::Doubt;
use super::same::{self, Live};
use crate::shape::{Empty, Items, Kind, Merge, Shape};

/// One step into a value, as managed fields name it.
#[derive(Clone)]
enum Step<'a> {
    Field(&'a str),
    /// The item of a list with these keys.
    Item(Map<String, Value>),
}

/// Where a value is.
#[derive(Clone)]
pub(super) struct Place<'a> {
    step: Step<'a>,
    /// Whether it is owned even where nothing below it is: entries of maps and items of lists are, fields are not.
    is_owned: bool,
    empty: Empty,
}

impl<'a> Place<'a> {
    /// A field of a structure.
    pub(super) fn field(name: &'a str) -> Self {
        Self {
            step: Step::Field(name),
            is_owned: false,
            empty: Empty::Kept,
        }
    }
}

/// A walk through one object.
pub(super) struct Walk<'a> {
    /// The fields of all other managers.
    others: Vec<&'a Value>,
    path: Vec<Step<'a>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(others: Vec<&'a Value>) -> Self {
        Self {
            others,
            path: Vec::new(),
        }
    }

    fn doubt(&self, what: &'static str) -> Doubt {
        let path: Vec<String> = self
            .path
            .iter()
            .map(|step| match step {
                Step::Field(name) if is_word(name) => (*name).to_owned(),
                Step::Field(name) => format!("[{name:?}]"),
                Step::Item(_) => "[]".to_owned(),
            })
            .collect();
        Doubt {
            what,
            path: path.join("."),
        }
    }

    /// Goes through the fields of a structure or the entries of a map; returns how many of them are in `owned`.
    pub(super) fn entries(
        &mut self,
        shape: Shape<'a>,
        declared: impl Iterator<Item = (&'a String, &'a Value)>,
        live: &'a Map<String, Value>,
        owned: &'a Map<String, Value>,
    ) -> Result<usize, Doubt> {
        let kind = shape.kind();
        let mut count = 0;
        for (name, value) in declared {
            let mut place = Place::field(name);
            let below = match &kind {
                Kind::Structure { .. } => {
                    let field = shape
                        .field(name)
                        .ok_or_else(|| self.doubt("a field that is not known"))?;
                    place.empty = field.empty;
                    field.shape
                }
                Kind::Map { of, .. } => {
                    place.is_owned = true;
                    *of
                }
                Kind::Free => {
                    place.is_owned = true;
                    Shape::Free
                }
                _ => return Err(self.doubt("a value that is not known")),
            };
            let entry = owned.get(&format!("f:{name}"));
            count += usize::from(self.value(below, value, live.get(name), entry, place)?);
        }
        Ok(count)
    }

    /// Goes one step down and counts what is owned there; whether anything is. `owned` is our part of the managed fields.
    pub(super) fn below(
        &mut self,
        place: Place<'a>,
        owned: Option<&'a Value>,
        count: impl FnOnce(&mut Self, &'a Map<String, Value>) -> Result<usize, Doubt>,
    ) -> Result<bool, Doubt> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let fields = match owned {
            Some(owned) => owned
                .as_object()
                .ok_or_else(|| self.doubt("fields of an unknown form"))?,
            None => &NOTHING,
        };
        self.path.push(place.step);
        let found = count(self, fields)?;
        let has_self = fields.contains_key(".");
        let is_exact = match (owned.is_some(), found) {
            // A leaf stands for itself alone.
            (true, 0) => place.is_owned && fields.is_empty(),
            (true, found) => found + usize::from(has_self) == fields.len() && has_self == place.is_owned,
            (false, found) => found == 0 && !place.is_owned,
        };
        if !is_exact {
            return Err(self.doubt("it declares other fields than we own"));
        }
        self.path.pop();
        Ok(owned.is_some())
    }

    /// Compares one value; whether we own anything of it.
    fn value(
        &mut self,
        shape: Shape<'a>,
        declared: &'a Value,
        live: Option<&'a Value>,
        owned: Option<&'a Value>,
        place: Place<'a>,
    ) -> Result<bool, Doubt> {
        if declared.is_null() {
            return self.leaf(shape, declared, live, owned, place);
        }
        match (shape.kind(), declared) {
            (
                Kind::Structure {
                    merge: Merge::Fields, ..
                }
                | Kind::Map {
                    merge: Merge::Fields, ..
                }
                | Kind::Free,
                Value::Object(fields),
            ) => self.map(shape, fields, declared, live, owned, place),
            (
                Kind::List {
                    of,
                    items: Items::Set,
                },
                Value::Array(items),
            ) => self.set(of, items, live, owned, place),
            (
                Kind::List {
                    of,
                    items: Items::Keyed(keys),
                },
                Value::Array(items),
            ) => self.keyed(of, &keys, items, live, owned, place),
            (Kind::Unknown, _) => Err(self.doubt("a value that is not known")),
            (Kind::Free, _)
            | (Kind::Scalar | Kind::Quantity(_), Value::String(_) | Value::Number(_) | Value::Bool(_))
            | (Kind::Bytes, Value::String(_))
            | (Kind::Structure { .. } | Kind::Map { .. }, Value::Object(_))
            | (Kind::List { .. }, Value::Array(_)) => self.leaf(shape, declared, live, owned, place),
            _ => Err(self.doubt("a value of another type than the schema says")),
        }
    }

    /// A value that is replaced as a whole, or that has nothing in it.
    fn leaf(
        &mut self,
        shape: Shape<'a>,
        declared: &'a Value,
        live: Option<&'a Value>,
        owned: Option<&'a Value>,
        place: Place<'a>,
    ) -> Result<bool, Doubt> {
        self.path.push(place.step);
        if !owned.and_then(Value::as_object).is_some_and(Map::is_empty) {
            return Err(self.doubt("it declares other fields than we own"));
        }
        match same::compare(shape, declared, live, place.empty) {
            Live::Identical => {}
            // To the server the two texts differ, which is a conflict with whoever owns the field too.
            Live::Equivalent if !self.is_shared() => {}
            Live::Equivalent => return Err(self.doubt("another form of the value, and another owner")),
            Live::Other => return Err(self.doubt("another value")),
        }
        self.path.pop();
        Ok(true)
    }

    fn map(
        &mut self,
        shape: Shape<'a>,
        fields: &'a Map<String, Value>,
        declared: &'a Value,
        live: Option<&'a Value>,
        owned: Option<&'a Value>,
        place: Place<'a>,
    ) -> Result<bool, Doubt> {
        match live {
            // Nothing is taken out of a map by declaring an empty one.
            Some(live @ Value::Object(_)) if fields.is_empty() => {
                self.leaf(Shape::Free, live, Some(live), owned, place)
            }
            _ if fields.is_empty() => self.leaf(shape, declared, live, owned, place),
            Some(Value::Object(live)) => self.below(place, owned, |walk, owned| {
                walk.entries(shape, fields.iter(), live, owned)
            }),
            _ => Err(self.doubt("a map that is not there")),
        }
    }

    fn set(
        &mut self,
        of: Shape<'a>,
        items: &'a [Value],
        live: Option<&'a Value>,
        owned: Option<&'a Value>,
        place: Place<'a>,
    ) -> Result<bool, Doubt> {
        if of.kind() != Kind::Scalar {
            return Err(self.doubt("a set of something else than scalars"));
        }
        let live = self.live_items(items, live, place.empty)?;
        self.below(place, owned, |walk, owned| {
            let owned = walk.owned_items(owned, "v:")?;
            let mut rest = live.iter();
            for (index, item) in items.iter().enumerate() {
                if item.is_null() || item.is_object() || item.is_array() || items[..index].contains(item) {
                    return Err(walk.doubt("an item that cannot be in a set, or is in it twice"));
                }
                if !rest.any(|live| live == item) {
                    return Err(walk.doubt("an item that is not there, or not in this order"));
                }
                let is_leaf = |value: &Value| value.as_object().is_some_and(Map::is_empty);
                if !owned.iter().any(|(owned, below)| owned == item && is_leaf(below)) {
                    return Err(walk.doubt("it declares other fields than we own"));
                }
            }
            Ok(items.len())
        })
    }

    fn keyed(
        &mut self,
        of: Shape<'a>,
        keys: &[(&str, Option<std::borrow::Cow<'a, Value>>)],
        items: &'a [Value],
        live: Option<&'a Value>,
        owned: Option<&'a Value>,
        place: Place<'a>,
    ) -> Result<bool, Doubt> {
        let live = self.live_items(items, live, place.empty)?;
        self.below(place, owned, |walk, owned| {
            let owned = walk.owned_items(owned, "k:")?;
            let mut seen: Vec<Map<String, Value>> = Vec::new();
            let mut rest = live.iter();
            for item in items {
                let key = key_of(item, keys).ok_or_else(|| walk.doubt("an item without keys"))?;
                if seen.contains(&key) {
                    return Err(walk.doubt("two items with the same keys"));
                }
                let live = rest
                    .find(|live| key_of(live, keys).as_ref() == Some(&key))
                    .ok_or_else(|| walk.doubt("an item that is not there, or not in this order"))?;
                let below = owned
                    .iter()
                    .find(|(owned, _)| owned.as_object() == Some(&key))
                    .map(|(_, below)| *below);
                let place = Place {
                    step: Step::Item(key.clone()),
                    is_owned: true,
                    empty: Empty::Kept,
                };
                walk.value(of, item, Some(live), below, place)?;
                seen.push(key);
            }
            // Items with the same keys in the live list are not merged by the server.
            let all: Vec<_> = live.iter().map(|live| key_of(live, keys)).collect();
            let is_once = |(index, key): (usize, &Option<_>)| key.is_some() && !all[..index].contains(key);
            if !all.iter().enumerate().all(is_once) {
                return Err(walk.doubt("live items without keys, or twice"));
            }
            Ok(items.len())
        })
    }

    /// The live items beside a declared list that merges.
    fn live_items(
        &self,
        declared: &[Value],
        live: Option<&'a Value>,
        empty: Empty,
    ) -> Result<&'a [Value], Doubt> {
        match live {
            Some(Value::Array(items)) => Ok(items),
            None if declared.is_empty() && empty == Empty::Dropped => Ok(&[]),
            _ => Err(self.doubt("a list that is not there")),
        }
    }

    /// The items that managed fields name, parsed: texts of the server may be escaped otherwise than ours.
    fn owned_items(
        &self,
        owned: &'a Map<String, Value>,
        prefix: &str,
    ) -> Result<Vec<(Value, &'a Value)>, Doubt> {
        owned
            .iter()
            .filter(|(step, _)| *step != ".")
            .map(|(step, below)| {
                let text = step.strip_prefix(prefix)?;
                Some((serde_json::from_str(text).ok()?, below))
            })
            .collect::<Option<_>>()
            .ok_or_else(|| self.doubt("fields of an unknown form"))
    }

    /// Whether somebody else owns the value that the walk is at.
    fn is_shared(&self) -> bool {
        self.others.iter().any(|fields| {
            let mut at = Some(*fields);
            for step in &self.path {
                at = at.and_then(|fields| descend(fields, step));
            }
            at.is_some()
        })
    }
}

fn descend<'v>(fields: &'v Value, step: &Step<'_>) -> Option<&'v Value> {
    match step {
        Step::Field(name) => fields.get(format!("f:{name}")),
        Step::Item(key) => fields.as_object()?.iter().find_map(|(step, below)| {
            let text = step.strip_prefix("k:")?;
            let other: Value = serde_json::from_str(text).ok()?;
            (other.as_object() == Some(key)).then_some(below)
        }),
    }
}

/// The keys of an item, what a missing one stands for included; `None` when it has none, or a null.
fn key_of(item: &Value, keys: &[(&str, Option<std::borrow::Cow<'_, Value>>)]) -> Option<Map<String, Value>> {
    let item = item.as_object()?;
    let mut key = Map::new();
    for (name, default) in keys {
        let value = item.get(*name).or(default.as_deref());
        match value {
            Some(Value::Null | Value::Object(_) | Value::Array(_)) => return None,
            Some(value) => {
                key.insert((*name).to_owned(), value.clone());
            }
            None => {}
        }
    }
    (!key.is_empty()).then_some(key)
}
