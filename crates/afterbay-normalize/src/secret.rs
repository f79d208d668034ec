//! A v1 Secret in the form the server stores it: `stringData` gone, `data` in canonical base64.
//!
//! The rules are those of Kubernetes 1.34: `stringData` overwrites `data` key by key; `null` is the empty value; the
//! base64 of `data` is Go's standard encoding, which skips line breaks, wants padding, and does not look at the bits
//! behind the last byte; every value of `data` is checked, an overwritten one too.

use afterbay_manifest::{KeyPath, Mapping, Node, ObjectRef, Origin, Place, Scalar, SecretBytes, Value};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::NormalizeError;

/// Bytes of all values that a Secret may hold (`MaxSecretSize` in Kubernetes).
const MAX_SIZE: usize = 1 << 20;

/// Characters a key may have at most (`DNS1123SubdomainMaxLength` in Kubernetes).
const MAX_KEY: usize = 253;

/// Go's `base64.StdEncoding`, but for line breaks.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Which Secret is being normalized.
pub(crate) struct Subject {
    pub(crate) object: ObjectRef,
    pub(crate) origin: Origin,
}

/// Moves `stringData` into `data`.
pub(crate) fn normalize(body: &mut Node, subject: &Subject, errors: &mut Vec<NormalizeError>) {
    let Some(fields) = body.as_mapping_mut() else {
        return;
    };
    let mut stage = Stage { subject, errors };
    let texts_index = fields.get_index_of("stringData");
    let texts = fields
        .shift_remove("stringData")
        .and_then(|texts| stage.map(texts, "stringData"));
    // Its place among the fields stays taken until it is put back.
    let data = fields
        .get_mut("data")
        .map(|data| std::mem::replace(data, Node::plain(Scalar::Null)));
    let mut data = data.and_then(|data| stage.map(data, "data")).unwrap_or_default();
    stage.data(&mut data.entries);
    let texts = texts.unwrap_or_default();
    for (key, text) in texts.entries {
        stage.text(&mut data.entries, key, text);
    }
    stage.check_size(&data.entries);
    place(fields, data, texts.shell, texts_index);
}

/// A map of a Secret: its entries, and the node that held them, `None` when it said `null` or nothing.
#[derive(Default)]
struct Entries {
    entries: Mapping,
    shell: Option<Node>,
}

/// Puts `data` back where it stood, or where `stringData` stood.
fn place(fields: &mut Mapping, data: Entries, texts: Option<Node>, texts_index: Option<usize>) {
    let Some(shell) = data.shell.or(texts.filter(|_| !data.entries.is_empty())) else {
        fields.shift_remove("data");
        return;
    };
    let data = Node {
        value: Value::Mapping(data.entries),
        ..shell
    };
    if let Some(place) = fields.get_mut("data") {
        *place = data;
    } else {
        let index = texts_index.unwrap_or(fields.len()).min(fields.len());
        fields.shift_insert(index, "data".to_owned(), data);
    }
}

struct Stage<'a> {
    subject: &'a Subject,
    errors: &'a mut Vec<NormalizeError>,
}

impl Stage<'_> {
    fn place(&self, node: &Node) -> Place {
        Place::new(self.subject.origin.file.clone(), node.position)
    }

    fn object(&self) -> ObjectRef {
        self.subject.object.clone()
    }

    /// The entries of `data` or `stringData`; `None` when it is something else than a map.
    fn map(&mut self, node: Node, field: &str) -> Option<Entries> {
        if node.is_null() {
            return Some(Entries::default());
        }
        let found = found(&node);
        let place = self.place(&node);
        let Node {
            value,
            provenance,
            position,
            spelling,
        } = node;
        let Value::Mapping(entries) = value else {
            self.errors.push(NormalizeError::WrongType {
                place,
                object: self.object().into(),
                path: KeyPath::of_keys([field]),
                found,
                expected: "a map",
                hint: "write one entry for each key of the Secret",
            });
            return None;
        };
        let shell = Node {
            value: Value::Mapping(Mapping::new()),
            provenance,
            position,
            spelling,
        };
        Some(Entries {
            entries,
            shell: Some(shell),
        })
    }

    /// Brings every value of `data` into canonical base64.
    fn data(&mut self, entries: &mut Mapping) {
        for (key, value) in entries {
            let path = KeyPath::of_keys(["data", key.as_str()]);
            self.check_key(key, &path, value);
            let Some(text) = self.value(
                value,
                &path,
                "put its base64 there, or the value under stringData with quotes",
            ) else {
                continue;
            };
            let Some(bytes) = decode(text) else {
                let (place, object) = (self.place(value), self.object());
                self.errors.push(NormalizeError::NotBase64 {
                    place,
                    object: object.into(),
                    path,
                });
                continue;
            };
            value.value = BASE64.encode(bytes.expose_bytes()).into();
        }
    }

    /// Puts an entry of `stringData` into `data`.
    fn text(&mut self, data: &mut Mapping, key: String, mut value: Node) {
        let path = KeyPath::of_keys(["stringData", key.as_str()]);
        self.check_key(&key, &path, &value);
        let Some(text) = self.value(&value, &path, "put quotes around it, or base64 under data") else {
            return;
        };
        value.value = BASE64.encode(text).into();
        data.insert(key, value);
    }

    /// The text of an entry, empty for `null`; anything else is an error, as it is to the server.
    fn value<'a>(&mut self, node: &'a Node, path: &KeyPath, hint: &'static str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(Scalar::Null) => Some(""),
            _ => node.expose_str().or_else(|| {
                self.errors.push(NormalizeError::WrongType {
                    place: self.place(node),
                    object: self.object().into(),
                    path: path.clone(),
                    found: found(node),
                    expected: "text",
                    hint,
                });
                None
            }),
        }
    }

    fn check_key(&mut self, key: &str, path: &KeyPath, value: &Node) {
        if let Some(problem) = key_problem(key) {
            let place = self.place(value);
            self.errors.push(NormalizeError::Key {
                place,
                object: self.object().into(),
                path: path.clone(),
                problem,
            });
        }
    }

    fn check_size(&mut self, data: &Mapping) {
        let size: usize = data.values().filter_map(Node::expose_str).map(decoded_size).sum();
        if size > MAX_SIZE {
            let (origin, object) = (self.subject.origin.clone(), self.object().into());
            self.errors.push(NormalizeError::TooLarge {
                origin,
                object,
                size,
                limit: MAX_SIZE,
            });
        }
    }
}

/// The bytes of a value of `data`.
fn decode(text: &str) -> Option<SecretBytes> {
    let lines: SecretBytes = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect::<Vec<u8>>()
        .into();
    BASE64.decode(lines.expose_bytes()).ok().map(SecretBytes::new)
}

/// How many bytes a canonical base64 text stands for.
fn decoded_size(canonical: &str) -> usize {
    let padding = canonical.bytes().rev().take_while(|byte| *byte == b'=').count();
    (canonical.len() / 4 * 3).saturating_sub(padding)
}

/// Why the server would not take a key (`IsConfigMapKey` in Kubernetes).
fn key_problem(key: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match key {
        "." | ".." => Some("must not be . or .."),
        _ if key.starts_with("..") => Some("must not start with .."),
        _ if key.len() > MAX_KEY => Some("has more than 253 characters"),
        _ if key.is_empty() || !key.bytes().all(allowed) => {
            Some("must consist of letters, digits, '-', '_' or '.', such as tls.crt")
        }
        _ => None,
    }
}

/// What stands somewhere, with its article.
pub(crate) fn found(node: &Node) -> &'static str {
    match &node.value {
        Value::Scalar(Scalar::Null) => "null",
        Value::Scalar(Scalar::Bool(_)) => "a boolean",
        Value::Scalar(Scalar::Int(_) | Scalar::Uint(_)) => "an integer",
        Value::Scalar(Scalar::Float(_)) => "a number",
        Value::Scalar(Scalar::Timestamp(_)) => "a timestamp",
        Value::Scalar(Scalar::String(_)) => "text",
        Value::Scalar(Scalar::Bytes(_)) => "bytes that are not text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a map",
    }
}
