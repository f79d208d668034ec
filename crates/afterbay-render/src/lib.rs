//! Renders a directory of a file tree as `kustomize build --reorder=none` does, in memory.
//!
//! ```text
//! FileTree ──locate──► Target { files, bases, namespace } ──inputs──► paths, in order
//!                         │
//!                         └─read─► objects ─merge─► ids unique ─namespace─► moved ─(root)─► references follow ─► RenderedSet
//! ```
//!
//! The reference is kustomize 5.8.2 with the options Flux sets (no load restriction inside the tree, no plugins,
//! input order). A directory without a kustomization file is built by Flux's rule: every YAML file below it.
//! What is not built yet is refused by name; nothing of a kustomization file is ignored silently.
//!
//! ```
//! use afterbay_manifest::{FileTree, Revision, TreePath};
//!
//! let mut tree = FileTree::new();
//! tree.insert_file(TreePath::parse("app/kustomization.yaml")?, *b"resources: [cm.yaml]\nnamespace: prod\n", false);
//! tree.insert_file(
//!     TreePath::parse("app/cm.yaml")?,
//!     *b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n",
//!     false,
//! );
//! let set = afterbay_render::render(&tree, &TreePath::parse("app")?, Revision::UNKNOWN)?;
//! assert_eq!(set.objects[0].reference().to_string(), "ConfigMap/prod/settings");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod annotation;
mod error;
mod generate;
mod json_trip;
mod kustomization;
mod locate;
pub mod merge;
mod namespace;
mod read;
mod reference;
mod remote;
mod render;
mod resource;
mod scope;
mod stream;
pub mod substitute;
#[cfg(test)]
mod tests;

pub use error::{RenderError, RenderErrors, UnsupportedField};
pub use locate::{Inputs, inputs};
pub use render::{attempt, render};
pub use scope::is_cluster_scoped;
pub use stream::read_objects;
