//! Substitution in one object: by way of its text, so that a value decides about types and quoting as it does in Flux.

use std::collections::{BTreeSet, HashMap};

use afterbay_manifest::yaml::{self, Element, ElementKind, Item, Pair, Table};
use afterbay_manifest::{KeyPath, Node, Position, Provenance, Scalar, Value};

use super::expand::{Expansion, Touched, expand};
use super::{SubstituteError, Variables, template};
use crate::json_trip::through_json;

/// The label, or annotation, by which an object is left alone.
const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";
const OFF: &str = "disabled";

/// How substitution is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a variable that is not set is an error. Otherwise it is empty.
    pub strict: bool,
    /// Whether it is done without any variables, too, for the sake of defaults.
    pub always: bool,
    /// Whether leaves with sealed values take part, as in Flux. Otherwise they stay as they are, and `${` in a secret
    /// neither stands for something nor gets in the way.
    pub in_sealed: bool,
}

impl Default for Options {
    /// As Flux's controller: strict, and not without variables; but sealed leaves take no part.
    fn default() -> Self {
        Self {
            strict: true,
            always: false,
            in_sealed: false,
        }
    }
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took no part: there are no variables, or its label or annotation says so.
    Unchanged,
    /// It went through substitution.
    Substituted,
}

/// Substitutes in an object. On an error it stays as it was.
///
/// A leaf that a sealed value touches takes over its provenance. Where a sealed value changes which fields there are, strict
/// substitution refuses; otherwise every leaf of the object takes it over.
pub fn substitute(
    object: &mut Node,
    variables: &Variables,
    options: Options,
) -> Result<Outcome, SubstituteError> {
    if is_switched_off(object) || (variables.is_empty() && !options.always) {
        return Ok(Outcome::Unchanged);
    }
    // What is wrong with a text that sealed values stand in may quote them: the name of a variable is a part of the value.
    let opened = if options.in_sealed {
        provenance(object)
    } else {
        Provenance::PLAIN
    };
    match substitute_in(object, variables, options, &opened) {
        Err(_) if !opened.is_plain() => Err(SubstituteError::InSealed),
        outcome => outcome,
    }
}

/// `opened` is the provenance of the sealed values that take part.
fn substitute_in(
    object: &mut Node,
    variables: &Variables,
    options: Options,
    opened: &Provenance,
) -> Result<Outcome, SubstituteError> {
    let mut open = object.clone();
    let sealed = if options.in_sealed {
        Sealed::default()
    } else {
        Sealed::take_out(&mut open, variables)
    };
    let text = yaml::emit_sorted([&open]);
    if !text.contains('$') {
        through_json(object);
        return Ok(Outcome::Substituted);
    }
    let expansion = expanded(&text, variables, options.strict)?;
    let (mut result, has_references) = read(&expansion)?;
    through_json(&mut result);
    // An alias repeats a value elsewhere, which lines do not tell.
    let is_same_shape = is_same_shape(&open, &result) && !has_references;
    let is_sealed = !expansion.touched.is_empty() || !opened.is_plain();
    if !is_same_shape && options.strict && is_sealed {
        return Err(SubstituteError::Structure {
            names: sealed_names(&expansion, variables),
        });
    }
    mark(&mut result, &expansion.touched, is_same_shape);
    if is_same_shape {
        place(&mut result, object);
    } else {
        place_at(&mut result, object.position);
        each_leaf(&mut result, &mut |leaf| {
            leaf.provenance = leaf.provenance.union(opened);
        });
    }
    if sealed.put_back(&mut result) != sealed.leaves.len() {
        return Err(failed(&expansion, "has lost a value that was sealed"));
    }
    *object = result;
    Ok(Outcome::Substituted)
}

/// The union over all leaves.
fn provenance(object: &Node) -> Provenance {
    let mut all = Provenance::PLAIN;
    object.leaves(&mut |_, leaf| all = all.union(&leaf.provenance));
    all
}

fn is_switched_off(object: &Node) -> bool {
    ["labels", "annotations"].iter().any(|field| {
        let value = object.at(&["metadata", field, SWITCH]);
        value.and_then(Node::as_plain_str) == Some(OFF)
    })
}

fn expanded(text: &str, variables: &Variables, strict: bool) -> Result<Expansion, SubstituteError> {
    let pieces = template::parse(text).map_err(|error| SubstituteError::Template {
        path: path_at(text, error.start),
        problem: error.kind.message().to_owned(),
    })?;
    let expansion = expand(&pieces, variables, strict).map_err(|error| SubstituteError::Function {
        path: path_at(text, error.start),
        problem: error.problem,
    })?;
    if expansion.missing.is_empty() {
        return Ok(expansion);
    }
    Err(SubstituteError::Missing {
        names: expansion.missing.into_iter().collect(),
    })
}

/// The leaf that stands at an offset of an object's text.
fn path_at(text: &str, offset: usize) -> String {
    let line = 1 + text[..offset].bytes().filter(|byte| *byte == b'\n').count();
    let mut found = KeyPath::root();
    let root = yaml::parse(text.as_bytes())
        .ok()
        .and_then(|documents| documents.first()?.resolve(Table::Kubectl).ok()?);
    if let Some(root) = root {
        root.leaves(&mut |path, leaf| {
            if usize::try_from(leaf.position.line).is_ok_and(|start| start <= line) {
                found = path.clone();
            }
        });
    }
    found.to_string()
}

/// The object that a text is, by YAML 1.1, and whether there are anchors or aliases in it. The reader's own message may
/// quote a value, so it is not passed on.
fn read(expansion: &Expansion) -> Result<(Node, bool), SubstituteError> {
    let documents = yaml::parse(expansion.text.as_bytes()).map_err(|_| failed(expansion, "is no YAML"))?;
    let document = documents.first().ok_or_else(|| failed(expansion, "is empty"))?;
    match document.resolve(Table::Kubectl) {
        Err(_) => Err(failed(expansion, "is no YAML")),
        Ok(Some(node)) if node.as_mapping().is_some() => {
            Ok((node, document.root.as_ref().is_some_and(has_references)))
        }
        Ok(_) => Err(failed(expansion, "is no map")),
    }
}

/// Whether there is an anchor or alias. The writer makes none, so it came with a value.
fn has_references(element: &Element) -> bool {
    element.anchor.is_some()
        || match &element.kind {
            ElementKind::Text(_) | ElementKind::Opened(..) => false,
            ElementKind::Alias(_) => true,
            ElementKind::Sequence(items) => items.iter().any(|item| match item {
                Item::Element(element) => has_references(element),
                Item::Comment(_) => false,
            }),
            ElementKind::Mapping(pairs) => pairs.iter().any(|pair| match pair {
                Pair::Entry { key, value } => has_references(key) || has_references(value),
                Pair::Comment(_) => false,
            }),
        }
}

fn failed(expansion: &Expansion, problem: &str) -> SubstituteError {
    SubstituteError::Result {
        problem: problem.to_owned(),
        names: expansion.used.iter().cloned().collect(),
    }
}

fn sealed_names(expansion: &Expansion, variables: &Variables) -> Vec<String> {
    let is_sealed = |name: &&String| {
        variables
            .get(name)
            .is_some_and(|variable| !variable.provenance.is_plain())
    };
    expansion.used.iter().filter(is_sealed).cloned().collect()
}

/// Whether two objects have the same fields and as many items.
fn is_same_shape(before: &Node, after: &Node) -> bool {
    match (&before.value, &after.value) {
        (Value::Scalar(_), Value::Scalar(_)) => true,
        (Value::Sequence(before), Value::Sequence(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(before, after)| is_same_shape(before, after))
        }
        (Value::Mapping(before), Value::Mapping(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .all(|(key, before)| after.get(key).is_some_and(|after| is_same_shape(before, after)))
        }
        _ => false,
    }
}

/// Gives every leaf the provenance of what touched its lines, or, if the shape is another, of everything.
fn mark(result: &mut Node, touched: &[Touched], by_line: bool) {
    if touched.is_empty() {
        return;
    }
    let mut starts = Vec::new();
    result.leaves(&mut |_, leaf| starts.push(leaf.position.line));
    let mut index = 0;
    each_leaf(result, &mut |leaf| {
        let first = if by_line { leaf.position.line } else { 0 };
        index += 1;
        // A leaf goes as far as the line before the next one, and at least to the end of its own.
        let next = starts.get(index).copied().filter(|_| by_line);
        let last = next.map_or(u32::MAX, |next| next.saturating_sub(1).max(first));
        let begin = touched.partition_point(|touched| touched.last < first);
        for touched in touched
            .iter()
            .skip(begin)
            .take_while(|touched| touched.first <= last)
        {
            leaf.provenance = leaf.provenance.union(&touched.provenance);
        }
    });
}

fn each_leaf(node: &mut Node, visit: &mut impl FnMut(&mut Node)) {
    match &mut node.value {
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                each_leaf(item, visit);
            }
        }
        Value::Mapping(entries) if !entries.is_empty() => {
            for value in entries.values_mut() {
                each_leaf(value, visit);
            }
        }
        _ => visit(node),
    }
}

/// Takes over the positions of an object of the same shape, and what its own leaves were made of.
fn place(result: &mut Node, before: &Node) {
    result.position = before.position;
    result.provenance = result.provenance.union(&before.provenance);
    match (&mut result.value, &before.value) {
        (Value::Sequence(items), Value::Sequence(before)) => {
            for (item, before) in items.iter_mut().zip(before) {
                place(item, before);
            }
        }
        (Value::Mapping(entries), Value::Mapping(before)) => {
            for (key, value) in entries {
                if let Some(before) = before.get(key) {
                    place(value, before);
                }
            }
        }
        _ => {}
    }
}

fn place_at(node: &mut Node, position: Position) {
    node.position = position;
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(|item| place_at(item, position)),
        Value::Mapping(entries) => entries.values_mut().for_each(|value| place_at(value, position)),
    }
}

/// Sealed leaves, by the text that stands for each.
#[derive(Default)]
struct Sealed {
    leaves: HashMap<String, Node>,
}

impl Sealed {
    /// Puts a text in place of every sealed leaf that no other text holds.
    fn take_out(object: &mut Node, variables: &Variables) -> Self {
        let mut texts = BTreeSet::new();
        object.leaves(&mut |_, leaf| {
            if let Some(text) = leaf.expose_str() {
                texts.insert(text.to_owned());
            }
        });
        texts.extend(variables.0.values().map(|variable| variable.text().to_owned()));
        let is_free = |name: &String| texts.iter().all(|text| !text.contains(name.as_str()));
        // A text holds fewer such names than it has bytes.
        let names = texts.iter().map(String::len).sum();
        let name = (0_usize..=names)
            .map(|number| format!("sealed-{number}-"))
            .find(is_free);
        let name = name.unwrap_or_default();
        let mut leaves = HashMap::new();
        each_leaf(object, &mut |leaf| {
            if !leaf.provenance.is_plain() {
                let text = format!("{name}{}", leaves.len());
                let placeholder = Node {
                    position: leaf.position,
                    ..Node::plain(text.as_str())
                };
                leaves.insert(text, std::mem::replace(leaf, placeholder));
            }
        });
        Self { leaves }
    }

    /// Puts the leaves back, and says how many.
    fn put_back(&self, object: &mut Node) -> usize {
        let mut count = 0;
        each_leaf(object, &mut |leaf| {
            let found = match &leaf.value {
                Value::Scalar(Scalar::String(text)) => self.leaves.get(text),
                _ => None,
            };
            if let Some(sealed) = found {
                *leaf = sealed.clone();
                count += 1;
            }
        });
        count
    }
}
