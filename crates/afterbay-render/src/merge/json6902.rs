//! JSON6902 as kustomize applies it: evanphx/json-patch v4, which is laxer than RFC 6902 in places.
//!
//! `replace` sets a key that is missing; `copy` of a missing key copies `null`; a path without a leading slash loses its
//! first step; an index may be negative and counts from the end, for `add` from behind the end; `test` takes a missing key
//! for `null`. Afterwards the object has gone through JSON: numbers are 64-bit floats, and no text keeps its quotes.

use afterbay_manifest::yaml::MAX_DEPTH;
use afterbay_manifest::{Mapping, Node, Scalar, Spelling, Value};
use serde_json::Value as Json;
use thiserror::Error;

use crate::json_trip::through_json;

/// How many values `copy` may bring into an object; each `copy` can double it.
const MAX_COPIED: usize = 1_000_000;

/// One step of a JSON6902 patch.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    op: Option<String>,
    path: Option<String>,
    from: Option<String>,
    value: Option<Node>,
    /// Whether what it does was sealed: then no message repeats it.
    is_sealed: bool,
}

/// Why a JSON6902 patch cannot be applied. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("operation {number} ({op} {path:?}): {problem}")]
pub struct OperationError {
    /// Which operation, from 1.
    pub number: usize,
    /// Its `op`.
    pub op: String,
    /// Its `path`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

impl Operation {
    /// The operations of a patch: a list of maps. The error says what it is instead.
    ///
    /// What an operation lacks is found when it is applied, as kustomize finds it.
    pub(super) fn list(patch: Node) -> Result<Vec<Self>, String> {
        let found = patch.kind_name();
        let Value::Sequence(items) = patch.value else {
            return match patch.value {
                // Go reads `null` as an empty list.
                Value::Scalar(Scalar::Null) => Ok(Vec::new()),
                _ => Err(format!(
                    "a JSON6902 patch is a list of operations, and this is a {found}"
                )),
            };
        };
        items.into_iter().map(Self::read).collect()
    }

    fn read(item: Node) -> Result<Self, String> {
        let found = item.kind_name();
        let mut fields = match item.value {
            Value::Mapping(fields) => fields,
            Value::Scalar(Scalar::Null) => Mapping::new(),
            _ => {
                return Err(format!(
                    "an operation is a map with op and path, and this is a {found}"
                ));
            }
        };
        let text = |fields: &Mapping, field: &str| fields.get(field)?.expose_str().map(str::to_owned);
        let is_sealed = |field| fields.get(field).is_some_and(|node| !node.provenance.is_plain());
        Ok(Self {
            is_sealed: ["op", "path", "from"].into_iter().any(is_sealed),
            op: text(&fields, "op"),
            path: text(&fields, "path"),
            from: text(&fields, "from"),
            value: fields.shift_remove("value"),
        })
    }

    fn error(&self, number: usize, problem: String) -> OperationError {
        if self.is_sealed {
            return OperationError {
                number,
                op: "encrypted".to_owned(),
                path: "…".to_owned(),
                problem: "it does not fit the object; no more is said of what is encrypted".to_owned(),
            };
        }
        OperationError {
            number,
            op: self.op.clone().unwrap_or_else(|| "no op".to_owned()),
            path: self.path.clone().unwrap_or_default(),
            problem,
        }
    }
}

/// Applies operations to an object, all or, on an error, some of them: then the object is not to be used.
pub fn json6902(target: &mut Node, operations: &[Operation]) -> Result<(), OperationError> {
    let mut copied = 0;
    for (index, operation) in operations.iter().enumerate() {
        run(target, operation, &mut copied).map_err(|problem| operation.error(index + 1, problem))?;
    }
    if target.as_mapping().is_none() {
        return Err(OperationError {
            number: operations.len(),
            op: "replace".to_owned(),
            path: String::new(),
            problem: format!(
                "the object has become a {}, and must be a map",
                target.kind_name()
            ),
        });
    }
    through_json(target);
    Ok(())
}

fn run(target: &mut Node, operation: &Operation, copied: &mut usize) -> Result<(), String> {
    let value = || {
        operation
            .value
            .clone()
            .unwrap_or_else(|| Node::plain(Scalar::Null))
    };
    match operation.op.as_deref() {
        Some("add") => add(target, path(operation)?, value()),
        Some("remove") => remove(target, path(operation)?).map(drop),
        Some("replace") => replace(target, path(operation)?, operation.value.as_ref()),
        Some("move") => {
            let moved = remove(target, from(operation)?)?;
            add(target, path(operation)?, moved)
        }
        Some("copy") => {
            let source = get(target, from(operation)?)?;
            *copied += source.map_or(1, size);
            if *copied > MAX_COPIED {
                return Err(format!(
                    "the patch copies more than {MAX_COPIED} values, which is the limit"
                ));
            }
            let copy = source.cloned().unwrap_or_else(|| Node::plain(Scalar::Null));
            add(target, path(operation)?, copy)
        }
        Some("test") => test(target, path(operation)?, operation.value.as_ref()),
        _ => Err("op must be add, remove, replace, move, copy or test".to_owned()),
    }
}

fn path(operation: &Operation) -> Result<&str, String> {
    operation
        .path
        .as_deref()
        .ok_or_else(|| "it needs a path, as text".to_owned())
}

fn from(operation: &Operation) -> Result<&str, String> {
    operation
        .from
        .as_deref()
        .ok_or_else(|| "it needs from, as text".to_owned())
}

/// A map or list, and a key in it that may be there or not.
struct Spot<'n> {
    parent: &'n mut Node,
    key: String,
}

/// Goes to where a path leads, but for its last step.
fn find<'n>(target: &'n mut Node, path: &str) -> Result<Spot<'n>, String> {
    let steps: Vec<&str> = path.split('/').collect();
    let [_, between @ .., last] = steps.as_slice() else {
        return Err("the path must begin with / and lead to a field".to_owned());
    };
    let mut node = target;
    for step in between {
        let key = unescape(step);
        node = child(node, &key)
            .filter(|child| !matches!(child.value, Value::Scalar(_)))
            .ok_or_else(|| format!("the object has no map or list at {key:?}"))?;
    }
    Ok(Spot {
        parent: node,
        key: unescape(last),
    })
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn child<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Mapping(entries) => entries.get_mut(key),
        Value::Sequence(items) => {
            let index = position(key, items.len()).ok()?;
            items.get_mut(index)
        }
        Value::Scalar(_) => None,
    }
}

/// An index of a list with so many items, from the end if negative. It may be too large.
fn position(key: &str, items: usize) -> Result<usize, String> {
    // Go takes a plus sign, as Rust does.
    let index: i64 = key
        .parse()
        .map_err(|_| format!("{key:?} is no index of a list"))?;
    match usize::try_from(index) {
        Ok(index) => Ok(index),
        Err(_) => usize::try_from(index.unsigned_abs())
            .ok()
            .and_then(|back| items.checked_sub(back))
            .ok_or_else(|| out_of_range(key)),
    }
}

fn out_of_range(key: &str) -> String {
    format!("the list has no item {key}")
}

/// How many values a value holds, itself included.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries.values().map(size).sum(),
    }
}

/// How many lists and maps are nested in a value.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
    }
}

/// Every tree is walked by recursion, so none may become deeper than one that was read.
fn check_depth(path: &str, value: &Node) -> Result<(), String> {
    if path.split('/').count() + depth(value) > MAX_DEPTH {
        return Err(format!(
            "it would nest lists and maps more than {MAX_DEPTH} levels deep, which is the limit"
        ));
    }
    Ok(())
}

fn add(target: &mut Node, path: &str, value: Node) -> Result<(), String> {
    check_depth(path, &value)?;
    let Spot { parent, key } = find(target, path)?;
    match &mut parent.value {
        Value::Mapping(entries) => {
            entries.insert(key, value);
        }
        Value::Sequence(items) if key == "-" => items.push(value),
        Value::Sequence(items) => {
            let index = position(&key, items.len() + 1)?;
            if index > items.len() {
                return Err(out_of_range(&key));
            }
            items.insert(index, value);
        }
        Value::Scalar(_) => return Err(format!("the object has no map or list to hold {key:?}")),
    }
    Ok(())
}

fn remove(target: &mut Node, path: &str) -> Result<Node, String> {
    let Spot { parent, key } = find(target, path)?;
    match &mut parent.value {
        Value::Mapping(entries) => entries
            .shift_remove(&key)
            .ok_or_else(|| format!("the object has no {key:?} there")),
        Value::Sequence(items) => {
            let index = position(&key, items.len())?;
            if index >= items.len() {
                return Err(out_of_range(&key));
            }
            Ok(items.remove(index))
        }
        Value::Scalar(_) => Err(format!("the object has no map or list that holds {key:?}")),
    }
}

fn replace(target: &mut Node, path: &str, value: Option<&Node>) -> Result<(), String> {
    if path.is_empty() {
        let whole = value.filter(|value| !matches!(value.value, Value::Scalar(_)));
        *target = whole
            .ok_or("the whole object can be replaced by a map only")?
            .clone();
        return Ok(());
    }
    let value = value.cloned().unwrap_or_else(|| Node::plain(Scalar::Null));
    check_depth(path, &value)?;
    let Spot { parent, key } = find(target, path)?;
    match &mut parent.value {
        Value::Mapping(entries) => {
            entries.insert(key, value);
        }
        Value::Sequence(items) => {
            let index = position(&key, items.len())?;
            *items.get_mut(index).ok_or_else(|| out_of_range(&key))? = value;
        }
        Value::Scalar(_) => return Err(format!("the object has no map or list that holds {key:?}")),
    }
    Ok(())
}

/// The value at a path; `None` for a key that a map lacks.
fn get<'n>(target: &'n mut Node, path: &str) -> Result<Option<&'n Node>, String> {
    let Spot { parent, key } = find(target, path)?;
    match &parent.value {
        Value::Mapping(entries) => Ok(entries.get(&key)),
        Value::Sequence(items) => {
            let index = position(&key, items.len())?;
            items.get(index).map(Some).ok_or_else(|| out_of_range(&key))
        }
        Value::Scalar(_) => Err(format!("the object has no map or list that holds {key:?}")),
    }
}

fn test(target: &mut Node, path: &str, value: Option<&Node>) -> Result<(), String> {
    let there = if path.is_empty() {
        Some(&*target)
    } else {
        get(target, path)?
    };
    let there = there.filter(|node| !node.is_null());
    let wanted = value.filter(|node| !node.is_null());
    let is_same = match (there, wanted) {
        (None, None) => true,
        (Some(there), Some(wanted)) => same(there, wanted),
        _ => false,
    };
    if is_same {
        Ok(())
    } else {
        Err("the value there is another one".to_owned())
    }
}

/// Whether a value is the one that a patch wants. Numbers are compared by how JSON spells them: `1.0` is not `1`.
fn same(there: &Node, wanted: &Node) -> bool {
    match (&there.value, &wanted.value) {
        (Value::Mapping(there), Value::Mapping(wanted)) => {
            let is_same =
                |(key, wanted): (&String, &Node)| there.get(key).is_some_and(|there| same(there, wanted));
            there.len() == wanted.len() && wanted.iter().all(is_same)
        }
        (Value::Sequence(there), Value::Sequence(wanted)) => {
            // kustomize crashes on a null in a list here.
            let is_same = |(there, wanted): (&Node, &Node)| !wanted.is_null() && same(there, wanted);
            there.len() == wanted.len() && there.iter().zip(wanted).all(is_same)
        }
        (Value::Scalar(_), Value::Scalar(_)) => match (there.expose_json(), wanted.expose_json()) {
            (Json::Number(there), Json::Number(number)) => match &wanted.spelling {
                Spelling::As(text) => **text == *there.to_string(),
                _ => there.to_string() == number.to_string(),
            },
            (there, wanted) => there == wanted,
        },
        _ => false,
    }
}
