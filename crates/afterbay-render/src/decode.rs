//! Values of configuration files, read as Go's `encoding/json` reads them into typed fields: keys without regard to case, `null`
//! as nothing, and in strict files no key that is not known.

use afterbay_manifest::{Mapping, Node, Place, Position, Scalar, TreePath, Value};

use crate::error::{RenderError, an};
use crate::{go, read};

/// Text to text, in the order of the keys, which is Go's order of writing a map.
pub(crate) type TextMap = std::collections::BTreeMap<String, String>;

/// How a file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Unknown keys are refused, and a number is no text: kustomization files.
    Strict,
    /// Unknown keys are passed over, and a plain number or boolean counts as text: files of plugins, read by
    /// `sigs.k8s.io/yaml` with the type in view.
    Lenient,
    /// Unknown keys are refused, and a plain number or boolean counts as text: files of `configurations`.
    LenientKeys,
}

/// Reads values, and keeps what is wrong with them.
pub(crate) struct Decoder<'a> {
    file: &'a TreePath,
    mode: Mode,
    pub(crate) errors: Vec<RenderError>,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(file: &'a TreePath, mode: Mode) -> Self {
        Self {
            file,
            mode,
            errors: Vec::new(),
        }
    }

    pub(crate) fn place(&self, position: Position) -> Place {
        Place::new(self.file.clone(), position)
    }

    /// Records that a value has the wrong form.
    pub(crate) fn wrong(&mut self, node: &Node, field: &str, problem: String) {
        self.errors.push(RenderError::Field {
            place: self.place(node.position),
            field: field.to_owned(),
            problem,
        });
    }

    fn expected(&mut self, node: &Node, field: &str, expected: &str) {
        let problem = if node.provenance.is_plain() {
            format!("is {} where {expected} is expected", an(node.kind_name()))
        } else {
            read::SEALED.to_owned()
        };
        self.wrong(node, field, problem);
    }

    /// Visits the entries of a map under the names of `known`; `null` has none.
    pub(crate) fn fields(
        &mut self,
        node: &Node,
        at: &str,
        known: &[&'static str],
        mut visit: impl FnMut(&mut Self, &'static str, &str, &Node),
    ) {
        let Some(entries) = node.as_mapping() else {
            if !node.is_null() {
                self.expected(node, at, "a map");
            }
            return;
        };
        for (key, value) in entries {
            let field = join(at, key);
            match known.iter().find(|name| name.eq_ignore_ascii_case(key)) {
                Some(name) => visit(self, name, &field, value),
                None if self.mode == Mode::Lenient => {}
                None => {
                    let problem =
                        "is not a field that kustomize knows; remove it, or correct its name".to_owned();
                    self.wrong(value, &field, problem);
                }
            }
        }
    }

    /// A text; empty for `null`.
    pub(crate) fn text(&mut self, node: &Node, field: &str) -> String {
        self.optional_text(node, field).unwrap_or_default()
    }

    /// A text; `None` for `null`.
    pub(crate) fn optional_text(&mut self, node: &Node, field: &str) -> Option<String> {
        match (&node.value, self.mode) {
            _ if node.is_null() => None,
            (Value::Scalar(Scalar::String(_)), _) if node.as_plain_str().is_some() => {
                node.as_plain_str().map(str::to_owned)
            }
            (
                Value::Scalar(
                    scalar @ (Scalar::Bool(_) | Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_)),
                ),
                mode,
            ) if mode != Mode::Strict => Some(go::scalar_text(scalar)),
            _ => {
                self.expected(node, field, "text");
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, node: &Node, field: &str) -> bool {
        match &node.value {
            Value::Scalar(Scalar::Bool(value)) => *value,
            Value::Scalar(Scalar::Null) => false,
            _ => {
                self.expected(node, field, "true or false");
                false
            }
        }
    }

    pub(crate) fn integer(&mut self, node: &Node, field: &str) -> i64 {
        match &node.value {
            Value::Scalar(Scalar::Int(value)) => *value,
            Value::Scalar(Scalar::Null) => 0,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "integral and far inside the range"
            )]
            Value::Scalar(Scalar::Float(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                *value as i64
            }
            _ => {
                self.expected(node, field, "an integer");
                0
            }
        }
    }

    /// The items of a list, each by its own reader.
    pub(crate) fn list<T>(
        &mut self,
        node: &Node,
        field: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> T,
    ) -> Vec<T> {
        match &node.value {
            Value::Sequence(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| read(self, item, &format!("{field}[{index}]")))
                .collect(),
            Value::Scalar(Scalar::Null) => Vec::new(),
            _ => {
                self.expected(node, field, "a list");
                Vec::new()
            }
        }
    }

    pub(crate) fn texts(&mut self, node: &Node, field: &str) -> Vec<String> {
        self.list(node, field, Self::text)
    }

    pub(crate) fn text_map(&mut self, node: &Node, field: &str) -> TextMap {
        let empty = Mapping::new();
        let entries = match &node.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(Scalar::Null) => &empty,
            _ => {
                self.expected(node, field, "a map of text to text");
                &empty
            }
        };
        entries
            .iter()
            .map(|(key, value)| (key.clone(), self.text(value, &join(field, key))))
            .collect()
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}
