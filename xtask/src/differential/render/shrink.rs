//! Makes a tree that differs as small as it gets: parts are taken out for as long as the difference stays.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tree::{Content, Tree};

/// One step into a document.
#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

/// What can be taken out of a tree.
enum Part {
    /// Whatever builds on this directory.
    Above(String),
    File(String),
    /// A document, or what is at a path in it.
    Value(String, usize, Vec<Step>),
    Line(String, usize),
}

/// Takes out whatever can go, until nothing can or `attempts` are used up.
pub(super) fn shrink(
    tree: &Tree,
    mut attempts: usize,
    mut differs: impl FnMut(&Tree) -> anyhow::Result<bool>,
) -> anyhow::Result<Tree> {
    let mut smallest = tree.clone();
    loop {
        let mut has_shrunk = false;
        let mut position = 0;
        // What stands behind a part that went moves to its position.
        while let Some(part) = parts(&smallest).get(position) {
            if attempts == 0 {
                return Ok(smallest);
            }
            attempts -= 1;
            let smaller = without(&smallest, part);
            if differs(&smaller)? {
                smallest = smaller;
                has_shrunk = true;
            } else {
                position += 1;
            }
        }
        if !has_shrunk {
            return Ok(smallest);
        }
    }
}

/// Large parts before small ones: files, then documents, then what they hold, from the outside in.
fn parts(tree: &Tree) -> Vec<Part> {
    let directories: BTreeSet<&str> = tree
        .files
        .keys()
        .filter_map(|name| Some(name.split_once('/')?.0))
        .collect();
    let others = directories
        .into_iter()
        .filter(|directory| *directory != tree.target);
    let mut parts: Vec<Part> = others
        .map(|directory| Part::Above(directory.to_owned()))
        .collect();
    parts.extend(tree.files.keys().cloned().map(Part::File));
    for (name, content) in &tree.files {
        match content {
            Content::Documents(documents) => {
                for (index, document) in documents.iter().enumerate() {
                    let mut paths = Vec::new();
                    walk(document, &mut Vec::new(), &mut paths);
                    paths.sort_by_key(Vec::len);
                    parts.extend(
                        paths
                            .into_iter()
                            .map(|path| Part::Value(name.clone(), index, path)),
                    );
                }
            }
            Content::Lines(lines) => {
                parts.extend((0..lines.len()).map(|line| Part::Line(name.clone(), line)));
            }
            Content::Bytes(_) => {}
        }
    }
    parts
}

fn walk(value: &Value, path: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    paths.push(path.clone());
    let steps: Vec<(Step, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (Step::Key(key.clone()), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (Step::Index(index), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, value) in steps {
        path.push(step);
        walk(value, path, paths);
        path.pop();
    }
}

fn without(tree: &Tree, part: &Part) -> Tree {
    let mut tree = tree.clone();
    match part {
        Part::Above(directory) => {
            let above = format!("{}/", tree.target);
            tree.files.retain(|name, _| !name.starts_with(&above));
            tree.target.clone_from(directory);
        }
        Part::File(name) => {
            tree.files.remove(name);
        }
        Part::Line(name, line) => {
            if let Some(Content::Lines(lines)) = tree.files.get_mut(name) {
                lines.remove(*line);
            }
        }
        Part::Value(name, index, path) => {
            if let Some(Content::Documents(documents)) = tree.files.get_mut(name) {
                match path.split_last() {
                    None => {
                        documents.remove(*index);
                    }
                    Some((last, above)) => remove(&mut documents[*index], above, last),
                }
            }
        }
    }
    tree
}

fn remove(value: &mut Value, above: &[Step], last: &Step) {
    let inner = above.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    });
    match (inner, last) {
        (Some(Value::Object(map)), Step::Key(key)) => {
            map.shift_remove(key);
        }
        (Some(Value::Array(items)), Step::Index(index)) => {
            items.remove(*index);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_difference_needs_is_left() {
        let documents = vec![json!({"a": [1, {"keep": 2, "b": 3}]}), json!({"c": 4})];
        let files = [
            ("x".to_owned(), Content::Documents(documents)),
            ("y".to_owned(), Content::Lines(vec!["l".to_owned()])),
        ];
        let tree = Tree {
            files: files.into(),
            target: String::new(),
            is_sorted: false,
        };
        let left = shrink(&tree, 1000, |tree| Ok(format!("{tree:?}").contains("keep"))).unwrap();
        assert_eq!(left.files.len(), 1);
        assert_eq!(
            left.files["x"],
            Content::Documents(vec![json!({"a": [{"keep": 2}]})])
        );
    }
}
