//! The JSON store (`stores/json/store.go`): one object, its order and its repeated keys kept.

mod emit;

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair, Style, Text};
use afterbay_manifest::{Position, Provenance, Scalar};

pub(crate) use emit::{emit, emit_line, emit_value};

/// How deep objects and lists may nest; as deep as YAML may.
const MAX_DEPTH: usize = 512;

/// Why a text is not a JSON object as SOPS reads it.
pub(crate) struct JsonError {
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// Reads an object, and where text stands behind its end: SOPS stops reading there. Numbers within 64 bits are integers,
/// all others floats.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Document, Option<Position>), JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        JsonError {
            position: position(&valid, valid.len()),
            message: "not UTF-8".to_owned(),
        }
    })?;
    let mut parser = Parser {
        text,
        at: 0,
        line: 1,
        line_start: 0,
        depth: 0,
    };
    parser.space();
    let start = parser.position();
    if text.starts_with('\u{feff}') {
        return Err(
            parser.error("a byte order mark, which sops takes before YAML only; save the file without it")
        );
    }
    if parser.peek() != Some(b'{') {
        return Err(parser.error("expected an object; sops takes only an object at the top of a JSON file"));
    }
    let root = parser.value()?;
    parser.space();
    let behind = parser.peek().map(|_| parser.position());
    let document = Document {
        index: 0,
        root: Some(root),
        comments: Vec::new(),
        position: start,
    };
    Ok((document, behind))
}

/// Line and column of a byte offset.
fn position(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position::new(clamp(line), clamp(column))
}

fn clamp(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn position(&self) -> Position {
        // One-line files are common, so the column is counted in bytes beyond a sane width.
        let width = self.at - self.line_start;
        let column = if width < 4096 {
            self.text[self.line_start..self.at].chars().count()
        } else {
            width
        };
        Position::new(self.line, clamp(column + 1))
    }

    fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError {
            position: self.position(),
            message: message.into(),
        }
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn take(&mut self, byte: u8, what: &str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        let found = if self.peek().is_none() {
            ", and the file ends"
        } else {
            ""
        };
        Err(self.error(format!("expected {what}{found}")))
    }

    fn value(&mut self) -> Result<Element, JsonError> {
        let position = self.position();
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => leaf(Scalar::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => leaf(self.number()?),
            Some(b't') => self.word("true", Scalar::Bool(true))?,
            Some(b'f') => self.word("false", Scalar::Bool(false))?,
            Some(b'n') => self.word("null", Scalar::Null)?,
            Some(_) => return Err(self.error("expected a value")),
            None => return Err(self.error("expected a value, and the file ends")),
        };
        Ok(Element {
            kind,
            anchor: None,
            tag: None,
            position,
        })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<ElementKind, JsonError>,
    ) -> Result<ElementKind, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<ElementKind, JsonError> {
        let mut pairs = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(ElementKind::Mapping(pairs));
        }
        loop {
            self.space();
            let position = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key in quotes"));
            }
            let text = Text {
                text: self.string()?.into(),
                style: Style::Double,
            };
            let key = Element {
                kind: ElementKind::Text(text),
                anchor: None,
                tag: None,
                position,
            };
            self.space();
            self.take(b':', "`:`")?;
            self.space();
            pairs.push(Pair::Entry {
                key,
                value: self.value()?,
            });
            self.space();
            if self.peek() != Some(b',') {
                self.take(b'}', "`,` or `}`")?;
                return Ok(ElementKind::Mapping(pairs));
            }
            self.at += 1;
        }
    }

    fn list(&mut self) -> Result<ElementKind, JsonError> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(ElementKind::Sequence(items));
        }
        loop {
            self.space();
            items.push(Item::Element(self.value()?));
            self.space();
            if self.peek() != Some(b',') {
                self.take(b']', "`,` or `]`")?;
                return Ok(ElementKind::Sequence(items));
            }
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, scalar: Scalar) -> Result<ElementKind, JsonError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(leaf(scalar));
        }
        Err(self.error("expected a value"))
    }

    /// A number by JSON's grammar: an `i64` if it is one, else a float.
    fn number(&mut self) -> Result<Scalar, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero_first = self.peek() == Some(b'0');
        match self.digits() {
            0 => return Err(self.error("expected a digit")),
            2.. if zero_first => return Err(self.error("a number must not start with 0")),
            _ => {}
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.error("expected a digit after the point"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.error("expected a digit in the exponent"));
            }
        }
        let text = &self.text[start..self.at];
        if let Ok(value) = text.parse() {
            return Ok(Scalar::Int(value));
        }
        match text.parse() {
            Ok(value) if f64::is_finite(value) => Ok(Scalar::Float(value)),
            _ => Err(self.error("a number out of range")),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string; the parser stands at its opening quote.
    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut value = String::new();
        loop {
            let start = self.at;
            while self
                .peek()
                .is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= b' ')
            {
                self.at += 1;
            }
            value.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.at += 1;
                    value.push(self.escape()?);
                }
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("a string is not closed, and the file ends")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let plain = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.error("an unknown escape in a string")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `\uXXXX`, two of them for a character beyond the first plane; half of such a pair is U+FFFD, as in Go.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex()?;
            if (0xDC00..0xE000).contains(&second) {
                let joined = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.at = before;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.error("expected four hexadecimal digits after \\u"))?;
        self.at += 4;
        Ok(value)
    }
}

fn leaf(scalar: Scalar) -> ElementKind {
    ElementKind::Opened(scalar, Provenance::PLAIN)
}

#[cfg(test)]
mod tests;
