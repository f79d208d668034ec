//! The INI store (`stores/ini/store.go`): what `gopkg.in/ini.v1` reads with its default options, every value text.

mod emit;

use afterbay_manifest::yaml::{Comment, Document, ElementKind, Pair};
use afterbay_manifest::{KeyPath, Position, Provenance, Segment};

use crate::flat::{self, element, name};
use crate::integrity::Found;
use crate::store::{StoreError, scalar_of, text_of};
use crate::{StrictFinding, metadata};

pub(crate) use emit::emit;

/// The section of what stands before the first header; it is there even if nothing does.
const DEFAULT_SECTION: &str = "DEFAULT";
/// What ends a key.
const DELIMITERS: [u8; 2] = [b'=', b':'];

/// Reads a file: a map of sections, which are maps. The `[sops]` section is spelled out. A key that stands twice in its
/// section has its last value; those are found.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Document, Vec<Found>), StoreError> {
    let mut reader = Reader {
        rest: without_mark(bytes),
        line: 0,
        comment: Vec::new(),
        autos: 1,
        found: Vec::new(),
        sections: vec![Section::named(DEFAULT_SECTION.to_owned(), Position::new(1, 1))],
    };
    while let Some(line) = reader.next_line() {
        reader.take(line)?;
    }
    let found = reader.found;
    let pairs = reader.sections.into_iter().map(Section::into_pair);
    let pairs = pairs.collect::<Result<Vec<Pair>, StoreError>>()?;
    let document = Document {
        index: 0,
        root: Some(element(ElementKind::Mapping(pairs), Position::new(1, 1))),
        comments: Vec::new(),
        position: Position::new(1, 1),
    };
    Ok((document, found))
}

/// The byte order marks that the library skips.
fn without_mark(bytes: &[u8]) -> &[u8] {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];
    marks
        .iter()
        .find_map(|mark| bytes.strip_prefix(*mark))
        .unwrap_or(bytes)
}

struct Key {
    name: String,
    value: Vec<u8>,
    comment: String,
    position: Position,
}

struct Section {
    name: String,
    comment: String,
    keys: Vec<Key>,
    position: Position,
}

impl Section {
    fn named(name: String, position: Position) -> Self {
        Self {
            name,
            comment: String::new(),
            keys: Vec::new(),
            position,
        }
    }

    /// A key that is there already keeps its place and takes the new value, and is found.
    fn add(&mut self, key: Key) -> Option<Found> {
        let Some(there) = self.keys.iter_mut().find(|there| there.name == key.name) else {
            self.keys.push(key);
            return None;
        };
        let mut path = KeyPath::root();
        path.push(Segment::Key(self.name.as_str().into()));
        path.push(Segment::Key(key.name.as_str().into()));
        let position = key.position;
        *there = key;
        Some(Found {
            position,
            path,
            finding: StrictFinding::KeyTwice,
        })
    }

    /// A section as SOPS has it: its comment first, the comment of a key behind the key.
    fn into_pair(self) -> Result<Pair, StoreError> {
        let position = self.position;
        let key = name(self.name.as_str(), position);
        let is_block = self.name == metadata::BLOCK
            && self
                .keys
                .iter()
                .any(|key| metadata::is_telling(flat::field(&key.name)));
        if is_block {
            let value = flat::unflatten(self.keys.into_iter().map(Key::into_entry).collect(), position);
            let value = value.map_err(|error| StoreError {
                position: error.position,
                message: format!("sops metadata: {}", error.message),
            })?;
            return Ok(Pair::Entry { key, value });
        }
        let mut pairs = Vec::new();
        pairs.extend(comment(&self.comment, position));
        for key in self.keys {
            let position = key.position;
            let note = comment(&key.comment, position);
            pairs.push(Pair::Entry {
                key: name(key.name, position),
                value: element(
                    ElementKind::Opened(scalar_of(key.value), Provenance::PLAIN),
                    position,
                ),
            });
            pairs.extend(note);
        }
        Ok(Pair::Entry {
            key,
            value: element(ElementKind::Mapping(pairs), position),
        })
    }
}

impl Key {
    /// An entry of the metadata. SOPS escapes its line breaks, 3.13.0 and 3.13.1 left that to the library.
    fn into_entry(self) -> flat::Entry {
        let value = String::from_utf8_lossy(&self.value).replace("\\n", "\n");
        flat::Entry {
            key: self.name,
            value: element(
                ElementKind::Opened(scalar_of(value.into_bytes()), Provenance::PLAIN),
                self.position,
            ),
        }
    }
}

/// A comment without its first sign.
fn comment(text: &str, position: Position) -> Option<Pair> {
    let stripped = match text.chars().next()? {
        ';' => text.trim_start_matches([';', ' ']),
        '#' => text.trim_start_matches(['#', ' ']),
        _ => text,
    };
    Some(Pair::Comment(Comment {
        text: stripped.into(),
        position,
        inline: false,
    }))
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The number of the last line read.
    line: u32,
    /// The comment that waits for the next section or key.
    comment: Vec<u8>,
    /// What the next key `-` of the section is called.
    autos: usize,
    found: Vec<Found>,
    sections: Vec<Section>,
}

impl<'a> Reader<'a> {
    /// The next line with its line break.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.rest.split_at(end.map_or(self.rest.len(), |end| end + 1));
        self.rest = rest;
        self.line = self.line.saturating_add(1);
        Some(line)
    }

    fn take(&mut self, line: &[u8]) -> Result<(), StoreError> {
        let trimmed = trim_start(line);
        let indent = line.len() - trimmed.len();
        let position = Position::new(self.line, u32::try_from(indent + 1).unwrap_or(u32::MAX));
        match trimmed.first() {
            None => Ok(()),
            Some(b'#' | b';') => {
                self.comment.extend_from_slice(trimmed);
                Ok(())
            }
            Some(b'[') => self.section(trimmed, position),
            Some(_) => self.key(trimmed, position),
        }
    }

    fn section(&mut self, line: &[u8], position: Position) -> Result<(), StoreError> {
        let refuse = |message: &str| StoreError {
            position,
            message: message.to_owned(),
        };
        let close = line
            .iter()
            .rposition(|byte| *byte == b']')
            .ok_or_else(|| refuse("a section without `]`"))?;
        let name = text_of(&line[1..close], position, "the name of a section")?;
        if name.is_empty() {
            return Err(refuse("a section without a name"));
        }
        self.comment.extend_from_slice(comment_in(&line[close + 1..]));
        let mut section = Section::named(name, position);
        section.comment = self.waiting_comment(position)?;
        self.autos = 1;
        self.sections.push(section);
        Ok(())
    }

    fn key(&mut self, line: &[u8], position: Position) -> Result<(), StoreError> {
        let refuse = |message: &str| StoreError {
            position,
            message: message.to_owned(),
        };
        let (name, value) = split_key(line).map_err(refuse)?;
        let mut name = text_of(trim(name), position, "a key")?;
        if name == "-" {
            name = format!("#{}", self.autos);
            self.autos += 1;
        }
        let value = self.value(value).map_err(refuse)?;
        if name.is_empty() {
            return Err(refuse("a key without a name"));
        }
        let key = Key {
            name,
            value,
            comment: self.waiting_comment(position)?,
            position,
        };
        if let Some(section) = self.sections.last_mut() {
            let found = section.add(key);
            self.found.extend(found);
        }
        Ok(())
    }

    fn waiting_comment(&mut self, position: Position) -> Result<String, StoreError> {
        let comment = std::mem::take(&mut self.comment);
        text_of(trim(&comment), position, "a comment")
    }

    /// A value, over as many lines as it takes.
    fn value(&mut self, text: &[u8]) -> Result<Vec<u8>, &'static str> {
        let line = trim_start(text);
        if line.is_empty() {
            return Ok(Vec::new());
        }
        let quote: &[u8] = match line {
            [b'"', b'"', b'"', _, ..] => b"\"\"\"",
            [b'`', ..] => b"`",
            _ => b"",
        };
        if let Some(body) = line.strip_prefix(quote).filter(|_| !quote.is_empty()) {
            return match find_last(body, quote) {
                Some(end) => Ok(body[..end].to_vec()),
                None => self.lines_until(quote, body.to_vec()),
            };
        }
        let line = trim(line);
        if let Some(start) = line.strip_suffix(b"\\") {
            return Ok(self.continued(start.to_vec()));
        }
        let mut value = line;
        if let Some(at) = line.iter().position(|byte| matches!(byte, b'#' | b';')) {
            self.comment.extend_from_slice(&line[at..]);
            value = trim(&line[..at]);
        }
        for quote in *b"'\"" {
            if let [first, inner @ .., last] = value
                && *first == quote
                && *last == quote
                && !inner.contains(&quote)
            {
                return Ok(inner.to_vec());
            }
        }
        Ok(value.to_vec())
    }

    /// A quoted value of several lines, up to the last quote of the line that closes it.
    fn lines_until(&mut self, quote: &[u8], mut value: Vec<u8>) -> Result<Vec<u8>, &'static str> {
        while let Some(line) = self.next_line() {
            match find_last(line, quote) {
                Some(end) if !trim(&line[end + quote.len()..]).ends_with(b"\\") => {
                    value.extend_from_slice(&line[..end]);
                    self.comment.extend_from_slice(trim(comment_in(&line[end..])));
                    return Ok(value);
                }
                _ => value.extend_from_slice(line),
            }
        }
        Err("a quoted value that is not closed")
    }

    /// A value that goes on behind a `\` at the end of the line.
    fn continued(&mut self, mut value: Vec<u8>) -> Vec<u8> {
        while let Some(line) = self.next_line() {
            let next = trim(line);
            if next.is_empty() {
                break;
            }
            value.extend_from_slice(next);
            if value.last() != Some(&b'\\') {
                break;
            }
            value.pop();
        }
        value
    }
}

/// A key, which may be in quotes, and what is behind its delimiter.
fn split_key(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let quote: &[u8] = match line {
        [b'"', b'"', b'"', _, _, _, _, ..] => b"\"\"\"",
        [b'"', ..] => b"\"",
        [b'`', ..] => b"`",
        _ => b"",
    };
    let delimiter = |text: &[u8]| text.iter().position(|byte| DELIMITERS.contains(byte));
    let missing = "a line that is neither a section nor `key = value` nor a comment";
    if quote.is_empty() {
        return match delimiter(line).ok_or(missing)? {
            0 => Err("a key without a name"),
            at => Ok((&line[..at], &line[at + 1..])),
        };
    }
    let body = &line[quote.len()..];
    let end = find(body, quote).ok_or("a quoted key that is not closed")?;
    let behind = &body[end + quote.len()..];
    let at = delimiter(behind).ok_or(missing)?;
    Ok((&body[..end], &behind[at + 1..]))
}

/// The comment in the rest of a line, its sign included; empty if there is none.
fn comment_in(text: &[u8]) -> &[u8] {
    let at = text.iter().position(|byte| matches!(byte, b'#' | b';'));
    &text[at.unwrap_or(text.len())..]
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn find_last(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).rposition(|window| window == needle)
}

/// Without space in front; what is not UTF-8 is no space.
fn trim_start(bytes: &[u8]) -> &[u8] {
    let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    &bytes[valid.len() - valid.trim_start().len()..]
}

/// Without space at both ends.
fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = trim_start(bytes);
    match bytes.utf8_chunks().last() {
        Some(chunk) if chunk.invalid().is_empty() => {
            &bytes[..bytes.len() - chunk.valid().len() + chunk.valid().trim_end().len()]
        }
        _ => bytes,
    }
}

#[cfg(test)]
mod tests;
