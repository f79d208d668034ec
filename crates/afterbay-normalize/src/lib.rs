//! Brings decrypted objects into the form the API server stores, so that what is applied is what is kept.
//!
//! ```text
//! DecryptedSet ──normalize──► NormalizedSet
//!     List: its items take its place, so that no Secret hides in it
//!     Secret: stringData becomes data, byte for byte as the server does it
//!     every kind: metadata.creationTimestamp and status, which the cluster writes, go away
//!     one object, one identity
//! ```
//!
//! Why `stringData` cannot be applied as it is: the server copies it into `data` and forgets it, so server-side
//! apply never learns that a key left `stringData`, and the key stays in the cluster for ever.
//!
//! Every leaf keeps its provenance and position.
//!
//! ```
//! use afterbay_decrypt::{DecryptOptions, OpenedFiles, finish, scan_objects};
//! use afterbay_manifest::{DataKeys, Node, Object, Origin, Position, RenderedSet, Revision, TreePath};
//!
//! let secret = serde_json::json!({
//!     "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"user": "app"},
//! });
//! let origin = Origin { file: TreePath::parse("db.yaml")?, document: 0, position: Position::UNKNOWN };
//! let object = Object::new(Node::from_json(&secret), origin)?;
//! let rendered = RenderedSet { revision: Revision::UNKNOWN, objects: vec![object], warnings: Vec::new() };
//!
//! let options = DecryptOptions::default();
//! let tokens = scan_objects(&rendered, OpenedFiles::default(), &options);
//! let decrypted = finish(rendered, tokens, &DataKeys::default(), &options)?;
//! let normalized = afterbay_normalize::normalize(decrypted)?;
//!
//! let data = normalized.objects()[0].body().at(&["data", "user"]);
//! assert_eq!(data.and_then(Node::as_plain_str), Some("YXBw"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod duplicate;
mod error;
mod list;
mod managed;
mod secret;
mod set;
#[cfg(test)]
mod tests;

pub use error::{NormalizeError, NormalizeErrors};
pub use set::{NormalizedSet, check, normalize};
