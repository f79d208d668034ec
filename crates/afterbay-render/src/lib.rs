//! Renders a directory of a file tree as `kustomize build --reorder=none` does, in memory.
//!
//! ```text
//! FileTree ──locate──► Target { kustomization, entries, components, plugins } ──inputs──► paths, in order
//!                         │
//!                         └─build─► Accumulator { objects, field specs, variables } ─every layer─► ─root─► RenderedSet
//!                                     generators · transform ─► patches, namespace, affixes, labels, images, …
//! ```
//!
//! The reference is kustomize 5.8.2 with the options Flux sets (no load restriction inside the tree, no plugins that are
//! programs, input order). A directory without a kustomization file is built by Flux's rule: every YAML file below it.
//! What is not built is refused by name; nothing of a kustomization file is ignored silently. Every leaf keeps its provenance
//! on its way through generators, patches and transformers; what is made of several has the union of theirs.
//!
//! What a Flux Kustomization says beside the tree is a [`Specification`]; it is put into the kustomization of the root as it was
//! read, and `postBuild` is done to what comes out. README lists where that differs from Flux.
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

mod accumulate;
mod affixes;
mod annotation;
mod arguments;
mod books;
mod build;
mod build_metadata;
mod config;
mod configurations;
mod crds;
mod decode;
mod error;
mod explain;
mod field_path;
mod fieldspec;
mod folded;
mod generate;
mod generators;
mod go;
mod hash;
mod images;
mod json_trip;
mod kustomization;
mod labels;
mod loads;
mod locate;
pub mod merge;
mod namespace;
mod openapi;
mod patches;
mod plugin_generators;
mod plugin_transformers;
mod plugins;
mod reach;
mod read;
mod references;
mod remote;
mod replacements;
mod replicas;
mod resource;
mod scope;
mod select;
mod shared;
mod sort;
pub mod specification;
mod stream;
pub mod substitute;
#[cfg(test)]
mod tests;
mod transform;
mod vars;

pub use build::{
    Options, Order, attempt, attempt_specified, explain, explanation, render, render_specified, render_with,
};
pub use error::{RenderError, RenderErrors, UnsupportedField};
pub use explain::{Change, Explained, Explanation, Source, differences};
pub use kustomization::FILE_NAMES as KUSTOMIZATION_FILES;
pub use locate::{Inputs, inputs, inputs_specified, remote_entries};
pub use specification::Specification;

pub use scope::is_cluster_scoped;
pub use stream::read_objects;
