//! One file per command.

pub(crate) mod apply;
pub(crate) mod completion;
pub(crate) mod decrypt;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod fetch;
pub(crate) mod inventory;
pub(crate) mod normalize;
pub(crate) mod plan;
pub(crate) mod render;
pub(crate) mod version;
