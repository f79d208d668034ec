//! YAML documents as SOPS's store loads them (`stores/yaml/store.go`): scalars resolved, aliases expanded,
//! tags dropped, `<<` an ordinary key, comments where they stand.

use std::collections::{HashMap, HashSet};

use afterbay_manifest::yaml::{self, Document, Element, ElementKind, Item, Pair, Table, Text};
use afterbay_manifest::{KeyPath, Place, Position, Provenance, Scalar, Segment, TreePath};

use crate::SopsError;
use crate::error::ErrorList;
use crate::timestamp::Timestamp;

/// How many values aliases may add to a document: what go-yaml decodes before it suspects an attack.
const MAX_EXPANDED: usize = 400_000;

/// Loads one document; its root is a mapping whose scalars are all [`ElementKind::Opened`] with plain
/// provenance. What is wrong is added to `errors`.
///
/// SOPS runs go-yaml's decoder over the first document only, so in later ones it passes over what only that refuses.
pub(crate) fn load(file: &TreePath, document: &Document, errors: &mut ErrorList) -> Document {
    let mut loader = Loader {
        file,
        is_first: document.index == 0,
        errors,
        anchors: HashMap::new(),
        expanded: 0,
        depth: 0,
        path: KeyPath::root(),
    };
    let root = loader.root(document);
    Document {
        index: document.index,
        root: Some(root),
        comments: Vec::new(),
        position: document.position,
    }
}

/// What an alias stands for.
enum Anchor {
    /// The value that carries it is still being read.
    Open,
    /// The value.
    Closed {
        target: Element,
        size: usize,
        depth: usize,
    },
}

struct Loader<'a> {
    file: &'a TreePath,
    is_first: bool,
    errors: &'a mut ErrorList,
    anchors: HashMap<&'a str, Anchor>,
    expanded: usize,
    depth: usize,
    path: KeyPath,
}

impl<'a> Loader<'a> {
    fn root(&mut self, document: &'a Document) -> Element {
        let comments = document.comments.iter().cloned().map(Pair::Comment);
        let empty = |position| element(ElementKind::Mapping(comments.clone().collect()), position);
        let Some(root) = &document.root else {
            return empty(document.position);
        };
        let loaded = self.element(root);
        match loaded.kind {
            ElementKind::Mapping(mut pairs) => {
                pairs.splice(..0, comments);
                element(ElementKind::Mapping(pairs), loaded.position)
            }
            ElementKind::Opened(Scalar::Null, _) => empty(loaded.position),
            _ => {
                self.refuse(
                    root.position,
                    "the document is not a mapping, which sops needs at the top",
                );
                empty(loaded.position)
            }
        }
    }

    /// What sops refuses in every document.
    fn refuse(&mut self, position: Position, message: impl Into<String>) {
        let error = self.syntax(position, message.into());
        self.errors.push(error);
    }

    /// What sops refuses, for sure, in the first document only.
    fn refuse_here(&mut self, position: Position, message: impl Into<String>) {
        let error = self.syntax(position, message.into());
        if self.is_first {
            self.errors.push(error);
        } else {
            self.errors.push_only_here(error);
        }
    }

    fn syntax(&self, position: Position, message: String) -> SopsError {
        let place = Place::new(self.file.clone(), position);
        SopsError::Syntax { place, message }
    }

    fn element(&mut self, source: &'a Element) -> Element {
        if let Some(anchor) = &source.anchor {
            self.anchors.insert(anchor, Anchor::Open);
        }
        let kind = match &source.kind {
            ElementKind::Text(text) => self.scalar(text, source),
            ElementKind::Opened(scalar, provenance) => {
                ElementKind::Opened(scalar.clone(), provenance.clone())
            }
            ElementKind::Sequence(items) => self.nested(|loader| loader.sequence(items)),
            ElementKind::Mapping(pairs) => self.nested(|loader| loader.mapping(pairs)),
            ElementKind::Alias(name) => return self.alias(name, source.position),
        };
        let loaded = element(kind, source.position);
        if let Some(anchor) = &source.anchor {
            let (size, depth) = measure(&loaded);
            self.anchors.insert(
                anchor,
                Anchor::Closed {
                    target: loaded.clone(),
                    size,
                    depth,
                },
            );
        }
        loaded
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> ElementKind) -> ElementKind {
        self.depth += 1;
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn alias(&mut self, name: &str, position: Position) -> Element {
        let nothing = element(ElementKind::Opened(Scalar::Null, Provenance::PLAIN), position);
        match self.anchors.get(name) {
            Some(Anchor::Closed { depth, .. }) if self.depth + depth > yaml::MAX_DEPTH => {
                self.refuse_here(
                    position,
                    format!("aliases nest values deeper than {} levels", yaml::MAX_DEPTH),
                );
            }
            Some(Anchor::Closed { target, size, .. }) => {
                let before = self.expanded;
                self.expanded = before.saturating_add(*size);
                if self.expanded <= MAX_EXPANDED {
                    return target.clone();
                }
                // Said once: the next alias would say the same.
                if before <= MAX_EXPANDED {
                    self.refuse_here(
                        position,
                        format!("aliases expand to more than {MAX_EXPANDED} values"),
                    );
                }
            }
            Some(Anchor::Open) => {
                self.refuse_here(position, format!("the value of anchor `{name}` contains itself"));
            }
            None => self.refuse(
                position,
                "an alias of an anchor that is not there; put text that starts with `*` in quotes".to_owned(),
            ),
        }
        nothing
    }

    fn scalar(&mut self, text: &Text, source: &Element) -> ElementKind {
        let scalar = match yaml::resolve_scalar(Table::Sops, text, source.tag.as_deref()) {
            Ok(Scalar::Timestamp(text)) => match Timestamp::parse(&text) {
                Some(time) => Ok(Scalar::Timestamp(time.with_fraction())),
                None => Err("a timestamp out of range".to_owned()),
            },
            Ok(Scalar::Uint(_)) => Err(
                "an integer above 9223372036854775807, which sops cannot hold; put it in quotes".to_owned(),
            ),
            other => other,
        };
        let scalar = scalar.unwrap_or_else(|message| {
            let path = self.path.clone();
            self.refuse_here(source.position, format!("{path}: {message}"));
            Scalar::Null
        });
        ElementKind::Opened(scalar, Provenance::PLAIN)
    }

    fn sequence(&mut self, items: &'a [Item]) -> ElementKind {
        let mut loaded = Vec::with_capacity(items.len());
        let mut index = 0;
        for item in items {
            loaded.push(match item {
                Item::Comment(comment) => Item::Comment(comment.clone()),
                Item::Element(source) => {
                    self.path.push(Segment::Index(index));
                    index += 1;
                    let item = self.element(source);
                    self.path.pop();
                    Item::Element(item)
                }
            });
        }
        ElementKind::Sequence(loaded)
    }

    fn mapping(&mut self, pairs: &'a [Pair]) -> ElementKind {
        let mut seen = HashSet::with_capacity(pairs.len());
        let mut loaded = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let (key, value) = match pair {
                Pair::Comment(comment) => {
                    loaded.push(Pair::Comment(comment.clone()));
                    continue;
                }
                Pair::Entry { key, value } => (key, value),
            };
            let Some(name) = self.key(key) else { continue };
            self.path.push(Segment::Key(name.clone()));
            if !seen.insert(name.clone()) {
                let path = self.path.clone();
                self.refuse_here(
                    key.position,
                    format!("{path}: the key stands twice in its map; remove one"),
                );
            }
            let value = self.element(value);
            if is_merge_key(key) && !can_be_merged(&value) {
                let path = self.path.clone();
                self.refuse_here(
                    key.position,
                    format!("{path}: `<<` takes a map or a list of maps"),
                );
            }
            self.path.pop();
            loaded.push(Pair::Entry {
                key: name_element(name, key),
                value,
            });
        }
        ElementKind::Mapping(loaded)
    }

    /// The name that a key is; anything but text is refused.
    fn key(&mut self, key: &'a Element) -> Option<Box<str>> {
        let resolved = self.element(key);
        let found = match resolved.kind {
            ElementKind::Opened(Scalar::String(name), _) => return Some(name.into()),
            ElementKind::Opened(scalar, _) => scalar.kind_name(),
            ElementKind::Sequence(_) => "list",
            _ => "map",
        };
        let place = Place::new(self.file.clone(), key.position);
        self.errors.push(SopsError::KeyNotText {
            place,
            path: self.path.clone(),
            found,
        });
        None
    }
}

fn element(kind: ElementKind, position: Position) -> Element {
    Element {
        kind,
        anchor: None,
        tag: None,
        position,
    }
}

/// Whether a key is `<<` as go-yaml's decoder takes it, which SOPS runs over a file before its own reader.
fn is_merge_key(key: &Element) -> bool {
    let tagged = key
        .tag
        .as_deref()
        .is_none_or(|tag| tag == "tag:yaml.org,2002:merge" || tag == "!");
    tagged
        && matches!(&key.kind, ElementKind::Text(Text { text, style: yaml::Style::Plain }) if &**text == "<<")
}

fn can_be_merged(value: &Element) -> bool {
    match &value.kind {
        ElementKind::Mapping(_) => true,
        ElementKind::Sequence(items) => items.iter().all(|item| {
            matches!(
                item,
                Item::Comment(_)
                    | Item::Element(Element {
                        kind: ElementKind::Mapping(_),
                        ..
                    })
            )
        }),
        _ => false,
    }
}

/// A key as the text it resolved to, in the style it was written in.
fn name_element(name: Box<str>, key: &Element) -> Element {
    let style = match &key.kind {
        ElementKind::Text(text) if key.tag.is_none() => text.style,
        _ => yaml::Style::Double,
    };
    element(ElementKind::Text(Text { text: name, style }), key.position)
}

/// How many values an element holds, itself included, and how deep they nest.
fn measure(element: &Element) -> (usize, usize) {
    let add = |(size, depth): (usize, usize), value: &Element| {
        let (more, below) = measure(value);
        (size + more, depth.max(below + 1))
    };
    match &element.kind {
        ElementKind::Sequence(items) => items.iter().fold((1, 1), |sum, item| match item {
            Item::Element(value) => add(sum, value),
            Item::Comment(_) => sum,
        }),
        ElementKind::Mapping(pairs) => pairs.iter().fold((1, 1), |sum, pair| match pair {
            Pair::Entry { value, .. } => add(sum, value),
            Pair::Comment(_) => sum,
        }),
        _ => (1, 0),
    }
}
