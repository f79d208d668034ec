//! Tests of the reader as its users see it.

mod golden;
mod reading;
mod writing;

use super::{Table, parse};
use crate::Node;

/// The JSON of the first document by a table.
fn json(table: Table, text: &str) -> String {
    node(table, text).expose_json().to_string()
}

/// The first document by a table.
fn node(table: Table, text: &str) -> Node {
    parse(text.as_bytes()).unwrap()[0]
        .resolve(table)
        .unwrap()
        .unwrap()
}

/// The errors of parsing or resolving, one a line.
fn errors(table: Table, text: &str) -> String {
    match parse(text.as_bytes()) {
        Err(errors) => errors.to_string(),
        Ok(documents) => {
            let errors: Vec<String> = documents
                .iter()
                .filter_map(|document| document.resolve(table).err())
                .map(|e| e.to_string())
                .collect();
            errors.join("\n")
        }
    }
}
