//! What to run: every stage's own options, composed.

use afterbay_apply::{ApplyOptions, ConnectOptions, InventoryOptions};
use afterbay_decrypt::DecryptOptions;
use afterbay_manifest::TreePath;
use afterbay_render::Specification;
use afterbay_source::SourceOptions;

/// One build of one source, and where it goes.
#[derive(Debug)]
pub struct Target {
    /// Which files.
    pub build: Build,
    /// Where they go.
    pub destination: Destination,
}

/// Which revision, which directory of it, and what the operator decides about decryption.
#[derive(Debug)]
pub struct Build {
    /// Remote and reference.
    pub source: SourceOptions,
    /// The directory.
    pub path: TreePath,
    /// What is asked of the build beside what the tree says.
    pub specification: Specification,
    /// What may stay sealed, and where opened values may end.
    pub decrypt: DecryptOptions,
}

/// Which cluster, and how to apply.
#[derive(Debug)]
pub struct Destination {
    /// The cluster.
    pub connect: ConnectOptions,
    /// How to apply.
    pub apply: ApplyOptions,
    /// What is owned between runs; without one nothing is pruned.
    pub inventory: Option<InventoryOptions>,
}
