//! `configMapGenerator`, `secretGenerator` and `generatorOptions`.

use serde_json::{Value, json};

use super::{one, put};
use crate::differential::random::Random;
use crate::differential::render::layers::{Generated, Layer, Maker};
use crate::differential::render::tree::Content;
use crate::differential::render::values;

/// Lines of an env file.
const ENV_LINES: [&str; 12] = [
    "A=1",
    "B=two words",
    "# comment",
    "",
    "C='single'",
    "D=\"double\"",
    "E=a=b",
    "  F=indented",
    "G=",
    "H=trailing ",
    "I=ü",
    "J=yes",
];

const LITERALS: [&str; 13] = [
    "a=1",
    "b=two words",
    "c='quoted'",
    "d=\"double\"",
    "e=x=y",
    "f=",
    "g=yes",
    "h=line\nbreak",
    "i=ünï",
    "j='half",
    "k=<&>",
    "l=1.0",
    "a.b-c_d=0644",
];

/// Files that generators take, and what is in them.
const FILES: [(&str, &[u8]); 8] = [
    ("app.properties", b"a=1\nb=2\n"),
    ("config.yaml", b"a:\n  b: [1, 2]\n"),
    ("script.sh", b"#!/bin/sh\necho hi"),
    ("empty.txt", b""),
    ("bytes.bin", b"\x00\xff\xfe\x01"),
    ("crlf.txt", b"a\r\nb\r\n"),
    ("bom.txt", b"\xef\xbb\xbfa"),
    ("long.txt", b"a line that is much longer than eighty columns so that it has to be folded by whoever prints it, and base64 too\n"),
];

pub(super) fn config_map(maker: &mut Maker, layer: &mut Layer) {
    generator(maker, layer, "configMapGenerator");
}

pub(super) fn secret(maker: &mut Maker, layer: &mut Layer) {
    generator(maker, layer, "secretGenerator");
}

/// What a generator puts into its object; the files it names are made.
pub(super) fn sources(maker: &mut Maker, layer: &Layer, entry: &mut Value) {
    if !maker.random.once_in(3) {
        let count = 1 + maker.random.below(3);
        let first = maker.random.below(LITERALS.len());
        entry["literals"] = LITERALS.iter().cycle().skip(first).take(count).copied().collect();
    }
    if maker.random.once_in(3) {
        let (name, bytes) = maker.random.pick(&FILES);
        maker.file(layer, name, Content::Bytes(bytes.to_vec()));
        let spelled = match maker.random.below(8) {
            0 => format!("key={name}"),
            1 => format!("./{name}"),
            2 => format!("no key={name}"),
            _ => name.to_owned(),
        };
        entry["files"] = json!([spelled]);
    }
    if maker.random.once_in(4) {
        let random = &mut maker.random;
        let (first, count) = (random.below(ENV_LINES.len()), 1 + random.below(5));
        let lines = ENV_LINES
            .iter()
            .cycle()
            .skip(first)
            .take(count)
            .map(|line| (*line).to_owned())
            .collect();
        let name = random.pick(&["some.env", ".env"]);
        maker.file(layer, name, Content::Lines(lines));
        if maker.random.once_in(6) {
            entry["env"] = name.into();
        } else {
            entry["envs"] = json!([name]);
        }
    }
}

fn options(random: &mut Random) -> Value {
    let mut all = json!({});
    if random.once_in(2) {
        all["disableNameSuffixHash"] = json!(!random.once_in(5));
    }
    if random.once_in(2) {
        all["labels"] = values::labels(random, 1).into();
    }
    if random.once_in(3) {
        all["annotations"] = json!({"note": values::quoted(random)});
    }
    if random.once_in(6) {
        all["immutable"] = json!(true);
    }
    all
}

fn generator(maker: &mut Maker, layer: &mut Layer, field: &'static str) {
    let count = 1 + maker.random.below(2);
    let mut list = Vec::new();
    for _ in 0..count {
        let kind = if field == "secretGenerator" {
            "Secret"
        } else {
            "ConfigMap"
        };
        let below: Vec<Generated> = layer
            .generated
            .iter()
            .filter(|made| made.field == field)
            .cloned()
            .collect();
        let mut entry = json!({});
        let object = one(maker, layer).filter(|seen| seen.kind() == kind);
        if let Some(seen) = object.filter(|seen| maker.random.once_in(3) && !seen.is_patched) {
            entry["name"] = seen.name().into();
            entry["behavior"] = maker.random.pick(&["merge", "replace"]).into();
            if let Some(namespace) = seen.value["metadata"].get("namespace") {
                entry["namespace"] = namespace.clone();
            }
        } else if !below.is_empty() && !maker.random.once_in(3) {
            entry["name"] = below[maker.random.below(below.len())].name.clone().into();
            entry["behavior"] = maker
                .random
                .pick(&[
                    "merge", "merge", "merge", "merge", "replace", "merge", "merge", "merge", "replace",
                    "replace", "create",
                ])
                .into();
        } else {
            let random = &mut maker.random;
            let base = random.pick(&["app", "web", "db"]);
            let name = if random.once_in(2) {
                base.to_owned()
            } else {
                format!("{base}-{}", random.below(9))
            };
            if !maker.is_new(kind, &name) {
                continue;
            }
            entry["name"] = name.clone().into();
            layer.generated.push(Generated { field, name });
        }
        sources(maker, layer, &mut entry);
        if field == "secretGenerator" && maker.random.once_in(3) {
            entry["type"] = maker
                .random
                .pick(&["Opaque", "kubernetes.io/dockerconfigjson"])
                .into();
        }
        if maker.random.once_in(20) {
            entry["namespace"] = maker.random.pick(&values::NAMESPACES).into();
        }
        if maker.random.once_in(4) {
            entry["options"] = options(&mut maker.random);
        }
        list.push(entry);
    }
    put(layer, field, list);
}

pub(super) fn options_of_all(maker: &mut Maker, layer: &mut Layer) {
    let options = options(&mut maker.random);
    put(layer, "generatorOptions", options);
}
