//! Where the lists, maps and entries of a document stand in the text; comments are attached by it.

use super::event::{Flow, Mark};
use super::gap::Slot;

/// A list or map. Its number is its index in [`Layout::containers`], which is document order.
pub(super) struct Container {
    /// The list or map around it; `None` for the root.
    pub(super) parent: Option<usize>,
    /// How it is written.
    pub(super) flow: Flow,
    /// Whether it is a map.
    pub(super) is_map: bool,
    /// Column of its dashes or keys, from 1.
    pub(super) column: u32,
    /// Offset of its first character; that of `[` or `{` in flow style.
    pub(super) start: usize,
    /// Offset behind its last character.
    pub(super) end: usize,
    /// Offsets of the starts of its entries.
    pub(super) starts: Vec<usize>,
}

/// What an entry's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    /// A scalar or alias.
    Leaf,
    /// Nothing is written.
    Missing,
    /// A list or map, by number.
    Container(usize),
}

/// An item of a list, or an entry of a map.
pub(super) struct Entry {
    /// The list or map that holds it, by number.
    pub(super) container: usize,
    /// Its index among the entries of that container, comments not counted.
    pub(super) ordinal: usize,
    /// Its dash or key.
    pub(super) start: Mark,
    /// Offset behind the key; that of the dash for an item.
    pub(super) head: usize,
    /// What its value is.
    pub(super) landing: Landing,
    /// Where the value starts, anchor and tag not counted.
    pub(super) value: Mark,
    /// Where the value ends.
    pub(super) end: Mark,
}

/// The containers and entries of one document, each in document order.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) containers: Vec<Container>,
    pub(super) entries: Vec<Entry>,
}

impl Layout {
    /// A container and those around it, innermost first.
    pub(super) fn upwards(&self, inner: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(inner), |&container| self.containers[container].parent)
    }

    /// The slot behind the entries of a container that start before an offset.
    pub(super) fn slot_after(&self, container: usize, offset: usize) -> Slot {
        let before = self.containers[container]
            .starts
            .partition_point(|start| *start < offset);
        Slot {
            container,
            before,
            inline: false,
        }
    }
}

impl Layout {
    /// The slot of a comment behind the bracket that closes a flow list or map: go-yaml gives it to the value, of
    /// which SOPS makes the inline comment of an item, but the first comment inside of what a key has.
    pub(super) fn slot_behind_flow(&self, container: usize) -> Slot {
        let Container { parent, start, .. } = self.containers[container];
        match parent.filter(|parent| !self.containers[*parent].is_map) {
            Some(list) => Slot {
                container: list,
                before: self.containers[list]
                    .starts
                    .partition_point(|item| *item <= start)
                    .saturating_sub(1),
                inline: true,
            },
            None => Slot {
                container,
                before: 0,
                inline: false,
            },
        }
    }
}

/// The dash of a list item: on the line of the item's content or above it, in the list's column, and behind
/// an offset.
pub(super) fn dash(text: &str, item: Mark, column: u32, behind: usize) -> Option<Mark> {
    let offset = usize::try_from(column).ok()?.checked_sub(1)?;
    let mut line_end = item.byte;
    let mut line = item.line;
    loop {
        let line_start = text.get(..line_end)?.rfind('\n').map_or(0, |at| at + 1);
        let content = &text[line_start..line_end];
        if line_end < behind {
            return None;
        }
        let comment = content.trim_start().starts_with('#');
        if !comment && content.as_bytes().get(offset) == Some(&b'-') {
            return Some(Mark {
                byte: line_start + offset,
                line,
                column,
            });
        }
        line_end = line_start.checked_sub(1)?;
        line = line.checked_sub(1)?;
    }
}
