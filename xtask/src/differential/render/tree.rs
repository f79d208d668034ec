//! A tree of files to build: its documents as values, so that parts of them can be taken out, and how they are spelled.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Marks a text that is written as it is, without quotes.
const VERBATIM: char = '\u{1}';

/// The only key of a map that stands for a text: the documents that the text holds.
const EMBEDDED: &str = "\u{1}documents";

/// A scalar spelled exactly so.
pub(super) fn verbatim(text: &str) -> Value {
    Value::String(format!("{VERBATIM}{text}"))
}

/// A text that holds documents.
pub(super) fn embedded(documents: &[Value]) -> Value {
    json!({ EMBEDDED: documents })
}

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// YAML in block style, or JSON where the name says so.
    Documents(Vec<Value>),
    /// Lines of no structure.
    Lines(Vec<String>),
    /// Any bytes.
    Bytes(Vec<u8>),
}

/// A tree, and what is built of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, Content>,
    /// The directory to build.
    pub(super) target: String,
    /// Whether objects come by kind, which is what kustomize does by itself.
    pub(super) is_sorted: bool,
}

impl Tree {
    /// Every file as it is written.
    pub(super) fn spelled(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        self.files.iter().map(|(name, content)| {
            let bytes = match content {
                Content::Documents(documents) if is_json(name) => json_text(documents).into_bytes(),
                Content::Documents(documents) => stream(documents).into_bytes(),
                Content::Lines(lines) => lines
                    .iter()
                    .flat_map(|line| [line, "\n"])
                    .collect::<String>()
                    .into(),
                Content::Bytes(bytes) => bytes.clone(),
            };
            (name.as_str(), bytes)
        })
    }

    /// Puts every file below a folder, which is emptied before.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join(&self.target))?;
        for (name, bytes) in self.spelled() {
            let file = folder.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, bytes)?;
        }
        Ok(())
    }

    /// The same as a tar stream (POSIX.1-1988 ustar), which costs no process.
    pub(super) fn tar(&self) -> Vec<u8> {
        let mut stream = Vec::new();
        for (name, bytes) in self.spelled() {
            let mut header = [0; 512];
            let length = format!("{:011o}\0", bytes.len());
            let fields: [(usize, &[u8]); 5] = [
                (0, name.as_bytes()),
                (100, b"0000644\0"),
                (124, length.as_bytes()),
                (148, b"        "),
                (156, b"0"),
            ];
            for (offset, field) in fields.into_iter().chain([(257, b"ustar\x0000".as_slice())]) {
                header[offset..offset + field.len()].copy_from_slice(field);
            }
            let sum: u32 = header.iter().copied().map(u32::from).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            stream.extend(header);
            stream.extend(&bytes);
            stream.resize(stream.len().next_multiple_of(512), 0);
        }
        stream.resize(stream.len() + 1024, 0);
        stream
    }
}

fn is_json(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "json")
}

fn json_text(documents: &[Value]) -> String {
    documents
        .iter()
        .fold(String::new(), |text, document| text + &format!("{document:#}\n"))
}

fn stream(documents: &[Value]) -> String {
    let mut text = String::new();
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        match document {
            Value::Object(map) if !map.is_empty() => entries(map, 0, &mut text),
            other => {
                let mut value = String::new();
                block(other, 0, &mut value);
                text.push_str(value.trim_start());
            }
        }
    }
    text
}

fn entries(map: &Map<String, Value>, indent: usize, text: &mut String) {
    for (key, value) in map {
        let _ = write!(text, "{:indent$}{}:", "", scalar(key, false));
        block(value, indent + 2, text);
    }
}

/// A value behind `key:` or `-`.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(map) => match map.get(EMBEDDED) {
            Some(Value::Array(documents)) => lines(&stream(documents), "|", indent, text),
            _ if map.is_empty() => text.push_str(" {}\n"),
            _ => {
                text.push('\n');
                entries(map, indent, text);
            }
        },
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Array(items) => {
            text.push('\n');
            for item in items {
                let _ = write!(text, "{:indent$}-", "");
                block(item, indent + 2, text);
            }
        }
        Value::String(all) => match all.strip_prefix(VERBATIM) {
            Some(verbatim) => {
                let _ = writeln!(text, " {verbatim}");
            }
            None if is_literal(all) => {
                let style = if all.ends_with('\n') { "|" } else { "|-" };
                lines(all, style, indent, text);
            }
            None => {
                let _ = writeln!(text, " {}", scalar(all, true));
            }
        },
        other => {
            let _ = writeln!(text, " {other}");
        }
    }
}

fn is_literal(all: &str) -> bool {
    all.trim_end_matches('\n').contains('\n')
        && !all.starts_with([' ', '\n'])
        && !all.ends_with("\n\n")
        && !all
            .chars()
            .any(|character| character != '\n' && character.is_control())
}

fn lines(all: &str, style: &str, indent: usize, text: &mut String) {
    let _ = writeln!(text, " {style}");
    for line in all.lines() {
        if line.is_empty() {
            text.push('\n');
        } else {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
    }
}

/// A text, in double quotes unless it is plainly one without.
fn scalar(all: &str, is_value: bool) -> String {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let is_plain = all.starts_with(|first: char| first.is_ascii_alphabetic() || (first == '/' && is_value))
        && all
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_./-".contains(character))
        && !WORDS.contains(&all.to_ascii_lowercase().as_str());
    if is_plain {
        all.to_owned()
    } else {
        Value::from(all).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_spelled_as_yaml() {
        let documents = [
            json!({"a": [{"b": 1}, []], "yes": verbatim("0x1"), "c": "two\nlines", "d": embedded(&[json!({"e": "f: g"})])}),
            json!([]),
        ];
        let expected =
            "a:\n  -\n    b: 1\n  - []\n\"yes\": 0x1\nc: |-\n  two\n  lines\nd: |\n  e: \"f: g\"\n---\n[]\n";
        assert_eq!(stream(&documents), expected);
    }
}
