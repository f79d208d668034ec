//! The comments on lines of their own between two entries: who gets which.
//!
//! go-yaml hands such comments over in chunks, each as the foot of what stands before or as the head of what
//! comes after, and decides by blank lines and columns while it scans, at a point where it does not know
//! yet which lists and maps end there. This is the same decision over the finished layout:
//!
//! 1. The comments are cut into chunks ([`chunks`]). A blank line behind the first chunk, or a line to the
//!    left of the current map, makes a chunk a foot; what is left at the end is a head.
//! 2. A foot that was not cut off by a dedent belongs to the entry before. The others wait: each list or
//!    map that ends takes what stands before its end, and an end moves down to a comment in its own column.
//! 3. Heads go before the next entry.

use super::event::{Flow, Mark};
use super::layout::{Entry, Landing, Layout};

/// Where a comment goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// The list or map.
    pub(super) container: usize,
    /// Index of the entry it stands before; the number of entries for the end.
    pub(super) before: usize,
    /// Whether it stands behind a value.
    pub(super) inline: bool,
}

/// A run of comments with nothing but blank lines between, and the entries around it.
pub(super) struct Gap<'a> {
    pub(super) text: &'a str,
    pub(super) layout: &'a Layout,
    pub(super) before: &'a Entry,
    /// `None` at the end of the document.
    pub(super) after: Option<&'a Entry>,
    pub(super) comments: &'a [Mark],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Belongs to the entry before, whatever ends.
    FootOfBefore,
    /// Belongs to what ends behind its start, or to what comes next.
    Foot,
    /// Belongs to what comes next.
    Head,
}

struct Chunk {
    kind: Kind,
    first: Mark,
    /// Offset from which go-yaml counts it.
    anchor: usize,
    /// Number of comments in it.
    count: usize,
}

/// The chunks so far, and the one under way.
struct Cutter {
    chunks: Vec<Chunk>,
    open: Option<(Mark, usize)>,
    /// Where the chunk before was cut off.
    cut: Option<usize>,
}

impl Cutter {
    fn take(&mut self, comment: Mark) {
        match &mut self.open {
            Some((_, count)) => *count += 1,
            None => self.open = Some((comment, 1)),
        }
    }

    /// Ends the chunk under way as a foot, at an offset; a foot cut off by a dedent counts from its start.
    fn foot(&mut self, at: usize, dedented: bool) {
        let Some((first, count)) = self.open.take() else {
            return;
        };
        let (kind, anchor) = match self.cut {
            _ if dedented => (Kind::Foot, first.byte),
            Some(cut) => (Kind::Foot, cut),
            None => (Kind::FootOfBefore, first.byte),
        };
        self.chunks.push(Chunk {
            kind,
            first,
            anchor,
            count,
        });
        self.cut = Some(at);
    }

    fn finish(mut self) -> Vec<Chunk> {
        if let Some((first, count)) = self.open {
            self.chunks.push(Chunk {
                kind: Kind::Head,
                first,
                anchor: first.byte,
                count,
            });
        }
        self.chunks
    }
}

impl Gap<'_> {
    /// A slot for each comment, in order.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let Some(&first) = self.comments.first() else {
            return Vec::new();
        };
        let inner = self.inner();
        let chunks = self.chunks(first, self.layout.containers[inner].column);
        let mut queue = chunks.iter().peekable();
        let mut slots = Vec::with_capacity(self.comments.len());
        let mut waiting = 0;
        while let Some(chunk) = queue.next_if(|chunk| chunk.kind == Kind::FootOfBefore) {
            if self.before.landing == Landing::Missing {
                waiting += chunk.count;
            } else {
                slots.extend(std::iter::repeat_n(
                    self.layout.slot_after(inner, first.byte),
                    chunk.count,
                ));
            }
        }
        for (container, end) in self.ends(inner, &chunks) {
            while let Some(chunk) = queue.next_if(|chunk| chunk.kind == Kind::Foot && chunk.anchor <= end) {
                waiting += chunk.count;
            }
            // A list hands what it took on to what ends next.
            if self.layout.containers[container].is_map {
                slots.extend(std::iter::repeat_n(
                    self.layout.slot_after(container, first.byte),
                    waiting,
                ));
                waiting = 0;
            }
        }
        for chunk in queue {
            waiting += chunk.count;
            if chunk.kind == Kind::Head {
                let feet = waiting - chunk.count;
                self.place_feet(feet, &mut slots);
                slots.extend(std::iter::repeat_n(self.head_of_next(), chunk.count));
                waiting = 0;
            }
        }
        self.place_feet(waiting, &mut slots);
        slots
    }

    fn place_feet(&self, count: usize, slots: &mut Vec<Slot>) {
        if count > 0 {
            slots.extend(std::iter::repeat_n(self.foot_of_next(), count));
        }
    }

    /// The innermost list or map in block style around the entry before.
    fn inner(&self) -> usize {
        let is_block = |container: &usize| self.layout.containers[*container].flow == Flow::Block;
        self.layout
            .upwards(self.before.container)
            .find(is_block)
            .unwrap_or(self.before.container)
    }

    fn chunks(&self, first: Mark, indent: u32) -> Vec<Chunk> {
        let blanks_above = self.text[..first.byte]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_whitespace)
            .filter(|byte| *byte == b'\n')
            .count();
        let touches_before = blanks_above <= 1;
        let behind_colon =
            self.before.landing == Landing::Missing && self.before.head != self.before.start.byte;
        let mut no_blank_yet = touches_before;
        let mut cutter = Cutter {
            chunks: Vec::new(),
            open: None,
            cut: None,
        };
        // A blank line, or the end of the file, behind the comment under way.
        let mut blank = |cutter: &mut Cutter, at: usize| {
            if let Some((start, _)) = cutter.open
                && no_blank_yet
            {
                let dedented = start.column < indent;
                if dedented || (start.line == first.line && touches_before && !behind_colon) {
                    cutter.foot(at, dedented);
                }
            }
            no_blank_yet = false;
        };
        let dedent = |cutter: &mut Cutter, column: u32, at: usize| {
            if cutter
                .open
                .is_some_and(|(start, _)| column < indent && column != start.column)
            {
                cutter.foot(at, false);
            }
        };
        let mut above: Option<Mark> = None;
        for &comment in self.comments {
            if let Some(above) = above {
                if comment.line > above.line + 1 {
                    blank(&mut cutter, line_end(self.text, above));
                }
                dedent(&mut cutter, comment.column, comment.byte);
            }
            cutter.take(comment);
            above = Some(comment);
        }
        let last = above.unwrap_or(first);
        let behind = line_end(self.text, last);
        let rest = self.text[behind..].trim_start_matches(['\r', ' ', '\t']);
        let rest = rest.strip_prefix('\n').unwrap_or(rest);
        let at_end = rest.trim().is_empty();
        if at_end || rest.lines().next().is_some_and(|line| line.trim().is_empty()) {
            blank(&mut cutter, behind);
        }
        if !at_end {
            dedent(
                &mut cutter,
                self.after.map_or(1, |after| after.start.column),
                behind,
            );
        }
        cutter.finish()
    }

    /// The lists and maps that end in the gap, innermost first, and the offsets of their ends.
    fn ends(&self, inner: usize, chunks: &[Chunk]) -> Vec<(usize, usize)> {
        let outer = self.after.map_or(0, |after| after.container);
        let mut end = 0;
        let ending = self
            .layout
            .upwards(inner)
            .take_while(|container| *container != outer);
        ending
            .map(|container| {
                let column = self.layout.containers[container].column;
                let parent = self.layout.containers[container].parent;
                let unindented = parent.is_some_and(|parent| self.layout.containers[parent].column == column);
                let own = chunks.iter().find(|chunk| chunk.first.column == column);
                if let (Some(chunk), false) = (own, unindented) {
                    end = chunk.first.byte;
                }
                (container, if unindented { 0 } else { end })
            })
            .collect()
    }

    fn head_of_next(&self) -> Slot {
        match self.after {
            Some(after) => Slot {
                container: after.container,
                before: after.ordinal,
                inline: false,
            },
            None => Slot {
                container: 0,
                before: usize::MAX,
                inline: false,
            },
        }
    }

    /// A foot that found no owner goes to the next map entry as foot of the one before; a list item has no
    /// such hand-over, so there it ends up behind the item.
    fn foot_of_next(&self) -> Slot {
        let Some(after) = self.after else {
            return self.head_of_next();
        };
        if self.layout.containers[after.container].is_map {
            return self.head_of_next();
        }
        let mut item = after;
        while let Landing::Container(inner) = item.landing {
            let container = &self.layout.containers[inner];
            if container.flow == Flow::Flow || container.starts.is_empty() {
                return self.head_of_next();
            }
            if container.is_map {
                return Slot {
                    container: inner,
                    before: 1,
                    inline: false,
                };
            }
            let first = self
                .layout
                .entries
                .partition_point(|entry| entry.start.byte < container.starts[0]);
            let Some(next) = self.layout.entries.get(first) else {
                return self.head_of_next();
            };
            item = next;
        }
        Slot {
            container: item.container,
            before: item.ordinal + 1,
            inline: false,
        }
    }
}

/// Offset of the end of the line a mark stands on.
fn line_end(text: &str, mark: Mark) -> usize {
    text[mark.byte..]
        .find('\n')
        .map_or(text.len(), |end| mark.byte + end)
}
