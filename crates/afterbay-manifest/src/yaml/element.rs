//! A document as written: nothing resolved, nothing dropped.

use std::fmt;

use crate::{Position, Provenance, Scalar};

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// Index in the stream, from 0.
    pub index: usize,
    /// The root; `None` for a document without content. Comments of an otherwise empty document are
    /// in `comments`.
    pub root: Option<Element>,
    /// Comments that stand outside the root when it is a scalar or missing.
    pub comments: Vec<Comment>,
    /// Where the document's content starts.
    pub position: Position,
}

/// A value as written.
#[derive(Clone)]
pub struct Element {
    /// What it is.
    pub kind: ElementKind,
    /// `&anchor`, without the sign.
    pub anchor: Option<Box<str>>,
    /// The tag as resolved by the parser: `!`, `tag:yaml.org,2002:str`, `!local`.
    pub tag: Option<Box<str>>,
    /// Where the value starts.
    pub position: Position,
}

/// What an [`Element`] is.
#[derive(Clone)]
pub enum ElementKind {
    /// A scalar as written.
    Text(Text),
    /// A scalar that decryption put in place of a token; no table applies to it.
    Opened(Scalar, Provenance),
    /// A list.
    Sequence(Vec<Item>),
    /// A map, entries in file order.
    Mapping(Vec<Pair>),
    /// `*anchor`, without the sign.
    Alias(Box<str>),
}

/// The text of a scalar, unescaped, and how it was written.
#[derive(Clone)]
pub struct Text {
    /// The content after unescaping and folding. Empty for a missing value.
    pub text: Box<str>,
    /// How it was written.
    pub style: Style,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes: the only style in which tables decide the type.
    Plain,
    /// Not at all: nothing stands where a value inside of `{ }` or `[ ]` is expected, as in `{a: }`.
    Absent,
    /// `'…'`.
    Single,
    /// `"…"`.
    Double,
    /// `|`.
    Literal,
    /// `>`.
    Folded,
}

/// An item of a list, or a comment between items.
#[derive(Clone)]
pub enum Item {
    /// A comment that stands before the next item, or after the last.
    Comment(Comment),
    /// An item.
    Element(Element),
}

/// An entry of a map, or a comment between entries.
#[derive(Clone)]
pub enum Pair {
    /// A comment that stands before the next entry, or after the last.
    Comment(Comment),
    /// A key and its value. A key can be any element; the tables refuse what is not text.
    Entry {
        /// The key.
        key: Element,
        /// The value.
        value: Element,
    },
}

/// A comment, without `#`; attached to its container as SOPS's store attaches it.
#[derive(Clone)]
pub struct Comment {
    /// The text after `#`, untrimmed.
    pub text: Box<str>,
    /// Where the `#` stands.
    pub position: Position,
    /// Whether it stands behind a value on the same line. It then comes right before its entry.
    pub inline: bool,
}

impl fmt::Debug for Element {
    /// Prints the kind of value only: a text may be plaintext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            ElementKind::Text(_) => "text",
            ElementKind::Opened(..) => "opened",
            ElementKind::Sequence(_) => "list",
            ElementKind::Mapping(_) => "map",
            ElementKind::Alias(_) => "alias",
        })
    }
}

impl fmt::Debug for Comment {
    /// Prints the place only: SOPS encrypts comments too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "comment at {}:{}", self.position.line, self.position.column)
    }
}
