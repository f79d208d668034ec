//! A document by a table: scalars typed, aliases expanded, merge keys merged, duplicate keys refused.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::anchors::{self, Aliases};
use super::budget::Budget;
use super::number::go_float_key;
use super::{
    Document, Element, ElementKind, Item, Pair, Style, Table, Text, YamlError, YamlErrors, resolve_scalar,
};
use crate::{Mapping, Node, Position, Provenance, Scalar, Spelling, Value};

impl Document {
    /// The document's value by a table; `None` for a document without content. Positions are kept, and so
    /// is the provenance of [`ElementKind::Opened`] leaves; every other leaf is plain.
    ///
    /// Every error of the document is reported, except that nothing is said behind excessive aliasing.
    pub fn resolve(&self, table: Table) -> Result<Option<Node>, YamlErrors> {
        self.resolve_by(table, Repeats::Refused).map(|(node, _)| node)
    }

    /// The same where of a key that a map has twice the last one counts: what kustomize does with its own files. The keys are
    /// named beside the value.
    pub fn resolve_last(&self, table: Table) -> Result<(Option<Node>, Vec<YamlError>), YamlErrors> {
        self.resolve_by(table, Repeats::LastCounts)
    }

    fn resolve_by(
        &self,
        table: Table,
        repeats: Repeats,
    ) -> Result<(Option<Node>, Vec<YamlError>), YamlErrors> {
        let Some(root) = &self.root else {
            return Ok((None, Vec::new()));
        };
        let (aliases, errors) = anchors::bind(root);
        let mut resolver = Resolver {
            table,
            repeats,
            repeated: Vec::new(),
            aliases,
            errors,
            budget: Budget::default(),
        };
        let node = resolver.node(root, 0);
        if resolver.errors.is_empty() {
            return Ok((node, resolver.repeated));
        }
        resolver
            .errors
            .sort_by(|a, b| (a.position, &a.message).cmp(&(b.position, &b.message)));
        resolver.errors.dedup();
        Err(YamlErrors(resolver.errors))
    }
}

/// What becomes of a key that a map has twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// It is an error.
    Refused,
    /// The last one counts, as for programs that read JSON afterwards.
    LastCounts,
}

struct Resolver<'d> {
    table: Table,
    repeats: Repeats,
    /// Keys that stand twice, where that is no error.
    repeated: Vec<YamlError>,
    aliases: Aliases<'d>,
    errors: Vec<YamlError>,
    budget: Budget,
}

impl<'d> Resolver<'d> {
    /// The value of an element; `None` after an error in it.
    fn node(&mut self, element: &'d Element, depth: usize) -> Option<Node> {
        if !self.admit(element, depth) {
            return None;
        }
        let (value, provenance, spelling) = match &element.kind {
            ElementKind::Text(text) => {
                let scalar = self.scalar(element, text)?;
                let spelling = spelling(&scalar, text);
                (scalar.into(), Provenance::PLAIN, spelling)
            }
            ElementKind::Opened(scalar, provenance) => {
                (scalar.clone().into(), provenance.clone(), written(scalar))
            }
            ElementKind::Sequence(items) => {
                (self.sequence(items, depth)?, Provenance::PLAIN, Spelling::Plain)
            }
            ElementKind::Mapping(pairs) => (
                self.mapping(pairs, depth)?.into(),
                Provenance::PLAIN,
                Spelling::Plain,
            ),
            ElementKind::Alias(_) => return self.alias(element, depth),
        };
        Some(Node {
            value,
            provenance,
            position: element.position,
            spelling,
        })
    }

    /// Counts an element and checks the limits.
    fn admit(&mut self, element: &Element, depth: usize) -> bool {
        if self.budget.is_exhausted() {
            return false;
        }
        match self.budget.take(depth) {
            Ok(()) => true,
            Err(message) => {
                self.refuse(element.position, message);
                false
            }
        }
    }

    fn refuse(&mut self, position: Position, message: String) {
        self.errors.push(YamlError { position, message });
    }

    fn alias(&mut self, element: &'d Element, depth: usize) -> Option<Node> {
        let target = self.aliases.target(element)?;
        self.budget.enter_alias();
        let node = self.node(target, depth + 1);
        self.budget.leave_alias();
        node
    }

    fn scalar(&mut self, element: &Element, text: &Text) -> Option<Scalar> {
        match resolve_scalar(self.table, text, element.tag.as_deref()) {
            Ok(scalar) => Some(scalar),
            Err(message) => {
                self.refuse(element.position, message);
                None
            }
        }
    }

    fn sequence(&mut self, items: &'d [Item], depth: usize) -> Option<Value> {
        let mut nodes = Vec::with_capacity(items.len());
        let mut complete = true;
        for item in items {
            if let Item::Element(element) = item {
                match self.node(element, depth + 1) {
                    Some(node) => nodes.push(node),
                    None => complete = false,
                }
            }
        }
        complete.then(|| nodes.into())
    }

    fn mapping(&mut self, pairs: &'d [Pair], depth: usize) -> Option<Mapping> {
        let mut mapping = Mapping::with_capacity(pairs.len());
        let mut seen: HashMap<String, Position> = HashMap::with_capacity(pairs.len());
        let mut inherited = Vec::new();
        let mut complete = true;
        for pair in pairs {
            let Pair::Entry { key, value } = pair else {
                continue;
            };
            if self.table != Table::Sops && is_merge(key) {
                complete &= self.table == Table::Kubectl || self.first("<<", key.position, &mut seen);
                match (self.merged(value, depth), self.table) {
                    // go-yaml v2 merges where the key stands: what it merges replaces what came before.
                    (Some(merged), Table::Kubectl) => mapping.extend(merged),
                    (Some(merged), _) => inherited.push(merged),
                    (None, _) => complete = false,
                }
                continue;
            }
            let name = self
                .key(key)
                .filter(|name| self.first(name, key.position, &mut seen));
            let found = self.node(value, depth + 1);
            match (name, found) {
                (Some(name), Some(node)) => {
                    mapping.insert(name, node);
                }
                _ => complete = false,
            }
        }
        // go-yaml v3 merges last, and never over a key that is written.
        for (name, node) in inherited.into_iter().flatten() {
            mapping.entry(name).or_insert(node);
        }
        complete.then_some(mapping)
    }

    /// Whether a key is the first of its name in a map.
    fn first(&mut self, name: &str, position: Position, seen: &mut HashMap<String, Position>) -> bool {
        let Some(first) = seen.get(name) else {
            seen.insert(name.to_owned(), position);
            return true;
        };
        let message = format!(
            "key {name:?} is already defined at line {}; keep one of the two",
            first.line
        );
        if self.repeats == Repeats::LastCounts {
            self.repeated.push(YamlError { position, message });
            return true;
        }
        self.refuse(position, message);
        false
    }

    /// A key as text, the way the table's program makes text of it.
    fn key(&mut self, key: &'d Element) -> Option<String> {
        self.budget.count();
        let target = match &key.kind {
            ElementKind::Alias(_) => self.aliases.target(key)?,
            _ => key,
        };
        let ElementKind::Text(text) = &target.kind else {
            let message = format!("the key is a {target:?}; a key of a Kubernetes object is text");
            self.refuse(key.position, message);
            return None;
        };
        if self.table == Table::Kustomize && is_quoted_merge(target, text) {
            let message = "kustomize drops a quoted key \"<<\" with its value; rename it";
            self.refuse(key.position, message.to_owned());
            return None;
        }
        let refusal = match (self.key_scalar(target, text), self.table) {
            (Ok(Scalar::String(name)), _) => return Some(name),
            (Ok(Scalar::Int(number)), Table::Kubectl) => return Some(number.to_string()),
            (Ok(Scalar::Bool(truth)), Table::Kubectl) => return Some(truth.to_string()),
            (Ok(Scalar::Float(number)), Table::Kubectl) => return Some(go_float_key(number)),
            (Ok(found), _) => {
                format!(
                    "the key {:?} reads as {}, and keys are text; quote it",
                    text.text,
                    article(&found)
                )
            }
            (Err(message), _) => message,
        };
        self.refuse(key.position, refusal);
        None
    }

    /// A key may be infinite, since it becomes text.
    fn key_scalar(&self, key: &Element, text: &Text) -> Result<Scalar, String> {
        super::scalar::resolve_key(self.table, text, key.tag.as_deref())
    }

    /// The entries of the maps that a merge key names; of several the first wins.
    fn merged(&mut self, value: &'d Element, depth: usize) -> Option<Mapping> {
        let is_map = |resolver: &Self, element: &'d Element| match &element.kind {
            ElementKind::Mapping(_) => true,
            ElementKind::Alias(_) => resolver
                .aliases
                .target(element)
                .is_none_or(|target| matches!(target.kind, ElementKind::Mapping(_))),
            _ => false,
        };
        let sources: Vec<&'d Element> = match &value.kind {
            ElementKind::Sequence(items) => items
                .iter()
                .filter_map(|item| match item {
                    Item::Element(element) => Some(element),
                    Item::Comment(_) => None,
                })
                .collect(),
            _ => vec![value],
        };
        let mut merged: Mapping = IndexMap::new();
        let mut complete = true;
        for source in sources {
            if !is_map(self, source) {
                let message = "the merge key << takes a map or a list of maps";
                self.refuse(source.position, message.to_owned());
                complete = false;
                continue;
            }
            match self.node(source, depth + 1).map(|node| node.value) {
                Some(Value::Mapping(entries)) => {
                    for (name, node) in entries {
                        merged.entry(name).or_insert(node);
                    }
                }
                _ => complete = false,
            }
        }
        complete.then_some(merged)
    }
}

fn spelling(scalar: &Scalar, text: &Text) -> Spelling {
    match text.style {
        Style::Plain => Spelling::of_plain(scalar, &text.text),
        Style::Absent => Spelling::As("".into()),
        Style::Single | Style::Double | Style::Literal | Style::Folded => Spelling::Quoted,
    }
}

/// How SOPS would write a scalar that it opened.
fn written(scalar: &Scalar) -> Spelling {
    match scalar {
        Scalar::String(text) if !super::is_written_plain(text) => Spelling::Quoted,
        _ => Spelling::Plain,
    }
}

/// Whether a key merges: `<<` without quotes, or under the tag `!!merge`.
fn is_merge(key: &Element) -> bool {
    let ElementKind::Text(text) = &key.kind else {
        return false;
    };
    &*text.text == "<<"
        && match key.tag.as_deref() {
            None | Some("!") => text.style == Style::Plain,
            Some(tag) => tag == "tag:yaml.org,2002:merge",
        }
}

fn is_quoted_merge(key: &Element, text: &Text) -> bool {
    &*text.text == "<<" && !is_merge(key)
}

fn article(scalar: &Scalar) -> String {
    let name = scalar.kind_name();
    match scalar {
        Scalar::Null => name.to_owned(),
        Scalar::Int(_) | Scalar::Uint(_) => format!("an {name}"),
        _ => format!("a {name}"),
    }
}
