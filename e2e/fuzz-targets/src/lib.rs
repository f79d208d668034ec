//! The fuzz targets: what strangers write is read without a panic, a hang or memory without bound.
//!
//! A target is a function over bytes, and the inputs it starts from. `e2e/fuzz` hands it to the fuzzer, one program of
//! three lines each; here it needs none, so `cargo test` replays the seeds and every input that was ever found.

pub mod age;
pub mod answers;
pub mod envelope;
pub mod eyaml;
pub mod fields;
pub mod kustomization;
pub mod metadata;
pub mod patches;
pub mod pgp;
pub mod references;
pub mod shamir;
pub mod stores;
pub mod substitution;
pub mod token;
pub mod values;
pub mod yaml;

mod ring;
mod seed;

pub use seed::sow;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its module, its program in `e2e/fuzz/src/bin`, and its folder in `findings`.
    pub name: &'static str,
    /// Does with an input what is done with a file; a panic is a finding.
    pub run: fn(&[u8]),
    /// The inputs it starts from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        &[$(Target { name: stringify!($name), run: $name::run, seeds: $name::seeds }),*]
    };
}

/// Every target, by name.
pub const TARGETS: &[Target] = targets![
    age,
    answers,
    envelope,
    eyaml,
    fields,
    kustomization,
    metadata,
    patches,
    pgp,
    references,
    shamir,
    stores,
    substitution,
    token,
    values,
    yaml,
];
