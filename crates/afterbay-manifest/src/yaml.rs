//! The YAML reader: text to [`Document`]s as written, and [`Document`]s to [`Node`](crate::Node)s by a table.
//!
//! ```text
//! bytes ──parse──► Document { Element … }  ──resolve(Table)──► Node
//!                     comments, order,          one of three tables of scalar rules,
//!                     styles, positions         merge keys, aliases, duplicate keys
//! ```
//!
//! ```
//! use afterbay_manifest::yaml::{Table, parse};
//!
//! let documents = parse(b"mode: 0644\nenabled: yes\n")?;
//! let kubectl = documents[0].resolve(Table::Kubectl)?.ok_or("empty")?;
//! assert_eq!(kubectl.expose_json().to_string(), r#"{"mode":420,"enabled":true}"#);
//! let kustomize = documents[0].resolve(Table::Kustomize)?.ok_or("empty")?;
//! assert_eq!(kustomize.expose_json().to_string(), r#"{"mode":420,"enabled":"yes"}"#);
//! assert_eq!(documents[0].ambiguous_scalars()[0].position.line, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Events come from one maintained parser; what Go's parsers make of them is decided here. Where that
//! parser and go-yaml would read different values, the text is refused: the line breaks U+0085, U+2028 and
//! U+2029, anchor names with other characters than letters, digits, `_` and `-`, and `{b:, c}`.

mod ambiguity;
mod anchors;
mod attach;
mod budget;
mod element;
mod emit;
mod error;
mod event;
mod gap;
mod input;
mod layout;
mod number;
mod resolve;
mod scalar;
mod timestamp;
mod tree;

#[cfg(test)]
mod tests;

pub use ambiguity::Ambiguity;
pub use element::{Comment, Document, Element, ElementKind, Item, Pair, Style, Text};
pub(crate) use emit::is_written_plain;
pub use emit::{emit, emit_documents, emit_sorted, emit_value};
pub use error::{YamlError, YamlErrors};
pub(crate) use number::go_float;
pub use scalar::resolve_scalar;

/// How deep lists and maps may be nested, aliases expanded. Trees of this depth are walked by recursion.
pub const MAX_DEPTH: usize = 512;

/// Which program's reading of plain scalars, merge keys and duplicate keys applies. The caller chooses;
/// tables are never mixed within a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// kustomize resources and strategic-merge patches: go-yaml v3. `yes` is text, an unquoted date is
    /// the text `2020-01-01T00:00:00Z`, explicit keys win over merged ones.
    Kustomize,
    /// `kubectl apply`, JSON6902 patch text and kustomization.yaml: go-yaml v2 (YAML 1.1) by way of
    /// `sigs.k8s.io/yaml`. `yes` is true, a date is text as written.
    Kubectl,
    /// The store of SOPS: go-yaml v3 with timestamps as values of their own and `<<` as an ordinary key.
    Sops,
}

/// Reads a stream of documents. A byte order mark and Windows line ends are accepted.
///
/// Text that is not UTF-8 is refused, UTF-16 by name. The parser stops at the first syntax error, so only
/// errors of other kinds come in numbers.
pub fn parse(text: &[u8]) -> Result<Vec<Document>, YamlErrors> {
    tree::read(input::decode(text)?)
}
