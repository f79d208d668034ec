//! Key rings that look nowhere by themselves, and the data keys of the fixtures.

use std::sync::LazyLock;

use afterbay_keys::{KeyOptions, KeyRing, SecretSource};
use afterbay_manifest::{DataKey, DataKeys, KeyRequest, SecretBytes, TreePath, WrappedKey};
use afterbay_sops::{Format, SealedFile};
use fixtures::sops::{IDENTITIES, OTHER_IDENTITIES, VECTORS, Vector};
use tokio::runtime::{Builder, Runtime};

/// Of one thread, made once: making one takes longer than most inputs.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let built = Builder::new_current_thread().enable_all().build();
    built.unwrap_or_else(|error| panic!("no runtime: {error}"))
});

/// What became of the keys of every vector of SOPS.
static OPENED: LazyLock<DataKeys> = LazyLock::new(|| {
    let mut options = KeyOptions::explicit();
    options.age.identities = [IDENTITIES, OTHER_IDENTITIES]
        .map(|text| source(text.as_bytes()))
        .into();
    let requests = VECTORS.iter().flat_map(|vector| {
        let sealed = SealedFile::detect(&TreePath::default(), vector.sealed, format(vector));
        let requests = sealed
            .ok()
            .flatten()
            .map(|sealed| sealed.key_requests().cloned().collect::<Vec<_>>());
        requests.unwrap_or_default()
    });
    RUNTIME.block_on(KeyRing::new(options).unwrap_all(requests.collect()))
});

/// The store of a vector.
pub(crate) fn format(vector: &Vector) -> Format {
    let path = TreePath::parse(&vector.file_name()).ok();
    path.as_ref().and_then(Format::of_path).unwrap_or(Format::Binary)
}

/// Something secret, given as a value.
pub(crate) fn source(content: &[u8]) -> SecretSource {
    SecretSource::Inline {
        name: "fuzz".to_owned(),
        content: secret(content),
    }
}

pub(crate) fn secret(content: &[u8]) -> SecretBytes {
    SecretBytes::new(content.to_vec())
}

/// Unwraps with a ring.
pub(crate) fn unwrap(ring: &KeyRing, requests: Vec<KeyRequest>) -> DataKeys {
    RUNTIME.block_on(ring.unwrap_all(requests))
}

/// Unwraps one key with a ring.
pub(crate) fn unwrap_one(ring: &KeyRing, key: WrappedKey) -> DataKeys {
    unwrap(ring, vec![KeyRequest::any_of("fuzz".to_owned(), vec![key])])
}

/// Data keys for whatever is asked for: the right ones where the fixtures have them, else [`KEY`].
pub(crate) fn data_keys<'a>(requests: impl Iterator<Item = &'a KeyRequest>) -> DataKeys {
    with(requests, |key| match OPENED.outcome(key) {
        Some(Ok(opened)) => opened.iter().map(DataKey::expose_bytes).map(data_key).collect(),
        _ => vec![own_key(key)],
    })
}

/// [`KEY`] for whatever is asked for. A target that needs no more has no key services in its program, and runs several
/// times as fast: the fuzzer looks at every edge of the program after every input.
pub(crate) fn own_keys<'a>(requests: impl Iterator<Item = &'a KeyRequest>) -> DataKeys {
    with(requests, |key| vec![own_key(key)])
}

fn with<'a>(
    requests: impl Iterator<Item = &'a KeyRequest>,
    candidates: impl Fn(&WrappedKey) -> Vec<DataKey>,
) -> DataKeys {
    let mut keys = DataKeys::default();
    for key in requests.flat_map(KeyRequest::keys) {
        keys.opened(key.id(), candidates(key));
    }
    keys
}

fn own_key(key: &WrappedKey) -> DataKey {
    match key {
        WrappedKey::Pkcs7 { key_length, .. } => data_key(&vec![KEY[0]; *key_length]),
        _ => data_key(&KEY),
    }
}

/// The data key of what the targets seal themselves.
pub(crate) const KEY: [u8; 32] = [7; 32];

pub(crate) fn data_key(bytes: &[u8]) -> DataKey {
    DataKey::new(secret(bytes))
}
