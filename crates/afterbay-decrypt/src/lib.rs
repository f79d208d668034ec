//! Opens SOPS files and hiera-eyaml tokens in memory.

mod eyaml;

#[cfg(test)]
mod testing;
