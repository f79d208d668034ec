//! Scalars that kustomize and kubectl read differently.

use std::fmt;

use super::{Document, Element, ElementKind, Item, Pair, Style, Table, Text, resolve_scalar};
use crate::{Position, Scalar};

/// A scalar of a file that [`Table::Kustomize`] and [`Table::Kubectl`] read differently, such as `yes` or
/// an unquoted date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ambiguity {
    /// Where it stands.
    pub position: Position,
    /// The scalar as written; text of the revision, never opened text.
    pub text: Box<str>,
    /// What it is to kustomize: `true`, `the text "yes"`, `an error`.
    pub kustomize: String,
    /// What it is to kubectl.
    pub kubectl: String,
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            kustomize,
            kubectl,
            ..
        } = self;
        write!(
            f,
            "{text} without quotes is {kustomize} to kustomize and {kubectl} to kubectl; quote it, or write the value that is meant"
        )
    }
}

impl Document {
    /// The scalars, keys included, that kustomize and kubectl read differently, in the order of the file.
    /// Each is reported where it is written, however many aliases repeat it.
    pub fn ambiguous_scalars(&self) -> Vec<Ambiguity> {
        let mut found = Vec::new();
        if let Some(root) = &self.root {
            visit(root, &mut found);
        }
        found
    }
}

fn visit(element: &Element, found: &mut Vec<Ambiguity>) {
    match &element.kind {
        ElementKind::Text(text) if element.tag.is_none() && is_surely_text(text) => {}
        ElementKind::Text(text) => {
            let read = |table| resolve_scalar(table, text, element.tag.as_deref());
            let (kustomize, kubectl) = (read(Table::Kustomize), read(Table::Kubectl));
            let alike = kustomize == kubectl || (kustomize.is_err() && kubectl.is_err());
            if !alike {
                found.push(Ambiguity {
                    position: element.position,
                    text: text.text.clone(),
                    kustomize: reading(&kustomize),
                    kubectl: reading(&kubectl),
                });
            }
        }
        ElementKind::Sequence(items) => {
            for item in items {
                if let Item::Element(element) = item {
                    visit(element, found);
                }
            }
        }
        ElementKind::Mapping(pairs) => {
            for pair in pairs {
                if let Pair::Entry { key, value } = pair {
                    visit(key, found);
                    visit(value, found);
                }
            }
        }
        ElementKind::Opened(..) | ElementKind::Alias(_) => {}
    }
}

/// Whether every table reads it as a text, without looking closely: what is no text and begins with a letter is a truth value or
/// null, and those begin with one of these and have five letters at most.
fn is_surely_text(text: &Text) -> bool {
    let Text { text, style } = text;
    if !matches!(style, Style::Plain | Style::Absent) {
        return true;
    }
    let special = |first: &u8| {
        matches!(
            first,
            b't' | b'T' | b'f' | b'F' | b'y' | b'Y' | b'n' | b'N' | b'o' | b'O'
        )
    };
    text.as_bytes()
        .first()
        .is_some_and(|first| first.is_ascii_alphabetic() && (!special(first) || text.len() > 5))
}

fn reading(result: &Result<Scalar, String>) -> String {
    match result {
        Ok(Scalar::Bool(value)) => value.to_string(),
        Ok(Scalar::Int(value)) => value.to_string(),
        Ok(Scalar::Uint(value)) => value.to_string(),
        Ok(Scalar::Float(value)) => value.to_string(),
        Ok(Scalar::String(text)) => format!("the text {text:?}"),
        Ok(other) => other.kind_name().to_owned(),
        Err(_) => "an error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of up to three letters, and every longer one that is no text to somebody.
    #[test]
    fn what_is_passed_over_is_text_to_both() {
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
        for length in [1, 2] {
            let longer = words.iter().filter(|word| word.len() == length);
            let longer: Vec<String> = longer
                .flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}")))
                .collect();
            words.extend(longer);
        }
        let long = [
            "true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL", "none",
        ];
        words.extend(long.map(str::to_owned));
        let mut passed = 0;
        for text in words {
            let text = Text {
                text: text.into(),
                style: Style::Plain,
            };
            if is_surely_text(&text) {
                passed += 1;
                for table in [Table::Kustomize, Table::Kubectl] {
                    let read = resolve_scalar(table, &text, None);
                    assert_eq!(read, Ok(Scalar::String(text.text.to_string())));
                }
            }
        }
        assert!(passed > 100_000, "{passed}");
    }
}
