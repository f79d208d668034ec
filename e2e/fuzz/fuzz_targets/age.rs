//! An age file to an identity of every kind: armor, header, stanzas, payload; and identity files that a user offers.
#![no_main]

use std::sync::LazyLock;

use afterbay_keys::{SecretSource, KeyOptions, KeyRing};
use afterbay_manifest::{KeyRequest, SecretBytes, WrappedKey};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

const IDENTITIES: [&str; 2] = [
    include_str!("../../../fixtures/keys/age.txt"),
    include_str!("../../../fixtures/keys/other.txt"),
];

fuzz_target!(|data: &[u8]| {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let mut options = KeyOptions::explicit();
    // Scrypt is slow by intention; a step of it tells as much as eighteen.
    options.age.max_work_factor = 1;
    options.age.identities = IDENTITIES.map(|text| source(text.as_bytes())).into();
    let enc = if selector % 2 == 0 {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        options.age.identities.push(source(bytes));
        include_str!("../../../crates/afterbay-keys/tests/data/to-alice.age").to_owned()
    };
    let key = WrappedKey::Age {
        recipient: "age1x".to_owned(),
        enc,
    };
    let requests = vec![KeyRequest::any_of("fuzz".to_owned(), vec![key])];
    RUNTIME.block_on(KeyRing::new(options).unwrap_all(requests));
});

fn source(text: &[u8]) -> SecretSource {
    SecretSource::Inline {
        name: "fuzz".to_owned(),
        content: SecretBytes::new(text.to_vec()),
    }
}
