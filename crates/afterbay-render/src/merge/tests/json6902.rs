//! `fixtures/merge/json6902.json`: texts as patches, most of them JSON6902.

use afterbay_manifest::Node;
use afterbay_manifest::yaml::emit_sorted;
use serde_json::Value as Json;

use super::{has_option, object};
use crate::merge::apply::read_as_texts;
use crate::merge::{Options, Patch, Schema, apply, json6902};

const RECORDED: &str = include_str!("../../../../../fixtures/merge/json6902.json");

/// Cases on which we differ on purpose: of a key that stands twice in a map, kustomize takes the last.
const REFUSED: [&str; 1] = ["yaml: the same key twice"];

/// Applies a text as one entry of `patches`; `None` where it is refused.
fn patch(target: &mut Node, text: &str, by_target: bool) -> Option<()> {
    match Patch::parse(text).ok()? {
        Patch::Strategic(objects) if by_target && objects.len() > 1 => None,
        Patch::Strategic(objects) => {
            let options = Options {
                by_target,
                ..Options::default()
            };
            for object in &objects {
                apply(target, object, options, Schema::built_in()).ok()?;
            }
            Some(())
        }
        Patch::Json(_) if !by_target => None,
        Patch::Json(operations) => json6902(target, &operations).ok(),
    }
}

fn build(row: &Json) -> Option<String> {
    let mut target = object(row["object"].as_str().unwrap());
    patch(
        &mut target,
        row["patch"].as_str().unwrap(),
        has_option(row, "target"),
    )?;
    if let Some(second) = row.get("second") {
        patch(&mut target, second.as_str().unwrap(), false)?;
    }
    target.at(&["metadata", "name"])?;
    read_as_texts(&mut target, "annotations");
    Some(emit_sorted([&target]))
}

#[test]
fn patches_do_what_kustomize_does() {
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 120, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let built = build(row);
        let expected = row["built"].as_str();
        let expected = expected.filter(|_| !REFUSED.contains(&row["name"].as_str().unwrap()));
        if built.as_deref() != expected {
            wrong.push(format!(
                "=== {}\n{}\n--- instead of\n{}",
                row["name"].as_str().unwrap(),
                built.as_deref().unwrap_or("refused\n"),
                expected.unwrap_or("refused\n")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}
