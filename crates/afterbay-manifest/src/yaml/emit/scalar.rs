//! Scalars: which style a text can have, and the four styles.

use super::writer::Writer;
use super::{Flavor, Leaf, Want};

/// The style a scalar gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    Plain,
    Single,
    Double,
    Literal,
}

/// What stands in the way of a style.
#[derive(Default)]
struct Obstacles {
    plain: bool,
    single: bool,
    literal: bool,
}

/// The style a scalar gets: the one wanted, unless its text cannot be written in it.
pub(super) fn plan(leaf: &Leaf<'_>, key: bool, flavor: Flavor) -> Plan {
    let obstacles = obstacles(&leaf.text, flavor);
    match leaf.want {
        Want::Plain if obstacles.plain || (key && leaf.text.is_empty()) => {
            if obstacles.single {
                Plan::Double
            } else {
                Plan::Single
            }
        }
        Want::Plain => Plan::Plain,
        Want::Literal if obstacles.literal || key => Plan::Double,
        Want::Literal => Plan::Literal,
        Want::Double => Plan::Double,
    }
}

fn obstacles(text: &str, flavor: Flavor) -> Obstacles {
    if text.is_empty() {
        return Obstacles {
            literal: true,
            ..Obstacles::default()
        };
    }
    if is_ordinary(text) {
        return Obstacles::default();
    }
    let mut found = Obstacles {
        plain: is_marked(text),
        ..Obstacles::default()
    };
    let last = text.chars().count() - 1;
    let mut previous = '\n';
    for (index, c) in text.chars().enumerate() {
        let edge = index == 0 || index == last;
        found.plain |= (edge && matches!(c, ' ' | '\n')) || c == '\n';
        found.literal |= c == ' ' && index == last;
        let after_break = index > 0 && previous == '\n';
        if c == ' ' && after_break {
            found.plain = true;
            found.single = true;
        }
        let tab = c == '\t' && flavor == Flavor::Sops;
        let special = !is_printable(c) && !tab;
        if special || (c == '\n' && index > 0 && previous == ' ') {
            found = Obstacles {
                plain: true,
                single: true,
                literal: true,
            };
        }
        if c == '\t' {
            found.plain = true;
            found.single = true;
        }
        previous = c;
    }
    found
}

/// Whether a text is of the kind that most are: one line of letters, digits and what stands in names, which nothing hinders.
fn is_ordinary(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-'))
}

/// Whether a plain text would be taken for something else because of an indicator in it.
fn is_marked(text: &str) -> bool {
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let blank_after = rest.peek().is_none_or(|next| is_blank(*next));
        let marked = match (before, c) {
            (
                None,
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                | '`',
            ) => true,
            (None, '?' | ':' | '-') | (Some(_), ':') => blank_after,
            (Some(before), '#') => is_blank(before) || before == '\n',
            _ => false,
        };
        if marked {
            return true;
        }
        before = Some(c);
    }
    false
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Whether a character is written as it is: as in libyaml, which stops at the basic plane and takes a byte
/// order mark for none, but for the line breaks that are not `\n`.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

impl Writer {
    pub(super) fn plain(&mut self, text: &str, fold: bool) {
        if !text.is_empty() && !self.whitespace {
            self.put(' ');
        }
        self.flow_text(text, |_, _| fold, Self::put);
    }

    pub(super) fn single(&mut self, text: &str, fold: bool) {
        self.indicator("'", false);
        let inside = inside(text);
        self.flow_text(
            text,
            |offset, _| fold && inside(offset),
            |writer, c| {
                if c == '\'' {
                    writer.put('\'');
                }
                writer.put(c);
            },
        );
        self.mark("'", false);
    }

    /// Text on one line, broken at single spaces behind the width where that is allowed. A line break in
    /// it is written twice, since one alone reads as a space.
    fn flow_text(
        &mut self,
        text: &str,
        may_fold: impl Fn(usize, char) -> bool,
        write: impl Fn(&mut Self, char),
    ) {
        let (mut after_space, mut after_break) = (false, false);
        let mut rest = text.char_indices().peekable();
        while let Some((offset, c)) = rest.next() {
            match c {
                ' ' => {
                    let next_space = rest.peek().is_some_and(|(_, next)| *next == ' ');
                    if may_fold(offset, c) && !after_space && self.column > self.width() && !next_space {
                        self.indent_line();
                    } else {
                        self.put(' ');
                    }
                    after_space = true;
                }
                '\n' => {
                    if !after_break {
                        self.line_break();
                    }
                    self.line_break();
                    after_break = true;
                }
                c => {
                    if after_break {
                        self.indent_line();
                    }
                    write(self, c);
                    self.indention = false;
                    (after_space, after_break) = (false, false);
                }
            }
        }
        if !text.is_empty() {
            self.whitespace = false;
        }
        self.indention = false;
    }

    pub(super) fn double(&mut self, text: &str, fold: bool) {
        self.indicator("\"", false);
        // Go looks for a byte order mark at the start of the text only, and then escapes all of it.
        let escape_all = text.starts_with('\u{feff}');
        let inside = inside(text);
        let mut after_space = false;
        let mut rest = text.char_indices().peekable();
        while let Some((offset, c)) = rest.next() {
            if escape_all || !is_printable(c) || matches!(c, '\n' | '"' | '\\') {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                if fold && !after_space && self.column > self.width() && inside(offset) {
                    self.indent_line();
                    if rest.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
        self.mark("\"", false);
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                self.put_str(&numeric_escape(u32::from(c)));
                return;
            }
        };
        self.put('\\');
        self.put(short);
    }

    /// `deeper` is by how much the text is indented; Go writes a full step instead, which inside a list of
    /// SOPS's style is too much to be read back.
    pub(super) fn literal(&mut self, text: &str, deeper: usize) {
        self.indicator("|", false);
        if text.starts_with([' ', '\n']) {
            self.mark(&deeper.to_string(), false);
        }
        let chomp = match text.strip_suffix('\n') {
            None => "-",
            Some("") => "+",
            Some(rest) if rest.ends_with('\n') => "+",
            Some(_) => "",
        };
        self.mark(chomp, false);
        if self.line.is_empty() {
            self.line_break();
        } else {
            self.flush_line();
        }
        self.whitespace = true;
        let mut after_break = true;
        for c in text.chars() {
            if c == '\n' {
                self.line_break();
                after_break = true;
            } else {
                if after_break {
                    self.indent_line();
                }
                self.put(c);
                self.indention = false;
                after_break = false;
            }
        }
    }
}

fn numeric_escape(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02X}"),
        0x100..=0xffff => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    }
}

/// Whether an offset is neither the first nor the last byte of a text.
fn inside(text: &str) -> impl Fn(usize) -> bool {
    let last = text.len().saturating_sub(1);
    move |offset| offset > 0 && offset < last
}
