//! Places whose values are not shown because the operator says so.

use afterbay_decrypt::PlacePattern;
use afterbay_manifest::{Gvk, KeyPath};

/// Places by kind and key path.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    texts: Vec<String>,
    patterns: Vec<PlacePattern>,
}

impl Marks {
    /// Reads `KIND:KEY.PATH`, each.
    pub(crate) fn parse(texts: &[String]) -> anyhow::Result<Self> {
        let patterns = texts.iter().map(|text| text.parse());
        Ok(Self {
            texts: texts.to_vec(),
            patterns: patterns.collect::<Result<_, _>>()?,
        })
    }

    /// As they were given.
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether one of them is this place or one above it.
    pub(crate) fn hide(&self, gvk: &Gvk, path: &KeyPath) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(gvk, path))
    }
}
