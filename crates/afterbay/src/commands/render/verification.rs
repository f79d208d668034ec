//! `--verify-with`: the same directory built by the real kustomize, and what differs.
//!
//! kustomize reads files and so sees what is sealed as it is: a tree with sealed files is refused, because what came of it would
//! say nothing about a run. What kustomize prints when it fails is not shown, for it quotes whole objects.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use afterbay_decrypt::DecryptOptions;
use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{FileTree, KeyPath, Node, Object, ObjectRef, RenderedSet, Segment, TreePath};
use anyhow::{Context as _, bail};
use serde_json::json;

use super::Order;
use crate::output::{self, Format};

/// The release that is followed.
const REFERENCE: &str = "v5.8.2";

/// How sealed values begin, of SOPS and of hiera-eyaml.
const TOKENS: [&str; 3] = ["ENC[AES256_GCM,", "ENC[PKCS7,", "ENC[GPG,"];

/// How many differences the text shows.
const MAX_SHOWN: usize = 50;

/// How much of a value the text shows, in characters.
const MAX_VALUE: usize = 60;

/// The outcome of a comparison.
pub(super) struct Comparison {
    /// The version that kustomize says it is.
    version: String,
    /// How many objects were built here.
    objects: usize,
    differences: Vec<Difference>,
}

/// Something that is not the same.
struct Difference {
    object: Option<ObjectRef>,
    what: What,
}

enum What {
    /// Only built here.
    Extra,
    /// Only built by kustomize.
    Missing,
    /// A field, with both values where they may be shown.
    Field(KeyPath, Option<(String, String)>),
    /// The same objects in another order.
    Order,
    /// The same values in another text, from this line on.
    Text(usize),
}

/// Why what this build reads cannot be compared, if so.
pub(super) fn check_plain(tree: &FileTree, path: &TreePath, built: &RenderedSet) -> anyhow::Result<()> {
    let options = DecryptOptions::default();
    let inputs = afterbay_render::inputs(tree, path);
    let sealed = afterbay_decrypt::scan(tree, inputs.iter(), &options);
    let found = sealed.files().next().map(ToString::to_string);
    let found = found.or_else(|| sealed.exemptions().next().map(ToString::to_string));
    let found = found.or_else(|| {
        let text = yaml::emit_sorted(built.objects.iter().map(Object::body));
        let token = TOKENS.iter().find(|token| text.contains(**token))?;
        Some(format!("a value with {token}…]"))
    });
    if let Some(found) = found {
        bail!(
            "{found} is sealed: kustomize would build the ciphertext, which says nothing about a run; compare a tree of plain \
             files"
        );
    }
    // What is wrong with a sealed file is not its matter, but that it is one.
    sealed
        .check()
        .context("a sealed file cannot be compared")
        .map(drop)
}

/// Has kustomize build a directory and compares.
pub(super) fn compare(
    program: &OsStr,
    directory: &Path,
    order: Order,
    built: &RenderedSet,
) -> anyhow::Result<Comparison> {
    let name = program.to_string_lossy();
    let version = run(program, &[OsStr::new("version")])?;
    let version = version.with_context(|| format!("{name} tells no version"))?;
    let version = version.trim().to_owned();
    let order = match order {
        Order::Input => "--reorder=none",
        Order::Legacy => "--reorder=legacy",
    };
    let printed = run(
        program,
        &[
            OsStr::new("build"),
            OsStr::new("--load-restrictor=LoadRestrictionsNone"),
            OsStr::new(order),
            directory.as_os_str(),
        ],
    )?;
    let printed = printed.with_context(|| {
        format!(
            "{name} refuses what is built here; `{name} build {}` says why",
            directory.display()
        )
    })?;
    let ours = yaml::emit_sorted(built.objects.iter().map(Object::body));
    Ok(Comparison {
        version,
        objects: built.objects.len(),
        differences: if ours == printed {
            Vec::new()
        } else {
            differences(&ours, &printed)
        },
    })
}

/// What a program prints; `None` if it fails.
fn run(program: &OsStr, arguments: &[&OsStr]) -> anyhow::Result<Option<String>> {
    // It needs no credentials of this process: what is remote has been refused before.
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8(output.stdout);
    text.context("what it prints is not UTF-8").map(Some)
}

/// What differs between two texts that are not the same: objects and fields, or the text where that is all.
fn differences(ours: &str, theirs: &str) -> Vec<Difference> {
    let read = |text: &str, name: &str| {
        let set =
            afterbay_render::read_objects(text.as_bytes(), &TreePath::name_only(name), Table::Kustomize);
        set.map(|set| set.objects)
    };
    let mut found = match (read(ours, "the build"), read(theirs, "kustomize")) {
        (Ok(ours), Ok(theirs)) => between(&ours, &theirs),
        _ => Vec::new(),
    };
    if found.is_empty() {
        let lines = ours.lines().zip(theirs.lines());
        let same = lines.take_while(|(ours, theirs)| ours == theirs).count();
        found.push(Difference {
            object: None,
            what: What::Text(same + 1),
        });
    }
    found
}

fn between(ours: &[Object], theirs: &[Object]) -> Vec<Difference> {
    let others: BTreeMap<String, &Object> = theirs.iter().map(|object| (name(object), object)).collect();
    let mut found = Vec::new();
    let mut add = |object: &Object, what| {
        found.push(Difference {
            object: Some(object.reference().clone()),
            what,
        });
    };
    for object in ours {
        let Some(other) = others.get(&name(object)) else {
            add(object, What::Extra);
            continue;
        };
        let shown = !object.reference().gvk.is_secret();
        for path in afterbay_render::differences(object.body(), other.body()) {
            let values = shown.then(|| (value(object, &path), value(other, &path)));
            add(object, What::Field(path, values));
        }
    }
    let names: BTreeSet<String> = ours.iter().map(name).collect();
    for object in theirs.iter().filter(|object| !names.contains(&name(object))) {
        add(object, What::Missing);
    }
    if found.is_empty() && !ours.iter().map(name).eq(theirs.iter().map(name)) {
        found.push(Difference {
            object: None,
            what: What::Order,
        });
    }
    found
}

/// What tells objects apart, with the version.
fn name(object: &Object) -> String {
    let reference = object.reference();
    format!("{}\n{reference}", reference.gvk.api_version())
}

/// The value at a path, as JSON, cut to a length that fits a line.
fn value(object: &Object, path: &KeyPath) -> String {
    let Some(node) = at(object.body(), path) else {
        return "nothing".to_owned();
    };
    let text = node.expose_json().to_string();
    if text.chars().count() <= MAX_VALUE {
        return text;
    }
    let start: String = text.chars().take(MAX_VALUE).collect();
    start + "…"
}

fn at<'n>(body: &'n Node, path: &KeyPath) -> Option<&'n Node> {
    path.segments()
        .iter()
        .try_fold(body, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(index) => node.as_sequence()?.get(*index),
        })
}

impl Comparison {
    /// Whether there is a difference.
    pub(super) fn differs(&self) -> bool {
        !self.differences.is_empty()
    }

    /// What to say about another release than the one that is followed.
    pub(super) fn warning(&self) -> Option<String> {
        let Self { version, .. } = self;
        (version != REFERENCE).then(|| {
            format!("kustomize is {version}, and {REFERENCE} is what is followed: releases build differently")
        })
    }

    /// Prints it as text.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let Self {
            version,
            objects,
            differences,
        } = self;
        let mut text = String::new();
        for difference in differences.iter().take(MAX_SHOWN) {
            let object = difference
                .object
                .as_ref()
                .map_or_else(String::new, |object| format!("{object}: "));
            let _ = match &difference.what {
                What::Extra => writeln!(text, "{object}not built by kustomize"),
                What::Missing => writeln!(text, "{object}built by kustomize alone"),
                What::Field(path, Some((ours, theirs))) => {
                    writeln!(text, "{object}{path}: {ours}, by kustomize {theirs}")
                }
                What::Field(path, None) => writeln!(text, "{object}{path} differs"),
                What::Order => writeln!(text, "the same objects in another order"),
                What::Text(line) => writeln!(text, "the same values in another text, from line {line} on"),
            };
        }
        if let Some(more @ 1..) = differences.len().checked_sub(MAX_SHOWN) {
            let _ = writeln!(text, "and {more} more");
        }
        let _ = match differences.len() {
            0 => writeln!(
                text,
                "{objects} objects, byte for byte what kustomize {version} prints"
            ),
            1 => writeln!(text, "1 difference from kustomize {version}"),
            count => writeln!(text, "{count} differences from kustomize {version}"),
        };
        out.write_all(text.as_bytes()).context("standard output")
    }

    /// Prints it as JSON.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let list: Vec<_> = self
            .differences
            .iter()
            .map(|difference| {
                let (what, path, values) = match &difference.what {
                    What::Extra => ("extra", None, None),
                    What::Missing => ("missing", None, None),
                    What::Field(path, values) => ("field", Some(path.to_string()), values.as_ref()),
                    What::Order => ("order", None, None),
                    What::Text(_) => ("text", None, None),
                };
                json!({
                    "what": what,
                    "object": difference.object.as_ref().map(ToString::to_string),
                    "path": path,
                    "ours": values.map(|(ours, _)| ours),
                    "theirs": values.map(|(_, theirs)| theirs),
                })
            })
            .collect();
        let value = json!({
            "kustomize": self.version,
            "objects": self.objects,
            "differences": list,
        });
        output::value(&value, Format::Json, out)
    }
}
