//! Addresses of Vault: what a file names, and what the operator does.

use std::fmt;

use reqwest::Url;

use crate::guarded::{Failure, Place};
use crate::options::KeyOptions;

/// Longest address looked at, in bytes.
const MAX_ADDRESS: usize = 512;

/// Scheme, host and port, perhaps a path that Vault stands below.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    url: Url,
    place: Place,
    /// Names between slashes.
    path: Vec<String>,
}

/// The addresses that a token may go to.
#[derive(Debug)]
pub(super) struct Addresses {
    listed: Vec<Address>,
    /// Why the list of the environment is empty, if it says so itself.
    is_closed: bool,
}

impl Address {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let clean = |c: u8| c.is_ascii_graphic() && !matches!(c, b'@' | b'\\' | b'?' | b'#' | b'%');
        if text.len() > MAX_ADDRESS || !text.bytes().all(clean) {
            return None;
        }
        let mut url = Url::parse(text).ok()?;
        let path: Vec<String> = url
            .path_segments()?
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect();
        url.set_path(&path.join("/"));
        Some(Self {
            place: Place::of(&url)?,
            path,
            url,
        })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The URL of a path of the API, whose parts were checked.
    pub(super) fn url(&self, path: &str) -> Url {
        let base = self
            .path
            .iter()
            .fold(String::new(), |base, name| base + name + "/");
        let mut url = self.url.clone();
        url.set_path(&format!("{base}v1/{path}"));
        url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        self.path.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl Addresses {
    /// `--vault-address`, `VAULT_ADDR` and `SOPS_HC_VAULT_ALLOWLIST`. The latter's `none` closes the
    /// environment; its `all` adds nothing, because then a file would choose who gets the token.
    pub(super) fn of(options: &KeyOptions) -> Result<Self, Failure> {
        let cloud = &options.environment.cloud;
        let allowlist = cloud.vault_allowlist.as_deref().unwrap_or_default();
        let is_closed = allowlist == "none";
        let mut listed = Vec::new();
        let mut add = |source: &str, text: &str| match Address::parse(text) {
            Some(address) => {
                listed.push(address);
                Ok(())
            }
            None => Err(Failure::new(
                format!("{source} holds what is no address of the form https://HOST:PORT"),
                "put it right",
            )),
        };
        for endpoint in &options.vault.addresses {
            add("--vault-address", endpoint.as_str())?;
        }
        if let Some(address) = cloud.vault_address.as_ref().filter(|_| !is_closed) {
            add("VAULT_ADDR", address)?;
        }
        if !matches!(allowlist, "" | "all" | "none") {
            for entry in allowlist.split(',') {
                add("SOPS_HC_VAULT_ALLOWLIST", entry.trim_matches(' '))?;
            }
        }
        Ok(Self { listed, is_closed })
    }

    /// Whether the token may go there: to a listed address or below it.
    pub(super) fn admit(&self, address: &Address) -> bool {
        self.listed
            .iter()
            .any(|listed| listed.place == address.place && address.path.starts_with(&listed.path))
    }

    /// Why it may not.
    pub(super) fn refusal(&self, address: &Address, flag: &str) -> Failure {
        let reason = if self.is_closed {
            "SOPS_HC_VAULT_ALLOWLIST is none, so no address gets the token".to_owned()
        } else if self.listed.is_empty() {
            "nobody named an address of Vault, so none gets the token".to_owned()
        } else {
            format!("{address} is not an address that was named, so it does not get the token")
        };
        Failure::new(
            reason,
            format!("if the address is to be trusted, name it with {flag} {address} or VAULT_ADDR"),
        )
    }

    pub(super) fn places(&self) -> Vec<Place> {
        self.listed.iter().map(|address| address.place.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyEnvironment;

    fn admitted(allowlist: &str, address: &str) -> bool {
        let mut environment = KeyEnvironment::default();
        environment.cloud.vault_address = Some("https://main.example.com:8200".to_owned());
        environment.cloud.vault_allowlist = Some(allowlist.to_owned()).filter(|text| !text.is_empty());
        let addresses = Addresses::of(&KeyOptions::new(environment)).unwrap();
        addresses.admit(&Address::parse(address).unwrap())
    }

    #[test]
    fn a_token_goes_where_the_operator_says() {
        let list = "https://a.example.com:8200, https://b.example.com/vault/";
        for (allowlist, address, expected) in [
            ("", "https://main.example.com:8200", true),
            ("", "https://main.example.com:8200/", true),
            ("", "https://MAIN.example.com:8200", true),
            ("", "https://other.example.com:8200", false),
            ("", "http://main.example.com:8200", false),
            ("", "https://main.example.com", false),
            ("", "https://main.example.com:82000", false),
            ("", "https://main.example.com.evil.example:8200", false),
            ("all", "https://other.example.com:8200", false),
            ("all", "https://main.example.com:8200", true),
            ("none", "https://main.example.com:8200", false),
            (list, "https://main.example.com:8200", true),
            (list, "https://a.example.com:8200", true),
            (list, "https://b.example.com/vault", true),
            (list, "https://b.example.com/vault/eu", true),
            (list, "https://b.example.com/vaulted", false),
            (list, "https://b.example.com/vault/../other", false),
            (list, "https://b.example.com", false),
        ] {
            if let Some(parsed) = Address::parse(address) {
                assert_eq!(
                    admitted(allowlist, address),
                    expected,
                    "{allowlist} {address} {parsed}"
                );
            } else {
                assert!(!expected, "{address}");
            }
        }
    }

    #[test]
    fn an_address_is_only_an_address() {
        for text in [
            "",
            "vault.example.com",
            "ftp://vault.example.com",
            "https://",
            "https://token@vault.example.com",
            "https://main.example.com:8200@evil.example",
            "https://evil.example\\@main.example.com:8200",
            "https://vault.example.com/?x",
            "https://vault.example.com/#x",
            "https://vault.example.com/%2e%2e",
            "https://vault.example.com\r\nX: y",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn urls_are_of_the_api() {
        let url = |text: &str| Address::parse(text).unwrap().url("transit/decrypt/a").to_string();
        assert_eq!(
            url("https://v.example.com:8200"),
            "https://v.example.com:8200/v1/transit/decrypt/a"
        );
        assert_eq!(
            url("http://[::1]:8200/"),
            "http://[::1]:8200/v1/transit/decrypt/a"
        );
        assert_eq!(
            url("https://v.example.com/eu/"),
            "https://v.example.com/eu/v1/transit/decrypt/a"
        );
    }
}
