//! Field specs: which fields of which kinds a transformer writes, and the one walk that all of them share.
//!
//! A path is written `spec/template/metadata/labels`; lists on the way are gone through, each item; `containers[]` says that a
//! list has to stand there; `\/` is a slash inside a key.

use afterbay_manifest::{Gvk, KeyPath, Mapping, Node, Position, Scalar, Segment, Value};

use crate::error::an;

/// Group, version and kind of which empty parts match anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Selector {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

impl Selector {
    pub(crate) fn of_kind(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        let matches = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        matches(&self.kind, kind) && matches(&self.group, group) && matches(&self.version, version)
    }

    pub(crate) fn selects_gvk(&self, gvk: &Gvk) -> bool {
        self.selects(&gvk.group, &gvk.version, &gvk.kind)
    }
}

/// A field of some kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    pub(crate) selector: Selector,
    /// The path as written.
    pub(crate) path: String,
    /// Whether a missing field is made.
    pub(crate) create: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    key: String,
    is_list: bool,
}

/// What a missing last field is made as, where a spec says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// Nothing is made.
    Nothing,
    /// A scalar, which the setter fills.
    Scalar,
    /// A map, which the setter fills.
    Mapping,
}

/// A field that cannot be written because of what stands there.
pub(crate) struct Misshapen {
    /// Where; while it is handed up, innermost step first.
    pub(crate) path: KeyPath,
    pub(crate) problem: String,
}

impl Misshapen {
    /// Something that does not have the form expected.
    pub(crate) fn expected(node: &Node, expected: &str) -> Self {
        Self::new(format!(
            "is {} where {expected} is expected",
            an(node.kind_name())
        ))
    }

    pub(crate) fn new(problem: String) -> Self {
        Self {
            path: KeyPath::root(),
            problem,
        }
    }

    /// The same seen from one step further out.
    pub(crate) fn below(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    /// The whole of it, with the path in order.
    pub(crate) fn whole(self) -> Self {
        let mut path = KeyPath::root();
        for segment in self.path.segments().iter().rev() {
            path.push(segment.clone());
        }
        Self {
            path,
            problem: self.problem,
        }
    }
}

/// What is done with a field that was found.
pub(crate) type Set<'a> = dyn FnMut(&mut Node) -> Result<(), Misshapen> + 'a;

impl FieldSpec {
    pub(crate) fn new(selector: Selector, path: &str, create: bool) -> Self {
        let steps = split_path(path, '/')
            .into_iter()
            .map(|step| {
                let key = step.trim();
                let plain = key.strip_suffix("[]");
                Step {
                    key: plain.unwrap_or(key).to_owned(),
                    is_list: plain.is_some(),
                }
            })
            .collect();
        Self {
            selector,
            path: path.to_owned(),
            create,
            steps,
        }
    }

    /// One for every kind.
    pub(crate) fn of_all(path: &str, create: bool) -> Self {
        Self::new(Selector::default(), path, create)
    }

    /// Calls `set` on every field of an object that the spec names; nothing happens to an object of another kind.
    pub(crate) fn visit(
        &self,
        body: &mut Node,
        gvk: &Gvk,
        make: Make,
        set: &mut Set<'_>,
    ) -> Result<(), Misshapen> {
        if !self.selector.selects_gvk(gvk) {
            return Ok(());
        }
        self.visit_any(body, make, set)
    }

    /// The same whatever the kind.
    pub(crate) fn visit_any(&self, body: &mut Node, make: Make, set: &mut Set<'_>) -> Result<(), Misshapen> {
        let make = if self.create { make } else { Make::Nothing };
        visit(body, &self.steps, make, set).map_err(Misshapen::whole)
    }

    /// Whether a spec that comes later says nothing more than this one.
    fn covers(&self, other: &Self) -> bool {
        let other_kind = &other.selector;
        other_kind.selects(&self.selector.group, &self.selector.version, &self.selector.kind)
            && self.path == other.path
    }
}

fn visit(node: &mut Node, steps: &[Step], make: Make, set: &mut Set<'_>) -> Result<(), Misshapen> {
    let Some((step, rest)) = steps.split_first() else {
        return set(node);
    };
    let position = node.position;
    match &mut node.value {
        Value::Scalar(Scalar::Null) => Ok(()),
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                visit(item, steps, make, set).map_err(|error| error.below(Segment::Index(index)))?;
            }
            Ok(())
        }
        Value::Mapping(entries) => {
            let Some(next) = find(entries, step, rest.is_empty(), make, position)? else {
                return Ok(());
            };
            visit(next, rest, make, set).map_err(|error| error.below(Segment::Key(step.key.as_str().into())))
        }
        Value::Scalar(_) => Err(Misshapen::expected(node, "a list or map")),
    }
}

/// Goes to a key; a missing one is made, and a `null` one gets the form that is written there.
fn find<'a>(
    entries: &'a mut Mapping,
    step: &Step,
    is_last: bool,
    make: Make,
    position: Position,
) -> Result<Option<&'a mut Node>, Misshapen> {
    if step.key.is_empty() {
        return Err(Misshapen::new("has a field spec with an empty step".to_owned()));
    }
    let empty: Option<Value> = match (step.is_list, make, is_last) {
        (true, _, _) => Some(Vec::new().into()),
        (false, Make::Nothing, _) => None,
        (false, Make::Scalar, true) => Some("".into()),
        (false, _, _) => Some(Mapping::new().into()),
    };
    let makes = !step.is_list && make != Make::Nothing;
    match (entries.contains_key(&step.key), empty) {
        (false, Some(value)) if makes => {
            let new = Node {
                position: Position {
                    column: 0,
                    ..position
                },
                ..Node::plain(value)
            };
            entries.insert(step.key.clone(), new);
        }
        (true, Some(value)) => {
            if let Some(found) = entries.get_mut(&step.key)
                && found.is_null()
            {
                found.value = value;
            }
        }
        _ => {}
    }
    Ok(entries.get_mut(&step.key))
}

/// Splits a path; a delimiter behind `\` belongs to the step.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let mut parts = path.split(delimiter).peekable();
    if path.starts_with(delimiter) {
        parts.next();
    }
    let mut steps: Vec<String> = Vec::new();
    for part in parts {
        match steps.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => steps.push(part.to_owned()),
        }
    }
    steps
}

/// Adds specs that say something more; two that differ in `create` only are a conflict, named by its path.
pub(crate) fn merge(into: &mut Vec<FieldSpec>, specs: &[FieldSpec]) -> Result<(), String> {
    for spec in specs {
        match into.iter().find(|known| known.covers(spec)) {
            Some(known) if known.create != spec.create => {
                return Err(format!(
                    "the field spec {} is there already with another value of create",
                    spec.path
                ));
            }
            Some(_) => {}
            None => into.push(spec.clone()),
        }
    }
    Ok(())
}

/// Writes a text in place of a scalar.
pub(crate) fn set_scalar(node: &mut Node, text: &str) -> Result<(), Misshapen> {
    if !matches!(node.value, Value::Scalar(_)) {
        return Err(Misshapen::expected(node, "text"));
    }
    *node = Node {
        position: node.position,
        ..Node::plain(text)
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Gvk, Node};
    use serde_json::json;

    use super::{FieldSpec, Make, Selector, merge, set_scalar, split_path};

    fn written(spec: &FieldSpec, body: &serde_json::Value, make: Make) -> Result<serde_json::Value, String> {
        let mut node = Node::from_json(body);
        let gvk = Gvk::new("apps/v1", "Deployment");
        spec.visit(&mut node, &gvk, make, &mut |node| set_scalar(node, "new"))
            .map_err(|error| format!("{} {}", error.path, error.problem))?;
        Ok(node.expose_json())
    }

    #[test]
    fn lists_are_gone_through_and_missing_fields_made() {
        let spec = FieldSpec::of_all("spec/items/name", true);
        let body = json!({"spec": {"items": [{"name": "a"}, {}, {"name": null}]}});
        let expected = json!({"spec": {"items": [{"name": "new"}, {"name": "new"}, {"name": "new"}]}});
        assert_eq!(written(&spec, &body, Make::Scalar), Ok(expected));
        assert_eq!(
            written(&spec, &json!({}), Make::Scalar),
            Ok(json!({"spec": {"items": {"name": "new"}}}))
        );
    }

    #[test]
    fn without_create_nothing_is_made() {
        let spec = FieldSpec::of_all("spec/name", false);
        assert_eq!(
            written(&spec, &json!({"spec": {}}), Make::Scalar),
            Ok(json!({"spec": {}}))
        );
    }

    #[test]
    fn a_list_that_is_null_becomes_empty() {
        let spec = FieldSpec::of_all("spec/containers[]/image", true);
        let body = json!({"spec": {"containers": null}});
        assert_eq!(
            written(&spec, &body, Make::Nothing),
            Ok(json!({"spec": {"containers": []}}))
        );
    }

    #[test]
    fn another_kind_is_left_alone() {
        let spec = FieldSpec::new(Selector::of_kind("Service"), "spec/name", true);
        assert_eq!(written(&spec, &json!({}), Make::Scalar), Ok(json!({})));
    }

    #[test]
    fn a_scalar_on_the_way_is_named() {
        let spec = FieldSpec::of_all("spec/items/name", true);
        let body = json!({"spec": {"items": [1]}});
        assert_eq!(
            written(&spec, &body, Make::Scalar),
            Err("spec.items[0] is an integer where a list or map is expected".to_owned())
        );
    }

    #[test]
    fn slashes_can_be_escaped() {
        assert_eq!(split_path(r"a/b\/c/d", '/'), ["a", "b/c", "d"]);
        assert_eq!(split_path("/a", '/'), ["a"]);
        assert_eq!(split_path("a", '/'), ["a"]);
    }

    #[test]
    fn specs_that_differ_in_create_conflict() {
        let mut specs = vec![FieldSpec::new(Selector::of_kind("A"), "x", true)];
        assert!(merge(&mut specs, &[FieldSpec::of_all("x", true)]).is_ok());
        assert_eq!(specs.len(), 1, "the wider one says nothing more about A");
        assert!(merge(&mut specs, &[FieldSpec::of_all("x", false)]).is_err());
    }
}
