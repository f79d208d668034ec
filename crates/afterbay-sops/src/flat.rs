//! Metadata in stores without nesting (`stores/flatten.go`): `age__list_0__map_enc` stands for `age[0].enc`.

use std::collections::BTreeMap;

use afterbay_manifest::Position;
use afterbay_manifest::yaml::{Element, ElementKind, Item, Pair, Style, Text};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// An entry of a flat store, its key without the prefix of the store.
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Element,
}

/// Why entries do not make a map.
pub(crate) struct FlatError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// The first step of a flat key, which is the name of a field of the block.
pub(crate) fn field(key: &str) -> &str {
    let end = [MAP, LIST]
        .iter()
        .filter_map(|separator| key.find(separator))
        .min();
    &key[..end.unwrap_or(key.len())]
}

/// The map that the entries spell out, its keys in byte order; `position` is where it stands.
pub(crate) fn unflatten(entries: Vec<Entry>, position: Position) -> Result<Element, FlatError> {
    let mut root = Node::default();
    for entry in entries {
        let error = |message: &str| FlatError {
            position: entry.value.position,
            message: format!("`{}` {message}", entry.key),
        };
        let steps = steps(&entry.key).ok_or_else(|| error("names an item of a list that cannot be"))?;
        let value = entry.value.clone();
        if root.place(&steps, value).is_err() {
            return Err(error("stands twice; remove one"));
        }
    }
    root.into_element(position)
}

enum Step {
    Key(String),
    Index(usize),
}

/// The steps of a flat key. An index that is no number counts as 0, as in SOPS; `None` for one below 0.
fn steps(key: &str) -> Option<Vec<Step>> {
    let first = field(key);
    let mut steps = vec![Step::Key(first.to_owned())];
    let mut rest = &key[first.len()..];
    while !rest.is_empty() {
        let is_list = rest.starts_with(LIST);
        let body = &rest[if is_list { LIST.len() } else { MAP.len() }..];
        let text = field(body);
        steps.push(if is_list {
            let index = text.parse::<i64>().unwrap_or_default();
            Step::Index(usize::try_from(index).ok()?)
        } else {
            Step::Key(text.to_owned())
        });
        rest = &body[text.len()..];
    }
    Some(steps)
}

/// What stands at a place while the entries are read.
#[derive(Default)]
struct Node {
    value: Option<Element>,
    keys: BTreeMap<String, Node>,
    items: BTreeMap<usize, Node>,
}

impl Node {
    fn place(&mut self, steps: &[Step], value: Element) -> Result<(), ()> {
        let node = steps.iter().fold(self, |node, step| match step {
            Step::Key(key) => node.keys.entry(key.clone()).or_default(),
            Step::Index(index) => node.items.entry(*index).or_default(),
        });
        match node.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(()),
        }
    }

    /// Where the first entry below stands.
    fn position(&self) -> Option<Position> {
        let below = self.keys.values().chain(self.items.values());
        let own = self.value.as_ref().map(|value| value.position);
        own.into_iter().chain(below.filter_map(Self::position)).min()
    }

    fn into_element(self, position: Position) -> Result<Element, FlatError> {
        let error = |message: &str| FlatError {
            position,
            message: message.to_owned(),
        };
        let kinds = [
            self.value.is_some(),
            !self.keys.is_empty(),
            !self.items.is_empty(),
        ];
        if kinds.iter().filter(|kind| **kind).count() > 1 {
            return Err(error(
                "one field has a value and entries below it; restore what sops wrote",
            ));
        }
        if let Some(value) = self.value {
            return Ok(value);
        }
        let kind = if self.items.is_empty() {
            let pair = |(key, node): (String, Self)| {
                let position = node.position().unwrap_or(position);
                Ok(Pair::Entry {
                    key: name(key, position),
                    value: node.into_element(position)?,
                })
            };
            ElementKind::Mapping(self.keys.into_iter().map(pair).collect::<Result<_, _>>()?)
        } else {
            if self.items.keys().enumerate().any(|(at, index)| at != *index) {
                return Err(error("a list of the metadata has a gap; restore what sops wrote"));
            }
            let item = |node: Self| {
                let position = node.position().unwrap_or(position);
                node.into_element(position).map(Item::Element)
            };
            ElementKind::Sequence(self.items.into_values().map(item).collect::<Result<_, _>>()?)
        };
        Ok(element(kind, position))
    }
}

/// A value at a place.
pub(crate) fn element(kind: ElementKind, position: Position) -> Element {
    Element {
        kind,
        anchor: None,
        tag: None,
        position,
    }
}

/// A key at a place.
pub(crate) fn name(text: impl Into<Box<str>>, position: Position) -> Element {
    let text = Text {
        text: text.into(),
        style: Style::Plain,
    };
    element(ElementKind::Text(text), position)
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Provenance, Scalar};

    use super::*;

    fn unflattened(keys: &[&str]) -> Result<String, String> {
        let entries = keys.iter().enumerate().map(|(at, key)| Entry {
            key: (*key).to_owned(),
            value: element(
                ElementKind::Opened(Scalar::Int(i64::try_from(at).unwrap()), Provenance::PLAIN),
                Position::UNKNOWN,
            ),
        });
        match unflatten(entries.collect(), Position::UNKNOWN) {
            Ok(element) => Ok(shown(&element)),
            Err(error) => Err(error.message),
        }
    }

    fn shown(element: &Element) -> String {
        match &element.kind {
            ElementKind::Opened(Scalar::Int(value), _) => value.to_string(),
            ElementKind::Text(text) => text.text.to_string(),
            ElementKind::Sequence(items) => {
                let items = items.iter().map(|item| match item {
                    Item::Element(element) => shown(element),
                    Item::Comment(_) => panic!(),
                });
                format!("[{}]", items.collect::<Vec<_>>().join(","))
            }
            ElementKind::Mapping(pairs) => {
                let pairs = pairs.iter().map(|pair| match pair {
                    Pair::Entry { key, value } => format!("{}:{}", shown(key), shown(value)),
                    Pair::Comment(_) => panic!(),
                });
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
            }
            _ => panic!(),
        }
    }

    #[test]
    fn spells_out_what_sops_flattened() {
        assert_eq!(
            unflattened(&[
                "mac",
                "age__list_1__map_enc",
                "age__list_0__map_enc",
                "a__map_b__map_c"
            ]),
            Ok("{a:{b:{c:3}},age:[{enc:2},{enc:1}],mac:0}".to_owned())
        );
        // `strconv.Atoi` fails and yields 0, which SOPS takes.
        assert_eq!(unflattened(&["a__list_x"]), Ok("{a:[0]}".to_owned()));
        assert_eq!(
            unflattened(&["__map_", "__list_"]),
            Err("one field has a value and entries below it; restore what sops wrote".to_owned())
        );
        for wrong in [
            &["a", "a"][..],
            &["a", "a__map_b"],
            &["a__list_1"],
            &["a__list_-1"],
            &["a__list_0", "a__list_2"],
        ] {
            assert!(unflattened(wrong).is_err(), "{wrong:?}");
        }
    }
}
