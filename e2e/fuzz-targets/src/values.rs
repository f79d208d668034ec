//! Values of any type under any key, sealed here, so that what comes behind AES-GCM is reached with any text: types,
//! comments, and the writing of every store.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce};
use afterbay_manifest::TreePath;
use afterbay_manifest::yaml;
use afterbay_sops::{Format, MacPolicy, OpenedFile, SealedFile};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::ring::{KEY, own_keys};
use crate::stores::FORMATS;

const LABELS: [&str; 6] = ["str", "int", "float", "bool", "time", "comment"];

/// The fields of the metadata that every store has, by the names that the flat ones give them.
const BLOCK: [(&str, &str); 3] = [
    ("age__list_0__map_recipient", "r"),
    ("age__list_0__map_enc", "e"),
    ("lastmodified", "2026-01-02T03:04:05Z"),
];

/// One value: what it is, where it stands, and its text.
struct Value<'a> {
    label: &'static str,
    nested: Nested,
    key: &'a str,
    text: &'a [u8],
}

/// Where a value stands in the stores that have containers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
    Not,
    InMap,
    InList,
}

/// The first byte selects the store; then come values, each as type and place, length of the key, length of the text,
/// key, text.
pub fn run(data: &[u8]) {
    let Some(opened) = opened(data) else {
        return;
    };
    for format in FORMATS {
        let Ok(text) = opened.emit(format) else {
            continue;
        };
        if format == Format::Yaml {
            let read = yaml::parse(text.expose_bytes());
            assert!(read.is_ok(), "what was written is not YAML: {:?}", read.err());
        }
    }
}

fn opened(data: &[u8]) -> Option<OpenedFile> {
    let (store, rest) = data.split_first()?;
    let values = values(rest);
    let format = FORMATS[usize::from(*store) % FORMATS.len()];
    let text = match format {
        Format::Dotenv => dotenv(&values),
        Format::Ini => ini(&values),
        Format::Binary => json(values.get(..1).unwrap_or_default(), Some("data")),
        Format::Yaml | Format::Json => json(&values, None),
    };
    let sealed = SealedFile::detect(&TreePath::default(), text.as_bytes(), format).ok()??;
    let keys = own_keys(sealed.key_requests());
    sealed.open(&keys, MacPolicy::Warn).ok()
}

/// Every type as it is written, and texts that have to be quoted.
pub fn seeds() -> Vec<Vec<u8>> {
    const VALUES: [(u8, &str); 14] = [
        (0, "text"),
        (0, "two\nlines\n"),
        (0, "\ttab: # no comment"),
        (0, "\"quotes\" 'both' \\ back"),
        (0, ""),
        (0, "\u{feff}\u{2028}é😀"),
        (1, "42"),
        (1, "-9223372036854775808"),
        (2, "1.5e300"),
        (2, "NaN"),
        (3, "True"),
        (3, "false"),
        (4, "2026-01-02T03:04:05.123456789+14:00"),
        (5, " a comment"),
    ];
    let record = |place: u8, (label, text): (u8, &str)| {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        [&[label + 6 * place, 1, length, b'a' + label], text.as_bytes()].concat()
    };
    let mut seeds = Vec::new();
    for store in 0..5 {
        for place in 0..3 {
            seeds.extend(VALUES.map(|value| [vec![store], record(place, value)].concat()));
            let all: Vec<u8> = VALUES.iter().flat_map(|value| record(place, *value)).collect();
            seeds.push([vec![store], all].concat());
        }
    }
    seeds
}

fn values(mut rest: &[u8]) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    while let [kind, key, text, tail @ ..] = rest
        && values.len() < 16
    {
        let (key, tail) = tail.split_at(usize::from(*key).min(tail.len()));
        let (text, tail) = tail.split_at(usize::from(*text).min(tail.len()));
        rest = tail;
        values.push(Value {
            label: LABELS[usize::from(*kind) % LABELS.len()],
            nested: match usize::from(*kind) / LABELS.len() % 3 {
                0 => Nested::Not,
                1 => Nested::InMap,
                _ => Nested::InList,
            },
            key: str::from_utf8(key).unwrap_or("key"),
            text,
        });
    }
    values
}

/// JSON, which is YAML as well: values at the top, in the map `m` and in the list `l`.
fn json(values: &[Value<'_>], only: Option<&str>) -> String {
    let mut text = String::from("{");
    for (nested, open, close) in [
        (Nested::Not, "", ""),
        (Nested::InMap, "\"m\":{", "},"),
        (Nested::InList, "\"l\":[", "],"),
    ] {
        let mut inner = Vec::new();
        for value in values
            .iter()
            .filter(|value| value.nested == nested || only.is_some())
        {
            let key = only.unwrap_or(value.key);
            let path = match nested {
                Nested::Not => format!("{key}:"),
                Nested::InMap => format!("m:{key}:"),
                Nested::InList => "l:".to_owned(),
            };
            let token = value.sealed(&path);
            inner.push(if nested == Nested::InList {
                format!("\"{token}\"")
            } else {
                format!("{}:\"{token}\"", quoted(key))
            });
        }
        if only.is_some() && nested != Nested::Not {
            continue;
        }
        text.push_str(open);
        text.push_str(&inner.join(","));
        text.push_str(if open.is_empty() && !inner.is_empty() {
            ","
        } else {
            close
        });
    }
    let [_, _, (_, date)] = BLOCK;
    let mac = mac();
    text + &format!(
        "\"sops\":{{\"age\":[{{\"recipient\":\"r\",\"enc\":\"e\"}}],\"lastmodified\":\"{date}\",\"mac\":\"{mac}\"}}}}"
    )
}

fn dotenv(values: &[Value<'_>]) -> String {
    let mut text = String::new();
    for value in values {
        text += &if value.label == "comment" {
            format!("#{}\n", value.sealed(":"))
        } else {
            format!("{}={}\n", value.key, value.sealed(&format!("{}:", value.key)))
        };
    }
    for (name, field) in BLOCK {
        text += &format!("sops_{name}={field}\n");
    }
    text + &format!("sops_mac={}\n", mac())
}

fn ini(values: &[Value<'_>]) -> String {
    let mut text = "[s]\n".to_owned();
    for value in values {
        text += &if value.label == "comment" {
            format!("; {}\n", value.sealed("s:"))
        } else {
            format!("{} = {}\n", value.key, value.sealed(&format!("s:{}:", value.key)))
        };
    }
    text += "[sops]\n";
    for (name, field) in BLOCK {
        text += &format!("{name} = {field}\n");
    }
    text + &format!("mac = {}\n", mac())
}

/// A MAC that opens and fits nothing.
fn mac() -> String {
    let value = Value {
        label: "str",
        nested: Nested::Not,
        key: "",
        text: &[b'0'; 128],
    };
    value.sealed(BLOCK[2].1)
}

impl Value<'_> {
    /// The token of the value where its keys are `path`.
    fn sealed(&self, path: &str) -> String {
        let nonce = [1; 12];
        let payload = Payload {
            msg: self.text,
            aad: path.as_bytes(),
        };
        let sealed = Aes256Gcm::new(&KEY.into())
            .encrypt(&Nonce::from(nonce), payload)
            .unwrap_or_default();
        let (data, tag) = sealed.split_at(sealed.len().saturating_sub(16));
        let [data, iv, tag] = [data, &nonce, tag].map(|bytes| BASE64_STANDARD.encode(bytes));
        format!(
            "ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{}]",
            self.label
        )
    }
}

/// A text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the fuzzer would see errors of AES-GCM and nothing behind it.
    #[test]
    fn what_is_sealed_opens_in_every_store() {
        for store in 0..5 {
            for place in 0..3 {
                let record = [store, 6 * place, 1, 4, b'a', b't', b'e', b'x', b't'];
                let opened = opened(&record).unwrap();
                assert_eq!(opened.encrypted(), 1, "store {store}, place {place}");
            }
        }
    }
}
