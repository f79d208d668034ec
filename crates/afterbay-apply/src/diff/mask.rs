//! Which values of an object are not shown.

use std::fmt::Write as _;

use afterbay_manifest::{Gvk, KeyPath, Node, Object, REDACTION_REMOVED, Sealed, Segment};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Marks;

/// The annotation by which an object marks places whose values are not shown: paths as messages print them, with `*` for any
/// key and `[*]` for any index, separated by commas.
pub(crate) const ANNOTATION: &str = "afterbay.dev/mask";

/// Where `kubectl apply` keeps the whole object once more, the values of a Secret included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Decides for one object which values are shown.
pub(crate) struct Mask<'a> {
    gvk: &'a Gvk,
    /// Any value may have been opened, and nobody knows which: the object came through a pipe, or marks itself in a way that
    /// cannot be read.
    everything: bool,
    /// The places of leaves that were opened.
    sealed: Vec<KeyPath>,
    /// The places that the object marks itself.
    annotated: Vec<Vec<Step>>,
    marks: Marks<'a>,
}

/// One step of a place that an annotation marks.
enum Step {
    Any,
    Key(String),
    Index(usize),
}

impl<'a> Mask<'a> {
    /// For an object of the revision; `sides` are the same object as it is and as it would be, which may mark places, too.
    pub(crate) fn of<'s>(
        object: &'a Object,
        sides: impl Iterator<Item = &'s Value>,
        marks: Marks<'a>,
        piped: bool,
    ) -> Self {
        let mut mask = Self {
            gvk: &object.reference().gvk,
            everything: piped,
            sealed: Vec::new(),
            annotated: Vec::new(),
            marks,
        };
        object.body().leaves(&mut |path, leaf| {
            if !leaf.provenance.is_plain() {
                mask.sealed.push(path.clone());
            }
        });
        for side in sides {
            if let Some(marked) = side["metadata"]["annotations"][ANNOTATION].as_str() {
                mask.mark(marked);
            }
        }
        // What the revision marks counts where the annotation itself is ignored, too.
        let declared = object.body().at(&["metadata", "annotations", ANNOTATION]);
        if let Some(marked) = declared.and_then(Node::as_plain_str) {
            mask.mark(marked);
        }
        mask
    }

    fn mark(&mut self, places: &str) {
        for place in places.split([',', ' ', '\n']).filter(|place| !place.is_empty()) {
            match steps(place) {
                Some(steps) => self.annotated.push(steps),
                None => self.everything = true,
            }
        }
    }

    /// Whether the value at this place is not shown. Items of lists move about, so an opened value hides the same place in
    /// every item.
    pub(crate) fn hides(&self, path: &KeyPath) -> bool {
        if REDACTION_REMOVED {
            return false;
        }
        let segments = path.segments();
        let is_secret = self.gvk.is_secret();
        let keys = |index: usize| match segments.get(index) {
            Some(Segment::Key(key)) => &**key,
            _ => "",
        };
        if self.everything {
            return !(is_secret && keys(0) == "type");
        }
        is_secret && ["data", "stringData"].contains(&keys(0))
            || keys(0) == "metadata" && keys(1) == "annotations" && keys(2) == LAST_APPLIED
            || self
                .sealed
                .iter()
                .any(|sealed| is_at_or_below(segments, sealed.segments()))
            || self.annotated.iter().any(|steps| matches(steps, segments))
            || (self.marks)(self.gvk, path)
    }

    /// The bytes of a value, of an entry of a Secret without base64.
    pub(super) fn bytes(&self, path: &KeyPath, value: &Value) -> Vec<u8> {
        let Some(text) = value.as_str() else {
            return value.to_string().into_bytes();
        };
        let is_data = matches!(path.segments(), [Segment::Key(key), _] if &**key == "data");
        if self.gvk.is_secret()
            && is_data
            && let Ok(bytes) = STANDARD.decode(text)
        {
            return bytes;
        }
        text.as_bytes().to_vec()
    }

    /// Every value of one side that is not shown, as it stands there and as it is meant.
    pub(super) fn values(&self, side: &Value) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        each_leaf(side, &mut KeyPath::root(), &mut |path, leaf| {
            if is_compared(path) && !is_empty(leaf) && self.hides(path) {
                values.push(self.bytes(path, leaf));
                values.extend(leaf.as_str().map(|text| text.as_bytes().to_vec()));
            }
        });
        values
    }
}

/// Whether a place can be in a diff at all: the rest says what the object is, or is the server's.
pub(super) fn is_compared(path: &KeyPath) -> bool {
    let key = |index: usize| match path.segments().get(index) {
        Some(Segment::Key(key)) => &**key,
        _ => "",
    };
    match key(0) {
        "apiVersion" | "kind" | "status" => false,
        "metadata" => METADATA.contains(&key(1)),
        _ => true,
    }
}

/// The fields of `metadata` that an apply can change.
pub(super) const METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];

/// Whether there is nothing to hide: a null, an empty list or map.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn each_leaf(value: &Value, path: &mut KeyPath, visit: &mut dyn FnMut(&KeyPath, &Value)) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                path.push(Segment::Key(key.as_str().into()));
                each_leaf(value, path, visit);
                path.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                each_leaf(item, path, visit);
                path.pop();
            }
        }
        leaf => visit(path, leaf),
    }
}

fn is_at_or_below(path: &[Segment], sealed: &[Segment]) -> bool {
    let is_same = |(left, right): (&Segment, &Segment)| match (left, right) {
        (Segment::Index(_), Segment::Index(_)) => true,
        _ => left == right,
    };
    path.len() >= sealed.len() && path.iter().zip(sealed).all(is_same)
}

fn matches(steps: &[Step], path: &[Segment]) -> bool {
    let is_same = |(step, segment): (&Step, &Segment)| match (step, segment) {
        (Step::Any, _) => true,
        (Step::Key(wanted), Segment::Key(key)) => **wanted == **key,
        (Step::Index(wanted), Segment::Index(index)) => wanted == index,
        _ => false,
    };
    path.len() >= steps.len() && steps.iter().zip(path).all(is_same)
}

/// Reads `spec.users[*].token`; `None` for what is no path.
fn steps(place: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = place;
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let (inside, after) = bracketed.split_once(']')?;
            steps.push(match inside {
                "*" => Step::Any,
                quoted if quoted.starts_with('"') => {
                    Step::Key(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
                }
                index => Step::Index(index.parse().ok()?),
            });
            rest = after;
        } else {
            let text = if steps.is_empty() {
                rest
            } else {
                rest.strip_prefix('.')?
            };
            let end = text.find(['.', '[']).unwrap_or(text.len());
            let key = &text[..end];
            steps.push(match key {
                "" => return None,
                "*" => Step::Any,
                key => Step::Key(key.to_owned()),
            });
            rest = &text[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// Whether the revision alone says what the hidden values of an object are: all that was opened in it came from ciphertext of
/// the revision, whose id is a digest of it.
pub(crate) fn is_identified_by_revision(object: &Object) -> bool {
    let mut identified = true;
    object.body().leaves(&mut |_, leaf| {
        identified &= leaf
            .provenance
            .sources()
            .all(|source| matches!(source, Sealed::Ciphertext { .. }));
    });
    identified
}

/// What is declared, without any hidden value: in its place stands where its ciphertext is.
pub(crate) fn skeleton(object: &Object, declared: &Value, mask: &Mask<'_>) -> Vec<u8> {
    let mut text = canonical(&without_hidden(declared, &mut KeyPath::root(), mask));
    object.body().leaves(&mut |path, leaf| {
        for source in leaf.provenance.sources() {
            if let Sealed::Ciphertext {
                file,
                document,
                path: from,
                ..
            } = source
            {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "\n{path} {file} {document} {from}");
            }
        }
    });
    text.into_bytes()
}

fn without_hidden(value: &Value, path: &mut KeyPath, mask: &Mask<'_>) -> Value {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let entries = entries.iter().map(|(key, value)| {
                path.push(Segment::Key(key.as_str().into()));
                let value = without_hidden(value, path, mask);
                path.pop();
                (key.clone(), value)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().enumerate().map(|(index, item)| {
                path.push(Segment::Index(index));
                let item = without_hidden(item, path, mask);
                path.pop();
                item
            });
            items.collect()
        }
        leaf if is_compared(path) && mask.hides(path) && !is_empty(leaf) => Value::Null,
        leaf => leaf.clone(),
    }
}

/// JSON with the keys of every map in order.
pub(crate) fn canonical(value: &Value) -> String {
    sorted(value).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Segment> {
        text.split('/')
            .map(|part| match part.parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Key(part.into()),
            })
            .collect()
    }

    #[test]
    fn marks_are_read_as_messages_print_paths() {
        for (place, at, expected) in [
            ("spec.token", "spec/token", true),
            ("spec.token", "spec/token/value", true),
            ("spec.token", "spec", false),
            ("spec.users[*].token", "spec/users/3/token", true),
            ("spec.users[1].token", "spec/users/3/token", false),
            ("spec.*.token", "spec/a/token", true),
            ("data[\"tls.key\"]", "data/tls.key", true),
        ] {
            let steps = steps(place).unwrap();
            assert_eq!(matches(&steps, &path(at)), expected, "{place} {at}");
        }
        for wrong in ["", ".", "spec.", "a..b", "a[", "a[x]", "a]b["] {
            assert!(
                steps(wrong).is_none_or(|steps| !matches(&steps, &path("a/b"))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_opened_item_hides_its_place_in_every_item() {
        let sealed = path("spec/env/0/value");
        assert!(is_at_or_below(&path("spec/env/4/value"), &sealed));
        assert!(is_at_or_below(&path("spec/env/4/value/deeper"), &sealed));
        assert!(!is_at_or_below(&path("spec/env/4/name"), &sealed));
    }
}
