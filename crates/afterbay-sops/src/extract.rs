//! A part of an opened file (`sops decrypt --extract '["a"]["b"][0]'`).

use std::str::FromStr;

use afterbay_manifest::yaml::{Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{KeyPath, Place, Scalar, SecretBytes, Segment};
use thiserror::Error;

use crate::emit::{emit, emit_value};
use crate::{Format, OpenedFile, SopsErrors};

/// Which part: steps in brackets, a key in quotes of either kind or an index.
///
/// No character is escaped, so a key with `[` in it cannot be named; without any step it is the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractPath(Vec<Segment>);

/// Why a text is no [`ExtractPath`]. `sops` ends with exit code 91.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path:?} is no path of a value: {problem}; write it as [\"key\"][0]")]
pub struct ExtractPathError {
    /// What was given.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Why a part cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The path leads nowhere. `sops` ends with exit code 1.
    #[error("{place}: {path}: there is no such value: {problem}")]
    NotFound {
        /// Where the path ends to make sense.
        place: Place,
        /// The path up to and with the step that fails.
        path: KeyPath,
        /// What stands in the way.
        problem: String,
    },
    /// The store of the output cannot hold it. `sops` ends with exit code 4.
    #[error(transparent)]
    NotWritable(#[from] SopsErrors),
}

impl ExtractPath {
    /// Whether it is the whole file.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for ExtractPath {
    type Err = ExtractPathError;

    /// As SOPS reads it (`cmd/sops/main.go`, `parseTreePath`).
    fn from_str(text: &str) -> Result<Self, ExtractPathError> {
        let error = |problem: String| ExtractPathError {
            path: text.to_owned(),
            problem,
        };
        let mut steps = Vec::new();
        for component in text.split('[').filter(|component| !component.is_empty()) {
            let Some(step) = component.strip_suffix(']') else {
                return Err(error(format!("{component:?} does not end with `]`")));
            };
            steps.push(match step.chars().next() {
                Some('"' | '\'') => {
                    let mut inner = step[1..].chars();
                    // Whatever the last character is, as in SOPS.
                    inner
                        .next_back()
                        .ok_or_else(|| error("a quote that is not closed".to_owned()))?;
                    Segment::Key(inner.as_str().into())
                }
                _ => Segment::Index(
                    step.parse()
                        .map_err(|_| error(format!("{step:?} is neither a key in quotes nor an index")))?,
                ),
            });
        }
        Ok(Self(steps))
    }
}

impl OpenedFile {
    /// The file in another store: what `sops decrypt --output-type` prints.
    ///
    /// A store that cannot hold the file refuses it, and the error names the value. Of a stream of documents JSON and
    /// dotenv take the first one and binary none, as in SOPS.
    pub fn emit(&self, format: Format) -> Result<SecretBytes, SopsErrors> {
        emit(&self.documents, format).map_err(|refused| SopsErrors::not_writable(&self.file, format, refused))
    }

    /// A part of the first document in a store: what `sops decrypt --extract` prints.
    ///
    /// Text is printed as it is, without a line break; a map as a file of its own, in YAML with the later documents of a
    /// stream behind it; anything else as a value of the store. Among the items of a list its comments count, as in SOPS.
    /// Where SOPS panics or prints its own structure, for an index into a map or a comment, this refuses.
    pub fn extract(&self, path: &ExtractPath, format: Format) -> Result<SecretBytes, ExtractError> {
        let Some(first) = self.documents.first() else {
            return Ok(self.emit(format)?);
        };
        let Some(root) = first.root.as_ref().filter(|_| !path.is_whole()) else {
            return Ok(self.emit(format)?);
        };
        let mut walked = KeyPath::root();
        let mut value = root;
        for step in &path.0 {
            walked.push(step.clone());
            value = inside(value, step).map_err(|problem| ExtractError::NotFound {
                place: Place::new(self.file.clone(), value.position),
                path: walked.clone(),
                problem: problem.to_owned(),
            })?;
        }
        let refused = |refused| SopsErrors::not_writable(&self.file, format, refused);
        let text = match &value.kind {
            ElementKind::Opened(Scalar::String(text), _) => SecretBytes::new(text.clone().into_bytes()),
            ElementKind::Opened(Scalar::Bytes(bytes), _) => SecretBytes::new(bytes.clone()),
            ElementKind::Mapping(_) => {
                let mut documents = self.documents.clone();
                if let Some(first) = documents.first_mut() {
                    *first = Document {
                        index: first.index,
                        root: Some(value.clone()),
                        comments: Vec::new(),
                        position: value.position,
                    };
                }
                emit(&documents, format).map_err(refused)?
            }
            _ => emit_value(value, format).map_err(refused)?,
        };
        Ok(text)
    }
}

/// What one step leads to.
fn inside<'a>(value: &'a Element, step: &Segment) -> Result<&'a Element, &'static str> {
    match (&value.kind, step) {
        (ElementKind::Mapping(pairs), Segment::Key(wanted)) => {
            let found = pairs.iter().find_map(|pair| match pair {
                Pair::Entry { key, value } if matches!(&key.kind, ElementKind::Text(text) if text.text == *wanted) => {
                    Some(value)
                }
                _ => None,
            });
            found.ok_or("the map has no such key")
        }
        (ElementKind::Sequence(items), Segment::Index(index)) => match items.get(*index) {
            Some(Item::Element(item)) => Ok(item),
            Some(Item::Comment(_)) => Err("it is a comment, and comments count among the items of a list"),
            None => Err("the list is shorter; its comments count among its items"),
        },
        (ElementKind::Mapping(_), Segment::Index(_)) => {
            Err("an index does not lead into a map; give a key in quotes")
        }
        (ElementKind::Sequence(_), Segment::Key(_)) => Err("a key does not lead into a list; give an index"),
        _ => Err("nothing is below a single value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_sops_reads_them() {
        let read = |text: &str| text.parse::<ExtractPath>().map(|path| path.0);
        let key = |key: &str| Segment::Key(key.into());
        assert_eq!(
            read("[\"a\"]['b c'][2]"),
            Ok(vec![key("a"), key("b c"), Segment::Index(2)])
        );
        assert_eq!(read("\"a\"]"), Ok(vec![key("a")]));
        assert_eq!(read("[\"a\u{e9}x]"), Ok(vec![key("a\u{e9}")]));
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("[\"\"]"), Ok(vec![key("")]));
        for wrong in [
            "x",
            "[\"a\"",
            "[x]",
            "[-1]",
            "[]",
            "[\"]",
            "a[\"b\"]",
            "[\"a[0]\"]",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
