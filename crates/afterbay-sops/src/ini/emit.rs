//! INI as `gopkg.in/ini.v1` writes it: keys of a section aligned, an empty line between sections.

use std::borrow::Cow;

use afterbay_manifest::yaml::{Comment, Document, Element, ElementKind, Pair};

use super::{DEFAULT_SECTION, DELIMITERS};
use crate::emit::{Refused, scalar_text};

struct Section<'a> {
    name: &'a str,
    comment: &'a str,
    keys: Vec<Key<'a>>,
}

struct Key<'a> {
    name: &'a str,
    value: Cow<'a, [u8]>,
    comment: &'a str,
}

/// The text of all documents: their maps are the sections. What stands outside of sections is refused, and comments
/// for which the library has no place are left out, both as by SOPS.
pub(crate) fn emit(documents: &[Document]) -> Result<Vec<u8>, Refused> {
    let mut sections = Vec::new();
    for document in documents {
        for (key, value) in entries(document.root.as_ref()) {
            sections.push(section(key, value)?);
        }
    }
    let mut out = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        write(&mut out, section, index == 0, index + 1 == sections.len());
    }
    Ok(out)
}

/// The entries of a map, comments left out.
fn entries(root: Option<&Element>) -> impl Iterator<Item = (&str, &Element)> {
    let pairs = match root.map(|root| &root.kind) {
        Some(ElementKind::Mapping(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().filter_map(|pair| match pair {
        Pair::Entry {
            key: Element {
                kind: ElementKind::Text(text),
                ..
            },
            value,
        } => Some((&*text.text, value)),
        _ => None,
    })
}

fn section<'a>(name: &'a str, value: &'a Element) -> Result<Section<'a>, Refused> {
    let ElementKind::Mapping(pairs) = &value.kind else {
        return Err(Refused::at(
            value,
            &[name],
            "INI holds values in sections only, which are maps",
        ));
    };
    if name.is_empty() {
        return Err(Refused::at(value, &[name], "INI has no sections without a name"));
    }
    let mut section = Section {
        name,
        comment: "",
        keys: Vec::new(),
    };
    let mut pairs = pairs.as_slice();
    if let [Pair::Comment(Comment { text, .. }), rest @ ..] = pairs {
        section.comment = text;
        pairs = rest;
    }
    // A key that is there already keeps its place and takes the new value.
    let mut last = None;
    for pair in pairs {
        match pair {
            Pair::Comment(comment) => {
                if let Some(key) = last.and_then(|last: usize| section.keys.get_mut(last)) {
                    key.comment = &comment.text;
                }
            }
            Pair::Entry { key, value } => {
                let ElementKind::Text(key) = &key.kind else {
                    continue;
                };
                let key = &*key.text;
                let value = leaf(name, key, value)?;
                let there = section.keys.iter().position(|there| there.name == key);
                last = Some(there.unwrap_or(section.keys.len()));
                match there {
                    Some(there) => section.keys[there].value = value,
                    None => section.keys.push(Key {
                        name: key,
                        value,
                        comment: "",
                    }),
                }
            }
        }
    }
    Ok(section)
}

fn leaf<'a>(section: &str, key: &str, value: &'a Element) -> Result<Cow<'a, [u8]>, Refused> {
    match &value.kind {
        _ if key.is_empty() => Err(Refused::at(
            value,
            &[section, key],
            "INI has no keys without a name",
        )),
        ElementKind::Opened(scalar, _) => Ok(scalar_text(scalar)),
        _ => Err(Refused::at(
            value,
            &[section, key],
            "INI holds no lists and no maps below a section",
        )),
    }
}

fn write(out: &mut Vec<u8>, section: &Section<'_>, first: bool, last: bool) {
    comment(out, section.comment, false);
    if !first || !section.name.eq_ignore_ascii_case(DEFAULT_SECTION) {
        out.extend_from_slice(format!("[{}]\n", section.name).as_bytes());
    } else if section.keys.is_empty() {
        return;
    }
    let width = section.keys.iter().map(Key::width).max().unwrap_or_default();
    for key in &section.keys {
        comment(out, key.comment, true);
        let name = key.quoted();
        out.extend_from_slice(name.as_bytes());
        out.extend(std::iter::repeat_n(b' ', width.saturating_sub(name.len())));
        out.extend_from_slice(b" = ");
        let quote: &[u8] = quote(&key.value);
        out.extend_from_slice(quote);
        out.extend_from_slice(&key.value);
        out.extend_from_slice(quote);
        out.push(b'\n');
    }
    if !last {
        out.push(b'\n');
    }
}

impl Key<'_> {
    fn quoted(&self) -> Cow<'_, str> {
        let name = self.name;
        if name.contains('"') || name.bytes().any(|byte| DELIMITERS.contains(&byte)) {
            Cow::Owned(format!("`{name}`"))
        } else if name.contains('`') {
            Cow::Owned(format!("\"\"\"{name}\"\"\""))
        } else {
            Cow::Borrowed(name)
        }
    }

    fn width(&self) -> usize {
        self.quoted().len()
    }
}

/// What a value has to stand between to be read again.
fn quote(value: &[u8]) -> &'static [u8] {
    let has = |wanted: &[u8]| value.iter().any(|byte| wanted.contains(byte));
    if has(b"\n`") {
        b"\"\"\""
    } else if has(b"#;") {
        b"`"
    } else if super::trim(value).len() != value.len() {
        b"\""
    } else {
        b""
    }
}

/// A comment, each line behind a sign; the one of a section keeps its inner space.
fn comment(out: &mut Vec<u8>, text: &str, of_key: bool) {
    if text.is_empty() {
        return;
    }
    for line in text.split('\n') {
        let (sign, body) = match line.split_at_checked(1) {
            Some((sign @ ("#" | ";"), body)) => (sign, body.trim()),
            _ if of_key => (";", line.trim()),
            _ => (";", line),
        };
        out.extend_from_slice(format!("{sign} {body}\n").as_bytes());
    }
}
