//! Lists and maps in block style.

use super::scalar::{Plan, plan};
use super::writer::Writer;
use super::{Body, Flavor, Leaf, Shape};

/// Keys longer than this, in bytes, are written behind `? `.
const SIMPLE_KEY: usize = 128;

/// What a value is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    Document,
    Item,
    /// A key behind `? `, or a value behind `: ` on a line of its own.
    LongEntry,
    Key,
    Value,
}

impl Writer {
    /// Writes one document's value.
    pub(super) fn document(&mut self, shape: &Shape<'_>) {
        self.indent = None;
        self.announce(shape);
        self.flush_head();
        self.node(shape, Within::Document);
        self.end_document();
    }

    /// Announces another document.
    pub(super) fn separator(&mut self) {
        self.indent = None;
        self.indent_line();
        self.indicator("---", false);
        self.indent_line();
    }

    /// Takes over the comments that come with the start of a value.
    fn announce(&mut self, shape: &Shape<'_>) {
        replace(&mut self.head, shape.above());
        if matches!(shape.body, Body::Leaf(_)) {
            self.announce_end(shape, "");
        }
    }

    /// Takes over the comments that come with the end of a value.
    fn announce_end(&mut self, shape: &Shape<'_>, tail: &str) {
        replace(&mut self.line, shape.behind());
        replace(&mut self.foot, shape.below());
        replace(&mut self.tail, tail);
    }

    /// Writes a value that was announced, and the comments behind and below it.
    fn node(&mut self, shape: &Shape<'_>, within: Within) {
        let outer = self.indent;
        match &shape.body {
            Body::Leaf(leaf) => {
                self.leaf(leaf, within);
                self.flush_line();
                self.flush_foot();
                return;
            }
            Body::Sequence(items) if items.is_empty() => self.empty_sequence(shape),
            Body::Mapping(entries) if entries.is_empty() => self.empty_mapping(shape),
            Body::Sequence(items) => self.sequence(shape, items, within),
            Body::Mapping(entries) => self.mapping(shape, entries, within),
        }
        self.indent = outer;
    }

    fn sequence(&mut self, shape: &Shape<'_>, items: &[Shape<'_>], within: Within) {
        self.flush_line();
        self.flush_foot();
        let unindented = self.flavor == Flavor::Kustomize && within == Within::Value;
        if !unindented {
            self.indent = Some(self.deeper(within));
        }
        for item in items {
            self.announce(item);
            self.flush_head();
            self.indent_line();
            self.indicator("-", true);
            self.node(item, Within::Item);
        }
        self.announce_end(shape, "");
    }

    fn mapping(&mut self, shape: &Shape<'_>, entries: &[(Shape<'_>, Shape<'_>)], within: Within) {
        self.flush_line();
        self.flush_foot();
        self.indent = Some(self.deeper(within));
        let mut tail = "";
        for (key, value) in entries {
            replace(&mut self.head, key.above());
            replace(&mut self.tail, tail);
            tail = key.below();
            self.entry(key, value);
        }
        self.announce_end(shape, tail);
        self.flush_head();
    }

    fn entry(&mut self, key: &Shape<'_>, value: &Shape<'_>) {
        self.flush_head();
        self.indent_line();
        let within = match &key.body {
            Body::Leaf(leaf) if is_simple(leaf) => {
                self.leaf(leaf, Within::Key);
                self.announce(value);
                self.mark(":", false);
                Within::Value
            }
            body => {
                self.indicator("?", true);
                if let Body::Leaf(leaf) = body {
                    self.leaf(leaf, Within::LongEntry);
                }
                self.announce(value);
                self.indent_line();
                self.indicator(":", true);
                Within::LongEntry
            }
        };
        self.node(value, within);
    }

    /// `[]`. A comment above it waits for the next entry.
    fn empty_sequence(&mut self, shape: &Shape<'_>) {
        self.flush_line();
        self.flush_foot();
        self.indicator("[]", false);
        self.announce_end(shape, "");
        self.flush_line();
        self.flush_foot();
    }

    /// `{}`, with comments inside if there are any.
    fn empty_mapping(&mut self, shape: &Shape<'_>) {
        self.flush_line();
        self.flush_foot();
        self.indicator("{", false);
        self.whitespace = true;
        let outer = self.indent;
        self.indent = Some(outer.map_or(self.step(), |indent| indent + self.step()));
        self.announce_end(shape, "");
        self.flush_head();
        self.indent = outer;
        self.mark("}", false);
        self.flush_line();
        self.flush_foot();
    }

    fn leaf(&mut self, leaf: &Leaf<'_>, within: Within) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(self.step(), |_| self.deeper(within)));
        if let Some(tag) = leaf.tag {
            self.indicator(tag, false);
        }
        match plan(leaf, within == Within::Key, self.flavor) {
            Plan::Plain => self.plain(&leaf.text, within != Within::Key),
            Plan::Single => self.single(&leaf.text, within != Within::Key),
            Plan::Double => self.double(&leaf.text, within != Within::Key),
            Plan::Literal => {
                let deeper = self.indent.unwrap_or(0) - outer.unwrap_or(0);
                self.literal(&leaf.text, deeper);
            }
        }
        self.indent = outer;
    }

    /// The indent of what is nested in the current collection.
    fn deeper(&self, within: Within) -> usize {
        let step = self.step();
        match (self.indent, self.flavor) {
            (None, _) => 0,
            (Some(indent), Flavor::Kustomize) => indent + step,
            // Behind a dash go-yaml v3 indents by the dash; everything else goes to the next full step.
            (Some(indent), Flavor::Sops) if within == Within::Item => indent + 2,
            (Some(indent), Flavor::Sops) => (indent + step) / step * step,
        }
    }
}

fn is_simple(key: &Leaf<'_>) -> bool {
    let breaks = key.text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    !breaks && key.text.len() + key.tag.map_or(0, str::len) <= SIMPLE_KEY
}

/// A comment that comes replaces one that waits; none leaves it waiting.
fn replace(waiting: &mut String, coming: &str) {
    if !coming.is_empty() {
        coming.clone_into(waiting);
    }
}
