//! The changes of one object as lines, which every form prints in its own way.

use afterbay_apply::{Change, ObjectDiff, Shown};
use similar::{ChangeTag, TextDiff};

use super::scalar;

/// Unchanged lines of a text that are shown around a changed one.
const AROUND: usize = 3;

/// What a line says about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Added,
    Removed,
    Changed,
    /// As it was, shown so that one knows where one is.
    Same,
    /// A remark.
    Note,
}

impl Mark {
    /// The first character of the line.
    pub(super) fn character(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
            Self::Same => ' ',
            Self::Note => '#',
        }
    }
}

/// A piece of a line, safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Where the value is.
    Path(String),
    Plain(String),
    /// The value in the cluster, of a change on one line.
    Before(String),
    /// The value after the apply, of a change on one line.
    After(String),
    /// What is told of a value that is not shown.
    Masked(String),
}

impl Part {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Path(text)
            | Self::Plain(text)
            | Self::Before(text)
            | Self::After(text)
            | Self::Masked(text) => text,
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) mark: Mark,
    pub(super) parts: Vec<Part>,
}

impl Line {
    fn plain(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            parts: vec![Part::Plain(text.into())],
        }
    }

    /// The line without its mark.
    pub(super) fn text(&self) -> String {
        self.parts.iter().map(Part::text).collect()
    }
}

/// All lines of an object.
pub(super) fn lines(object: &ObjectDiff) -> Vec<Line> {
    let notes = object
        .notes
        .iter()
        .map(|note| Line::plain(Mark::Note, scalar::tame(note)));
    notes.chain(object.changes.iter().flat_map(of_change)).collect()
}

fn of_change(change: &Change) -> Vec<Line> {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let path = scalar::tame(&change.path);
    if let Some(told) = Shown::masked_change(before, after) {
        let mark = match (before, after) {
            (None, _) => Mark::Added,
            (_, None) => Mark::Removed,
            _ => Mark::Changed,
        };
        let parts = vec![Part::Path(path), Part::Plain(": ".to_owned()), Part::Masked(told)];
        return vec![Line { mark, parts }];
    }
    match (before, after) {
        (Some(Shown::Text(before)), Some(Shown::Text(after))) if is_long(before) || is_long(after) => {
            hunks(path, before, after)
        }
        (Some(before), Some(after)) => match (on_one_line(before), on_one_line(after)) {
            (Some(old), Some(new)) => {
                let parts = vec![
                    Part::Path(path),
                    Part::Plain(": ".to_owned()),
                    told(before, old, Part::Before),
                    Part::Plain(" → ".to_owned()),
                    told(after, new, Part::After),
                ];
                vec![Line {
                    mark: Mark::Changed,
                    parts,
                }]
            }
            _ => [
                tree(Mark::Removed, &path, before),
                tree(Mark::Added, &path, after),
            ]
            .concat(),
        },
        (Some(before), None) => tree(Mark::Removed, &path, before),
        (None, Some(after)) => tree(Mark::Added, &path, after),
        (None, None) => Vec::new(),
    }
}

fn told(value: &Shown, text: String, plain: fn(String) -> Part) -> Part {
    match value {
        Shown::Masked(_) => Part::Masked(text),
        _ => plain(text),
    }
}

/// A text of several lines is shown line by line.
fn is_long(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
}

/// The value, if it fits on a line.
fn on_one_line(value: &Shown) -> Option<String> {
    match value {
        Shown::Literal(text) => Some(text.clone()),
        Shown::Text(text) if !is_long(text) => Some(scalar::text(text)),
        Shown::Masked(masked) => {
            let plural = if masked.bytes == 1 { "" } else { "s" };
            Some(format!(
                "({} byte{plural}, fingerprint {})",
                masked.bytes,
                masked.fingerprint()
            ))
        }
        Shown::List(items) if items.is_empty() => Some("[]".to_owned()),
        Shown::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Shown::List(items)
            if items
                .iter()
                .all(|item| matches!(item, Shown::Literal(_) | Shown::Text(_))) =>
        {
            let items: Option<Vec<String>> = items.iter().map(on_one_line).collect();
            let line = format!("[{}]", items?.join(", "));
            (line.len() <= 60).then_some(line)
        }
        _ => None,
    }
}

/// The lines of a text that differ, with some around them.
fn hunks(path: String, before: &str, after: &str) -> Vec<Line> {
    let mut lines = vec![Line {
        mark: Mark::Changed,
        parts: vec![Part::Path(path), Part::Plain(": |".to_owned())],
    }];
    let diff = TextDiff::from_lines(before, after);
    for (number, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if number > 0 {
            lines.push(Line::plain(Mark::Same, "  …"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => Mark::Removed,
                ChangeTag::Insert => Mark::Added,
                ChangeTag::Equal => Mark::Same,
            };
            let text = change.value();
            let end = if text.ends_with('\n') {
                ""
            } else {
                " (no line end)"
            };
            let text = scalar::tame(text.trim_end_matches('\n'));
            lines.push(Line::plain(mark, format!("  {text}{end}").trim_end().to_owned()));
        }
    }
    lines
}

/// A value as YAML under its path.
fn tree(mark: Mark, path: &str, value: &Shown) -> Vec<Line> {
    let mut writer = Writer {
        mark,
        lines: Vec::new(),
    };
    writer.value(
        vec![Part::Path(path.to_owned()), Part::Plain(":".to_owned())],
        value,
        0,
    );
    writer.lines
}

struct Writer {
    mark: Mark,
    lines: Vec<Line>,
}

impl Writer {
    fn push(&mut self, parts: Vec<Part>) {
        self.lines.push(Line {
            mark: self.mark,
            parts,
        });
    }

    /// Writes a value behind what leads to it; what does not fit on the line stands below, `depth` steps in.
    fn value(&mut self, mut lead: Vec<Part>, value: &Shown, depth: usize) {
        if let Some(text) = on_one_line(value) {
            lead.push(Part::Plain(" ".to_owned()));
            lead.push(told(value, text, Part::Plain));
            return self.push(lead);
        }
        match value {
            Shown::Map(entries) => {
                self.push(lead);
                self.entries(entries, depth + 1, &indent(depth + 1));
            }
            Shown::List(items) => {
                self.push(lead);
                for item in items {
                    self.item(item, depth);
                }
            }
            Shown::Text(text) => {
                lead.push(Part::Plain(" |".to_owned()));
                self.push(lead);
                for line in text.lines() {
                    let line = format!("{}{}", indent(depth + 1), scalar::tame(line));
                    self.push(vec![Part::Plain(line.trim_end().to_owned())]);
                }
            }
            Shown::Literal(_) | Shown::Masked(_) => {}
        }
    }

    fn entries(&mut self, entries: &[(String, Shown)], depth: usize, first: &str) {
        for (number, (key, value)) in entries.iter().enumerate() {
            let start = if number == 0 {
                first.to_owned()
            } else {
                indent(depth)
            };
            let lead = vec![
                Part::Plain(start),
                Part::Path(scalar::key(key)),
                Part::Plain(":".to_owned()),
            ];
            self.value(lead, value, depth);
        }
    }

    fn item(&mut self, item: &Shown, depth: usize) {
        let dash = format!("{}- ", indent(depth));
        match item {
            Shown::Map(entries) if !entries.is_empty() => self.entries(entries, depth + 1, &dash),
            item => self.value(vec![Part::Plain(dash.trim_end().to_owned())], item, depth + 1),
        }
    }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}
