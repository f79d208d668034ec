//! Options, keys and outcomes of these tests.

use std::path::Path;
use std::time::Duration;

use afterbay_keys::{CloudEnvironment, KeyEnvironment, KeyOptions, KeyRing, KmsLimits};
use afterbay_manifest::{
    Attempt, AzureKeyVaultKey, GcpKmsKey, KeyRequest, SecretBytes, VaultKey, WrappedKey,
};

/// The data key of the fixtures: the bytes 0 to 31.
pub(crate) const DATA_KEY: &[u8] = include_bytes!("../data/data-key.bin");
/// A private key of 2048 bits, and a certificate for it.
pub(crate) const PRIVATE_KEY: &str = include_str!("../data/rsa-pkcs8.pem");
pub(crate) const CERTIFICATE: &str = include_str!("../data/rsa-certificate.pem");

pub(crate) const GCP_KEY: &str =
    "projects/shop-prod/locations/europe-west1/keyRings/sops/cryptoKeys/sops-key";

/// Options that see only this environment and lose no time.
pub(crate) fn options(cloud: CloudEnvironment) -> KeyOptions {
    let mut options = KeyOptions::new(KeyEnvironment {
        cloud,
        ..KeyEnvironment::default()
    });
    let limits = KmsLimits {
        connect: Duration::from_secs(5),
        attempt: Duration::from_secs(5),
        total: Duration::from_secs(20),
        attempts: 3,
        first_wait: Duration::from_millis(10),
    };
    options.gcp.limits = limits.clone();
    options.azure.limits = limits.clone();
    options.vault.limits = limits;
    options
}

/// Writes a file of a test, which is none of the product's.
#[expect(clippy::disallowed_methods, reason = "a scratch file of a test")]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

pub(crate) fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

pub(crate) fn gcp(resource_id: &str, ciphertext: Vec<u8>) -> WrappedKey {
    WrappedKey::GcpKms(GcpKmsKey {
        resource_id: resource_id.to_owned(),
        ciphertext,
    })
}

pub(crate) fn azure(vault_url: &str, version: &str, ciphertext: Vec<u8>) -> WrappedKey {
    WrappedKey::AzureKeyVault(AzureKeyVaultKey {
        vault_url: vault_url.to_owned(),
        name: "sops-key".to_owned(),
        version: version.to_owned(),
        ciphertext,
    })
}

pub(crate) fn vault(address: &str, ciphertext: String) -> WrappedKey {
    WrappedKey::Vault(VaultKey {
        vault_address: address.to_owned(),
        engine_path: "transit".to_owned(),
        key_name: "sops-key".to_owned(),
        ciphertext,
    })
}

/// Unwraps one key: `opened`, or the attempts as an error list prints them.
pub(crate) async fn outcome(ring: &KeyRing, key: &WrappedKey) -> String {
    outcomes(ring, std::slice::from_ref(key)).await.remove(0)
}

/// Unwraps several keys at the same time.
pub(crate) async fn outcomes(ring: &KeyRing, keys: &[WrappedKey]) -> Vec<String> {
    let requests = keys
        .iter()
        .map(|key| KeyRequest::any_of("secret.yaml".to_owned(), vec![key.clone()]))
        .collect();
    let opened = ring.unwrap_all(requests).await;
    let told = keys.iter().map(|key| match opened.outcome(key) {
        Some(Ok(candidates)) => {
            assert_eq!(candidates.len(), 1);
            assert_eq!(candidates[0].expose_bytes(), DATA_KEY);
            "opened".to_owned()
        }
        Some(Err(failure)) => failure.attempts.iter().map(line).collect::<Vec<_>>().join("\n"),
        None => "not tried".to_owned(),
    });
    told.collect()
}

/// An attempt without the ports of this run.
fn line(attempt: &Attempt) -> String {
    let hint = attempt
        .hint
        .as_ref()
        .map(|hint| format!(" | {hint}"))
        .unwrap_or_default();
    without_ports(&format!("{}: {}{hint}", attempt.with, attempt.reason))
}

pub(crate) fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push_str("127.0.0.1:PORT");
        told.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    assert!(!told.contains("canary"), "a secret in {told}");
    told
}
