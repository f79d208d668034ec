//! Comments get their place: in the container, and before the entry, where SOPS's store puts them.
//!
//! The store keeps comments as entries of the list or map around them, in the order in which go-yaml
//! hands them over; a comment's authenticated data and the rules on comments depend on that place. The
//! parser's own order is no help (a comment before a map's first key arrives before the map), so all
//! comments are collected and placed by where they stand.

use super::event::{Flow, Mark};
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
    for (index, (bare, bound)) in bare.into_iter().zip(bounds).enumerate() {
        let own: Vec<Loose> =
            std::iter::from_fn(|| comments.next_if(|comment| comment.start.byte < bound)).collect();
        let marker = end_marker(text, bare.end, bound).unwrap_or(usize::MAX);
        let kept = own.into_iter().filter(|comment| comment.start.byte < marker);
        documents.push(document(text, index, bare, kept));
    }
    documents
}

fn document(text: &str, index: usize, bare: Bare, comments: impl Iterator<Item = Loose>) -> Document {
    let position = bare
        .root
        .as_ref()
        .map_or(bare.start.position(), |root| root.position);
    let Bare { mut root, layout, .. } = bare;
    if layout.containers.is_empty() {
        let comments = comments.map(|comment| comment.place(false)).collect();
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
    let mut gap = Gap::default();
    for comment in comments {
        let slot = finder.slot(comment.start, &mut gap);
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

/// Where a line that starts with `...` lies behind the content; Go's parser drops comments behind it.
fn end_marker(text: &str, end: usize, bound: usize) -> Option<usize> {
    let behind = text.get(end..bound.min(text.len()))?;
    let at_line_start = end == 0 || text.as_bytes().get(end - 1) == Some(&b'\n');
    if at_line_start && behind.starts_with("...") {
        Some(end)
    } else {
        behind.find("\n...").map(|at| end + at)
    }
}

/// Where a comment goes.
struct Slot {
    container: usize,
    /// Index of the entry it stands before; the number of entries for the end.
    before: usize,
    inline: bool,
}

/// The comments on lines of their own between two entries.
#[derive(Default)]
struct Gap {
    /// Index of the entry behind the gap.
    next: Option<usize>,
    /// Column and container of the last comment in it.
    last: Option<(u32, usize)>,
    /// Offset behind the last blank line in it, once known.
    behind_blank: Option<usize>,
}

struct Finder<'a> {
    text: &'a str,
    layout: &'a Layout,
}

impl Finder<'_> {
    fn slot(&self, at: Mark, gap: &mut Gap) -> Slot {
        let next = self
            .layout
            .entries
            .partition_point(|entry| entry.start.byte <= at.byte);
        let previous = next.checked_sub(1).map(|index| &self.layout.entries[index]);
        if gap.next != Some(next) {
            *gap = Gap {
                next: Some(next),
                ..Gap::default()
            };
        }
        if self.line_before(at).trim_matches([' ', '\t']).is_empty() {
            self.own_line(at, previous, self.layout.entries.get(next), gap)
        } else {
            self.same_line(at, previous)
        }
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
            return Slot {
                container,
                before: 0,
                inline: false,
            };
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
        self.upwards(inner).find(|&container| {
            let container = &self.layout.containers[container];
            container.flow == Flow::Flow && container.end == end
        })
    }

    /// A comment on a line of its own.
    fn own_line(&self, at: Mark, previous: Option<&Entry>, next: Option<&Entry>, gap: &mut Gap) -> Slot {
        let Some(entry) = previous else {
            return Slot {
                container: 0,
                before: 0,
                inline: false,
            };
        };
        if let Some(container) = self.open_flow(at, entry) {
            return self.in_order(container, at);
        }
        if entry.value.byte > at.byte {
            match entry.landing {
                Landing::Leaf => {
                    return Slot {
                        container: entry.container,
                        before: entry.ordinal,
                        inline: false,
                    };
                }
                Landing::Container(inner) => {
                    return Slot {
                        container: inner,
                        before: 0,
                        inline: false,
                    };
                }
                Landing::Missing => {}
            }
        }
        // An empty `[]` or `{}` has no entry of its own and is closed by now.
        let container = self.between(at, entry.container, next, gap);
        gap.last = Some((at.column, container));
        self.in_order(container, at)
    }

    /// The container of a comment between two entries, the first of which is in `inner`.
    fn between(&self, at: Mark, inner: usize, next: Option<&Entry>, gap: &mut Gap) -> usize {
        let (outer, outer_column) = next.map_or((0, 0), |next| {
            (next.container, self.layout.containers[next.container].column)
        });
        if inner == outer || !self.layout.is_within(inner, outer) {
            return outer;
        }
        if at.column > outer_column {
            return match gap.last {
                None => inner,
                Some((column, container)) if at.column >= column => container,
                Some(_) => self.deepest(inner, at.column),
            };
        }
        let behind_blank = next.map_or(usize::MAX, |next| {
            *gap.behind_blank
                .get_or_insert_with(|| self.behind_blank(at, next.start))
        });
        if at.byte >= behind_blank {
            outer
        } else {
            self.deepest(inner, at.column)
        }
    }

    /// The innermost container, from `inner` outwards, whose column is not right of `column`.
    fn deepest(&self, inner: usize, column: u32) -> usize {
        self.upwards(inner)
            .find(|&container| self.layout.containers[container].column <= column)
            .unwrap_or(0)
    }

    /// Offset behind the last blank line between a comment and an entry; that of the comment without one.
    fn behind_blank(&self, from: Mark, entry: Mark) -> usize {
        let mut offset = from.byte;
        let mut behind = from.byte;
        for line in self.text[from.byte..entry.byte].split_inclusive('\n') {
            offset += line.len();
            if line.ends_with('\n') && line.trim().is_empty() {
                behind = offset;
            }
        }
        behind
    }

    /// The innermost flow list or map that is open at a comment.
    fn open_flow(&self, at: Mark, entry: &Entry) -> Option<usize> {
        let inner = match entry.landing {
            Landing::Container(inner) => inner,
            Landing::Leaf | Landing::Missing => entry.container,
        };
        self.upwards(inner).find(|&container| {
            let container = &self.layout.containers[container];
            container.flow == Flow::Flow && container.start < at.byte && at.byte < container.end
        })
    }

    fn upwards(&self, inner: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(inner), |&container| self.layout.containers[container].parent)
    }

    /// Before the first entry of a container that starts after the comment.
    fn in_order(&self, container: usize, at: Mark) -> Slot {
        let starts = &self.layout.containers[container].starts;
        let before = starts.partition_point(|start| *start < at.byte);
        Slot {
            container,
            before,
            inline: false,
        }
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
