//! Names of keys, checked against their grammar before a path is made of them.

use std::fmt;

use crate::guarded::Failure;

/// What a name looks like.
const FORM: &str = "it is not of the form projects/…/locations/…/keyRings/…/cryptoKeys/…";

/// Longest name looked at, in bytes.
const MAX_NAME: usize = 512;

/// `projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CryptoKey(String);

impl CryptoKey {
    /// Reads the name of a key, or of a version of one: the ciphertext says itself which version made it,
    /// and only the key can be asked.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::new(format!("the resource id is refused: {why}"), "");
        if text.len() > MAX_NAME {
            return Err(refused("it has more than 512 bytes"));
        }
        let parts = text.split('/').collect::<Vec<_>>();
        let (parts, version) = match parts.as_slice() {
            [key @ .., "cryptoKeyVersions", version] => (key, Some(*version)),
            key => (key, None),
        };
        let [
            "projects",
            project,
            "locations",
            location,
            "keyRings",
            ring,
            "cryptoKeys",
            key,
        ] = parts
        else {
            return Err(refused(FORM));
        };
        let version = version.is_none_or(|version| fits(version, 10, |c| c.is_ascii_digit()));
        for (fits, why) in [
            (is_project(project), "its project is none"),
            (is_location(location), "its location is none"),
            (
                is_name(ring),
                "its key ring holds characters that Google does not allow there",
            ),
            (
                is_name(key),
                "its key holds characters that Google does not allow there",
            ),
            (version, "its version is not a number"),
        ] {
            if !fits {
                return Err(refused(why));
            }
        }
        Ok(Self(parts.join("/")))
    }
}

/// An id, a number, or an id behind a domain or universe: `example.com:shop`.
fn is_project(text: &str) -> bool {
    let (domain, id) = text.split_once(':').unwrap_or(("", text));
    let id_fits = fits(id, 30, |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'
    });
    let domain_fits = domain.is_empty() != text.contains(':')
        && domain
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.'))
        && domain
            .split('.')
            .all(|label| !label.is_empty() || domain.is_empty());
    // Only a number stands without a letter in front, and never behind a domain.
    let starts = domain.is_empty() || id.starts_with(|c: char| c.is_ascii_lowercase());
    id_fits && domain_fits && starts
}

fn is_location(text: &str) -> bool {
    fits(text, 63, |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'
    })
}

fn is_name(text: &str) -> bool {
    fits(text, 63, |c| {
        c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')
    })
}

fn fits(text: &str, longest: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

impl fmt::Display for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CryptoKey;

    const KEY: &str = "projects/shop-prod/locations/europe-west1/keyRings/sops/cryptoKeys/sops_Key-1";

    #[test]
    fn keys_and_versions_are_read() {
        for text in [
            KEY,
            "projects/example.com:shop/locations/global/keyRings/a/cryptoKeys/b",
            "projects/123456789012/locations/eur3/keyRings/A_b/cryptoKeys/c-d",
        ] {
            assert_eq!(CryptoKey::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            CryptoKey::parse(&format!("{KEY}/cryptoKeyVersions/12"))
                .unwrap()
                .to_string(),
            KEY
        );
    }

    #[test]
    fn what_would_be_another_path_is_refused() {
        let form = "the resource id is refused: it is not of the form projects/…/locations/…/keyRings/…/cryptoKeys/…";
        for text in [
            "",
            "projects/a",
            &KEY[1..],
            &format!("/{KEY}"),
            &format!("{KEY}/"),
            &format!("{KEY}/x/y"),
        ] {
            assert_eq!(CryptoKey::parse(text).unwrap_err().reason, form, "{text}");
        }
        for (from, to) in [
            ("shop-prod", ".."),
            ("shop-prod", ""),
            ("shop-prod", "Shop"),
            ("shop-prod", ":shop"),
            ("shop-prod", "example.com:"),
            ("shop-prod", "a..b:shop"),
            ("shop-prod", "a@evil.example"),
            ("shop-prod", "127.0.0.1:8080"),
            ("europe-west1", "%2e%2e"),
            ("europe-west1", "eu?alt=media"),
            ("keyRings/sops/", "keyRings/so ps/"),
            ("keyRings/sops/", "keyRings/so#ps/"),
            ("sops_Key-1", "key:encrypt?x="),
            ("sops_Key-1", "key\r\nHost: evil"),
            ("sops_Key-1", "schlüssel"),
            ("sops_Key-1", "key/cryptoKeyVersions/"),
            ("sops_Key-1", "key/cryptoKeyVersions/1a"),
        ] {
            let text = KEY.replace(from, to);
            assert!(CryptoKey::parse(&text).is_err(), "{text}");
        }
        assert!(CryptoKey::parse(&format!("{KEY}{}", "a".repeat(512))).is_err());
    }
}
