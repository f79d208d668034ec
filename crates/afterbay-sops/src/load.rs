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

/// Loads one document in place; its root becomes a mapping whose scalars are all [`ElementKind::Opened`] with plain
/// provenance. What is wrong is added to `errors`.
///
/// SOPS runs go-yaml's decoder over the first document only, so in later ones it passes over what only that refuses.
pub(crate) fn load(file: &TreePath, document: &mut Document, errors: &mut ErrorList) {
    let mut loader = Loader {
        file,
        is_first: document.index == 0,
        errors,
        anchors: HashMap::new(),
        expanded: 0,
        depth: 0,
        path: KeyPath::root(),
    };
    document.root = Some(loader.root(document));
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
    anchors: HashMap<Box<str>, Anchor>,
    expanded: usize,
    depth: usize,
    path: KeyPath,
}

impl Loader<'_> {
    fn root(&mut self, document: &mut Document) -> Element {
        let comments = std::mem::take(&mut document.comments);
        let comments: Vec<Pair> = comments.into_iter().map(Pair::Comment).collect();
        let Some(root) = document.root.take() else {
            return element(ElementKind::Mapping(comments), document.position);
        };
        let position = root.position;
        let loaded = self.element(root);
        match loaded.kind {
            ElementKind::Mapping(mut pairs) => {
                pairs.splice(..0, comments);
                element(ElementKind::Mapping(pairs), loaded.position)
            }
            ElementKind::Opened(Scalar::Null, _) => element(ElementKind::Mapping(comments), loaded.position),
            _ => {
                self.refuse(
                    position,
                    "the document is not a mapping, which sops needs at the top",
                );
                element(ElementKind::Mapping(comments), loaded.position)
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

    fn element(&mut self, source: Element) -> Element {
        let Element {
            kind,
            anchor,
            tag,
            position,
        } = source;
        if let Some(anchor) = &anchor {
            self.anchors.insert(anchor.clone(), Anchor::Open);
        }
        let kind = match kind {
            ElementKind::Text(text) => self.scalar(&text, tag.as_deref(), position),
            ElementKind::Opened(scalar, provenance) => ElementKind::Opened(scalar, provenance),
            ElementKind::Sequence(items) => self.nested(|loader| loader.sequence(items)),
            ElementKind::Mapping(pairs) => self.nested(|loader| loader.mapping(pairs)),
            ElementKind::Alias(name) => return self.alias(&name, position),
        };
        let loaded = element(kind, position);
        if let Some(anchor) = anchor {
            let (size, depth) = measure(&loaded);
            let target = loaded.clone();
            self.anchors
                .insert(anchor, Anchor::Closed { target, size, depth });
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

    fn scalar(&mut self, text: &Text, tag: Option<&str>, position: Position) -> ElementKind {
        let scalar = match yaml::resolve_scalar(Table::Sops, text, tag) {
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
            self.refuse_here(position, format!("{path}: {message}"));
            Scalar::Null
        });
        ElementKind::Opened(scalar, Provenance::PLAIN)
    }

    fn sequence(&mut self, items: Vec<Item>) -> ElementKind {
        let mut index = 0;
        let load = |item| match item {
            Item::Comment(comment) => Item::Comment(comment),
            Item::Element(source) => {
                self.path.push(Segment::Index(index));
                index += 1;
                let item = self.element(source);
                self.path.pop();
                Item::Element(item)
            }
        };
        ElementKind::Sequence(items.into_iter().map(load).collect())
    }

    fn mapping(&mut self, pairs: Vec<Pair>) -> ElementKind {
        let mut seen = HashSet::with_capacity(pairs.len());
        let load = |pair| match pair {
            Pair::Comment(comment) => Some(Pair::Comment(comment)),
            Pair::Entry { key, value } => self.entry(key, value, &mut seen),
        };
        ElementKind::Mapping(pairs.into_iter().filter_map(load).collect())
    }

    fn entry(&mut self, key: Element, value: Element, seen: &mut HashSet<Box<str>>) -> Option<Pair> {
        let (position, style, is_merge_key) = (key.position, style(&key), is_merge_key(&key));
        let name = self.key(key)?;
        self.path.push(Segment::Key(name.clone()));
        if !seen.insert(name.clone()) {
            let path = self.path.clone();
            self.refuse_here(
                position,
                format!("{path}: the key stands twice in its map; remove one"),
            );
        }
        let value = self.element(value);
        if is_merge_key && !can_be_merged(&value) {
            let path = self.path.clone();
            self.refuse_here(position, format!("{path}: `<<` takes a map or a list of maps"));
        }
        self.path.pop();
        // A key as the text it resolved to, in the style it was written in.
        let key = element(ElementKind::Text(Text { text: name, style }), position);
        Some(Pair::Entry { key, value })
    }

    /// The name that a key is; anything but text is refused.
    fn key(&mut self, key: Element) -> Option<Box<str>> {
        let place = Place::new(self.file.clone(), key.position);
        let resolved = self.element(key);
        let found = match resolved.kind {
            ElementKind::Opened(Scalar::String(name), _) => return Some(name.into()),
            ElementKind::Opened(scalar, _) => scalar.kind_name(),
            ElementKind::Sequence(_) => "list",
            _ => "map",
        };
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

/// The style in which a key is written again.
fn style(key: &Element) -> yaml::Style {
    match &key.kind {
        ElementKind::Text(text) if key.tag.is_none() => text.style,
        _ => yaml::Style::Double,
    }
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
