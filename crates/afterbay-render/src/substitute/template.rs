//! A text with `${…}` to pieces. What ends where is decided as Flux's scanner decides it.

/// How deep `${…}` may be nested.
const MAX_DEPTH: usize = 64;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Reference(Reference),
}

/// `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The variable.
    pub(super) name: String,
    /// What is done with its value: empty, or `:-`, `##`, …
    pub(super) operator: String,
    /// With what. Of a default there may be several, one after the other.
    pub(super) arguments: Vec<Piece>,
    /// Where its `$` stands.
    pub(super) start: usize,
}

/// Why a text cannot be read, and where the `${` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateError {
    pub(super) kind: Problem,
    pub(super) start: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Name,
    Brace,
    Substitution,
    Argument,
    Depth,
}

impl Problem {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Name => "${ must be followed by the name of a variable",
            Self::Brace => "${NAME must be followed by } or an operator",
            Self::Substitution => "what stands between ${ and } cannot be read",
            Self::Argument => "the operator behind ${NAME lacks what it works with, or its }",
            Self::Depth => "${ } is nested more than 64 levels deep, which is the limit",
        }
    }
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut scanner = Scanner {
        text,
        at: 0,
        depth: 0,
    };
    let mut pieces = Vec::new();
    let mut plain = String::new();
    while let Some(c) = scanner.peek() {
        if scanner.rest().starts_with("${") {
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Reference(scanner.reference()?));
        } else if scanner.rest().starts_with("$$") {
            plain.push('$');
            scanner.at += 2;
        } else {
            plain.push(c);
            scanner.at += c.len_utf8();
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the characters that fit, so many at most.
    fn take(&mut self, most: usize, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest
            .char_indices()
            .enumerate()
            .find(|(count, (_, c))| *count >= most || !fits(*c))
            .map_or(rest.len(), |(_, (offset, _))| offset);
        self.at += end;
        &rest[..end]
    }

    fn reference(&mut self) -> Result<Reference, TemplateError> {
        let start = self.at;
        self.depth += 1;
        let read = if self.depth > MAX_DEPTH {
            Err(Problem::Depth)
        } else {
            self.at += 2;
            self.inside(start)
        };
        self.depth -= 1;
        read.map_err(|kind| TemplateError { kind, start })
    }

    /// What stands behind `${`, with its `}`.
    fn inside(&mut self, start: usize) -> Result<Reference, Problem> {
        let is_name = |c: char| c.is_alphabetic() || c.is_numeric() || c == '_';
        let mut reference = Reference {
            name: String::new(),
            operator: String::new(),
            arguments: Vec::new(),
            start,
        };
        if self.peek() == Some('#') {
            self.at += 1;
            self.take(usize::MAX, is_name).clone_into(&mut reference.name);
            if reference.name.is_empty() {
                return Err(Problem::Substitution);
            }
            "#".clone_into(&mut reference.operator);
            self.close()?;
            return Ok(reference);
        }
        self.take(usize::MAX, is_name).clone_into(&mut reference.name);
        if reference.name.is_empty() {
            return Err(Problem::Name);
        }
        match self.peek() {
            Some(':') => match self.rest().chars().nth(1) {
                Some('=' | '-' | '?' | '+') => self.default(&mut reference, 2)?,
                // Flux steps back too far behind such a character.
                Some(c) if c.is_ascii() => self.slice(&mut reference)?,
                _ => return Err(Problem::Substitution),
            },
            Some('=') => self.default(&mut reference, 1)?,
            Some(',' | '^') => {
                self.take(2, |c| matches!(c, ',' | '^'))
                    .clone_into(&mut reference.operator);
                self.close()?;
            }
            Some('/') => self.replacement(&mut reference)?,
            Some(sign @ ('#' | '%')) => {
                self.take(2, |c| c == sign).clone_into(&mut reference.operator);
                reference.arguments.push(self.argument(|c| c == '}', false)?);
                self.close()?;
            }
            Some('}') => self.at += 1,
            _ => return Err(Problem::Brace),
        }
        Ok(reference)
    }

    fn close(&mut self) -> Result<(), Problem> {
        if self.peek() != Some('}') {
            return Err(Problem::Substitution);
        }
        self.at += 1;
        Ok(())
    }

    /// `:-word`, `=word` and the like; the word may hold further `${…}`.
    fn default(&mut self, reference: &mut Reference, length: usize) -> Result<(), Problem> {
        self.take(length, |_| true).clone_into(&mut reference.operator);
        while self.peek() != Some('}') {
            reference.arguments.push(self.argument(|c| c == '}', false)?);
        }
        self.close()
    }

    /// `:offset` and `:offset:length`.
    fn slice(&mut self, reference: &mut Reference) -> Result<(), Problem> {
        self.take(1, |_| true).clone_into(&mut reference.operator);
        reference
            .arguments
            .push(self.argument(|c| matches!(c, ':' | '}'), false)?);
        if self.peek() == Some('}') {
            return self.close();
        }
        if self.take(usize::MAX, |c| c == ':').is_empty() {
            return Err(Problem::Substitution);
        }
        reference.arguments.push(self.argument(|c| c == '}', false)?);
        self.close()
    }

    /// `/pattern/text`, with `//`, `/#` or `/%` in front. The pattern ends at a slash wherever that is.
    fn replacement(&mut self, reference: &mut Reference) -> Result<(), Problem> {
        let before = self.at;
        self.at += 1;
        self.take(1, |c| matches!(c, '/' | '#' | '%'));
        self.text[before..self.at].clone_into(&mut reference.operator);
        reference.arguments.push(self.argument(|c| c == '/', true)?);
        if self.take(usize::MAX, |c| c == '/').is_empty() {
            return Err(Problem::Substitution);
        }
        if self.peek() != Some('}') {
            reference.arguments.push(self.argument(|c| c == '}', true)?);
        }
        self.close()
    }

    /// One `${…}`, or text up to the next one or up to where it ends. There must be some.
    fn argument(&mut self, ends: impl Fn(char) -> bool, escapes: bool) -> Result<Piece, Problem> {
        if self.rest().starts_with("${") {
            return self.reference().map(Piece::Reference).map_err(|error| error.kind);
        }
        let mut plain = String::new();
        while let Some(c) = self.peek() {
            let rest = self.rest();
            let is_escape = ["$$", "\\/", "\\\\"]
                .iter()
                .any(|escape| rest.starts_with(escape));
            if rest.starts_with("${") {
                break;
            }
            if escapes && is_escape {
                // Of the two, the second one stays.
                plain.push_str(&rest[1..2]);
                self.at += 2;
                continue;
            }
            if ends(c) {
                break;
            }
            plain.push(c);
            self.at += c.len_utf8();
        }
        if plain.is_empty() {
            return Err(Problem::Argument);
        }
        Ok(Piece::Text(plain))
    }
}
