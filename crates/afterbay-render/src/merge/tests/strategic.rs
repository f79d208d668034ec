//! `fixtures/merge/strategic.json`: strategic-merge patches.

use afterbay_manifest::yaml::emit_sorted;
use serde_json::Value as Json;

use super::{has_option, object};
use crate::merge::apply::read_as_texts;
use crate::merge::{Options, Outcome, Schema, apply};

const RECORDED: &str = include_str!("../../../../../fixtures/merge/strategic.json");
const RANDOM: &str = include_str!("../../../../../fixtures/merge/random.json");

/// What a case builds; `None` where it is refused.
fn build(row: &Json) -> Option<String> {
    let mut target = object(row["object"].as_str().unwrap());
    let patch = object(row["patch"].as_str().unwrap());
    let own = row
        .get("schema")
        .map(|schema| Schema::from_openapi(schema).unwrap());
    let options = Options {
        by_target: has_option(row, "target"),
        allow_name_change: has_option(row, "allowNameChange"),
        allow_kind_change: has_option(row, "allowKindChange"),
    };
    let schema = own.as_ref().unwrap_or(Schema::built_in());
    match apply(&mut target, &patch, options, schema).ok()? {
        Outcome::Kept => {
            // At the end of every build annotations are texts.
            read_as_texts(&mut target, "annotations");
            Some(emit_sorted([&target]))
        }
        Outcome::Deleted => Some(String::new()),
    }
}

/// Builds every case, and shows those that differ from what was recorded.
fn check(recorded: &str, at_least: usize) {
    let rows: Vec<Json> = serde_json::from_str(recorded).unwrap();
    assert!(rows.len() >= at_least, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let built = build(row);
        if built.as_deref() != row["built"].as_str() {
            wrong.push(format!(
                "=== {}\n{}+++\n{}>>>\n{}\n--- instead of\n{}",
                row["name"].as_str().unwrap(),
                row["object"].as_str().unwrap(),
                row["patch"].as_str().unwrap(),
                built.as_deref().unwrap_or("refused\n"),
                row["built"].as_str().unwrap_or("refused\n")
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

#[test]
fn patches_do_what_kustomize_does() {
    check(RECORDED, 119);
}

#[test]
fn patches_made_at_random_do_what_kustomize_does() {
    check(RANDOM, 250);
}
