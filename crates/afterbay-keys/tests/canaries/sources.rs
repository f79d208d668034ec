//! Options for key rings, and unwrapping with them.

use afterbay_keys::{KeyEnvironment, KeyOptions, KeyRing, Platform, SecretSource};
use afterbay_manifest::{DataKeys, KeyRequest, SecretBytes};

use crate::opening::Said;

/// A source of keys that is given as a value.
pub(crate) fn inline(name: &str, content: impl Into<Vec<u8>>) -> SecretSource {
    SecretSource::Inline {
        name: name.to_owned(),
        content: SecretBytes::new(content.into()),
    }
}

/// Options with these age identities and nothing else.
pub(crate) fn age(identities: &str) -> KeyOptions {
    let mut options = KeyOptions::explicit();
    options.age.identities.push(inline("identities", identities));
    options
}

/// Options from these variables and nothing else.
pub(crate) fn environment<'a>(variables: impl Fn(&str) -> Option<&'a str>) -> KeyOptions {
    let lookup = |name: &str| variables(name).map(Into::into);
    KeyOptions::new(KeyEnvironment::from_lookup(Platform::CURRENT, lookup))
}

/// Unwraps, and says all that there is to say about it.
pub(crate) fn unwrap(options: KeyOptions, requests: &[KeyRequest], said: &mut Said) -> DataKeys {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    said.debug(&options);
    said.debug(&requests);
    let ring = KeyRing::new(options);
    let keys = runtime.block_on(ring.unwrap_all(requests.to_vec()));
    said.debug(&ring);
    said.debug(&ring.metrics());
    for note in ring.notes() {
        said.debug(&note);
        said.display(&note);
    }
    said.debug(&keys);
    for key in requests.iter().flat_map(KeyRequest::keys) {
        said.display(key);
        said.debug(&keys.outcome(key));
    }
    keys
}
