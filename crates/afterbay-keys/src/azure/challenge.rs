//! The challenge of a vault: what it wants a token for. The login service that it names is not used.

use reqwest::Url;

use crate::guarded::{Failure, Place};
use crate::outside_text::tame;

/// The resource of `Bearer authorization="…", resource="…"` (or `scope`), if it is the vault's own: that of
/// its suffix, or of a vault that the operator named one that its host belongs to.
pub(super) fn resource(header: &str, vault: &Place, suffix: Option<&str>) -> Result<String, Failure> {
    let wanted = field(header, "scope").or_else(|| field(header, "resource"));
    let wanted = wanted.ok_or_else(|| {
        Failure::new(
            format!("{vault} wants a token and does not say for what"),
            "see whether it is a Key Vault",
        )
    })?;
    let wanted = wanted.trim_end_matches("/.default").trim_end_matches('/');
    let host = Url::parse(wanted)
        .ok()
        .filter(|url| url.scheme() == "https" && url.path() == "/" && url.query().is_none())
        .and_then(|url| url.host_str().map(str::to_owned));
    let fits = host.is_some_and(|host| match suffix {
        Some(suffix) => host == suffix,
        None => host == vault.host() || vault.host().ends_with(&format!(".{host}")),
    });
    if !fits {
        return Err(Failure::new(
            format!("{vault} wants a token for {}, which is not its own", tame(wanted)),
            "do not trust this vault: it would use the token elsewhere",
        ));
    }
    Ok(wanted.to_owned())
}

/// The value of a field, with or without quotes.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let rest = header
        .strip_prefix("Bearer ")
        .or_else(|| header.strip_prefix("bearer "))?;
    rest.split([' ', ',']).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim_matches('"');
        (key.eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::of(&Url::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn a_vault_gets_tokens_for_itself_only() {
        let vault = place("https://shop.vault.azure.net");
        let suffix = Some("vault.azure.net");
        let read = |header: &str| resource(header, &vault, suffix).ok();
        let own = Some("https://vault.azure.net".to_owned());
        assert_eq!(
            read(r#"Bearer authorization="https://login.windows.net/t", resource="https://vault.azure.net""#),
            own
        );
        assert_eq!(
            read(
                r#"Bearer authorization="https://login.windows.net/t" scope="https://vault.azure.net/.default""#
            ),
            own
        );
        assert_eq!(read("Bearer resource=https://vault.azure.net/"), own);
        for foreign in [
            "https://management.azure.com",
            "https://graph.microsoft.com",
            "https://azure.net",
            "https://net",
            "https://shop.vault.azure.net",
            "https://vault.azure.net/path",
            "https://vault.azure.net@management.azure.com",
            "http://vault.azure.net",
            "vault.azure.net",
        ] {
            assert_eq!(read(&format!("Bearer resource=\"{foreign}\"")), None, "{foreign}");
        }
        assert_eq!(read("Basic realm=\"https://vault.azure.net\""), None);
        assert_eq!(read("Bearer"), None);
    }

    #[test]
    fn a_named_vault_has_a_domain_of_its_own() {
        let vault = place("https://shop.vault.example.com:8443");
        let read =
            |resource_: &str| resource(&format!("Bearer resource=\"{resource_}\""), &vault, None).is_ok();
        assert!(read("https://vault.example.com"));
        assert!(read("https://shop.vault.example.com"));
        assert!(!read("https://management.azure.com"));
        assert!(!read("https://ault.example.com"));
    }
}
