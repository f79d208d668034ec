//! YAML streams at random, with comments, anchors and every scalar style.
//!
//! Left out is what SOPS is known to lose: texts of several lines that start with a tab or a line break.

use std::fmt::Write as _;

use super::generator::{COMMENTS, TEXTS, keys};
use crate::differential::random::Random;

/// How deep collections nest.
const DEPTH: usize = 4;

/// One document, or several.
pub(super) fn stream(random: &mut Random) -> String {
    let count = if random.once_in(5) { 2 + random.below(2) } else { 1 };
    let documents: Vec<String> = (0..count).map(|_| document(random)).collect();
    let start = random.pick(&["", "---\n"]);
    format!("{start}{}", documents.join("---\n"))
}

fn document(random: &mut Random) -> String {
    let mut writer = Writer {
        random,
        text: String::new(),
        anchors: 0,
    };
    if writer.random.once_in(6) {
        writer.comment_line(0);
    }
    writer.mapping(0, DEPTH);
    writer.text
}

struct Writer<'a> {
    random: &'a mut Random,
    text: String,
    /// How many anchors there are to refer to.
    anchors: usize,
}

impl Writer<'_> {
    fn indent(&mut self, columns: usize) {
        self.text.extend(std::iter::repeat_n(' ', columns));
    }

    fn comment_line(&mut self, columns: usize) {
        self.indent(columns);
        let comment = self.random.pick(&COMMENTS);
        self.text
            .push_str(if self.random.once_in(4) { "#" } else { "# " });
        self.text.push_str(comment);
        self.text.push('\n');
    }

    fn end_of_line(&mut self) {
        if self.random.once_in(12) {
            let comment = self.random.pick(&COMMENTS);
            self.text.push_str(" # ");
            self.text.push_str(comment);
        }
        self.text.push('\n');
        if self.random.once_in(15) {
            self.text.push('\n');
        }
    }

    fn mapping(&mut self, columns: usize, depth: usize) {
        let count = 1 + self.random.below(5);
        for (index, key) in keys(self.random, count).into_iter().enumerate() {
            if self.random.once_in(6) && (index > 0 || columns > 0) {
                self.comment_line(columns);
            }
            self.indent(columns);
            self.entry(key, columns, depth);
        }
    }

    /// The key and its value; the text ends with a line.
    fn entry(&mut self, key: &str, columns: usize, depth: usize) {
        match self.random.below(8) {
            0 => self.text.extend(["\"", key, "\":"]),
            1 => self.text.extend(["'", key, "':"]),
            _ => self.text.extend([key, ":"]),
        }
        self.value(columns, depth);
    }

    /// What follows a `:` in a mapping at this column.
    fn value(&mut self, columns: usize, depth: usize) {
        match self.random.below(10) {
            0 | 1 if depth > 0 => {
                self.text.push('\n');
                self.mapping(columns + 2, depth - 1);
            }
            2 if depth > 0 => {
                self.text.push('\n');
                let indented = if self.random.once_in(2) { 2 } else { 0 };
                self.sequence(columns + indented, depth - 1);
            }
            3 => {
                self.text.push(' ');
                self.flow(2);
                self.end_of_line();
            }
            4 => self.block(columns + 2),
            _ => {
                self.text.push(' ');
                self.scalar();
                self.end_of_line();
            }
        }
    }

    fn sequence(&mut self, columns: usize, depth: usize) {
        for _ in 0..=self.random.below(4) {
            if self.random.once_in(8) {
                self.comment_line(columns);
            }
            self.indent(columns);
            self.text.push('-');
            match self.random.below(6) {
                0 if depth > 0 => {
                    self.text.push(' ');
                    let count = 1 + self.random.below(3);
                    for (index, key) in keys(self.random, count).into_iter().enumerate() {
                        if index > 0 {
                            self.indent(columns + 2);
                        }
                        self.entry(key, columns + 2, depth - 1);
                    }
                }
                1 => self.block(columns + 2),
                2 => {
                    self.text.push(' ');
                    self.flow(2);
                    self.end_of_line();
                }
                _ => {
                    self.text.push(' ');
                    self.scalar();
                    self.end_of_line();
                }
            }
        }
    }

    fn flow(&mut self, depth: usize) {
        match self.random.below(4) {
            0 => self.text.push_str("[]"),
            1 => self.text.push_str("{}"),
            2 if depth > 0 => {
                self.text.push('[');
                for index in 0..=self.random.below(3) {
                    if index > 0 {
                        self.text.push_str(", ");
                    }
                    self.flow(depth - 1);
                }
                self.text.push(']');
            }
            3 if depth > 0 => {
                let count = 1 + self.random.below(3);
                self.text.push('{');
                for (index, key) in keys(self.random, count).into_iter().enumerate() {
                    if index > 0 {
                        self.text.push_str(", ");
                    }
                    let _ = write!(self.text, "{key}: ");
                    self.flow(depth - 1);
                }
                self.text.push('}');
            }
            _ => self.quoted(),
        }
    }

    /// A block scalar, its header included.
    fn block(&mut self, columns: usize) {
        const LINES: [&str; 9] = [
            "first line",
            "key: value",
            "  indented",
            "# no comment",
            "- item",
            "",
            "a rather long line that goes on and on until it is longer than what an emitter folds at",
            "trailing space ",
            "ünïcödé 🚀",
        ];
        let header = self.random.pick(&[" |", " |-", " |+", " >", " >-"]);
        self.text.push_str(header);
        if self.random.once_in(10) {
            self.text.push_str(" # on the header");
        }
        self.text.push('\n');
        // The first line sets the indentation, so it is one without its own.
        let mut lines = vec!["start"];
        lines.extend((0..self.random.below(4)).map(|_| self.random.pick(&LINES)));
        for line in lines {
            if !line.is_empty() {
                self.indent(columns);
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn scalar(&mut self) {
        const PLAIN: [&str; 34] = [
            "0",
            "12",
            "-7",
            "0644",
            "0o17",
            "0x1F",
            "0b101",
            "1_000",
            "9223372036854775807",
            "1.0",
            "0.5",
            "-0.0",
            "1e3",
            "1e10",
            ".5",
            "1.",
            "3.141592653589793",
            ".inf",
            "true",
            "false",
            "True",
            "null",
            "~",
            "yes",
            "off",
            "2020-01-01",
            "2001-12-14t21:59:43.10-05:00",
            "2001-12-15 2:59:43.10",
            "190:20:30",
            "word",
            "two words",
            "a:b",
            "a#b",
            "ünïcödé",
        ];
        match self.random.below(12) {
            0..=4 => {
                let text: &str = self.random.pick(&PLAIN);
                self.text.push_str(text);
            }
            5 => {
                self.anchors += 1;
                let _ = write!(self.text, "&a{} anchored", self.anchors);
            }
            6 if self.anchors > 0 => {
                let anchor = 1 + self.random.below(self.anchors);
                let _ = write!(self.text, "*a{anchor}");
            }
            7 => {
                let tagged: &str = self
                    .random
                    .pick(&["!!str 12", "!!str true", "!!int \"7\"", "!!float 1"]);
                self.text.push_str(tagged);
            }
            // Nothing at all: null.
            8 => {}
            _ => self.quoted(),
        }
    }

    fn quoted(&mut self) {
        let text: &str = self.random.pick(&TEXTS);
        if self.random.once_in(2) {
            let _ = write!(self.text, "'{}'", text.replace('\'', "''"));
            return;
        }
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        let more: &str =
            self.random
                .pick(&["", "", "\\n", "\\t", "\\x41", "\\u00e9", "\\nlast line\\n", "\\e"]);
        let _ = write!(self.text, "\"{escaped}{more}\"");
    }
}
