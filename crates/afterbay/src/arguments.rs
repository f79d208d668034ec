//! Groups of flags that commands share, and what the stages make of them.

mod cluster;
mod decrypt;
mod keys;
mod live;
mod source;
mod specification;
mod target;
mod wait;

pub(crate) use cluster::{ClusterArguments, InventoryArguments, InventoryKind};
pub(crate) use decrypt::{DecryptArguments, PlaceArguments};
pub(crate) use keys::KeyArguments;
pub(crate) use live::{LiveArguments, own_namespace};
pub(crate) use source::SourceArguments;
pub(crate) use specification::SpecificationArguments;
pub(crate) use target::{RECORDED, Recorded, TargetArguments};
pub(crate) use wait::WaitArguments;
