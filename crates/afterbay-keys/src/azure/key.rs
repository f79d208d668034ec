//! The vault, key and version of a file, checked before a URL is made of them.

use afterbay_manifest::AzureKeyVaultKey;
use reqwest::Url;

use crate::guarded::{Failure, Place};

/// The version of the service's API; every cloud has it.
const API_VERSION: &str = "7.4";

/// Largest ciphertext that is sent, in bytes; that of a key of 4096 bits has 512.
const MAX_CIPHERTEXT: usize = 1024;

/// Longest URL looked at, in bytes.
const MAX_URL: usize = 512;

/// A key of a vault, ready to be asked for.
#[derive(Debug)]
pub(super) struct VaultKey {
    pub(super) place: Place,
    /// Where `decrypt` is.
    pub(super) url: Url,
    pub(super) ciphertext: Vec<u8>,
}

impl VaultKey {
    pub(super) fn parse(key: &AzureKeyVaultKey) -> Result<Self, Failure> {
        let refused = |what: &str| Failure::new(what, "");
        let url = vault(&key.vault_url).ok_or_else(|| {
            refused("the vault URL is refused: it is not of the form https://NAME.vault.azure.net")
        })?;
        let place = Place::of(&url).ok_or_else(|| refused("the vault URL is refused: it has no host"))?;
        if !fits(&key.name, 1, 127, |c| c.is_ascii_alphanumeric() || c == b'-') {
            return Err(refused(
                "the name of the key holds characters that Azure does not allow there",
            ));
        }
        if !fits(&key.version, 0, 64, |c| c.is_ascii_alphanumeric()) {
            return Err(refused(
                "the version of the key holds characters that Azure does not allow there",
            ));
        }
        if key.ciphertext.is_empty() || key.ciphertext.len() > MAX_CIPHERTEXT {
            return Err(Failure::new(
                format!(
                    "the ciphertext has {} bytes, and an RSA key gives 1 to {MAX_CIPHERTEXT}",
                    key.ciphertext.len()
                ),
                "",
            ));
        }
        let mut url = url;
        // Without a version the path has two slashes, as sops sends it, and the newest one is meant.
        url.set_path(&format!("/keys/{}/{}/decrypt", key.name, key.version));
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        Ok(Self {
            place,
            url,
            ciphertext: key.ciphertext.clone(),
        })
    }
}

/// A URL of scheme and host, perhaps with a port; nothing in it may mean anything else.
fn vault(text: &str) -> Option<Url> {
    let clean = |c: u8| c.is_ascii_graphic() && !matches!(c, b'@' | b'\\' | b'?' | b'#' | b'%');
    if text.len() > MAX_URL || !text.bytes().all(clean) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/" && matches!(url.scheme(), "https" | "http") && url.host_str().is_some();
    is_bare.then_some(url)
}

fn fits(text: &str, shortest: usize, longest: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (shortest..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(vault_url: &str, name: &str, version: &str) -> AzureKeyVaultKey {
        AzureKeyVaultKey {
            vault_url: vault_url.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            ciphertext: vec![1; 256],
        }
    }

    #[test]
    fn the_url_is_the_one_that_sops_asks() {
        let url = |vault: &str, version: &str| {
            VaultKey::parse(&key(vault, "sops-key", version))
                .unwrap()
                .url
                .to_string()
        };
        assert_eq!(
            url("https://Shop.vault.azure.net/", "0123abcd"),
            "https://shop.vault.azure.net/keys/sops-key/0123abcd/decrypt?api-version=7.4"
        );
        assert_eq!(
            url("https://shop.vault.azure.net", ""),
            "https://shop.vault.azure.net/keys/sops-key//decrypt?api-version=7.4"
        );
    }

    #[test]
    fn what_would_be_another_request_is_refused() {
        for vault in [
            "",
            "shop.vault.azure.net",
            "ftp://shop.vault.azure.net",
            "file:///etc/passwd",
            "https://",
            "https://user:pass@shop.vault.azure.net",
            "https://shop.vault.azure.net@evil.example",
            "https://evil.example\\@shop.vault.azure.net",
            "https://evil.example#.vault.azure.net",
            "https://evil.example?.vault.azure.net",
            "https://evil.example/.vault.azure.net",
            "https://evil.example%2f.vault.azure.net",
            "https://shop.vault.azure.net/keys/other",
            "https://shop.vault.azure.net\r\nX: y",
            "https://shöp.vault.azure.net",
        ] {
            assert!(VaultKey::parse(&key(vault, "a", "")).is_err(), "{vault}");
        }
        for (name, version) in [
            ("", ""),
            ("../secrets/a", ""),
            ("a?b", ""),
            ("a", "../x"),
            ("a", "1/encrypt?"),
        ] {
            let vault = "https://shop.vault.azure.net";
            assert!(
                VaultKey::parse(&key(vault, name, version)).is_err(),
                "{name} {version}"
            );
        }
    }
}
