//! Patches against what the real kustomize made of them.

mod json6902;
mod properties;
mod select;
mod strategic;

use afterbay_manifest::Node;
use afterbay_manifest::yaml::{Table, parse};
use serde_json::Value as Json;

/// The one object of a text, as kustomize reads it.
fn object(text: &str) -> Node {
    parse(text.as_bytes()).unwrap()[0]
        .resolve(Table::Kustomize)
        .unwrap()
        .unwrap()
}

/// Whether a recorded case has an option.
fn has_option(row: &Json, option: &str) -> bool {
    row["options"]
        .as_array()
        .unwrap()
        .iter()
        .any(|found| found == option)
}
