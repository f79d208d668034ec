//! An OpenPGP message to keys of every kind, and secret keys that a user offers.
#![no_main]

use std::sync::LazyLock;

use afterbay_keys::{KeyOptions, KeyRing, SecretSource};
use afterbay_manifest::{KeyRequest, PgpKey, SecretBytes, WrappedKey};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

const KEYS: [&str; 2] = [
    include_str!("../../../fixtures/pgp/gnupg-2.2/keys/cv25519.asc"),
    include_str!("../../../fixtures/pgp/gnupg-2.2/keys/nistp256.asc"),
];

fuzz_target!(|data: &[u8]| {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let mut options = KeyOptions::explicit();
    options.pgp.keys = KEYS.map(|text| source(text.as_bytes())).into();
    let message = if selector % 2 == 0 {
        bytes.to_vec()
    } else {
        options.pgp.keys.push(source(bytes));
        include_bytes!("../../../fixtures/pgp/gnupg-2.2/messages/to-cv25519.asc").to_vec()
    };
    let key = WrappedKey::Pgp(PgpKey {
        fingerprint: String::new(),
        message,
    });
    let requests = vec![KeyRequest::any_of("fuzz".to_owned(), vec![key])];
    RUNTIME.block_on(KeyRing::new(options).unwrap_all(requests));
});

fn source(key: &[u8]) -> SecretSource {
    SecretSource::Inline {
        name: "fuzz".to_owned(),
        content: SecretBytes::new(key.to_vec()),
    }
}
