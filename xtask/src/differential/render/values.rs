//! Names, scalars and texts, weighted towards what is easily read as something else.

use serde_json::{Map, Value, json};

use super::tree::verbatim;
use crate::differential::random::Random;

pub(super) const NAMES: [&str; 7] = ["app", "web", "db", "cache", "api", "worker", "app-web"];
pub(super) const NAMESPACES: [&str; 4] = ["default", "prod", "team-a", "kube-system"];
pub(super) const IMAGES: [&str; 12] = [
    "nginx",
    "nginx:1.25",
    "ghcr.io/acme/app:v1.2.3",
    "registry.local:5000/acme/app",
    "registry.local:5000/acme/app:2",
    "postgres@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    "postgres:16@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    "redis:7",
    "busybox",
    "acme/app.web:0.1",
    "nginx-unprivileged:1",
    "$(IMAGE)",
];

/// Label keys and their values, few enough to meet.
const LABELS: [(&str, &[&str]); 6] = [
    ("app", &["app", "web", "db"]),
    ("app.kubernetes.io/name", &["app", "web"]),
    ("app.kubernetes.io/part-of", &["shop", "1.5"]),
    ("tier", &["front", "back", "true", "3"]),
    ("env", &["prod", "dev", ""]),
    ("a", &["b", "yes", "0x1F"]),
];

const ANNOTATIONS: [&str; 6] = [
    "note",
    "reloader.stakater.com/auto",
    "checksum/config",
    "kubernetes.io/description",
    "argocd.argoproj.io/sync-wave",
    "x.y/z",
];

/// Scalars as they stand in YAML; what type they are is the question.
const SPELLINGS: [&str; 62] = [
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "true",
    "True",
    "null",
    "~",
    "''",
    "\"\"",
    "0644",
    "0o17",
    "0x1F",
    "1_000",
    "12",
    "-7",
    "1.0",
    "1.5",
    "1e3",
    "1E+2",
    ".5",
    "-0",
    "1:30",
    "190:20:30",
    "2020-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "'0644'",
    "'yes'",
    "\"1.0\"",
    "'a: b'",
    "a#b",
    "'# c'",
    "'- d'",
    "'{e}'",
    "\"[f]\"",
    "'&g'",
    "'*h'",
    "'!i'",
    "'%j'",
    "'@k'",
    "'`l'",
    "it's",
    "'say \"hi\"'",
    "back\\slash",
    "\"tab\\there\"",
    "\"line\\nbreak\"",
    "\"line\\nbreak\\n\"",
    "\"\\nlead\"",
    "\"two\\n\\n\"",
    "ünïcödé",
    "🚀",
    "' spaces '",
    "9007199254740993",
    "12345678901234567890",
    "1.5e-7",
    "!!str 12",
    "!!int '7'",
    "!!str yes",
    "\"\\u0007bell\"",
    "$(NAME)",
    "'- x\\n'",
];

/// Texts that are folded, or have to be quoted.
const TEXTS: [&str; 18] = [
    "plain",
    "two words",
    "a: b",
    "x # y",
    "[1, 2]",
    "{\"a\": \"b\", \"c\": [1]}",
    "key: value\nlist:\n- a\n- b\n",
    "server {\n  listen 80;\n\tlocation / {\n  }\n}\n",
    "#!/bin/sh\nset -eu\necho \"$HOME\"\n",
    "no newline\nat the end",
    "trailing space \nnext\n",
    "the quick brown fox jumps over the lazy dog and then it runs for more than eighty columns of text, twice",
    "http://app.prod.svc.cluster.local:8080/path?query=a&b=<c>",
    "ümlaut und ein sehr langer Text, der über achtzig Spalten hinausgeht, damit er gefaltet werden muss, ja",
    "'single' and \"double\"",
    "$(APP_HOST):$(PORT) $$(ESCAPED) $(UNKNOWN)",
    "@at",
    "5m",
];

pub(super) fn name(random: &mut Random) -> &'static str {
    random.pick(&NAMES)
}

/// Any text.
pub(super) fn text(random: &mut Random) -> Value {
    Value::from(random.pick(&TEXTS))
}

/// Any scalar, often one that is odd.
pub(super) fn scalar(random: &mut Random) -> Value {
    match random.below(4) {
        0 => verbatim(random.pick(&SPELLINGS)),
        1 => text(random),
        2 => json!(random.below(100)),
        _ => Value::from(name(random)),
    }
}

/// A text as a text field has to have it: what no strict reader refuses.
pub(super) fn quoted(random: &mut Random) -> Value {
    if random.once_in(3) {
        text(random)
    } else {
        Value::from(name(random))
    }
}

/// Labels, as most have them.
pub(super) fn labels(random: &mut Random, count: usize) -> Map<String, Value> {
    let mut all = Map::new();
    for _ in 0..count {
        let (key, values) = random.pick(&LABELS);
        all.insert(key.to_owned(), Value::from(random.pick(values)));
    }
    all
}

/// Annotations; now and then a value is no text.
pub(super) fn annotations(random: &mut Random, count: usize) -> Map<String, Value> {
    let mut all = Map::new();
    for _ in 0..count {
        let value = if random.once_in(6) {
            scalar(random)
        } else {
            quoted(random)
        };
        all.insert(random.pick(&ANNOTATIONS).to_owned(), value);
    }
    all
}

/// The same where only texts go.
pub(super) fn text_annotations(random: &mut Random, count: usize) -> Map<String, Value> {
    let mut all = Map::new();
    for _ in 0..count {
        all.insert(random.pick(&ANNOTATIONS).to_owned(), quoted(random));
    }
    all
}

/// A selector of labels that may select something.
pub(super) fn label_selector(random: &mut Random) -> String {
    let (key, values) = random.pick(&LABELS);
    let value = random.pick(values);
    match random.below(6) {
        0 => key.to_owned(),
        1 => format!("{key}!={value}"),
        2 => format!("{key} in ({value},web)"),
        3 => format!("!{key}"),
        4 => format!("{key} notin (x, {value})"),
        _ => format!("{key}={value}"),
    }
}
