//! Objects from a stream, such as the standard input of `apply -f -`.

use afterbay_manifest::yaml::{self, Table, YamlErrors};
use afterbay_manifest::{Node, Object, Origin, RenderedSet, Revision, TreePath, Value, Warning};

use crate::error::{RenderError, RenderErrors};
use crate::read::{self, Listing};

/// One text with documents: its number and how many lines stand before it.
struct Piece<'a> {
    text: &'a [u8],
    lines_before: u32,
}

/// Reads the objects of a YAML stream or of JSON documents written one after another.
///
/// `name` is what errors call the stream. Lists are flattened where they stand, as `kubectl apply` does. Which tool's
/// reading of scalars applies is the caller's choice; `kubectl apply -f` is [`Table::Kubectl`]. Warnings name scalars that
/// kustomize and `kubectl apply` read differently. The revision is unknown.
pub fn read_objects(text: &[u8], name: &TreePath, table: Table) -> Result<RenderedSet, RenderErrors> {
    let mut reader = Reader {
        name,
        table,
        documents: 0,
        objects: Vec::new(),
        warnings: Vec::new(),
        errors: Vec::new(),
    };
    for piece in pieces(text) {
        reader.piece(&piece);
    }
    let set = RenderedSet {
        revision: Revision::UNKNOWN,
        objects: reader.objects,
        warnings: reader.warnings,
    };
    RenderErrors::check(reader.errors, set)
}

struct Reader<'a> {
    name: &'a TreePath,
    table: Table,
    documents: usize,
    objects: Vec<Object>,
    warnings: Vec<Warning>,
    errors: Vec<RenderError>,
}

impl Reader<'_> {
    fn piece(&mut self, piece: &Piece<'_>) {
        let documents = match yaml::parse(piece.text) {
            Ok(documents) => documents,
            Err(errors) => return self.yaml(errors, piece.lines_before),
        };
        for document in documents {
            let index = self.documents;
            self.documents += 1;
            self.warnings
                .extend(read::ambiguous(self.name, &document, piece.lines_before));
            match document.resolve(self.table) {
                Ok(Some(mut node)) => {
                    move_down(&mut node, piece.lines_before);
                    self.node(node, index);
                }
                Ok(None) => {}
                Err(errors) => self.yaml(errors, piece.lines_before),
            }
        }
    }

    fn yaml(&mut self, mut errors: YamlErrors, lines_before: u32) {
        for error in &mut errors.0 {
            error.position.line += lines_before;
        }
        self.errors.extend(read::yaml_errors(self.name, errors));
    }

    fn node(&mut self, node: Node, document: usize) {
        if read::is_nothing(&node) {
            return;
        }
        let origin = Origin {
            file: self.name.clone(),
            document,
            position: node.position,
        };
        match read::into_list(node) {
            Listing::Object(node) => match Object::new(node, origin) {
                Ok(object) => self.objects.push(object),
                Err(error) => self.errors.push(RenderError::Object(error)),
            },
            Listing::List { items, .. } => {
                for item in items {
                    self.node(item, document);
                }
            }
            Listing::Odd { kind, found } => {
                self.errors
                    .push(read::shape(&origin, kind, read::items_problem(found)));
            }
        }
    }
}

/// Splits JSON documents that follow one another, which YAML would not; any other text is one piece.
fn pieces(text: &[u8]) -> Vec<Piece<'_>> {
    let whole = || {
        vec![Piece {
            text,
            lines_before: 0,
        }]
    };
    if !text.trim_ascii_start().starts_with(b"{") {
        return whole();
    }
    let mut documents = serde_json::Deserializer::from_slice(text).into_iter::<serde::de::IgnoredAny>();
    let (mut pieces, mut start, mut lines_before) = (Vec::new(), 0, 0);
    while let Some(document) = documents.next() {
        // YAML in flow style begins with `{` too.
        if document.is_err() {
            return whole();
        }
        let end = documents.byte_offset();
        let piece = &text[start..end];
        pieces.push(Piece {
            text: piece,
            lines_before,
        });
        lines_before += line_breaks(piece);
        start = end;
    }
    pieces
}

fn line_breaks(text: &[u8]) -> u32 {
    u32::try_from(text.split(|byte| *byte == b'\n').skip(1).count()).unwrap_or(u32::MAX)
}

/// Moves every position down by the lines that stand before the piece.
pub(crate) fn move_down(node: &mut Node, lines: u32) {
    if lines == 0 {
        return;
    }
    node.position.line += lines;
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| move_down(item, lines)),
        Value::Mapping(entries) => entries.values_mut().for_each(|entry| move_down(entry, lines)),
        Value::Scalar(_) => {}
    }
}
