//! A file of any store, opened with the data key it was sealed under if it is made of a fixture, and written in every
//! store.

use std::sync::LazyLock;

use afterbay_manifest::TreePath;
use afterbay_sops::{ExtractPath, Format, IntegrityPolicy, MacPolicy, OpenPolicy, OpenedFile, SealedFile};
use fixtures::sops::{VECTORS, Vector};

use crate::ring::{data_keys, format};

/// Every store.
pub(crate) const FORMATS: [Format; 5] = [
    Format::Yaml,
    Format::Json,
    Format::Dotenv,
    Format::Ini,
    Format::Binary,
];

/// The strictest first: what it refuses, the next may open.
const POLICIES: [OpenPolicy; 2] = [
    OpenPolicy {
        mac: MacPolicy::Require,
        integrity: IntegrityPolicy::Strict,
    },
    OpenPolicy {
        mac: MacPolicy::Warn,
        integrity: IntegrityPolicy::Sops,
    },
];

static PATHS: LazyLock<Vec<ExtractPath>> = LazyLock::new(|| {
    ["[\"a\"]", "[\"b\"][0]", "[\"data\"]"]
        .iter()
        .filter_map(|path| path.parse().ok())
        .collect()
});

/// An even first byte has the store found out, an odd one says which it is.
pub fn run(data: &[u8]) {
    let Some(opened) = opened(data) else {
        return;
    };
    for format in FORMATS {
        let _ = opened.emit(format);
        for path in &*PATHS {
            let _ = opened.extract(path, format);
        }
    }
}

fn opened(data: &[u8]) -> Option<OpenedFile> {
    let (selector, bytes) = data.split_first()?;
    let named = (selector % 2 == 1).then(|| FORMATS[usize::from(*selector) / 2 % FORMATS.len()]);
    let sealed = SealedFile::find(&TreePath::default(), named, bytes).ok()??;
    let keys = data_keys(sealed.key_requests());
    POLICIES
        .iter()
        .find_map(|policy| sealed.clone().open(&keys, *policy).ok())
}

/// The vectors, each as the store that it is of.
pub fn seeds() -> Vec<Vec<u8>> {
    let small = VECTORS.iter().filter(|vector| vector.sealed.len() <= 16 * 1024);
    small.map(seed).collect()
}

fn seed(vector: &Vector) -> Vec<u8> {
    let store = FORMATS.iter().position(|other| *other == format(vector));
    let selector = u8::try_from(store.unwrap_or_default() * 2 + 1).unwrap_or_default();
    [&[selector], vector.sealed].concat()
}

#[cfg(test)]
mod tests {
    use fixtures::sops::Outcome;

    use super::*;

    /// Otherwise the fuzzer would see missing keys and nothing behind them. What sops opens and afterbay refuses is in
    /// the documentation of `afterbay-sops`.
    #[test]
    fn nearly_all_that_sops_opens_opens_here() {
        let opens = |vector: &&Vector| matches!(vector.outcome, Outcome::Opens(_) | Outcome::RefusedByMac(_));
        let vectors: Vec<_> = VECTORS.iter().filter(opens).collect();
        let open = vectors
            .iter()
            .filter(|vector| opened(&seed(vector)).is_some())
            .count();
        assert!(open * 20 > vectors.len() * 19, "{open} of {}", vectors.len());
    }
}
