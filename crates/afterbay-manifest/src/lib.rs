//! The vocabulary of afterbay: the nouns that flow from stage to stage.
//!
//! ```text
//! Snapshot { revision, FileTree } ──► RenderedSet { Object { ObjectRef, Origin, Node } } ──► …
//!                  │ overlay                                   │ every leaf has a Provenance
//!             WrappedKey ──► DataKey                      SecretBytes
//! ```
//!
//! What is admitted here does no IO, is not async, belongs to no stage, and is used by at least two.

mod finding;
mod json;
mod key;
mod node;
mod object;
mod outside_text;
mod place;
mod provenance;
mod remote;
mod scrub;
mod secret;
mod set;
mod tree;
pub mod yaml;

pub use finding::Finding;
pub use json::push_go_json;
pub use key::{
    Attempt, AwsKmsKey, AzureKeyVaultKey, DataKey, DataKeys, GcpKmsKey, KeyFailure, KeyId, KeyKind,
    KeyRequest, PgpKey, UnsupportedKey, VaultKey, WrappedKey,
};
pub use node::{Mapping, Node, Scalar, Spelling, Value};
pub use object::{Gvk, Object, ObjectError, ObjectRef, Origin};
pub use outside_text::tame_to;
pub use place::{KeyPath, Place, Position, Segment};
pub use provenance::{Integrity, Provenance, Sealed};
pub use remote::{RemoteAddress, RemoteEntry};
pub use scrub::{REDACTED, REDACTION_REMOVED, Scrubber};
pub use secret::SecretBytes;
pub use set::{RenderedSet, Revision, Snapshot, Warning};
pub use tree::{Entry, File, FileTree, TreeError, TreePath};
