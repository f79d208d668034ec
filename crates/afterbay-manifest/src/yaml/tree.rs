//! Events to documents, with an explicit stack; what go-yaml reads differently is refused here.

use super::event::{Event, Events, Flow, Kind, Mark, Properties};
use super::layout::{self, Container, Entry, Landing, Layout};
use super::{
    Document, Element, ElementKind, Item, MAX_DEPTH, Pair, Style, Text, YamlError, YamlErrors, attach,
};

/// Reads every document of a text that is UTF-8 and has no byte order mark.
pub(super) fn read(text: &str) -> Result<Vec<Document>, YamlErrors> {
    let mut builder = Builder::new(text);
    for event in Events::new(text) {
        match event.and_then(|event| builder.take(event)) {
            Ok(()) => {}
            Err(error) => {
                builder.errors.push(error);
                break;
            }
        }
    }
    if builder.errors.is_empty() {
        return Ok(attach::attach(text, builder.documents, builder.comments));
    }
    builder.errors.sort_by_key(|error| error.position);
    Err(YamlErrors(builder.errors))
}

/// A comment as found, before it has a place in a tree.
pub(super) struct Loose {
    /// Its `#`.
    pub(super) start: Mark,
    /// The text after `#`.
    pub(super) text: Box<str>,
}

/// A document without its comments.
pub(super) struct Bare {
    /// Where it starts: at `---` if it is announced, else at its content.
    pub(super) start: Mark,
    /// Offset behind its content.
    pub(super) end: usize,
    /// The root; `None` without content.
    pub(super) root: Option<Element>,
    /// Where its parts stand.
    pub(super) layout: Layout,
}

/// A list or map that is not closed yet.
struct Open {
    container: usize,
    properties: Properties,
    start: Mark,
    body: Body,
    /// The record of the entry that waits for its value.
    entry: Option<usize>,
}

enum Body {
    Sequence(Vec<Item>),
    Mapping(Vec<Pair>, Option<Element>),
}

struct Builder<'text> {
    text: &'text str,
    documents: Vec<Bare>,
    comments: Vec<Loose>,
    current: Bare,
    stack: Vec<Open>,
    flow_depth: usize,
    errors: Vec<YamlError>,
}

impl<'text> Builder<'text> {
    fn new(text: &'text str) -> Self {
        Self {
            text,
            documents: Vec::new(),
            comments: Vec::new(),
            current: Bare::at(Mark::default(), Mark::default()),
            stack: Vec::new(),
            flow_depth: 0,
            errors: Vec::new(),
        }
    }

    fn take(&mut self, event: Event) -> Result<(), YamlError> {
        let Event { kind, start, end } = event;
        match kind {
            Kind::DocumentStart => self.current = Bare::at(start, end),
            Kind::DocumentEnd => {
                let done = std::mem::replace(&mut self.current, Bare::at(end, end));
                self.documents.push(done);
            }
            Kind::Comment(text) => self.comments.push(Loose { start, text }),
            Kind::Alias(name) => {
                self.check_name(&name, start);
                self.leaf(ElementKind::Alias(name), Properties::default(), start, end);
            }
            Kind::Scalar(text, style, properties) => {
                if start.byte != end.byte {
                    self.check_flow_key(style, end);
                }
                self.leaf(ElementKind::Text(Text { text, style }), properties, start, end);
            }
            Kind::SequenceStart(flow, properties) => {
                self.open(Body::Sequence(Vec::new()), flow, properties, start)?;
            }
            Kind::MappingStart(flow, properties) => {
                self.open(Body::Mapping(Vec::new(), None), flow, properties, start)?;
            }
            Kind::CollectionEnd => self.close(end),
        }
        Ok(())
    }

    fn leaf(&mut self, mut kind: ElementKind, properties: Properties, start: Mark, end: Mark) {
        self.current.end = self.current.end.max(end.byte);
        self.check_anchor(&properties);
        let missing = start.byte == end.byte
            && matches!(&kind, ElementKind::Text(text) if text.style == Style::Plain && text.text.is_empty());
        if let ElementKind::Text(text) = &mut kind
            && missing
            && self.flow_depth > 0
            && properties.tag.as_deref().is_none_or(|tag| tag == "!")
        {
            text.style = Style::Absent;
        }
        let landing = if missing { Landing::Missing } else { Landing::Leaf };
        self.begin(landing, properties.start.unwrap_or(start).min(start), start, end);
        self.put(element(kind, properties, start), end);
    }

    fn open(&mut self, body: Body, flow: Flow, properties: Properties, start: Mark) -> Result<(), YamlError> {
        if self.stack.len() >= MAX_DEPTH {
            let message =
                format!("lists and maps are nested more than {MAX_DEPTH} levels deep, which is the limit");
            return Err(YamlError {
                position: start.position(),
                message,
            });
        }
        self.check_anchor(&properties);
        let container = self.current.layout.containers.len();
        self.begin(
            Landing::Container(container),
            properties.start.unwrap_or(start).min(start),
            start,
            start,
        );
        let parent = self.stack.last().map(|open| open.container);
        self.flow_depth += usize::from(flow == Flow::Flow);
        self.current.layout.containers.push(Container {
            parent,
            flow,
            is_map: matches!(body, Body::Mapping(..)),
            column: start.column,
            start: start.byte,
            end: self.text.len(),
            starts: Vec::new(),
        });
        self.stack.push(Open {
            container,
            properties,
            start,
            body,
            entry: None,
        });
        Ok(())
    }

    fn close(&mut self, end: Mark) {
        let Some(open) = self.stack.pop() else { return };
        let container = &mut self.current.layout.containers[open.container];
        container.end = end.byte;
        // A block collection is reported to end where the next token starts, which may be behind `...`.
        if container.flow == Flow::Flow {
            self.current.end = self.current.end.max(end.byte);
        }
        self.flow_depth -= usize::from(container.flow == Flow::Flow);
        let kind = match open.body {
            Body::Sequence(items) => ElementKind::Sequence(items),
            Body::Mapping(pairs, _) => ElementKind::Mapping(pairs),
        };
        self.put(element(kind, open.properties, open.start), end);
    }

    /// Records a node that starts: as a new item or key, or as the value of the entry that waits for one.
    fn begin(&mut self, landing: Landing, first: Mark, value: Mark, end: Mark) {
        let Some(open) = self.stack.last_mut() else { return };
        let layout = &mut self.current.layout;
        if let (Body::Mapping(_, Some(_)), Some(entry)) = (&open.body, open.entry) {
            let record = &mut layout.entries[entry];
            (record.landing, record.value, record.end) = (landing, value, end);
            return;
        }
        let start = match open.body {
            Body::Sequence(_) => item_start(self.text, layout, open, first, value),
            Body::Mapping(..) => first,
        };
        open.entry = Some(layout.entries.len());
        let starts = &mut layout.containers[open.container].starts;
        let ordinal = starts.len();
        starts.push(start.byte);
        layout.entries.push(Entry {
            container: open.container,
            ordinal,
            start,
            head: start.byte,
            landing,
            value,
            end,
        });
    }

    /// Puts a finished node where it belongs.
    fn put(&mut self, element: Element, end: Mark) {
        let Some(open) = self.stack.last_mut() else {
            self.current.root = Some(element);
            return;
        };
        let record = open
            .entry
            .and_then(|entry| self.current.layout.entries.get_mut(entry));
        match &mut open.body {
            Body::Sequence(items) => {
                items.push(Item::Element(element));
                if let Some(record) = record {
                    record.end = end;
                }
            }
            Body::Mapping(pairs, key) => match key.take() {
                None => {
                    *key = Some(element);
                    if let Some(record) = record {
                        (record.head, record.landing, record.value, record.end) =
                            (end.byte, Landing::Missing, end, end);
                    }
                }
                Some(key) => {
                    pairs.push(Pair::Entry { key, value: element });
                    if let Some(record) = record {
                        record.end = end;
                    }
                }
            },
        }
    }

    fn refuse(&mut self, at: Mark, message: String) {
        self.errors.push(YamlError {
            position: at.position(),
            message,
        });
    }

    fn check_anchor(&mut self, properties: &Properties) {
        if let (Some(anchor), Some(start)) = (&properties.anchor, properties.start) {
            self.check_name(anchor, start);
        }
    }

    /// Go's parsers end an anchor's name at the first character of another kind, and read the rest as text.
    fn check_name(&mut self, name: &str, at: Mark) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !name.chars().all(allowed) {
            // What reads as an anchor can be a password without quotes.
            let message =
                "the name of an anchor holds a character other than a-z, A-Z, 0-9, _ and -; put text that \
                           starts with `&` in quotes"
                    .to_owned();
            self.refuse(at, message);
        }
    }

    /// In `{b:, c}` Go's parsers read the key `b:`, others the key `b`.
    fn check_flow_key(&mut self, style: Style, end: Mark) {
        if style != Style::Plain || self.flow_depth == 0 {
            return;
        }
        let mut rest = self.text[end.byte..].chars();
        if rest.next() == Some(':') && rest.next().is_some_and(|next| ",[]{}".contains(next)) {
            self.refuse(
                end,
                "the colon of a key inside { } or [ ] needs a space after it".to_owned(),
            );
        }
    }
}

impl Bare {
    fn at(start: Mark, end: Mark) -> Self {
        Self {
            start,
            end: end.byte,
            root: None,
            layout: Layout::default(),
        }
    }
}

fn element(kind: ElementKind, properties: Properties, start: Mark) -> Element {
    Element {
        kind,
        anchor: properties.anchor,
        tag: properties.tag,
        position: start.position(),
    }
}

/// Where an item starts: at its dash in block style, and this is where the list learns its dashes' column.
///
/// The parser lets an indented list start at its first dash, but one that is not indented at the content
/// of its first item; its dashes then stand in the column of the map around it.
fn item_start(text: &str, layout: &mut Layout, open: &Open, first: Mark, value: Mark) -> Mark {
    if layout.containers[open.container].flow == Flow::Flow {
        return first;
    }
    let unindented = layout.containers[open.container].starts.is_empty()
        && (open.start.byte == value.byte || open.start.byte == first.byte);
    if unindented {
        let parent = layout.containers[open.container].parent;
        let column = parent.map_or(1, |parent| layout.containers[parent].column);
        layout.containers[open.container].column = column;
    }
    let behind = layout.entries.last().map_or(0, |entry| entry.start.byte);
    layout::dash(text, first, layout.containers[open.container].column, behind).unwrap_or(first)
}
