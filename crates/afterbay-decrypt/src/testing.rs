//! What the tests share: fixtures and the unwrapping of RSA keys, which the stage leaves to its caller.

use std::path::PathBuf;

use afterbay_manifest::{DataKey, DataKeys, KeyRequest, SecretBytes, WrappedKey};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;

/// A file of `fixtures/eyaml`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/eyaml")).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A token as it stands in a scalar.
pub(crate) fn token(name: &str) -> String {
    String::from_utf8(fixture(&format!("tokens/{name}.token"))).unwrap()
}

/// The names of all tokens, in order.
pub(crate) fn token_names() -> Vec<String> {
    let directory = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/eyaml/tokens"
    ));
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let tokens = files.filter(|path| path.extension().is_some_and(|extension| extension == "token"));
    let mut names: Vec<String> = tokens
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// A private key of the fixtures.
pub(crate) fn rsa_key(name: &str) -> PrivateKey {
    let pem = String::from_utf8(fixture(&format!("keys/{name}.pem"))).unwrap();
    if name.ends_with("pkcs1") {
        PrivateKey::from_pkcs1_pem(&pem).unwrap()
    } else {
        PrivateKey::from_pkcs8_pem(&pem).unwrap()
    }
}

/// Unwraps with every private key and implicit rejection: a wrong padding yields a made-up key of the
/// right length. A ciphertext that is not of the key's length, which is no secret, yields nothing.
pub(crate) fn unwrap_all(requests: &[KeyRequest], private: &[PrivateKey]) -> DataKeys {
    let mut keys = DataKeys::default();
    for wrapped in requests.iter().flat_map(|request| &request.alternatives) {
        let WrappedKey::Pkcs7 {
            encrypted_key,
            key_length,
        } = wrapped
        else {
            panic!("not of eyaml: {wrapped}")
        };
        let candidates = private.iter().filter_map(|key| {
            let mut bytes = key.pkcs1v15_decrypt(encrypted_key).ok()?;
            if bytes.len() != *key_length {
                bytes = bytes.into_iter().chain(1..).take(*key_length).collect();
            }
            Some(DataKey::new(SecretBytes::new(bytes)))
        });
        let candidates = candidates.collect();
        keys.opened(wrapped.id(), candidates);
    }
    keys
}
