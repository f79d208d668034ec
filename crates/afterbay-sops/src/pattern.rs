//! Regular expressions of a file, read as Go's `regexp` (RE2 syntax) reads them.
//!
//! The two dialects are close. Where Rust would read a pattern differently, it is rewritten: Go's `\d`,
//! `\w`, `\s` and `\b` are ASCII, `&&`, `~~` and `[` inside a class are plain characters, `\Q…\E` and octal
//! escapes exist, the flags are `imsU`, and a repetition above 1000 is an error. Only `\B` stays Unicode's.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// The largest repetition that Go compiles.
const MAX_REPEAT: u32 = 1000;

/// A regular expression of a file. One that does not compile matches nothing, as in SOPS.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    compiled: Option<Regex>,
}

impl Pattern {
    pub(crate) fn new(source: String) -> Self {
        let compiled = Translation::of(&source).and_then(|pattern| Regex::new(&pattern).ok());
        Self { source, compiled }
    }

    /// The expression as the file writes it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it compiles; one that does not leaves every value plain or every value encrypted.
    pub fn is_valid(&self) -> bool {
        self.compiled.is_some()
    }

    /// Whether it matches anywhere in the text.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// Where in the pattern the translation is.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Outside,
    Class,
}

/// A pattern on its way from Go's dialect to Rust's.
struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl<'a> Translation<'a> {
    /// The pattern in Rust's dialect; `None` if Go refuses it.
    fn of(source: &'a str) -> Option<String> {
        let mut translation = Self {
            rest: source.chars().peekable(),
            out: String::with_capacity(source.len() + 16),
        };
        while let Some(next) = translation.rest.next() {
            match next {
                '\\' => translation.escape(At::Outside)?,
                '[' => translation.class()?,
                '(' => translation.group()?,
                '{' => translation.repetition()?,
                other => translation.out.push(other),
            }
        }
        Some(translation.out)
    }

    fn escape(&mut self, at: At) -> Option<()> {
        let next = self.rest.next()?;
        let ascii = match (next, at) {
            ('d', At::Class) => "0-9",
            ('d', At::Outside) => "[0-9]",
            ('D', _) => "[^0-9]",
            ('w', At::Class) => "0-9A-Za-z_",
            ('w', At::Outside) => "[0-9A-Za-z_]",
            ('W', _) => "[^0-9A-Za-z_]",
            ('s', At::Class) => r"\t\n\f\r ",
            ('s', At::Outside) => r"[\t\n\f\r ]",
            ('S', _) => r"[^\t\n\f\r ]",
            ('b', At::Outside) => r"(?-u:\b)",
            ('<', _) => "<",
            ('>', _) => ">",
            ('Q', At::Outside) => {
                self.literal();
                return Some(());
            }
            ('0'..='7', _) => return self.octal(next),
            // Go knows these escapes not.
            ('u' | 'U', _) => return None,
            _ => {
                self.out.push('\\');
                self.out.push(next);
                return Some(());
            }
        };
        self.out.push_str(ascii);
        Some(())
    }

    /// `\Q…\E`, or to the end.
    fn literal(&mut self) {
        let mut text = String::new();
        while let Some(next) = self.rest.next() {
            if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            text.push(next);
        }
        self.out.push_str(&regex::escape(&text));
    }

    /// `\0`, `\123`: up to three digits; a single one other than 0 is a back reference, which Go refuses.
    fn octal(&mut self, first: char) -> Option<()> {
        let mut value = first.to_digit(8)?;
        let mut digits = 1;
        while digits < 3
            && let Some(digit) = self
                .rest
                .next_if(|next| next.is_digit(8))
                .and_then(|next| next.to_digit(8))
        {
            value = value * 8 + digit;
            digits += 1;
        }
        if digits == 1 && first != '0' {
            return None;
        }
        // Writing to a `String` cannot fail.
        let _ = write!(self.out, "\\x{{{value:x}}}");
        Some(())
    }

    /// `[…]`: a `]` that comes first, and what only Rust gives a meaning, are plain characters.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            match self.rest.next()? {
                ']' if !first => {
                    self.out.push(']');
                    return Some(());
                }
                '\\' => self.escape(At::Class)?,
                '[' if self.rest.peek() == Some(&':') => self.posix(),
                special @ (']' | '[' | '&' | '~') => {
                    self.out.push('\\');
                    self.out.push(special);
                }
                other => self.out.push(other),
            }
            first = false;
        }
    }

    /// `[:alpha:]` or `[:^alpha:]`; anything else that starts so is plain characters.
    fn posix(&mut self) {
        let name: String = self.rest.clone().take_while(|next| *next != ']').collect();
        let inner = name
            .strip_prefix(':')
            .and_then(|name| name.strip_suffix(':'))
            .unwrap_or_default();
        let word = inner.strip_prefix('^').unwrap_or(inner);
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.out.push_str("\\[");
            return;
        }
        self.out.push('[');
        self.out.push_str(&name);
        self.out.push(']');
        self.rest.nth(name.len());
    }

    /// `(?flags)` with flags that only Rust has.
    fn group(&mut self) -> Option<()> {
        self.out.push('(');
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('?') && !matches!(ahead.peek(), Some('P' | '<')) {
            let known = ahead
                .take_while(|next| !matches!(next, ':' | ')'))
                .all(|flag| "imsU-".contains(flag));
            return known.then_some(());
        }
        Some(())
    }

    /// `{n}`, `{n,}`, `{n,m}`; a brace that starts no repetition is a plain character in Go.
    fn repetition(&mut self) -> Option<()> {
        let body: String = self.rest.clone().take_while(|next| *next != '}').collect();
        let closed = self.rest.clone().nth(body.chars().count()) == Some('}');
        let (low, high) = body.split_once(',').unwrap_or((&body, ""));
        let is_count = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || low.is_empty() || !is_count(low) || !is_count(high) {
            self.out.push_str("\\{");
            return Some(());
        }
        let within =
            |text: &str| text.is_empty() || text.parse::<u32>().is_ok_and(|count| count <= MAX_REPEAT);
        (within(low) && within(high)).then(|| self.out.push('{'))
    }
}

#[cfg(test)]
mod tests;
