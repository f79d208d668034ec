//! Fields that kustomize holds as one.
//!
//! Where a transformer adds one label to several places of an object, kustomize puts the *same* YAML node into all of them. A later
//! patch or replacement of one of the places changes the others too: `metadata.labels` patched in an overlay moves the selectors
//! that `commonLabels` of the base had made. It is what the program does, so it is done here: the nodes added together carry
//! a mark, and after every step the places of a mark are brought in line.

use afterbay_manifest::{KeyPath, Node, Position, Segment, Spelling, Value};

/// The marks of an object, in order, with the value that their places had after the last step. They are few.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    last: Vec<Group>,
    next: u32,
}

#[derive(Clone)]
struct Group {
    value: Node,
    paths: Vec<KeyPath>,
}

/// The mark of a node: a position in line 0, which no file has.
fn mark_of(node: &Node) -> Option<u32> {
    (node.position.line == 0 && node.position.column > 0).then_some(node.position.column)
}

impl Shared {
    /// A mark for nodes that are about to be added together.
    pub(crate) fn mark(&mut self) -> Position {
        self.next += 1;
        Position::new(0, self.next)
    }

    /// Whether there is nothing to bring in line.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == 0
    }

    /// Forgets every mark: the object was written as text and read again.
    pub(crate) fn forget(&mut self, body: &mut Node) {
        if !self.is_empty() {
            self.last.clear();
            clear(body);
        }
    }

    /// Forgets the marks in one field: its nodes were written anew.
    pub(crate) fn part(&mut self, body: &mut Node, keys: [&str; 2]) {
        if self.is_empty() {
            return;
        }
        let steps = keys.map(|key| Segment::Key(key.into()));
        if let Some(node) = at_mut(body, &steps) {
            clear(node);
        }
        self.record(body);
    }

    /// Brings the places of every mark in line with the one that changed, the last one if there are several. Places are known by
    /// their mark, or, where a patch put another node there, by their path.
    pub(crate) fn settle(&mut self, body: &mut Node) {
        if self.is_empty() {
            return;
        }
        for group in &self.last {
            let changed = group
                .paths
                .iter()
                .filter_map(|path| at(body, path.segments()))
                .filter(|node| !matches!(node.value, Value::Mapping(_) | Value::Sequence(_)))
                .rfind(|node| node.value != group.value.value)
                .cloned();
            let Some(changed) = changed else {
                // A patch may have put the same value there, into the node that they are.
                for path in &group.paths {
                    if let Some(place) = at_mut(body, path.segments())
                        && place.value == group.value.value
                    {
                        place.position = group.value.position;
                    }
                }
                continue;
            };
            for path in &group.paths {
                let Some(place) = at_mut(body, path.segments()) else {
                    continue;
                };
                *place = Node {
                    position: group.value.position,
                    ..changed.clone()
                };
            }
            let mark = mark_of(&group.value);
            replace_marked(body, mark, &changed);
        }
        self.record(body);
    }

    /// Looks up where the marks stand now.
    fn record(&mut self, body: &Node) {
        let mut found = Vec::new();
        find_marked(body, &mut Vec::new(), &mut found);
        found.retain(|group| group.paths.len() > 1);
        found.sort_by_key(|group| mark_of(&group.value));
        found.shrink_to_fit();
        self.last = found;
    }
}

/// One step down, which is written as a path only where a mark is found.
#[derive(Clone, Copy)]
enum Step<'n> {
    Key(&'n str),
    Index(usize),
}

fn find_marked<'n>(node: &'n Node, steps: &mut Vec<Step<'n>>, found: &mut Vec<Group>) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for (key, entry) in entries {
                steps.push(Step::Key(key));
                find_marked(entry, steps, found);
                steps.pop();
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Index(index));
                find_marked(item, steps, found);
                steps.pop();
            }
        }
        _ => {
            let mark = mark_of(node);
            if mark.is_none() {
                return;
            }
            let mut path = KeyPath::root();
            for step in steps.iter() {
                path.push(match step {
                    Step::Key(key) => Segment::Key((*key).into()),
                    Step::Index(index) => Segment::Index(*index),
                });
            }
            match found.iter_mut().find(|group| mark_of(&group.value) == mark) {
                Some(group) => group.paths.push(path),
                None => found.push(Group {
                    value: node.clone(),
                    paths: vec![path],
                }),
            }
        }
    }
}

fn at<'a>(node: &'a Node, steps: &[Segment]) -> Option<&'a Node> {
    let mut node = node;
    for step in steps {
        node = match (&node.value, step) {
            (Value::Mapping(entries), Segment::Key(key)) => entries.get(&**key)?,
            (Value::Sequence(items), Segment::Index(index)) => items.get(*index)?,
            _ => return None,
        };
    }
    Some(node)
}

fn at_mut<'a>(node: &'a mut Node, steps: &[Segment]) -> Option<&'a mut Node> {
    let mut node = node;
    for step in steps {
        node = match (&mut node.value, step) {
            (Value::Mapping(entries), Segment::Key(key)) => entries.get_mut(&**key)?,
            (Value::Sequence(items), Segment::Index(index)) => items.get_mut(*index)?,
            _ => return None,
        };
    }
    Some(node)
}

fn replace_marked(node: &mut Node, mark: Option<u32>, value: &Node) {
    if mark.is_some() && mark_of(node) == mark {
        node.value = value.value.clone();
        node.provenance = value.provenance.clone();
        return;
    }
    match &mut node.value {
        Value::Mapping(entries) => entries
            .values_mut()
            .for_each(|entry| replace_marked(entry, mark, value)),
        Value::Sequence(items) => items
            .iter_mut()
            .for_each(|item| replace_marked(item, mark, value)),
        Value::Scalar(_) => {}
    }
}

/// Says how the nodes of a mark are spelled.
pub(crate) fn spell(node: &mut Node, mark: Position, spelling: &Spelling) {
    if node.position == mark {
        node.spelling = spelling.clone();
    }
    match &mut node.value {
        Value::Mapping(entries) => entries
            .values_mut()
            .for_each(|entry| spell(entry, mark, spelling)),
        Value::Sequence(items) => items.iter_mut().for_each(|item| spell(item, mark, spelling)),
        Value::Scalar(_) => {}
    }
}

fn clear(node: &mut Node) {
    if mark_of(node).is_some() {
        node.position = Position::UNKNOWN;
    }
    match &mut node.value {
        Value::Mapping(entries) => entries.values_mut().for_each(clear),
        Value::Sequence(items) => items.iter_mut().for_each(clear),
        Value::Scalar(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Mapping, Node};

    use super::Shared;

    fn body(shared: &mut Shared) -> Node {
        let position = shared.mark();
        let mut entries = Mapping::new();
        for key in ["labels", "selector"] {
            let one = Node {
                position,
                ..Node::plain("x")
            };
            entries.insert(key.to_owned(), one);
        }
        entries.insert("other".to_owned(), Node::plain("x"));
        Node::plain(entries)
    }

    #[test]
    fn one_place_changes_the_others() {
        let mut shared = Shared::default();
        let mut body = body(&mut shared);
        shared.settle(&mut body);
        // A patch puts another node there, a transformer changes the node.
        body.as_mapping_mut()
            .unwrap()
            .insert("labels".to_owned(), Node::plain("y"));
        shared.settle(&mut body);
        assert_eq!(
            body.expose_json(),
            serde_json::json!({"labels": "y", "selector": "y", "other": "x"})
        );
        body.as_mapping_mut().unwrap()["selector"].value = "z".into();
        shared.settle(&mut body);
        assert_eq!(
            body.expose_json(),
            serde_json::json!({"labels": "z", "selector": "z", "other": "x"})
        );
    }

    #[test]
    fn an_object_that_was_read_again_has_no_marks() {
        let mut shared = Shared::default();
        let mut body = body(&mut shared);
        shared.settle(&mut body);
        shared.forget(&mut body);
        body.as_mapping_mut().unwrap()["selector"].value = "z".into();
        shared.settle(&mut body);
        assert_eq!(body.expose_json()["labels"], "x");
    }
}
