//! Documents of a text that was sealed as a whole: a file of the binary store, or one that another process opened.

use afterbay_manifest::yaml::{self, Document, Element, ElementKind, Item, Pair, Table};
use afterbay_manifest::{Integrity, KeyPath, Position, Provenance, Scalar, Sealed, Segment, TreePath};

use crate::head;

/// The documents of an opened text, every value of them marked as opened but for what names an object, and where the text
/// as a whole comes from.
///
/// What is no YAML is read as a whole, by a generator; as a resource it has to be refused, and not passed over: it is a
/// document of which nothing is known but that it is no object.
pub(crate) fn documents(file: &TreePath, text: &[u8], integrity: Integrity) -> (Vec<Document>, Provenance) {
    let whole = provenance(file, 0, KeyPath::root(), integrity);
    let mut documents = yaml::parse(text).unwrap_or_else(|_| vec![text_only(whole.clone())]);
    for document in &mut documents {
        if let Some(root) = &mut document.root {
            let mut marker = Marker {
                file,
                document: document.index,
                path: KeyPath::root(),
                integrity,
            };
            marker.mark(root);
            head::declassify(root);
        }
    }
    (documents, whole)
}

fn provenance(file: &TreePath, document: usize, path: KeyPath, integrity: Integrity) -> Provenance {
    Provenance::sealed(Sealed::Ciphertext {
        file: file.clone(),
        document,
        path,
        integrity,
    })
}

/// A document of which nothing is known but that it is no object.
fn text_only(provenance: Provenance) -> Document {
    let kind = ElementKind::Opened(Scalar::String(String::new()), provenance);
    let position = Position::new(1, 1);
    Document {
        index: 0,
        root: Some(Element {
            kind,
            anchor: None,
            tag: None,
            position,
        }),
        comments: Vec::new(),
        position,
    }
}

/// Walks a document of an opened text.
struct Marker<'a> {
    file: &'a TreePath,
    document: usize,
    path: KeyPath,
    integrity: Integrity,
}

impl Marker<'_> {
    fn mark(&mut self, element: &mut Element) {
        match &mut element.kind {
            ElementKind::Text(text) => {
                // What has no value under the table is refused by the build as well.
                if let Ok(scalar) = yaml::resolve_scalar(Table::Kustomize, text, element.tag.as_deref()) {
                    let provenance = provenance(self.file, self.document, self.path.clone(), self.integrity);
                    element.kind = ElementKind::Opened(scalar, provenance);
                }
            }
            ElementKind::Mapping(pairs) => {
                for pair in pairs {
                    if let Pair::Entry { key, value } = pair {
                        let name = match &key.kind {
                            ElementKind::Text(text) => text.text.clone(),
                            _ => Box::default(),
                        };
                        self.below(Segment::Key(name), value);
                    }
                }
            }
            ElementKind::Sequence(items) => {
                let elements = items.iter_mut().filter_map(|item| match item {
                    Item::Element(element) => Some(element),
                    Item::Comment(_) => None,
                });
                for (index, element) in elements.enumerate() {
                    self.below(Segment::Index(index), element);
                }
            }
            ElementKind::Alias(_) | ElementKind::Opened(..) => {}
        }
    }

    fn below(&mut self, segment: Segment, element: &mut Element) {
        self.path.push(segment);
        self.mark(element);
        self.path.pop();
    }
}
