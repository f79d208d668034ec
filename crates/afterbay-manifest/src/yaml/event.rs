//! The only file that knows the event parser: its options, its events in our words, its errors.
//!
//! Two options follow go-yaml, which decides what a file means here: a byte order mark inside a document
//! is text, and a block scalar that ends with the file gets no line feed that is not written (a SOPS MAC
//! and a Secret's bytes depend on it). The limit on buffered comments is lifted because a file's size
//! bounds them already; with the parser's default, 97 comment lines after `key:` are an error.

use granit_parser::{Event as Raw, Options, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag};

use super::{MAX_DEPTH, Style, YamlError};
use crate::Position;

/// A place in the text: byte offset, line and column, the last two from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Mark {
    /// Offset in bytes from the start of the text.
    pub(super) byte: usize,
    /// Line, from 1.
    pub(super) line: u32,
    /// Column in characters, from 1.
    pub(super) column: u32,
}

impl Mark {
    /// The mark as messages carry it.
    pub(super) fn position(self) -> Position {
        Position::new(self.line, self.column)
    }
}

/// What stands before a node: `&anchor !tag`.
#[derive(Default)]
pub(super) struct Properties {
    /// The anchor's name, without `&`.
    pub(super) anchor: Option<Box<str>>,
    /// The tag as resolved against `%TAG`.
    pub(super) tag: Option<Box<str>>,
    /// Where the anchor or the tag starts, whichever comes first.
    pub(super) start: Option<Mark>,
}

/// What the parser saw.
pub(super) enum Kind {
    /// `---`, or the start of content without it.
    DocumentStart,
    /// The end of a document.
    DocumentEnd,
    /// `*name`.
    Alias(Box<str>),
    /// The text after `#`.
    Comment(Box<str>),
    /// A scalar, unescaped and folded.
    Scalar(Box<str>, Style, Properties),
    /// The start of a list.
    SequenceStart(Flow, Properties),
    /// The start of a map.
    MappingStart(Flow, Properties),
    /// The end of a list or map.
    CollectionEnd,
}

/// How a list or map is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// With `[` or `{`.
    Flow,
    /// By indentation.
    Block,
}

/// What the parser saw, and where.
pub(super) struct Event {
    /// What.
    pub(super) kind: Kind,
    /// Where it starts.
    pub(super) start: Mark,
    /// Where it ends.
    pub(super) end: Mark,
}

/// The events of a text, up to the first error.
pub(super) struct Events<'text> {
    text: &'text str,
    parser: Parser<'text, StrInput<'text>>,
}

impl<'text> Events<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        Self {
            text,
            parser: Parser::new_from_str_with_options(text, options()),
        }
    }

    /// The anchor event that follows the start of an anchored node.
    fn anchor(&mut self, id: usize) -> Result<Option<(Box<str>, Mark)>, YamlError> {
        if id == 0 {
            return Ok(None);
        }
        match self.parser.next_event() {
            Some(Ok((Raw::Anchor(_, name), span))) => Ok(Some((name.into(), mark(span.start)))),
            Some(Err(error)) => Err(refusal(&error)),
            _ => Ok(None),
        }
    }

    fn properties(&mut self, id: usize, tag: Option<&Tag>, span: &Span) -> Result<Properties, YamlError> {
        let anchor = self.anchor(id)?;
        let tag_start = span.tag_start().map(mark);
        let anchor_start = anchor.as_ref().map(|(_, start)| *start);
        Ok(Properties {
            anchor: anchor.map(|(name, _)| name),
            tag: tag.map(|tag| tag.to_string().into()),
            start: tag_start.into_iter().chain(anchor_start).min(),
        })
    }

    fn convert(&mut self, raw: Raw<'text>, span: &Span) -> Result<Option<Kind>, YamlError> {
        Ok(Some(match raw {
            Raw::DocumentStart(..) => Kind::DocumentStart,
            Raw::DocumentEnd => Kind::DocumentEnd,
            // Which anchor an alias means is found out when it is resolved, with every other error.
            Raw::Alias(_) | Raw::UnresolvedAlias(_) => Kind::Alias(
                span.slice(self.text)
                    .unwrap_or_default()
                    .trim_start_matches('*')
                    .into(),
            ),
            Raw::Comment(text, _) => Kind::Comment(text.into()),
            Raw::Scalar(text, style, id, tag) => {
                // An empty node is reported as `~` over an empty span; the span is what counts.
                let missing = span.is_empty() && style == ScalarStyle::Plain;
                let text = if missing { Box::default() } else { text.into() };
                Kind::Scalar(
                    text,
                    scalar_style(style),
                    self.properties(id, tag.as_deref(), span)?,
                )
            }
            Raw::SequenceStart(style, id, tag) => {
                Kind::SequenceStart(flow(style), self.properties(id, tag.as_deref(), span)?)
            }
            Raw::MappingStart(style, id, tag) => {
                Kind::MappingStart(flow(style), self.properties(id, tag.as_deref(), span)?)
            }
            Raw::SequenceEnd | Raw::MappingEnd => Kind::CollectionEnd,
            _ => return Ok(None),
        }))
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, YamlError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (raw, span) = match self.parser.next_event()? {
                Ok(next) => next,
                Err(error) => return Some(Err(refusal(&error))),
            };
            match self.convert(raw, &span) {
                Ok(Some(kind)) => {
                    return Some(Ok(Event {
                        kind,
                        start: mark(span.start),
                        end: mark(span.end),
                    }));
                }
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn options() -> Options {
    granit_parser::options! {
        bom_inside_document_as_content: true,
        block_scalar_eof_without_line_feed: true,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    }
}

fn mark(marker: granit_parser::Marker) -> Mark {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Mark {
        byte: marker.byte_offset().unwrap_or_default(),
        line: number(marker.line()),
        column: number(marker.col()).saturating_add(1),
    }
}

fn scalar_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn flow(style: StructureStyle) -> Flow {
    match style {
        StructureStyle::Block => Flow::Block,
        StructureStyle::Flow => Flow::Flow,
    }
}

/// The parser's error in our words where a user needs to know what to do.
fn refusal(error: &granit_parser::ScanError) -> YamlError {
    use granit_parser::ErrorKind as E;
    let position = mark(*error.marker()).position();
    let message = match error.kind() {
        E::RecursionLimitExceeded => {
            format!("lists and maps are nested more than {MAX_DEPTH} levels deep, which is the limit")
        }
        E::CommentNotSeparated => {
            "a comment must be separated from the value before it by a space".to_owned()
        }
        E::TabInBlockIndentation | E::TabInIndentation => {
            "a tab is used for indentation, which YAML forbids; use spaces".to_owned()
        }
        _ => error.info(),
    };
    YamlError { position, message }
}
