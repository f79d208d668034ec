//! What a small encryptor of our own sealed opens again, and nothing else does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{AesGcm, KeyInit as _, Nonce};
use afterbay_manifest::yaml::{Element, ElementKind, Item, Pair};
use afterbay_manifest::{DataKey, DataKeys, KeyRequest, Scalar, SecretBytes, TreePath, WrappedKey};
use afterbay_sops::{Format, MacOutcome, MacPolicy, OpenedFile, SealedFile, SopsErrors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixtures::sops::VECTORS;
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

const FORMATS: [Format; 5] = [
    Format::Yaml,
    Format::Json,
    Format::Dotenv,
    Format::Ini,
    Format::Binary,
];

const LAST_MODIFIED: &str = "2024-01-02T03:04:05Z";

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// SOPS's encryption with its default rule, to JSON, which is YAML as well.
struct Sealer {
    cipher: AesGcm<aes_gcm::aes::Aes256, U32>,
    mac: Sha512,
    count: u64,
}

impl Sealer {
    fn seal(key: &[u8; 32], root: &[(String, Value)]) -> String {
        let mut sealer = Self {
            cipher: AesGcm::new(key.into()),
            mac: Sha512::new(),
            count: 0,
        };
        let serde_json::Value::Object(mut object) = sealer.value(&Value::Map(root.to_vec()), "") else {
            unreachable!()
        };
        let mac: Vec<String> = sealer
            .mac
            .clone()
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        let mac = sealer.token(mac.concat().as_bytes(), "str", LAST_MODIFIED);
        let block = serde_json::json!({
            "age": [{"recipient": "r", "enc": "e"}],
            "lastmodified": LAST_MODIFIED,
            "mac": mac,
            "version": "3.13.3",
        });
        object.insert("sops".to_owned(), block);
        serde_json::to_string_pretty(&object).unwrap()
    }

    /// A store without nesting: what `body` writes, and the metadata under the names that SOPS flattens them to.
    fn flat(
        key: &[u8; 32],
        body: impl FnOnce(&mut Self) -> Vec<u8>,
        field: impl Fn(&str, &str) -> String,
    ) -> Vec<u8> {
        let mut sealer = Self {
            cipher: AesGcm::new(key.into()),
            mac: Sha512::new(),
            count: 0,
        };
        let mut text = body(&mut sealer);
        let mac = sealer.mac.clone().finalize();
        let mac: Vec<String> = mac.iter().map(|byte| format!("{byte:02X}")).collect();
        let mac = sealer.token(mac.concat().as_bytes(), "str", LAST_MODIFIED);
        for (name, value) in [
            ("age__list_0__map_enc", "e"),
            ("age__list_0__map_recipient", "r"),
            ("lastmodified", LAST_MODIFIED),
            ("mac", &mac),
            ("version", "3.13.3"),
        ] {
            text.extend(field(name, value).into_bytes());
        }
        text
    }

    /// A leaf as bytes; empty ones stay as they are.
    fn leaf(&mut self, plain: &[u8], path: &str) -> String {
        self.mac.update(plain);
        if plain.is_empty() {
            String::new()
        } else {
            self.token(plain, "str", path)
        }
    }

    fn value(&mut self, value: &Value, path: &str) -> serde_json::Value {
        let (plain, label) = match value {
            Value::Null => return serde_json::Value::Null,
            Value::List(items) => return items.iter().map(|item| self.value(item, path)).collect(),
            Value::Map(entries) => {
                let seal = |(key, value): &(String, Value)| {
                    (key.clone(), self.value(value, &format!("{path}{key}:")))
                };
                return serde_json::Value::Object(entries.iter().map(seal).collect());
            }
            Value::Bool(value) => (if *value { "True" } else { "False" }.to_owned(), "bool"),
            Value::Int(value) => (value.to_string(), "int"),
            Value::Float(value) => (value.to_string(), "float"),
            Value::Text(text) => (text.clone(), "str"),
        };
        self.mac.update(&plain);
        if plain.is_empty() {
            return plain.into();
        }
        self.token(plain.as_bytes(), label, path).into()
    }

    fn token(&mut self, plain: &[u8], label: &str, associated: &str) -> String {
        self.count += 1;
        let nonce: Vec<u8> = Sha512::digest(self.count.to_be_bytes())
            .iter()
            .copied()
            .take(32)
            .collect();
        let payload = Payload {
            msg: plain,
            aad: associated.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&Nonce::<U32>::try_from(&*nonce).unwrap(), payload)
            .unwrap();
        let (data, tag) = sealed.split_at(sealed.len() - 16);
        let [data, iv, tag] = [data, &nonce, tag].map(|bytes| STANDARD.encode(bytes));
        format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{label}]")
    }
}

fn open(text: &[u8], format: Format, key: &[u8; 32]) -> Result<Option<OpenedFile>, SopsErrors> {
    let file = TreePath::parse("a").unwrap();
    let Some(sealed) = SealedFile::detect(&file, text, format)? else {
        return Ok(None);
    };
    let mut keys = DataKeys::default();
    for key_id in sealed
        .key_requests()
        .flat_map(KeyRequest::keys)
        .map(WrappedKey::id)
    {
        keys.opened(key_id, vec![DataKey::new(SecretBytes::new(key.to_vec()))]);
    }
    sealed.open(&keys, MacPolicy::Require).map(Some)
}

fn value_of(element: &Element) -> Value {
    match &element.kind {
        ElementKind::Opened(scalar, _) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Int(value) => Value::Int(*value),
            Scalar::Float(value) => Value::Float(*value),
            Scalar::String(text) => Value::Text(text.clone()),
            other => panic!("{other:?}"),
        },
        ElementKind::Sequence(items) => {
            let items = items.iter().map(|item| {
                if let Item::Element(item) = item {
                    value_of(item)
                } else {
                    panic!("comment")
                }
            });
            Value::List(items.collect())
        }
        ElementKind::Mapping(pairs) => {
            let entries = pairs.iter().map(|pair| match pair {
                Pair::Entry {
                    key:
                        Element {
                            kind: ElementKind::Text(key),
                            ..
                        },
                    value,
                } => (key.text.to_string(), value_of(value)),
                _ => panic!("no entry"),
            });
            Value::Map(entries.collect())
        }
        ElementKind::Text(_) | ElementKind::Alias(_) => panic!("not loaded"),
    }
}

/// The encrypted values in order.
fn sealed_values(opened: &OpenedFile) -> Vec<Value> {
    fn visit(element: &Element, values: &mut Vec<Value>) {
        match &element.kind {
            ElementKind::Opened(_, provenance) if !provenance.is_plain() => values.push(value_of(element)),
            ElementKind::Sequence(items) => items.iter().for_each(|item| {
                if let Item::Element(item) = item {
                    visit(item, values);
                }
            }),
            ElementKind::Mapping(pairs) => pairs.iter().for_each(|pair| {
                if let Pair::Entry { value, .. } = pair {
                    visit(value, values);
                }
            }),
            _ => {}
        }
    }
    let mut values = Vec::new();
    opened
        .documents
        .iter()
        .filter_map(|document| document.root.as_ref())
        .for_each(|root| visit(root, &mut values));
    values
}

fn entries(value: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Vec<(String, Value)>> {
    // Suffixes and the name of the block mean something to SOPS.
    let key = "[ -~é]{0,8}".prop_filter("reserved", |key| key != "sops" && !key.ends_with("_unencrypted"));
    prop::collection::btree_map(key, value, 0..5).prop_map(|map| map.into_iter().collect())
}

fn root() -> impl Strategy<Value = Vec<(String, Value)>> {
    let float = any::<f64>().prop_filter("JSON has none", |value| value.is_finite());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float.prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
        Just(Value::Text(String::new())),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            entries(inner).prop_map(Value::Map)
        ]
    });
    entries(value)
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Text(text) => usize::from(!text.is_empty()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => 1,
        Value::List(items) => items.iter().map(leaves).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| leaves(value)).sum(),
    }
}

/// Any bytes as a Go string may hold them: valid or not.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any::<String>().prop_map(String::into_bytes), any::<Vec<u8>>()]
}

proptest! {
    #[test]
    fn binary_comes_back_byte_for_byte(key: [u8; 32], content in bytes()) {
        let mut sealed = Sealer::seal(&key, &[]);
        let mut sealer = Sealer { cipher: AesGcm::new((&key).into()), mac: Sha512::new(), count: 7 };
        let token = sealer.leaf(&content, "data:");
        let mac: Vec<String> = sealer.mac.clone().finalize().iter().map(|byte| format!("{byte:02X}")).collect();
        let mac = sealer.token(mac.concat().as_bytes(), "str", LAST_MODIFIED);
        let mut object: serde_json::Value = serde_json::from_str(&sealed).unwrap();
        object["data"] = token.into();
        object["sops"]["mac"] = mac.into();
        sealed = object.to_string();
        prop_assert_eq!(Format::of_content(sealed.as_bytes()), Some(Format::Binary));
        let opened = open(sealed.as_bytes(), Format::Binary, &key).unwrap().unwrap();
        prop_assert_eq!(opened.text.expose_bytes(), content);
        prop_assert_eq!(opened.parts[0].mac, MacOutcome::Verified);
    }

    #[test]
    fn dotenv_comes_back_line_for_line(key: [u8; 32], values in prop::collection::vec(("[A-Z_][ -<>-~]{0,6}", bytes()), 0..5)) {
        prop_assume!(values.iter().all(|(name, _)| !name.ends_with("_unencrypted")));
        let sealed = Sealer::flat(&key, |sealer| {
            let lines = values.iter().map(|(name, value)| format!("{name}={}\n", sealer.leaf(value, &format!("{name}:"))));
            lines.collect::<String>().into_bytes()
        }, |name, value| format!("sops_{name}={value}\n"));
        prop_assert_eq!(Format::of_content(&sealed), Some(Format::Dotenv));
        let opened = open(&sealed, Format::Dotenv, &key).unwrap().unwrap();
        let mut expected = Vec::new();
        for (name, value) in &values {
            expected.extend(format!("{name}=").into_bytes());
            for byte in value {
                match byte {
                    b'\n' => expected.extend(b"\\n"),
                    byte => expected.push(*byte),
                }
            }
            expected.push(b'\n');
        }
        prop_assert_eq!(opened.text.expose_bytes(), expected);
        prop_assert_eq!(opened.parts[0].mac, MacOutcome::Verified);
    }

    #[test]
    fn ini_values_come_back(key: [u8; 32], values in prop::collection::btree_map("[a-z]{1,8}", bytes(), 0..5)) {
        let sealed = Sealer::flat(&key, |sealer| {
            let lines = values.iter().map(|(name, value)| format!("{name} = {}\n", sealer.leaf(value, &format!("s:{name}:"))));
            format!("[s]\n{}\n[sops]\n", lines.collect::<String>()).into_bytes()
        }, |name, value| format!("{name} = {value}\n"));
        let opened = open(&sealed, Format::Ini, &key).unwrap().unwrap();
        let Some(ElementKind::Mapping(sections)) = opened.documents[0].root.as_ref().map(|root| &root.kind) else { panic!() };
        let Pair::Entry { value: Element { kind: ElementKind::Mapping(pairs), .. }, .. } = &sections[1] else { panic!() };
        let found: Vec<Vec<u8>> = pairs.iter().map(|pair| match pair {
            Pair::Entry { value: Element { kind: ElementKind::Opened(Scalar::String(text), _), .. }, .. } => text.clone().into_bytes(),
            Pair::Entry { value: Element { kind: ElementKind::Opened(Scalar::Bytes(bytes), _), .. }, .. } => bytes.clone(),
            _ => panic!(),
        }).collect();
        prop_assert_eq!(found, values.into_values().collect::<Vec<_>>());
        prop_assert_eq!(opened.parts[0].mac, MacOutcome::Verified);
    }

    #[test]
    fn opening_undoes_sealing(key: [u8; 32], root in root()) {
        let text = Sealer::seal(&key, &root);
        for format in [Format::Json, Format::Yaml] {
            let opened = open(text.as_bytes(), format, &key).unwrap().unwrap();
            prop_assert_eq!(value_of(opened.documents[0].root.as_ref().unwrap()), Value::Map(root.clone()));
            prop_assert_eq!(opened.parts[0].mac, MacOutcome::Verified);
            prop_assert_eq!(opened.encrypted(), leaves(&Value::Map(root.clone())));
        }
    }

    #[test]
    fn another_key_opens_nothing(key: [u8; 32], other: [u8; 32], root in root()) {
        prop_assume!(key != other);
        let text = Sealer::seal(&key, &root);
        prop_assert!(open(text.as_bytes(), Format::Json, &other).is_err());
    }

    /// A change that is accepted has left every encrypted value as it was, and in its order.
    #[test]
    fn no_single_change_alters_a_value(key: [u8; 32], root in root(), at: prop::sample::Index, byte: u8, format in prop::sample::select(vec![Format::Json, Format::Yaml])) {
        let text = Sealer::seal(&key, &root).into_bytes();
        let before = sealed_values(&open(&text, format, &key).unwrap().unwrap());
        let mut changed = text.clone();
        changed[at.index(text.len())] = byte;
        if let Ok(Some(opened)) = open(&changed, format, &key) {
            prop_assert_eq!(sealed_values(&opened), before);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, text in "(sops|__list_|__map_|=|ENC\\[AES256_GCM|[:{}\\[\\],\"&*#\\- \\n]|\\PC){0,64}") {
        for format in FORMATS {
            let _ = open(&bytes, format, &[0; 32]);
            let _ = open(text.as_bytes(), format, &[0; 32]);
            let _ = open(format!("sops: {{mac: x}}\n{text}").as_bytes(), format, &[0; 32]);
            let _ = open(format!("[sops]\nmac = x\n{text}").as_bytes(), format, &[0; 32]);
            let _ = open(format!("sops_mac=x\nsops_{text}").as_bytes(), format, &[0; 32]);
        }
        let _ = Format::of_content(text.as_bytes());
    }

    #[test]
    fn damaged_vectors_do_not_panic(index: prop::sample::Index, at: prop::sample::Index, length in 0_usize..40, bytes in prop::collection::vec(any::<u8>(), 0..8)) {
        let vector = index.get(VECTORS);
        let start = at.index(vector.sealed.len());
        let end = (start + length).min(vector.sealed.len());
        let mut damaged = vector.sealed.to_vec();
        damaged.splice(start..end, bytes);
        let file = TreePath::parse(&vector.file_name()).unwrap();
        let format = Format::of_path(&file).unwrap_or(Format::Binary);
        let _ = open(&damaged, format, &[0; 32]);
    }
}

#[test]
fn a_key_of_another_length_is_refused() {
    let text = Sealer::seal(&[7; 32], &[("a".to_owned(), Value::Int(1))]);
    let file = TreePath::parse("a.json").unwrap();
    let sealed = SealedFile::detect(&file, text.as_bytes(), Format::Json)
        .unwrap()
        .unwrap();
    for length in [0, 16, 33] {
        let mut keys = DataKeys::default();
        let key = sealed.parts()[0].request.groups[0][0].id();
        keys.opened(key, vec![DataKey::new(SecretBytes::new(vec![7; length]))]);
        let errors = sealed
            .clone()
            .open(&keys, MacPolicy::Require)
            .unwrap_err()
            .to_string();
        assert!(
            errors.contains(&format!(
                "the data key of age r has {length} bytes where AES-256 takes 32"
            )),
            "{errors}"
        );
    }
}
