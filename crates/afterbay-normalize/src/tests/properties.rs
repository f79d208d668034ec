//! Properties that hold for every Secret.

use std::collections::BTreeMap;

use afterbay_manifest::{
    Integrity, KeyPath, Mapping, Node, Position, Provenance, Scalar, Sealed, Spelling, TreePath, Value,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

use super::object;
use crate::set::objects_of;

/// A value of a Secret and whether it was opened.
#[derive(Debug, Clone)]
struct Entry<T> {
    value: Option<T>,
    is_sealed: bool,
}

type Entries<T> = BTreeMap<String, Entry<T>>;

fn entries<T: std::fmt::Debug + Clone>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Entries<T>> {
    let entry = (proptest::option::weighted(0.9, value), any::<bool>())
        .prop_map(|(value, is_sealed)| Entry { value, is_sealed });
    proptest::collection::btree_map(
        "[a-c]|[-._a-zA-Z0-9]{3,8}".prop_filter("reserved", |key| !key.starts_with("..")),
        entry,
        0..6,
    )
}

fn provenance(field: &str, key: &str, is_sealed: bool) -> Provenance {
    if !is_sealed {
        return Provenance::PLAIN;
    }
    Provenance::sealed(Sealed::Ciphertext {
        file: TreePath::parse("objects.yaml").unwrap(),
        document: 0,
        path: KeyPath::of_keys([field, key]),
        integrity: Integrity::Verified,
    })
}

fn node<T>(field: &str, entries: &Entries<T>, text: impl Fn(&T) -> String) -> Node {
    let node = |(line, (key, entry)): (usize, (&String, &Entry<T>))| {
        let value = entry
            .value
            .as_ref()
            .map_or(Value::Scalar(Scalar::Null), |value| text(value).into());
        let position = Position::new(u32::try_from(line).unwrap() + 1, 1);
        (
            key.clone(),
            Node {
                value,
                provenance: provenance(field, key, entry.is_sealed),
                position,
                spelling: Spelling::Plain,
            },
        )
    };
    Node::plain(entries.iter().enumerate().map(node).collect::<Mapping>())
}

/// Base64 in lines of four, which the server joins.
fn wrapped(bytes: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(4)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    lines.join("\r\n") + "\n"
}

fn secret(data: &Entries<Vec<u8>>, texts: &Entries<String>) -> Node {
    let mut body = Mapping::new();
    body.insert("apiVersion".into(), Node::plain("v1"));
    body.insert("kind".into(), Node::plain("Secret"));
    let metadata = Mapping::from_iter([("name".to_owned(), Node::plain("a"))]);
    body.insert("metadata".into(), Node::plain(metadata));
    body.insert("stringData".into(), node("stringData", texts, Clone::clone));
    body.insert("data".into(), node("data", data, |bytes| wrapped(bytes)));
    body.insert("immutable".into(), Node::plain(Scalar::Bool(true)));
    Node::plain(body)
}

proptest! {
    #[test]
    fn every_value_survives_with_its_provenance(
        data in entries(proptest::collection::vec(any::<u8>(), 0..20)),
        texts in entries(".{0,12}"),
    ) {
        let mut normalized = objects_of(vec![object(secret(&data, &texts))]);
        prop_assert_eq!(&normalized.errors, &[]);
        let object = normalized.objects.remove(0);
        prop_assert!(object.body().get("stringData").is_none());
        prop_assert!(object.body().get("immutable").is_some());
        let stored = object.body().get("data").unwrap().as_mapping().unwrap();
        prop_assert_eq!(stored.len(), data.keys().chain(texts.keys()).collect::<std::collections::BTreeSet<_>>().len());
        for (key, node) in stored {
            let (expected, origin) = match texts.get(key) {
                Some(entry) => (entry.value.clone().unwrap_or_default().into_bytes(), ("stringData", entry.is_sealed)),
                None => (data[key].value.clone().unwrap_or_default(), ("data", data[key].is_sealed)),
            };
            prop_assert_eq!(BASE64_STANDARD.decode(node.expose_str().unwrap()).unwrap(), expected);
            prop_assert!(node.provenance == provenance(origin.0, key, origin.1));
        }
        let again = objects_of(vec![object.clone()]);
        prop_assert!(again.objects[0] == object);
    }

    #[test]
    fn other_kinds_are_left_alone(texts in entries(".{0,12}")) {
        let mut body = secret(&BTreeMap::new(), &texts);
        body.as_mapping_mut().unwrap().insert("kind".into(), Node::plain("ConfigMap"));
        let normalized = objects_of(vec![object(body.clone())]);
        prop_assert!(*normalized.objects[0].body() == body);
    }
}
