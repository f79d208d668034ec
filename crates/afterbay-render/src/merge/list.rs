//! Lists that merge: items of object and patch are paired by the values of their keys.
//!
//! The steps are those of kustomize, oddities included, because each of them shows in results: the patch's items come
//! first; what an object's item lacks of several keys, another may lend it; and an item without its only key takes the
//! whole list before it along. Lists in which nothing of this can happen, nearly all, are merged by an index instead.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::mem;

use afterbay_manifest::{KeyPath, Node, Provenance, Scalar, Value};

use super::error::MergeError;
use super::schema::Below;
use super::strategic::{Merger, Origin, Out, is_empty};

/// How many items two lists may have together when each is compared with each.
const LIMIT: usize = 2_000;

/// The items of both lists, told apart by number: one item may be in both, and in one of them twice.
struct Pool {
    items: Vec<Node>,
}

/// The items that stand for each other have the same values under these keys.
struct Match<'k> {
    keys: Vec<&'k str>,
    values: Vec<String>,
}

impl Merger<'_> {
    /// Merges the items of a list of the object with those of the patch.
    pub(super) fn items(
        &self,
        target: &mut Node,
        origin: Origin<'_>,
        keys: &[Box<str>],
        item: Option<Below>,
    ) -> Result<(), MergeError> {
        let Value::Sequence(there) = &mut target.value else {
            return Ok(());
        };
        let (coming, with_itself) = match origin {
            Origin::Nothing => (Vec::new(), false),
            Origin::Itself => (Vec::new(), true),
            Origin::Patch(patch) => match &mut patch.value {
                Value::Sequence(items) => (items.clone(), false),
                _ => (Vec::new(), false),
            },
        };
        let there = mem::take(there);
        let result = match keys {
            [key] if is_simple(&there, key) && is_simple(&coming, key) => {
                self.by_index(there, coming, with_itself, key, item)?
            }
            [] => self.by_comparison(there, coming, with_itself, &[""], item)?,
            keys => {
                let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
                self.by_comparison(there, coming, with_itself, &keys, item)?
            }
        };
        target.value = Value::Sequence(result);
        Ok(())
    }

    /// Merges lists in which every item has the key, as a text that no other item of its list has.
    fn by_index(
        &self,
        there: Vec<Node>,
        mut coming: Vec<Node>,
        with_itself: bool,
        key: &str,
        item: Option<Below>,
    ) -> Result<Vec<Node>, MergeError> {
        let mut rest: HashMap<String, usize> = there
            .iter()
            .enumerate()
            .map(|(index, node)| (value(node, key).into_owned(), index))
            .collect();
        let mut there: Vec<Option<Node>> = there.into_iter().map(Some).collect();
        let mut merged = Vec::with_capacity(there.len() + coming.len());
        for change in &mut coming {
            let name = value(change, key).into_owned();
            let index = rest.remove(&name);
            let mut target = index.and_then(|index| there.get_mut(index)?.take());
            let out = self.walk(target.as_mut(), Origin::Patch(&mut *change), item)?;
            match out {
                Out::Target => merged.extend(target.filter(|target| !is_empty(target))),
                // What the object had comes back when the list is put together.
                Out::Patch if !is_empty(change) => merged.push(target.unwrap_or_else(|| change.clone())),
                Out::Patch | Out::Cleared | Out::Kept => {}
            }
        }
        for mut target in there.into_iter().flatten() {
            let origin = if with_itself {
                Origin::Itself
            } else {
                Origin::Nothing
            };
            if self.walk(Some(&mut target), origin, item)? == Out::Target && !is_empty(&target) {
                merged.push(target);
            }
        }
        Ok(merged)
    }

    /// Merges any two lists, by several keys or by none.
    fn by_comparison(
        &self,
        there: Vec<Node>,
        coming: Vec<Node>,
        with_itself: bool,
        keys: &[&str],
        item: Option<Below>,
    ) -> Result<Vec<Node>, MergeError> {
        let count = there.len() + coming.len();
        if count > LIMIT {
            return Err(MergeError::TooLong {
                path: KeyPath::root(),
                items: count,
                limit: LIMIT,
            });
        }
        let mut list: Vec<usize> = (0..there.len()).collect();
        let changes: Vec<usize> = (there.len()..count).collect();
        let mut pool = Pool {
            items: there.into_iter().chain(coming).collect(),
        };
        let mut all = pool.values(&changes, &list, keys);
        if keys.len() > 1 {
            lend_values(&mut all);
        }
        let usable = usable_keys(&all, keys);
        let mut merged = Vec::with_capacity(count);
        for values in &all {
            let values: Vec<String> = if usable.len() == keys.len() {
                values.clone()
            } else {
                let used = keys.iter().zip(values).filter(|(key, _)| usable.contains(key));
                used.map(|(_, value)| value.clone()).collect()
            };
            let wanted = Match {
                keys: usable.clone(),
                values,
            };
            let target = pool.find(&list, &wanted);
            let change = if with_itself {
                target
            } else {
                pool.find(&changes, &wanted)
            };
            let result = self.walk_pair(&mut pool, target, change, with_itself, item)?;
            let result = result.filter(|number| !is_empty(&pool.items[*number]));
            let Some(result) = result else {
                for _ in &wanted.keys {
                    list = put(&pool, &list, None, &wanted)?;
                }
                continue;
            };
            pool.complete(result, &wanted);
            merged = put(&pool, &merged, Some(result), &wanted)?;
        }
        if !all.is_empty() {
            for number in list {
                merged = append(&pool, merged, number, &usable)?;
            }
            list = merged;
        }
        Ok(list
            .into_iter()
            .map(|number| pool.items[number].clone())
            .collect())
    }

    /// Merges an item of the object with one of the patch, and says which of the two is the result.
    fn walk_pair(
        &self,
        pool: &mut Pool,
        target: Option<usize>,
        change: Option<usize>,
        with_itself: bool,
        item: Option<Below>,
    ) -> Result<Option<usize>, MergeError> {
        let mut taken = target.map(|number| pool.take(number));
        let mut brought = change
            .filter(|number| Some(*number) != target)
            .map(|number| pool.take(number));
        let origin = match brought.as_mut() {
            Some(brought) => Origin::Patch(brought),
            None if with_itself => Origin::Itself,
            None => Origin::Nothing,
        };
        let out = if taken.is_none() && brought_is_missing(&origin) {
            Ok(Out::Cleared)
        } else {
            self.walk(taken.as_mut(), origin, item)
        };
        for (number, node) in [(target, taken), (change, brought)] {
            if let (Some(number), Some(node)) = (number, node) {
                pool.items[number] = node;
            }
        }
        Ok(match out? {
            Out::Cleared | Out::Kept => None,
            Out::Target => target,
            Out::Patch => change,
        })
    }
}

/// Puts an item at the end of the list, or in place of those it matches.
fn append(pool: &Pool, mut list: Vec<usize>, number: usize, keys: &[&str]) -> Result<Vec<usize>, MergeError> {
    let node = &pool.items[number];
    if keys == [""] {
        let wanted = Match {
            keys: keys.to_vec(),
            values: vec![text(node).into_owned()],
        };
        return put(pool, &list, Some(number), &wanted);
    }
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        if !node.stands_for_null() && node.as_mapping().is_none() {
            return Err(no_map(node, key));
        }
        match node.get(key) {
            Some(value) => values.push(text(value).into_owned()),
            None => list.push(number),
        }
    }
    let wanted = Match {
        keys: keys.to_vec(),
        values,
    };
    if keys.len() > 1 {
        list = put(pool, &list, None, &wanted)?;
    }
    put(pool, &list, Some(number), &wanted)
}

/// The list with an item in place of every one that matches, or at its end if none does; without an item, the list
/// without those that match. Empty items go away. An empty value matches every value.
fn put(
    pool: &Pool,
    list: &[usize],
    item: Option<usize>,
    wanted: &Match<'_>,
) -> Result<Vec<usize>, MergeError> {
    let for_maps = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    let for_maps =
        for_maps(wanted.keys.first().copied()) && for_maps(wanted.values.first().map(String::as_str));
    let mut result = Vec::with_capacity(list.len() + 1);
    let mut found = false;
    for number in list {
        let node = &pool.items[*number];
        if is_empty(node) {
            continue;
        }
        if for_maps && node.as_mapping().is_none() {
            result.push(*number);
            continue;
        }
        if is_match(node, wanted)? {
            found = true;
            result.extend(item);
        } else if !wanted.values.is_empty() {
            result.push(*number);
        }
    }
    if let Some(item) = item.filter(|item| !found && !pool.items[*item].stands_for_null()) {
        result.push(item);
    }
    Ok(result)
}

/// Whether an item has the values. Of a key without a value, what the key before it found counts.
fn is_match(node: &Node, wanted: &Match<'_>) -> Result<bool, MergeError> {
    let mut found = false;
    for (index, key) in wanted.keys.iter().enumerate() {
        if let Some(value) = wanted.values.get(index) {
            found = if key.is_empty() {
                if matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) {
                    return Err(no_map(node, key));
                }
                text(node) == value.as_str()
            } else if node.as_mapping().is_none() {
                return Err(no_map(node, key));
            } else {
                node.get(key)
                    .is_some_and(|there| value.is_empty() || text(there) == value.as_str())
            };
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

fn no_map(node: &Node, key: &str) -> MergeError {
    MergeError::Item {
        position: node.position,
        path: KeyPath::root(),
        key: if key.is_empty() { "value" } else { key }.to_owned(),
        found: node.kind_name(),
    }
}

fn brought_is_missing(origin: &Origin<'_>) -> bool {
    !matches!(origin, Origin::Patch(_))
}

impl Pool {
    /// The values of the keys in all items, the patch's first, each once.
    fn values(&self, changes: &[usize], list: &[usize], keys: &[&str]) -> Vec<Vec<String>> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for number in changes.iter().chain(list) {
            let node = &self.items[*number];
            let values: Vec<String> = keys
                .iter()
                .map(|key| {
                    if key.is_empty() {
                        text(node).into_owned()
                    } else {
                        value(node, key).into_owned()
                    }
                })
                .collect();
            if seen.insert(values.clone()) {
                all.push(values);
            }
        }
        all
    }

    /// The first item that has the values; a key without a value is left out, unless none has one.
    fn find(&self, list: &[usize], wanted: &Match<'_>) -> Option<usize> {
        let with_value = wanted.values.iter().any(|value| !value.is_empty());
        let pairs: Vec<(&str, &str)> = wanted
            .keys
            .iter()
            .zip(&wanted.values)
            .filter(|(_, value)| !with_value || !value.is_empty())
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        list.iter().copied().find(|number| {
            let node = &self.items[*number];
            pairs.iter().all(|(key, value)| {
                if key.is_empty() {
                    text(node) == *value
                } else {
                    node.get(key).is_some_and(|there| text(there) == *value)
                }
            })
        })
    }

    fn take(&mut self, number: usize) -> Node {
        mem::replace(&mut self.items[number], Node::plain(Scalar::Null))
    }

    /// Gives an item the keys that it lacks.
    fn complete(&mut self, number: usize, wanted: &Match<'_>) {
        for (key, value) in wanted.keys.iter().zip(&wanted.values) {
            let lacks = self.items[number]
                .as_mapping()
                .is_some_and(|entries| !entries.contains_key(*key));
            if value.is_empty() || !lacks {
                continue;
            }
            let lenders = self.items.iter().filter_map(|item| item.get(key));
            let provenance = lenders
                .filter(|lender| text(lender) == value.as_str())
                .fold(Provenance::PLAIN, |sum, lender| sum.union(&lender.provenance));
            let mut node = Node {
                provenance,
                ..Node::plain(value.as_str())
            };
            node.quote_if_ambiguous();
            if let Some(entries) = self.items[number].as_mapping_mut() {
                entries.insert((*key).to_owned(), node);
            }
        }
    }
}

/// Two items that agree in one key, and of which one lacks the other key, are taken for the same. What an item lends or
/// borrows counts for the items after it only.
fn lend_values(all: &mut [Vec<String>]) {
    for left in 0..all.len() {
        let one = all[left].clone();
        for right in 0..all.len() {
            if let Some(both) = agree(&one, &all[right]) {
                all[left].clone_from(&both);
                all[right] = both;
            }
        }
    }
}

fn agree(left: &[String], right: &[String]) -> Option<Vec<String>> {
    let mut have_common = false;
    let mut both = Vec::with_capacity(left.len());
    for (left, right) in left.iter().zip(right) {
        if left == right {
            have_common = true;
        } else if !left.is_empty() && !right.is_empty() {
            return None;
        }
        both.push(if left.is_empty() { right } else { left }.clone());
    }
    have_common.then_some(both)
}

/// The keys for which some item has a value; all of them if none has.
fn usable_keys<'k>(all: &[Vec<String>], keys: &[&'k str]) -> Vec<&'k str> {
    let usable: Vec<&str> = keys
        .iter()
        .enumerate()
        .filter(|(index, _)| {
            all.iter()
                .any(|values| values.get(*index).is_some_and(|value| !value.is_empty()))
        })
        .map(|(_, key)| *key)
        .collect();
    if usable.is_empty() { keys.to_vec() } else { usable }
}

/// Whether every item is a map with a text under the key that is there once.
fn is_simple(items: &[Node], key: &str) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| {
        let Some(Value::Scalar(scalar)) = item.get(key).map(|node| &node.value) else {
            return false;
        };
        let name = value(item, key);
        *scalar != Scalar::Null && !name.is_empty() && seen.insert(name)
    })
}

/// The text of a field that is a scalar; empty for everything else, `null` included.
fn value<'n>(node: &'n Node, key: &str) -> Cow<'n, str> {
    match node.get(key) {
        Some(there) if !there.stands_for_null() => text(there),
        _ => Cow::Borrowed(""),
    }
}

/// The text of a scalar as spelled; empty for lists and maps.
fn text(node: &Node) -> Cow<'_, str> {
    node.expose_spelling().unwrap_or_default()
}
