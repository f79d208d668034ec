//! What a document says about itself, read before anything is opened: its kind, its name, whether it is
//! sealed and whether it asks to stay so.

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{Gvk, Provenance, Scalar};

use crate::exemption;

/// The top of an object, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// `None` where it is missing, not text, or sealed.
    pub(crate) gvk: Option<Gvk>,
    /// `Kind/namespace/name`, with what is missing left out.
    pub(crate) object: String,
    /// Whether it carries Flux's annotation `decrypt: disabled`.
    pub(crate) annotated: bool,
    /// Whether it is a List and an item of it carries the annotation.
    pub(crate) annotated_item: bool,
    /// Whether it holds a `sops` block or a token of SOPS.
    pub(crate) sops: bool,
    /// Whether it holds a `sops` block or anything like a token.
    pub(crate) sealed: bool,
    /// The kinds of the items, when it is a List.
    pub(crate) items: Vec<Option<Gvk>>,
}

impl Head {
    /// Reads the top of a document; `None` if it has no content.
    pub(crate) fn of(document: &Document) -> Option<Self> {
        let root = document.root.as_ref()?;
        let has_metadata = entry(root, &["sops"]).is_some_and(is_mapping);
        Some(Self {
            gvk: gvk(root),
            object: object(root),
            annotated: is_annotated(root),
            annotated_item: items(root).into_iter().any(is_annotated),
            sops: has_metadata || holds(root, afterbay_sops::contains_token),
            sealed: has_metadata || holds(root, |text| text.contains("ENC[")),
            items: items(root).iter().map(|item| gvk(item)).collect(),
        })
    }

    /// Whether it is a v1 Secret or a List with one in it.
    pub(crate) fn is_secret(&self) -> bool {
        let mut kinds = self.items.iter().chain([&self.gvk]).flatten();
        kinds.any(Gvk::is_secret)
    }
}

/// Reads the kind of an object.
pub(crate) fn gvk(object: &Element) -> Option<Gvk> {
    let field = |key| entry(object, &[key]).and_then(text);
    Some(Gvk::new(field("apiVersion")?, field("kind")?))
}

/// The items of a List.
pub(crate) fn items(root: &Element) -> Vec<&Element> {
    let is_list = entry(root, &["kind"])
        .and_then(text)
        .is_some_and(|kind| kind.ends_with("List"));
    match entry(root, &["items"]).map(|items| &items.kind) {
        Some(ElementKind::Sequence(items)) if is_list => items
            .iter()
            .filter_map(|item| match item {
                Item::Element(element) => Some(element),
                Item::Comment(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The fields by which others refer to an object. A file that encrypts everything has them sealed, and
/// opened they become plain: they are no secret once the object exists.
pub(crate) fn declassify(root: &mut Element) {
    const IDENTITY: [&[&str]; 4] = [
        &["apiVersion"],
        &["kind"],
        &["metadata", "name"],
        &["metadata", "namespace"],
    ];
    for keys in IDENTITY {
        entry_mut(root, keys).map(make_plain);
    }
    if gvk(root).is_some_and(|gvk| gvk.is_secret()) {
        entry_mut(root, &["type"]).map(make_plain);
    }
    if items(root).is_empty() {
        return;
    }
    if let Some(ElementKind::Sequence(items)) = entry_mut(root, &["items"]).map(|items| &mut items.kind) {
        for item in items {
            if let Item::Element(element) = item {
                declassify(element);
            }
        }
    }
}

/// Visits every scalar below an element.
pub(crate) fn scalars<'a>(element: &'a Element, visit: &mut dyn FnMut(&'a ElementKind)) {
    match &element.kind {
        ElementKind::Sequence(items) => {
            for item in items {
                if let Item::Element(element) = item {
                    scalars(element, visit);
                }
            }
        }
        ElementKind::Mapping(pairs) => {
            for pair in pairs {
                if let Pair::Entry { value, .. } = pair {
                    scalars(value, visit);
                }
            }
        }
        ElementKind::Alias(_) => {}
        scalar => visit(scalar),
    }
}

fn is_annotated(object: &Element) -> bool {
    let annotation = entry(object, &["metadata", "annotations", exemption::ANNOTATION]);
    annotation.and_then(text).is_some_and(exemption::is_disabled)
}

fn object(root: &Element) -> String {
    let field = |keys: &[&str]| entry(root, keys).and_then(text);
    let fields = [
        field(&["kind"]),
        field(&["metadata", "namespace"]),
        field(&["metadata", "name"]),
    ];
    let named: Vec<&str> = fields.into_iter().flatten().collect();
    if named.is_empty() {
        "document".to_owned()
    } else {
        named.join("/")
    }
}

fn holds(root: &Element, wanted: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    scalars(root, &mut |scalar| {
        found |= matches!(scalar, ElementKind::Text(text) if wanted(&text.text));
    });
    found
}

fn make_plain(element: &mut Element) {
    if let ElementKind::Opened(_, provenance) = &mut element.kind {
        *provenance = Provenance::PLAIN;
    }
}

fn is_mapping(element: &Element) -> bool {
    matches!(element.kind, ElementKind::Mapping(_))
}

fn entry<'a>(element: &'a Element, keys: &[&str]) -> Option<&'a Element> {
    keys.iter()
        .try_fold(element, |element, wanted| match &element.kind {
            ElementKind::Mapping(pairs) => pairs.iter().find_map(|pair| match pair {
                Pair::Entry { key, value } if text(key) == Some(wanted) => Some(value),
                _ => None,
            }),
            _ => None,
        })
}

fn entry_mut<'a>(element: &'a mut Element, keys: &[&str]) -> Option<&'a mut Element> {
    keys.iter()
        .try_fold(element, |element, wanted| match &mut element.kind {
            ElementKind::Mapping(pairs) => pairs.iter_mut().find_map(|pair| match pair {
                Pair::Entry { key, value } if text(key) == Some(wanted) => Some(value),
                _ => None,
            }),
            _ => None,
        })
}

/// The text of a scalar as written, or of one that is open and plain.
fn text(element: &Element) -> Option<&str> {
    match &element.kind {
        ElementKind::Text(text) => Some(&text.text),
        ElementKind::Opened(Scalar::String(text), provenance) if provenance.is_plain() => Some(text),
        _ => None,
    }
}
