//! What the SOPS MAC does not cover and a reader can still see.
//!
//! The MAC is over values alone, in their order: not over keys, structure, comments, type labels, the text around
//! tokens, or the metadata. Some alterations of those leave a trace, and [`IntegrityPolicy::Strict`] refuses it. Others
//! leave none, and pass: a renamed plain key, an empty value or an empty container that was added, a comment that was
//! removed, a label that fits the text as well as the right one (`"12"` as `int`), another list of recipients. Plain
//! values of a file with `mac_only_encrypted` are left uncovered by its author, so they pass too. So do `""`, null, `{}`
//! and `[]` where a rule wants ciphertext, because SOPS itself leaves them plain.

use std::collections::HashSet;

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{KeyPath, Position, Scalar, Segment};
use thiserror::Error;

use crate::MacPolicy;
use crate::metadata;

/// How much of a file has to be as SOPS writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IntegrityPolicy {
    /// What `sops decrypt` takes.
    #[default]
    Sops,
    /// Nothing that shows that the file was altered, even where the MAC does not.
    Strict,
}

/// What a file has to satisfy to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OpenPolicy {
    /// What to do about the MAC.
    pub mac: MacPolicy,
    /// How much has to be as SOPS writes it.
    pub integrity: IntegrityPolicy,
}

impl From<MacPolicy> for OpenPolicy {
    fn from(mac: MacPolicy) -> Self {
        Self {
            mac,
            integrity: IntegrityPolicy::Sops,
        }
    }
}

/// A trace of an alteration, or of a writer other than SOPS. Holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum StrictFinding {
    /// A token and something behind it.
    #[error("text stands behind the token, and sops drops it")]
    TextBehindToken,
    /// A label that is not the one of the text.
    #[error("its type label does not fit: sops would have written the value otherwise")]
    Label,
    /// A sealed comment that does not open.
    #[error("an encrypted comment that cannot be decrypted: it was altered, moved, or is of another file")]
    SealedComment,
    /// A sealed comment that opens as one of a container further out.
    #[error("an encrypted comment that belongs further out: it was moved, or its indentation changed")]
    MovedComment,
    /// A comment in plain text where the rule wants an encrypted one.
    #[error("a comment in plain text where the selection rule wants an encrypted one")]
    PlainComment,
    /// A key that stands twice in its map.
    #[error("the key stands twice in its map; readers differ in which one counts")]
    KeyTwice,
    /// A `sops` entry in a later document that is not the one of the first.
    #[error("a `sops` entry that differs from the one of the first document, and sops drops it unread")]
    OtherBlock,
    /// A field that no version of SOPS writes there.
    #[error("a field of the sops metadata that sops does not know")]
    UnknownField,
    /// Something in the envelope of a binary file besides its content.
    #[error("an entry beside `data` in a binary file, and sops drops it")]
    BesideData,
    /// Something behind the end of a JSON object.
    #[error("text stands behind the end of the object, and sops drops it")]
    BehindObject,
}

/// A finding and its place.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) position: Position,
    pub(crate) path: KeyPath,
    pub(crate) finding: StrictFinding,
}

impl Found {
    pub(crate) fn behind_object(position: Position) -> Self {
        Self {
            position,
            path: KeyPath::root(),
            finding: StrictFinding::BehindObject,
        }
    }
}

/// The fields of the block, and those of its entries by the name of the list (`stores.go`).
pub(crate) const FIELDS: [&str; 18] = [
    "shamir_threshold",
    "key_groups",
    "kms",
    "gcp_kms",
    "hckms",
    "azure_kv",
    "hc_vault",
    "age",
    "lastmodified",
    "mac",
    "pgp",
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
    "mac_only_encrypted",
];
/// The field that every block has besides.
pub(crate) const VERSION: &str = "version";
const KEY_FIELDS: [(&str, &[&str]); 7] = [
    (
        "kms",
        &["arn", "role", "context", "created_at", "enc", "aws_profile"],
    ),
    ("gcp_kms", &["resource_id", "created_at", "enc"]),
    ("hckms", &["key_id", "created_at", "enc"]),
    ("azure_kv", &["vault_url", "name", "version", "created_at", "enc"]),
    (
        "hc_vault",
        &["vault_address", "engine_path", "key_name", "created_at", "enc"],
    ),
    ("pgp", &["created_at", "enc", "fp"]),
    ("age", &["recipient", "enc"]),
];

/// Fields of a block that SOPS ignores, or that it has to choose between.
pub(crate) fn in_block(block: &Element, found: &mut Vec<Found>) {
    let mut path = KeyPath::root();
    path.push(Segment::Key(metadata::BLOCK.into()));
    for (name, value) in fields(
        block,
        &mut path,
        &|name| is_one(name, &FIELDS) || is_one(name, &[VERSION]),
        found,
    ) {
        let mut path = path.clone();
        path.push(Segment::Key(name.into()));
        if name.eq_ignore_ascii_case("key_groups") {
            each(value, &mut path, &mut |group, path| {
                let of_lists = |name: &str| KEY_FIELDS.iter().any(|(list, _)| is_one(name, &[list]));
                for (name, keys) in fields(group, path, &of_lists, found) {
                    path.push(Segment::Key(name.into()));
                    in_keys(name, keys, path, found);
                    path.pop();
                }
            });
        } else {
            in_keys(name, value, &mut path, found);
        }
    }
}

/// The entries of a list of keys.
fn in_keys(list: &str, keys: &Element, path: &mut KeyPath, found: &mut Vec<Found>) {
    let Some((_, known)) = KEY_FIELDS.iter().find(|(name, _)| is_one(list, &[name])) else {
        return;
    };
    each(keys, path, &mut |key, path| {
        fields(key, path, &|name| is_one(name, known), found);
    });
}

fn is_one(name: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Visits the items of a list; a single value counts as a list of one.
fn each(list: &Element, path: &mut KeyPath, visit: &mut dyn FnMut(&Element, &mut KeyPath)) {
    let ElementKind::Sequence(items) = &list.kind else {
        visit(list, path);
        return;
    };
    let elements = items.iter().filter_map(|item| match item {
        Item::Element(element) => Some(element),
        Item::Comment(_) => None,
    });
    for (index, element) in elements.enumerate() {
        path.push(Segment::Index(index));
        visit(element, path);
        path.pop();
    }
}

/// The fields of a map; those that are not known, and those that are there in two spellings, are found.
fn fields<'a>(
    map: &'a Element,
    path: &mut KeyPath,
    is_known: &dyn Fn(&str) -> bool,
    found: &mut Vec<Found>,
) -> Vec<(&'a str, &'a Element)> {
    let mut seen = HashSet::new();
    let fields: Vec<_> = entries(map).collect();
    for (key, name, _) in &fields {
        let finding = if !is_known(name) {
            StrictFinding::UnknownField
        } else if !seen.insert(name.to_ascii_lowercase()) {
            StrictFinding::KeyTwice
        } else {
            continue;
        };
        path.push(Segment::Key((*name).into()));
        found.push(Found {
            position: key.position,
            path: path.clone(),
            finding,
        });
        path.pop();
    }
    fields.into_iter().map(|(_, name, value)| (name, value)).collect()
}

/// The entries of a map whose keys are text.
fn entries(map: &Element) -> impl Iterator<Item = (&Element, &str, &Element)> {
    let pairs = match &map.kind {
        ElementKind::Mapping(pairs) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().filter_map(|pair| match pair {
        Pair::Entry { key, value } => match &key.kind {
            ElementKind::Text(text) => Some((key, &*text.text, value)),
            _ => None,
        },
        Pair::Comment(_) => None,
    })
}

/// Keys that stand twice in one map of a document.
pub(crate) fn repeated_keys(document: &Document, found: &mut Vec<Found>) {
    if let Some(root) = &document.root {
        repeated(root, &mut KeyPath::root(), found);
    }
}

fn repeated(element: &Element, path: &mut KeyPath, found: &mut Vec<Found>) {
    match &element.kind {
        ElementKind::Mapping(_) => {
            let mut seen = HashSet::new();
            for (key, name, value) in entries(element) {
                path.push(Segment::Key(name.into()));
                if !seen.insert(name) {
                    found.push(Found {
                        position: key.position,
                        path: path.clone(),
                        finding: StrictFinding::KeyTwice,
                    });
                }
                repeated(value, path, found);
                path.pop();
            }
        }
        ElementKind::Sequence(_) => each(element, path, &mut |item, path| repeated(item, path, found)),
        _ => {}
    }
}

/// What the envelope of a binary file holds besides `data` and the metadata.
pub(crate) fn beside_data(document: &Document, found: &mut Vec<Found>) {
    let Some(root) = &document.root else { return };
    for (key, name, _) in entries(root) {
        if name != "data" && name != metadata::BLOCK {
            let mut path = KeyPath::root();
            path.push(Segment::Key(name.into()));
            found.push(Found {
                position: key.position,
                path,
                finding: StrictFinding::BesideData,
            });
        }
    }
}

/// Whether two values are the same, wherever they stand and whatever comments are in them.
pub(crate) fn is_same(left: &Element, right: &Element) -> bool {
    match (&left.kind, &right.kind) {
        (ElementKind::Text(left), ElementKind::Text(right)) => left.text == right.text,
        (ElementKind::Opened(left, _), ElementKind::Opened(right, _)) => is_same_scalar(left, right),
        (ElementKind::Mapping(_), ElementKind::Mapping(_)) => {
            let (left, right): (Vec<_>, Vec<_>) = (entries(left).collect(), entries(right).collect());
            left.len() == right.len()
                && left
                    .iter()
                    .zip(&right)
                    .all(|((_, left_name, left), (_, name, right))| left_name == name && is_same(left, right))
        }
        (ElementKind::Sequence(left), ElementKind::Sequence(right)) => {
            let items = |items: &[Item]| -> Vec<Element> {
                let elements = items.iter().filter_map(|item| match item {
                    Item::Element(element) => Some(element.clone()),
                    Item::Comment(_) => None,
                });
                elements.collect()
            };
            let (left, right) = (items(left), items(right));
            left.len() == right.len() && left.iter().zip(&right).all(|(left, right)| is_same(left, right))
        }
        _ => false,
    }
}

fn is_same_scalar(left: &Scalar, right: &Scalar) -> bool {
    match (left, right) {
        (Scalar::Float(left), Scalar::Float(right)) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}
