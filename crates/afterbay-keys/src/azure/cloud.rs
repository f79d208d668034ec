//! The clouds of Azure: who gives tokens, and which hosts may be shown one.

use std::fmt;

use reqwest::Url;

use crate::guarded::{Failure, Place};

/// A national cloud. <https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers>
#[derive(Debug)]
struct Known {
    name: &'static str,
    authorities: &'static [&'static str],
    suffixes: [&'static str; 2],
}

const KNOWN: [Known; 3] = [
    Known {
        name: "the public cloud of Azure",
        authorities: &[
            "login.microsoftonline.com",
            "login.microsoft.com",
            "login.windows.net",
        ],
        suffixes: ["vault.azure.net", "managedhsm.azure.net"],
    },
    Known {
        name: "Azure US Government",
        authorities: &["login.microsoftonline.us"],
        suffixes: ["vault.usgovcloudapi.net", "managedhsm.usgovcloudapi.net"],
    },
    Known {
        name: "Azure China",
        authorities: &["login.chinacloudapi.cn", "login.partner.microsoftonline.cn"],
        suffixes: ["vault.azure.cn", "managedhsm.azure.cn"],
    },
];

/// The login service of a run, and with it the cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) authority: Url,
    known: Option<&'static Known>,
}

impl Cloud {
    /// The cloud of a login service; the public one without. An unknown one has no vaults of its own.
    pub(super) fn of(authority: Option<&str>) -> Result<Self, Failure> {
        let text = authority.unwrap_or("https://login.microsoftonline.com/");
        let authority = Url::parse(text).ok().filter(is_bare).ok_or_else(|| {
            Failure::new(
                "the authority host is not of the form https://HOST/",
                "put AZURE_AUTHORITY_HOST right",
            )
        })?;
        let host = authority.host_str().unwrap_or_default();
        let known = KNOWN
            .iter()
            .find(|known| known.authorities.contains(&host) && authority.port().is_none());
        Ok(Self { authority, known })
    }

    /// The suffix of a vault of this cloud: one name below it, over HTTPS at the usual port.
    pub(super) fn suffix_of(&self, place: &Place) -> Option<&'static str> {
        let suffixes = self.known?.suffixes;
        let found = suffixes.into_iter().find(|suffix| {
            let name = place
                .host()
                .strip_suffix(suffix)
                .and_then(|rest| rest.strip_suffix('.'));
            name.is_some_and(is_vault_name)
        })?;
        (place.to_string() == format!("https://{}", place.host())).then_some(found)
    }
}

fn is_bare(url: &Url) -> bool {
    let place = Place::of(url);
    let is_secret = place.is_some_and(|place| !place.is_plain() || place.is_loopback());
    is_secret
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// Letters, digits and `-`. <https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name>
fn is_vault_name(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known {
            Some(known) => f.write_str(known.name),
            None => write!(
                f,
                "the cloud of {}",
                self.authority.host_str().unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(authority: Option<&str>, vault: &str) -> Option<&'static str> {
        let place = Place::of(&Url::parse(vault).unwrap()).unwrap();
        Cloud::of(authority).unwrap().suffix_of(&place)
    }

    #[test]
    fn each_cloud_has_its_own_vaults() {
        let us = Some("https://login.microsoftonline.us");
        let china = Some("https://login.chinacloudapi.cn/");
        let other = Some("https://login.example.com/");
        for (authority, vault, expected) in [
            (None, "https://shop.vault.azure.net", Some("vault.azure.net")),
            (None, "https://shop.vault.azure.net.", Some("vault.azure.net")),
            (
                None,
                "https://shop.managedhsm.azure.net",
                Some("managedhsm.azure.net"),
            ),
            (
                us,
                "https://shop.vault.usgovcloudapi.net",
                Some("vault.usgovcloudapi.net"),
            ),
            (china, "https://shop.vault.azure.cn", Some("vault.azure.cn")),
            (us, "https://shop.vault.azure.net", None),
            (None, "https://shop.vault.azure.cn", None),
            (other, "https://shop.vault.azure.net", None),
            (None, "https://vault.azure.net", None),
            (None, "https://a.b.vault.azure.net", None),
            (None, "https://evilvault.azure.net", None),
            (None, "https://shop.vault.azure.net.evil.example", None),
            (None, "https://shop.vault.azure.net:8443", None),
            (None, "http://shop.vault.azure.net", None),
            (None, "https://127.0.0.1", None),
        ] {
            assert_eq!(suffix(authority, vault), expected, "{authority:?} {vault}");
        }
    }

    #[test]
    fn a_login_service_is_a_bare_url() {
        for text in [
            "login.microsoftonline.com",
            "http://login.example.com",
            "https://a@b",
            "https://a/tenant",
            "https://a/?x",
        ] {
            assert!(Cloud::of(Some(text)).is_err(), "{text}");
        }
        assert!(Cloud::of(Some("http://127.0.0.1:8080")).is_ok());
    }
}
