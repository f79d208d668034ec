//! What must not be seen, and finding it in a text.

use std::collections::{BTreeSet, HashMap};

use aes_gcm::aead::{Aead as _, Payload, consts::U32};
use aes_gcm::{AesGcm, KeyInit as _, Nonce};
use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{DataKeys, KeyRequest, Scalar, Scrubber};
use afterbay_sops::{OpenedFile, SealedFile};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::canary::Canary;

/// A form shorter than this is found by chance.
const SHORTEST_FORM: usize = 6;

/// Bytes of a key, identity or passphrase that are a leak by themselves.
const STRETCH: usize = 16;

/// Hexadecimal digits in a row that can only be a hash or a key: a fingerprint has 40, a MAC 128.
const LONGEST_HEX: usize = 63;

/// Values and comments of the fixtures that are words of messages, and the name of an object, which most files have in
/// plain; where it is sealed the object is refused.
const WORDS: [&str; 6] = [
    "in quotes",
    "nothing",
    "at the top",
    "the end",
    "the first",
    "shop-db",
];

/// Values and keys that no text may hold.
#[derive(Default)]
pub(crate) struct Secrets {
    values: BTreeSet<Vec<u8>>,
    stretches: BTreeSet<Vec<u8>>,
    /// Keys and names, which are no secrets.
    names: BTreeSet<String>,
}

/// The same, ready to be looked for.
pub(crate) struct Search {
    /// Whether any form starts with these three bytes.
    starts: Vec<bool>,
    forms: HashMap<[u8; SHORTEST_FORM], Vec<Form>>,
    /// How many values there are.
    pub(crate) values: usize,
}

/// A value, the name of a form of it, and the form.
type Form = (String, &'static str, Vec<u8>);

impl Secrets {
    /// A value, unless the product itself could not tell it from other text.
    pub(crate) fn value(&mut self, value: &[u8]) {
        let value = value.trim_ascii();
        if Scrubber::recognizes(value) {
            self.values.insert(value.to_vec());
        }
    }

    /// A key, an identity or a passphrase, of which a part is too much.
    pub(crate) fn key(&mut self, key: &[u8]) {
        self.value(key);
        // What stands before it is the same for all identities.
        let own = key.rsplit(|byte| *byte == b'-').next().unwrap_or_default();
        self.stretches.extend(own.windows(STRETCH).map(<[u8]>::to_vec));
    }

    /// The lines of a file of identities or of a private key, without their heads.
    pub(crate) fn key_file(&mut self, text: &str) {
        text.lines()
            .filter(|line| !line.starts_with(['#', '-']) && line.len() >= STRETCH)
            .for_each(|line| self.key(line.as_bytes()));
    }

    /// A name, which is no secret, nor is any part of it.
    pub(crate) fn name(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// What an opened file holds and its sealed form does not show.
    pub(crate) fn opened(&mut self, opened: &OpenedFile, sealed: &[u8]) {
        for document in &opened.documents {
            self.document(document, sealed);
        }
    }

    /// The open keys of a request: data keys, shares, contents of messages.
    pub(crate) fn keys(&mut self, request: &KeyRequest, keys: &DataKeys) {
        let opened = request.keys().filter_map(|key| keys.outcome(key)?.ok());
        for key in opened.flatten() {
            self.value(key.expose_bytes());
        }
    }

    /// The MACs of a file that its data key opens; their number.
    pub(crate) fn macs(&mut self, sealed: &SealedFile, keys: &DataKeys) -> usize {
        let mut count = 0;
        for part in sealed.parts() {
            let key = part.request.keys().find_map(|key| keys.outcome(key)?.ok());
            let open =
                |key: &[u8]| open_token(key, &part.metadata.mac, part.metadata.last_modified.as_bytes());
            if let Some(mac) = key.and_then(|keys| open(keys.first()?.expose_bytes())) {
                self.value(&mac);
                count += 1;
            }
        }
        count
    }

    fn document(&mut self, document: &Document, sealed: &[u8]) {
        for comment in &document.comments {
            self.comment(&comment.text, sealed);
        }
        if let Some(root) = &document.root {
            self.element(root, sealed);
        }
    }

    fn element(&mut self, element: &Element, sealed: &[u8]) {
        match &element.kind {
            ElementKind::Opened(scalar, provenance) if !provenance.is_plain() => self.scalar(scalar),
            ElementKind::Opened(..) | ElementKind::Text(_) | ElementKind::Alias(_) => {}
            ElementKind::Sequence(items) => {
                for item in items {
                    match item {
                        Item::Element(item) => self.element(item, sealed),
                        Item::Comment(comment) => self.comment(&comment.text, sealed),
                    }
                }
            }
            ElementKind::Mapping(pairs) => {
                for pair in pairs {
                    match pair {
                        Pair::Comment(comment) => self.comment(&comment.text, sealed),
                        Pair::Entry { key, value } => {
                            if let ElementKind::Text(text) = &key.kind {
                                self.names.insert(text.text.to_string());
                            }
                            self.element(value, sealed);
                        }
                    }
                }
            }
        }
    }

    fn scalar(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::String(text) | Scalar::Timestamp(text) => {
                self.value(text.as_bytes());
                text.lines().for_each(|line| self.value(line.as_bytes()));
            }
            Scalar::Bytes(bytes) => self.value(bytes),
            Scalar::Int(number) => self.value(number.to_string().as_bytes()),
            Scalar::Uint(number) => self.value(number.to_string().as_bytes()),
            Scalar::Float(number) => self.value(number.to_string().as_bytes()),
            Scalar::Null | Scalar::Bool(_) => {}
        }
    }

    fn comment(&mut self, text: &str, sealed: &[u8]) {
        if !String::from_utf8_lossy(sealed).contains(text) {
            self.value(text.as_bytes());
        }
    }

    pub(crate) fn search(&self) -> Search {
        let is_name = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            WORDS.contains(&&*value) || self.names.iter().any(|name| name.contains(&*value))
        };
        let mut search = Search {
            starts: vec![false; 1 << 24],
            forms: HashMap::new(),
            values: 0,
        };
        for value in self.values.iter().filter(|value| !is_name(value)) {
            search.values += 1;
            let canary = Canary::whole(value);
            for (name, form) in canary.forms() {
                search.add(&canary.value, name, form.as_bytes());
            }
        }
        for stretch in &self.stretches {
            search.add(&String::from_utf8_lossy(stretch), "part", stretch);
        }
        search
    }
}

impl Search {
    fn add(&mut self, value: &str, name: &'static str, form: &[u8]) {
        let Some(start) = form.first_chunk::<SHORTEST_FORM>() else {
            return;
        };
        self.starts[index(start)] = true;
        self.forms
            .entry(*start)
            .or_default()
            .push((value.to_owned(), name, form.to_vec()));
    }

    /// What of it a text shows, and in which form.
    pub(crate) fn found_in(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let mut hex = 0;
        for (at, byte) in bytes.iter().enumerate() {
            hex = if byte.is_ascii_hexdigit() { hex + 1 } else { 0 };
            // Base64 of zeros looks like it, without a digit.
            if hex > LONGEST_HEX && bytes[at - LONGEST_HEX..at].iter().any(u8::is_ascii_digit) {
                return Some(format!("a hash or key in hexadecimal: {}", around(text, at)));
            }
            let Some(start) = bytes[at..].first_chunk::<SHORTEST_FORM>() else {
                continue;
            };
            if !self.starts[index(start)] {
                continue;
            }
            let forms = self.forms.get(start).into_iter().flatten();
            for (value, name, form) in forms {
                if bytes[at..].starts_with(form) {
                    return Some(format!("{value:?}, {name}: {}", around(text, at)));
                }
            }
        }
        None
    }
}

fn index(start: &[u8]) -> usize {
    usize::from(start[0]) << 16 | usize::from(start[1]) << 8 | usize::from(start[2])
}

/// The text near a place.
fn around(text: &str, at: usize) -> String {
    let bytes = text.as_bytes();
    let part = &bytes[at.saturating_sub(160)..bytes.len().min(at + 160)];
    String::from_utf8_lossy(part).into_owned()
}

/// What a token of SOPS holds.
fn open_token(key: &[u8], token: &str, associated: &[u8]) -> Option<Vec<u8>> {
    let part = |name: &str| -> Option<Vec<u8>> {
        let rest = token.split_once(&format!("{name}:"))?.1;
        BASE64_STANDARD.decode(rest.split(',').next()?).ok()
    };
    let cipher = AesGcm::<aes_gcm::aes::Aes256, U32>::new_from_slice(key).ok()?;
    let nonce = Nonce::<U32>::try_from(part("iv")?.as_slice()).ok()?;
    let sealed = [part("data")?, part("tag")?].concat();
    let payload = Payload {
        msg: &sealed,
        aad: associated,
    };
    cipher.decrypt(&nonce, payload).ok()
}
