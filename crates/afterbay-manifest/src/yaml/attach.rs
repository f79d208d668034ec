//! Comments get their place: in the container, and before the entry, where SOPS's store puts them.
//!
//! The store keeps comments as entries of the list or map around them, in the order in which go-yaml
//! hands them over; a comment's authenticated data and the rules on comments depend on that place. The
//! parser's own order is no help (a comment before a map's first key arrives before the map), so all
//! comments are collected and placed by where they stand.

use super::event::{Flow, Mark};
use super::gap::{Gap, Slot};
use super::layout::{Entry, Landing, Layout};
use super::tree::{Bare, Loose};
use super::{Comment, Document, Element, ElementKind, Item, Pair};

/// Turns bare documents and the comments of their text into documents.
pub(super) fn attach(text: &str, bare: Vec<Bare>, mut comments: Vec<Loose>) -> Vec<Document> {
    comments.sort_by_key(|comment| comment.start.byte);
    let mut comments = comments.into_iter().peekable();
    let bounds: Vec<usize> = bare
        .iter()
        .skip(1)
        .map(|next| next.start.byte)
        .chain([usize::MAX])
        .collect();
    let mut documents = Vec::with_capacity(bare.len());
    let mut carried: Vec<Loose> = Vec::new();
    for (index, (bare, bound)) in bare.into_iter().zip(bounds).enumerate() {
        let mut own = std::mem::take(&mut carried);
        own.extend(std::iter::from_fn(|| {
            comments.next_if(|comment| comment.start.byte < bound)
        }));
        if let Some(marker) = end_marker(text, bare.end, bound) {
            let behind = own.partition_point(|comment| comment.start.byte < marker);
            let line_end = text[marker..].find('\n').map_or(text.len(), |end| marker + end);
            carried = own.split_off(behind);
            carried.retain(|comment| comment.start.byte > line_end);
        }
        documents.push(document(text, index, bare, own));
    }
    documents
}

fn document(text: &str, index: usize, bare: Bare, comments: Vec<Loose>) -> Document {
    let position = bare
        .root
        .as_ref()
        .map_or(bare.start.position(), |root| root.position);
    let Bare { mut root, layout, .. } = bare;
    if layout.containers.is_empty() {
        let comments = comments.into_iter().map(|comment| comment.place(false)).collect();
        return Document {
            index,
            root,
            comments,
            position,
        };
    }
    let mut slots: Vec<Vec<(usize, Comment)>> = layout.containers.iter().map(|_| Vec::new()).collect();
    let finder = Finder {
        text,
        layout: &layout,
    };
    let marks: Vec<Mark> = comments.iter().map(|comment| comment.start).collect();
    for (comment, slot) in comments.into_iter().zip(finder.slots(&marks)) {
        slots[slot.container].push((slot.before, comment.place(slot.inline)));
    }
    for slot in &mut slots {
        slot.sort_by_key(|(before, _)| *before);
    }
    if let Some(root) = &mut root {
        weave(root, &mut slots.into_iter());
    }
    Document {
        index,
        root,
        comments: Vec::new(),
        position,
    }
}

impl Loose {
    fn place(self, inline: bool) -> Comment {
        Comment {
            text: self.text,
            position: self.start.position(),
            inline,
        }
    }
}

/// Where a line that starts with `...` lies behind the content. Go's parser drops a comment on that line,
/// and gives those below it to the next document.
fn end_marker(text: &str, end: usize, bound: usize) -> Option<usize> {
    let behind = text.get(end..bound.min(text.len()))?;
    let at_line_start = end == 0 || text.as_bytes().get(end - 1) == Some(&b'\n');
    if at_line_start && behind.starts_with("...") {
        Some(end)
    } else {
        behind.find("\n...").map(|at| end + at + 1)
    }
}

struct Finder<'a> {
    text: &'a str,
    layout: &'a Layout,
}

impl Finder<'_> {
    /// A slot for each comment, in order.
    fn slots(&self, comments: &[Mark]) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(comments.len());
        while let Some(&at) = comments.get(slots.len()) {
            let next = self
                .layout
                .entries
                .partition_point(|entry| entry.start.byte <= at.byte);
            let previous = next.checked_sub(1).map(|index| &self.layout.entries[index]);
            let decided = if self.stands_alone(at) {
                self.own_line(at, previous)
            } else {
                Some(self.same_line(at, previous))
            };
            if let (None, Some(before)) = (decided, previous) {
                let after = self.layout.entries.get(next);
                let rest = &comments[slots.len()..];
                let inside = |comment: &&Mark| {
                    after.is_none_or(|after| comment.byte < after.start.byte) && self.stands_alone(**comment)
                };
                let count = rest.iter().take_while(inside).count();
                let gap = Gap {
                    text: self.text,
                    layout: self.layout,
                    before,
                    after,
                    comments: &rest[..count],
                };
                slots.extend(gap.slots());
            } else {
                slots.push(decided.unwrap_or(Slot {
                    container: 0,
                    before: 0,
                    inline: false,
                }));
            }
        }
        slots
    }

    /// Whether nothing but blanks stands before a comment on its line.
    fn stands_alone(&self, at: Mark) -> bool {
        self.line_before(at).trim_matches([' ', '\t']).is_empty()
    }

    /// The text of the comment's line up to it.
    fn line_before(&self, at: Mark) -> &str {
        let before = &self.text[..at.byte];
        before.rfind('\n').map_or(before, |line| &before[line + 1..])
    }

    /// A comment behind something.
    fn same_line(&self, at: Mark, previous: Option<&Entry>) -> Slot {
        let Some(entry) = previous else {
            return Slot {
                container: 0,
                before: 0,
                inline: false,
            };
        };
        let code = self.text[..at.byte].trim_end_matches([' ', '\t']);
        if let Some(container) = self.closed_flow(code.len(), entry) {
            return self.layout.slot_behind_flow(container);
        }
        let before_entry = |inline| Slot {
            container: entry.container,
            before: entry.ordinal,
            inline,
        };
        match entry.landing {
            Landing::Leaf if at.byte >= entry.value.byte => before_entry(true),
            Landing::Leaf => before_entry(is_block_scalar_header(code)),
            Landing::Missing => before_entry(false),
            Landing::Container(inner) if at.byte < entry.value.byte => {
                let properties = code
                    .get(entry.head + 1..)
                    .is_some_and(|rest| rest.trim_start_matches([' ', '\t', ':']).starts_with(['&', '!']));
                let item = entry.head == entry.start.byte;
                if properties || item {
                    Slot {
                        container: inner,
                        before: 0,
                        inline: false,
                    }
                } else {
                    before_entry(false)
                }
            }
            Landing::Container(inner) => Slot {
                container: inner,
                before: 0,
                inline: false,
            },
        }
    }

    /// The flow list or map whose bracket closes at an offset.
    fn closed_flow(&self, end: usize, entry: &Entry) -> Option<usize> {
        let inner = match entry.landing {
            Landing::Container(inner) => inner,
            Landing::Leaf | Landing::Missing => entry.container,
        };
        self.layout.upwards(inner).find(|&container| {
            let container = &self.layout.containers[container];
            container.flow == Flow::Flow && container.end == end
        })
    }

    /// A comment on a line of its own, unless it is for its gap to decide.
    fn own_line(&self, at: Mark, previous: Option<&Entry>) -> Option<Slot> {
        let Some(entry) = previous else {
            return Some(Slot {
                container: 0,
                before: 0,
                inline: false,
            });
        };
        if let Some(container) = self.open_flow(at, entry) {
            return Some(self.layout.slot_after(container, at.byte));
        }
        match entry.landing {
            Landing::Leaf if entry.value.byte > at.byte => Some(Slot {
                container: entry.container,
                before: entry.ordinal,
                inline: false,
            }),
            Landing::Container(inner) if entry.value.byte > at.byte => Some(Slot {
                container: inner,
                before: 0,
                inline: false,
            }),
            _ => None,
        }
    }

    /// The innermost flow list or map that is open at a comment.
    fn open_flow(&self, at: Mark, entry: &Entry) -> Option<usize> {
        let inner = match entry.landing {
            Landing::Container(inner) => inner,
            Landing::Leaf | Landing::Missing => entry.container,
        };
        self.layout.upwards(inner).find(|&container| {
            let container = &self.layout.containers[container];
            container.flow == Flow::Flow && container.start < at.byte && at.byte < container.end
        })
    }
}

/// Whether a line ends with the header of a block scalar, such as `|` or `>2-`.
fn is_block_scalar_header(code: &str) -> bool {
    code.trim_end_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-')
        .ends_with(['|', '>'])
}

/// Puts comments between the entries, containers taken in document order.
fn weave(element: &mut Element, slots: &mut impl Iterator<Item = Vec<(usize, Comment)>>) {
    match &mut element.kind {
        ElementKind::Sequence(items) => {
            let comments = slots.next().unwrap_or_default();
            for item in items.iter_mut() {
                if let Item::Element(element) = item {
                    weave(element, slots);
                }
            }
            *items = interleave(std::mem::take(items), comments, Item::Comment);
        }
        ElementKind::Mapping(pairs) => {
            let comments = slots.next().unwrap_or_default();
            for pair in pairs.iter_mut() {
                if let Pair::Entry { key, value } = pair {
                    weave(key, slots);
                    weave(value, slots);
                }
            }
            *pairs = interleave(std::mem::take(pairs), comments, Pair::Comment);
        }
        ElementKind::Text(_) | ElementKind::Opened(..) | ElementKind::Alias(_) => {}
    }
}

/// Puts each comment before the entry with its index.
fn interleave<T>(entries: Vec<T>, comments: Vec<(usize, Comment)>, wrap: fn(Comment) -> T) -> Vec<T> {
    if comments.is_empty() {
        return entries;
    }
    let mut comments = comments.into_iter().peekable();
    let mut woven = Vec::with_capacity(entries.len() + comments.len());
    for (index, entry) in entries.into_iter().enumerate() {
        while let Some((_, comment)) = comments.next_if(|(before, _)| *before <= index) {
            woven.push(wrap(comment));
        }
        woven.push(entry);
    }
    woven.extend(comments.map(|(_, comment)| wrap(comment)));
    woven
}
