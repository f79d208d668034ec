//! The part of an object that is sent of an ignored field, so that an apply leaves it as it is.

use serde_json::{Map, Value};

use super::Pointer;

/// Who owns what of a live object, as `FieldsV1` tries.
pub(crate) struct Ownership<'v> {
    /// What is ours, and what becomes so before the apply.
    pub(crate) ours: Vec<&'v Value>,
    /// What others apply too.
    pub(crate) appliers: Vec<&'v Value>,
    /// What anybody else has.
    pub(crate) rest: Vec<&'v Value>,
}

/// A pointer as the server sees it: items of lists by what identifies them.
type Steps = Vec<Step>;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// The step of the trie, and the fields that identify the item.
    Item(String, Map<String, Value>),
}

/// Puts into the body, in the place of each ignored field, what leaves it as it is. Returns the pointers that could not be heeded.
pub(crate) fn spare(
    body: &mut Value,
    live: &Value,
    ownership: &Ownership<'_>,
    pointers: &[Pointer],
) -> Vec<Pointer> {
    let (found, unheeded) = resolve_all(body, ownership, pointers);
    for steps in found {
        let kept = kept_at(live, ownership, &steps);
        set(body, &steps, kept);
    }
    unheeded
}

/// Makes the ignored fields of the outcome of a dry-run what they are in the live object, whatever a webhook or a default made of
/// them, so that they are no difference.
pub(crate) fn settle(
    outcome: &mut Value,
    desired: &Value,
    live: &Value,
    ownership: &Ownership<'_>,
    pointers: &[Pointer],
) {
    let (found, _) = resolve_all(desired, ownership, pointers);
    for steps in found {
        let value = steps.iter().try_fold(live, |value, step| below(value, step));
        set(outcome, &steps, value.cloned());
    }
}

fn resolve_all(body: &Value, ownership: &Ownership<'_>, pointers: &[Pointer]) -> (Vec<Steps>, Vec<Pointer>) {
    let all: Vec<&Value> = [&ownership.ours, &ownership.appliers, &ownership.rest]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let (mut found, mut unheeded) = (Vec::new(), Vec::new());
    for pointer in pointers {
        match resolve(body, &all, pointer.keys()) {
            Resolved::Steps(steps) => found.push(steps),
            // An item that is not there yet is created whole, as an object is.
            Resolved::New => {}
            Resolved::Nameless => unheeded.push(pointer.clone()),
        }
    }
    (found, unheeded)
}

enum Resolved {
    Steps(Steps),
    New,
    /// An item of a list that the server replaces as a whole.
    Nameless,
}

fn resolve(body: &Value, all: &[&Value], keys: &[String]) -> Resolved {
    let (mut value, mut tries) = (Some(body), all.to_vec());
    let mut steps = Vec::new();
    for key in keys {
        let step = match value {
            Some(Value::Array(items)) => {
                let Some(item) = key.parse().ok().and_then(|index: usize| items.get(index)) else {
                    return Resolved::New;
                };
                let mut entries = tries
                    .iter()
                    .filter_map(|trie| trie.as_object())
                    .flat_map(Map::keys)
                    .filter_map(|step| Some((step, identity(step)?)))
                    .peekable();
                if entries.peek().is_none() {
                    return Resolved::Nameless;
                }
                match entries.find(|(_, identity)| is(item, identity)) {
                    Some((step, identity)) => Step::Item(step.clone(), identity),
                    None => return Resolved::New,
                }
            }
            _ => Step::Field(key.clone()),
        };
        value = value.and_then(|value| below(value, &step));
        tries = descend(&tries, &step);
        steps.push(step);
    }
    Resolved::Steps(steps)
}

/// The live values of what is ours at a place; `None` where nothing is.
fn kept_at(live: &Value, ownership: &Ownership<'_>, steps: &Steps) -> Option<Value> {
    let (mut ours, mut appliers) = (ownership.ours.clone(), ownership.appliers.clone());
    let mut value = live;
    for step in steps {
        value = below(value, step)?;
        ours = descend(&ours, step);
        appliers = descend(&appliers, step);
    }
    let mut kept = kept(value, &ours, &appliers);
    if let (Some(Step::Item(_, identity)), Some(Value::Object(item))) = (steps.last(), &mut kept) {
        item.extend(identity.clone());
    }
    kept
}

fn kept(live: &Value, ours: &[&Value], appliers: &[&Value]) -> Option<Value> {
    if ours.is_empty() {
        return None;
    }
    let mut steps: Vec<&String> = ours
        .iter()
        .filter_map(|trie| trie.as_object())
        .flat_map(Map::keys)
        .collect();
    steps.sort();
    steps.dedup();
    // A value that is owned as a whole.
    if steps.is_empty() {
        return appliers.is_empty().then(|| live.clone());
    }
    let owns_itself = steps.iter().any(|step| *step == ".") && appliers.is_empty();
    match live {
        Value::Object(_) => {
            let mut entries = Map::new();
            for name in steps.iter().filter_map(|step| step.strip_prefix("f:")) {
                let step = Step::Field(name.to_owned());
                let value = below(live, &step)
                    .and_then(|value| kept(value, &descend(ours, &step), &descend(appliers, &step)));
                entries.extend(value.map(|value| (name.to_owned(), value)));
            }
            (owns_itself || !entries.is_empty()).then_some(Value::Object(entries))
        }
        Value::Array(items) => {
            let items: Vec<Value> = items
                .iter()
                .filter_map(|item| kept_item(item, &steps, ours, appliers))
                .collect();
            (owns_itself || !items.is_empty()).then_some(Value::Array(items))
        }
        _ => None,
    }
}

fn kept_item(item: &Value, steps: &[&String], ours: &[&Value], appliers: &[&Value]) -> Option<Value> {
    for step in steps {
        if let Some(identity) = identity(step) {
            if is(item, &identity) {
                let below = |tries: &[&'_ Value]| -> Vec<Value> {
                    tries
                        .iter()
                        .filter_map(|trie| trie.get(step.as_str()).cloned())
                        .collect()
                };
                let (ours, appliers) = (below(ours), below(appliers));
                let mut kept = kept(
                    item,
                    &ours.iter().collect::<Vec<_>>(),
                    &appliers.iter().collect::<Vec<_>>(),
                )?;
                if let Some(kept) = kept.as_object_mut() {
                    kept.extend(identity);
                }
                return Some(kept);
            }
        } else if let Some(value) = step.strip_prefix("v:")
            && serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item)
        {
            let is_applied = appliers.iter().any(|trie| trie.get(step.as_str()).is_some());
            return (!is_applied).then(|| item.clone());
        }
    }
    None
}

/// Sets a value, or takes it away. What is above it is made where there is something to set.
fn set(into: &mut Value, steps: &[Step], value: Option<Value>) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    match (step, into) {
        (Step::Field(key), Value::Object(entries)) => {
            if !rest.is_empty() {
                if value.is_some() || entries.contains_key(key) {
                    let below = entries.entry(key).or_insert_with(|| Value::Object(Map::new()));
                    set(below, rest, value);
                }
            } else if let Some(value) = value {
                entries.insert(key.clone(), value);
            } else {
                entries.shift_remove(key);
            }
        }
        (Step::Item(_, identity), Value::Array(items)) => {
            let Some(index) = items.iter().position(|item| is(item, identity)) else {
                return;
            };
            if !rest.is_empty() {
                set(&mut items[index], rest, value);
            } else if let Some(value) = value {
                items[index] = value;
            } else {
                items.remove(index);
            }
        }
        _ => {}
    }
}

fn below<'v>(value: &'v Value, step: &Step) -> Option<&'v Value> {
    match step {
        Step::Field(key) => value.get(key),
        Step::Item(_, identity) => value.as_array()?.iter().find(|item| is(item, identity)),
    }
}

fn descend<'v>(tries: &[&'v Value], step: &Step) -> Vec<&'v Value> {
    let key = match step {
        Step::Field(key) => format!("f:{key}"),
        Step::Item(key, _) => key.clone(),
    };
    tries.iter().filter_map(|trie| trie.get(&key)).collect()
}

/// The fields that identify an item, of a step such as `k:{"name":"web"}`.
fn identity(step: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(step.strip_prefix("k:")?).ok()
}

/// Whether an item is the one that these fields identify. A key that has a default need not be written.
fn is(item: &Value, identity: &Map<String, Value>) -> bool {
    identity.iter().all(|(key, value)| match item.get(key) {
        Some(found) => found == value,
        None => key == "protocol" && value == "TCP",
    })
}
