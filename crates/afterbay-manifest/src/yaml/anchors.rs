//! What every alias of a document stands for.

use std::collections::HashMap;

use super::{Element, ElementKind, Item, Pair, YamlError};

/// Aliases and the elements they stand for. An alias means the last anchor of its name before it, so this
/// is found out in document order, once, and holds wherever the alias is expanded.
#[derive(Default)]
pub(super) struct Aliases<'d> {
    /// By address: the document is borrowed for as long as this lives.
    by_alias: HashMap<usize, &'d Element>,
}

impl<'d> Aliases<'d> {
    /// What an alias stands for; `None` for one that was refused.
    pub(super) fn target(&self, alias: &Element) -> Option<&'d Element> {
        self.by_alias.get(&address(alias)).copied()
    }
}

/// Binds the aliases below a root, and refuses those that cannot be bound.
pub(super) fn bind(root: &Element) -> (Aliases<'_>, Vec<YamlError>) {
    let mut binder = Binder {
        anchors: HashMap::new(),
        aliases: Aliases::default(),
        errors: Vec::new(),
    };
    binder.visit(root);
    (binder.aliases, binder.errors)
}

struct Binder<'d> {
    /// Anchors so far, and whether their element is still open around what is visited.
    anchors: HashMap<&'d str, (&'d Element, bool)>,
    aliases: Aliases<'d>,
    errors: Vec<YamlError>,
}

impl<'d> Binder<'d> {
    fn visit(&mut self, element: &'d Element) {
        if let Some(anchor) = &element.anchor {
            self.anchors.insert(anchor, (element, true));
        }
        match &element.kind {
            ElementKind::Text(_) | ElementKind::Opened(..) => {}
            ElementKind::Alias(name) => self.point(element, name),
            ElementKind::Sequence(items) => {
                for item in items {
                    if let Item::Element(item) = item {
                        self.visit(item);
                    }
                }
            }
            ElementKind::Mapping(pairs) => {
                for pair in pairs {
                    if let Pair::Entry { key, value } = pair {
                        self.visit(key);
                        self.visit(value);
                    }
                }
            }
        }
        if let Some((anchored, open)) = element
            .anchor
            .as_deref()
            .and_then(|name| self.anchors.get_mut(name))
            && address(anchored) == address(element)
        {
            *open = false;
        }
    }

    fn point(&mut self, alias: &'d Element, name: &str) {
        let message = match self.anchors.get(name) {
            Some((target, false)) => {
                self.aliases.by_alias.insert(address(alias), target);
                return;
            }
            Some((_, true)) => format!("anchor {name:?} contains itself"),
            // What reads as an alias can be a password without quotes.
            None => "an alias of an anchor that is not defined above in this document; put text that starts with `*` \
                     in quotes"
                .to_owned(),
        };
        self.errors.push(YamlError {
            position: alias.position,
            message,
        });
    }
}

fn address(element: &Element) -> usize {
    std::ptr::from_ref(element).addr()
}
