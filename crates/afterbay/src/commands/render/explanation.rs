//! What `--explain` prints: text for people, JSON for programs. There are no values in it.

use std::io::Write;

use afterbay_manifest::{KeyPath, ObjectRef, Place};
use afterbay_render::{Change, Explained, Explanation, Source};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::output::{self, Format};

/// How many fields of one change the text names.
const MAX_FIELDS: usize = 6;

/// Prints it as text.
pub(super) fn write_text(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<()> {
    let objects = explanation.objects.iter().map(|told| text(told, ""));
    let removed = explanation
        .removed
        .iter()
        .map(|told| text(told, " (did not come out)"));
    let all: Vec<String> = objects.chain(removed).collect();
    out.write_all(all.join("\n").as_bytes())
        .context("standard output")
}

/// Prints it as JSON.
pub(super) fn write_json(explanation: &Explanation, out: &mut dyn Write) -> anyhow::Result<()> {
    let list = |all: &[Explained]| all.iter().map(value).collect::<Vec<_>>();
    let value = json!({
        "objects": list(&explanation.objects),
        "removed": list(&explanation.removed),
    });
    output::value(&value, Format::Json, out)
}

fn text(told: &Explained, note: &str) -> String {
    let mut rows = vec![match &told.source {
        Source::File(origin) => row("from", origin.to_string(), String::new()),
        Source::Generator {
            generator,
            place,
            files,
        } => row(generator, place.to_string(), joined(files)),
    }];
    for place in &told.listed {
        rows.push(row("listed in", place.to_string(), String::new()));
    }
    rows.extend(told.changes.iter().map(change));
    format!("{}{note}\n{}", told.object, output::columns(&rows))
}

fn row(what: &str, place: String, note: String) -> [String; 3] {
    [format!("  {what}"), place, note]
}

fn change(change: &Change) -> [String; 3] {
    let place = change.place.as_ref().map_or_else(String::new, Place::to_string);
    let file = change
        .file
        .as_ref()
        .map_or_else(String::new, |file| format!(" ({file})"));
    let named = change.fields.iter().take(MAX_FIELDS).map(KeyPath::to_string);
    let mut fields: Vec<String> = named.collect();
    if let Some(more @ 1..) = change.fields.len().checked_sub(MAX_FIELDS) {
        fields.push(format!("and {more} more"));
    }
    if fields.is_empty() {
        fields.push("removed".to_owned());
    }
    row(&change.step, place + &file, fields.join(", "))
}

fn joined<T: ToString>(items: &[T]) -> String {
    texts(items).join(", ")
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn value(told: &Explained) -> Value {
    let Explained {
        object: ObjectRef { gvk, namespace, name },
        source,
        listed,
        changes,
    } = told;
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "step": change.step,
                "place": change.place.as_ref().map(Place::to_string),
                "file": change.file.as_ref().map(ToString::to_string),
                "fields": texts(&change.fields),
            })
        })
        .collect();
    let from = match source {
        Source::File(origin) => json!({ "place": origin.to_string(), "document": origin.document }),
        Source::Generator {
            generator,
            place,
            files,
        } => json!({ "generator": generator, "place": place.to_string(), "files": texts(files) }),
    };
    json!({
        "apiVersion": gvk.api_version(),
        "kind": gvk.kind,
        "namespace": namespace,
        "name": name,
        "from": from,
        "listedIn": texts(listed),
        "changes": changes,
    })
}
