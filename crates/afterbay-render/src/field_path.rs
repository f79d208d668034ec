//! Paths of fields as `replacements` and `vars` write them: `spec.ports.[name=http].port`, `data.config\.yaml`, `spec.*.image`.

use std::borrow::Cow;

use afterbay_manifest::{Mapping, Node, Scalar, Spelling, Value};
use regex::Regex;

use crate::fieldspec::split_path;
use crate::go;

/// What a missing last field is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Scalar,
    Sequence,
    Mapping,
}

impl Form {
    /// The form of a value.
    pub(crate) fn of(node: &Node) -> Self {
        match node.value {
            Value::Scalar(_) => Self::Scalar,
            Value::Sequence(_) => Self::Sequence,
            Value::Mapping(_) => Self::Mapping,
        }
    }

    fn empty(self) -> Node {
        match self {
            Self::Scalar => Node::plain(Scalar::Null),
            Self::Sequence => Node::plain(Vec::new()),
            Self::Mapping => Node::plain(Mapping::new()),
        }
    }
}

/// Splits a path at its dots; what stands in brackets is one step, and `\.` is a dot in a key.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut parts = split_path(path, '.').into_iter();
    let mut steps = Vec::new();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            steps.push(part);
            continue;
        }
        let mut step = part;
        for more in parts.by_ref() {
            step.push('.');
            step.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        if !step.contains('=') {
            step.retain(|character| character != '[' && character != ']');
        }
        steps.push(step);
    }
    steps
}

/// The path of a variable: `ports[0]` is `ports` and `0`.
pub(crate) fn split_indexed(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    for step in split(path) {
        let indexed = step
            .strip_suffix(']')
            .and_then(|rest| rest.rsplit_once('['))
            .filter(|(_, index)| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()));
        match indexed {
            Some((name, index)) => {
                if !name.is_empty() {
                    steps.push(name.to_owned());
                }
                steps.push(index.to_owned());
            }
            None => steps.push(step),
        }
    }
    steps
}

/// `[key=value]`, taken apart.
fn filter(step: &str) -> Option<Result<(&str, &str), String>> {
    let inner = step.strip_prefix('[')?.strip_suffix(']')?;
    Some(
        inner
            .split_once('=')
            .ok_or_else(|| format!("{step} must be [key=value]")),
    )
}

fn index(step: &str) -> Option<usize> {
    step.parse().ok()
}

/// The one field that a path without `*` leads to.
pub(crate) fn lookup<'a>(node: &'a Node, steps: &[String]) -> Result<Option<&'a Node>, String> {
    let mut node = node;
    for step in steps
        .iter()
        .map(|step| step.trim())
        .filter(|step| !step.is_empty())
    {
        if node.is_null() {
            return Ok(None);
        }
        let next = if let Some(index) = index(step) {
            items(node, step)?.get(index)
        } else if step == "-" {
            items(node, step)?.last()
        } else if step == "*" {
            return Err("* is not possible here".to_owned());
        } else if let Some(found) = filter(step) {
            let (key, value) = found?;
            items(node, step)?.iter().find(|item| item_is(item, key, value))
        } else {
            entries(node, step)?.get(step)
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// The same to change it.
pub(crate) fn lookup_mut<'a>(node: &'a mut Node, steps: &[String]) -> Option<&'a mut Node> {
    let mut node = node;
    for step in steps
        .iter()
        .map(|step| step.trim())
        .filter(|step| !step.is_empty())
    {
        node = match &mut node.value {
            Value::Sequence(items) => match (index(step), filter(step)) {
                (Some(index), _) => items.get_mut(index)?,
                (None, Some(Ok((key, value)))) => items.iter_mut().find(|item| item_is(item, key, value))?,
                _ if step == "-" => items.last_mut()?,
                _ => return None,
            },
            Value::Mapping(entries) => entries.get_mut(step)?,
            Value::Scalar(_) => return None,
        };
    }
    Some(node)
}

fn item_is(item: &Node, key: &str, value: &str) -> bool {
    let found = if key.is_empty() { Some(item) } else { item.get(key) };
    found
        .and_then(Node::expose_spelling)
        .is_some_and(|text| text == value)
}

fn items<'a>(node: &'a Node, step: &str) -> Result<&'a [Node], String> {
    node.as_sequence().ok_or_else(|| {
        format!(
            "at {step:?} a {} stands where a list is expected",
            node.kind_name()
        )
    })
}

fn entries<'a>(node: &'a Node, step: &str) -> Result<&'a Mapping, String> {
    node.as_mapping().ok_or_else(|| {
        format!(
            "at {step:?} a {} stands where a map is expected",
            node.kind_name()
        )
    })
}

/// What is done with a field that was found; the flag says that it was made just now.
pub(crate) type Visit<'v> = dyn FnMut(&mut Node, bool) -> Result<(), String> + 'v;

/// Visits every field that a path leads to and counts them. With a form, missing fields are made.
pub(crate) fn visit(
    node: &mut Node,
    steps: &[String],
    create: Option<Form>,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    walk(node, steps, create, false, visit_one)
}

fn walk(
    node: &mut Node,
    steps: &[String],
    create: Option<Form>,
    is_new: bool,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    let Some((step, rest)) = steps.split_first() else {
        visit_one(node, is_new)?;
        return Ok(1);
    };
    if let Some(index) = index(step) {
        return walk_index(node, index, rest, create, visit_one);
    }
    if let Some(found) = filter(step) {
        let (key, value) = found?;
        return walk_filter(node, key, value, rest, create, visit_one);
    }
    if step == "*" {
        return walk_every(node, rest, create, visit_one);
    }
    walk_key(node, step, rest, create, visit_one)
}

fn walk_every(
    node: &mut Node,
    rest: &[String],
    create: Option<Form>,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    if node.is_null() {
        return Ok(0);
    }
    items(node, "*")?;
    let Value::Sequence(items) = &mut node.value else {
        return Ok(0);
    };
    let mut count = 0;
    for item in items {
        count += walk(item, rest, create, false, visit_one)?;
    }
    Ok(count)
}

fn walk_key(
    node: &mut Node,
    step: &str,
    rest: &[String],
    create: Option<Form>,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    if node.is_null() {
        return Ok(0);
    }
    entries(node, step)?;
    let Value::Mapping(entries) = &mut node.value else {
        return Ok(0);
    };
    let mut is_new = false;
    if !entries.contains_key(step) {
        let Some(form) = create else { return Ok(0) };
        entries.insert(step.to_owned(), form_before(rest, form).empty());
        is_new = true;
    }
    let Some(next) = entries.get_mut(step) else {
        return Ok(0);
    };
    if is_new || rest.is_empty() || !matches!(next.value, Value::Scalar(_)) || next.is_null() {
        return walk(next, rest, create, is_new, visit_one);
    }
    // kustomize reads the text as YAML and writes into what it read, which goes nowhere. Whether the path is there counts.
    let mut copy = go::read_yaml(&next.expose_spelling().unwrap_or_default())?;
    walk(&mut copy, rest, create, false, &mut |_, _| Ok(()))
}

fn walk_index(
    node: &mut Node,
    index: usize,
    rest: &[String],
    create: Option<Form>,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    if !node.is_null() {
        items(node, &index.to_string())?;
    }
    let Value::Sequence(items) = &mut node.value else {
        return Err(format!("index {index} is asked for, and the list is empty"));
    };
    let mut is_new = false;
    if items.len() == index
        && let Some(form) = create
    {
        items.push(form_before(rest, form).empty());
        is_new = true;
    }
    let count = items.len();
    match items.get_mut(index) {
        Some(item) => walk(item, rest, create, is_new, visit_one),
        None => Err(format!(
            "index {index} is asked for, and the list has {count} items"
        )),
    }
}

fn walk_filter(
    node: &mut Node,
    key: &str,
    value: &str,
    rest: &[String],
    create: Option<Form>,
    visit_one: &mut Visit<'_>,
) -> Result<usize, String> {
    let pattern = Regex::new(value).map_err(|_| format!("{value:?} is not a regular expression"))?;
    if !node.is_null() {
        items(node, &format!("[{key}={value}]"))?;
    }
    let mut count = 0;
    if let Value::Sequence(items) = &mut node.value {
        for item in items.iter_mut() {
            let found = if key.is_empty() {
                Some(&*item)
            } else {
                item.get(key)
            };
            let is_match = found.is_some_and(|found| pattern.is_match(&as_written(found)));
            if is_match {
                count += if key.is_empty() {
                    visit_one(item, false)?;
                    1
                } else {
                    walk(item, rest, create, false, visit_one)?
                };
            }
        }
    }
    let Some(_) = create.filter(|_| count == 0) else {
        return Ok(count);
    };
    let Value::Sequence(items) = &mut node.value else {
        return Ok(0);
    };
    let scalar = Node::plain(go::plain(value));
    if !pattern.is_match(&as_written(&scalar)) {
        return Err(format!(
            "nothing matches {value:?}, and it cannot be made, as it would not match itself"
        ));
    }
    let mut item = if key.is_empty() {
        scalar
    } else {
        let mut entries = Mapping::new();
        entries.insert(key.to_owned(), scalar);
        Node::plain(entries)
    };
    let made = if key.is_empty() {
        visit_one(&mut item, true)?;
        1
    } else {
        walk(&mut item, rest, create, false, visit_one)?
    };
    items.push(item);
    Ok(made)
}

/// A scalar as it is written, with its quotes.
fn as_written(node: &Node) -> Cow<'_, str> {
    let text = node.expose_spelling().unwrap_or_default();
    match node.spelling {
        Spelling::Quoted => format!("\"{text}\"").into(),
        _ => text,
    }
}

/// The form of what the next step goes into.
fn form_before(rest: &[String], last: Form) -> Form {
    match rest.first() {
        None => last,
        Some(step) if index(step).is_some() || filter(step).is_some() => Form::Sequence,
        Some(_) => Form::Mapping,
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Node, Scalar};
    use serde_json::json;

    use super::{Form, lookup, split, split_indexed, visit};

    #[test]
    fn paths_are_split() {
        assert_eq!(
            split("spec.ports.[name=a.b].port"),
            ["spec", "ports", "[name=a.b]", "port"]
        );
        assert_eq!(split(r"data.config\.yaml"), ["data", "config.yaml"]);
        assert_eq!(
            split("metadata.annotations.[a.b/c]"),
            ["metadata", "annotations", "[a.b/c]".trim_matches(['[', ']'])]
        );
        assert_eq!(
            split_indexed("spec.ports[0].port"),
            ["spec", "ports", "0", "port"]
        );
    }

    #[test]
    fn one_field_is_looked_up() {
        let node = Node::from_json(&json!({"a": [{"n": "x", "v": 1}, {"n": "y", "v": 2}]}));
        let found = |path: &str| lookup(&node, &split(path)).map(|node| node.map(Node::expose_json));
        assert_eq!(found("a.[n=y].v"), Ok(Some(json!(2))));
        assert_eq!(found("a.0.v"), Ok(Some(json!(1))));
        assert_eq!(found("a.-.n"), Ok(Some(json!("y"))));
        assert_eq!(found("a.5"), Ok(None));
        assert!(found("a.b").is_err() && found("a.*").is_err());
    }

    #[test]
    fn fields_are_visited_and_made() {
        let mut node = Node::from_json(&json!({"a": [{"n": "x"}, {"n": "xy"}]}));
        let mut set = |node: &mut Node, _: bool| {
            node.value = Scalar::Int(1).into();
            Ok(())
        };
        assert_eq!(visit(&mut node, &split("a.[n=^x$].v"), None, &mut set), Ok(0));
        assert_eq!(
            visit(&mut node, &split("a.[n=x].v"), Some(Form::Scalar), &mut set),
            Ok(2)
        );
        assert_eq!(
            visit(&mut node, &split("b.[n=z].v"), Some(Form::Scalar), &mut set),
            Ok(1)
        );
        assert_eq!(
            node.expose_json(),
            json!({"a": [{"n": "x", "v": 1}, {"n": "xy", "v": 1}], "b": [{"n": "z", "v": 1}]})
        );
        assert!(visit(&mut node, &split("a.7"), None, &mut set).is_err());
    }
}
