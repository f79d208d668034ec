//! The wrapped data keys of a block, and the order in which they are tried.

use std::collections::BTreeSet;

use afterbay_manifest::{
    AwsKmsKey, AzureKeyVaultKey, GcpKmsKey, KeyKind, PgpKey, UnsupportedKey, VaultKey, WrappedKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::weak::Fields;
use super::{Metadata, Reader};
use crate::integrity::{FIELDS, VERSION};
use crate::timestamp::Timestamp;

/// The kinds in the order of SOPS's default decryption order: age and PGP, then as they stand in a group
/// (`sops.go` `DefaultDecryptionOrder`, `stores.go` `internalGroupFrom`).
const ORDER: [KeyKind; 7] = [
    KeyKind::Age,
    KeyKind::Pgp,
    KeyKind::AwsKms,
    KeyKind::GcpKms,
    KeyKind::HuaweiKms,
    KeyKind::AzureKeyVault,
    KeyKind::Vault,
];

/// The release of SOPS that is followed, whose kinds of keys are all known.
const FOLLOWED: (u64, u64, u64) = (3, 13, 3);

/// The keys of a block.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// One group, or those among which the shares of the data key are spread.
    pub(crate) groups: Vec<Vec<WrappedKey>>,
    /// How many groups have to be opened.
    pub(crate) needed: usize,
}

/// The contexts with which a version of SOPS before 3.3.0 may have called AWS KMS in place of the one it wrote down.
///
/// It gave every entry the value of one of them, whichever came last (mozilla/sops#435). SOPS tries them for the first
/// such key of the file only, all others before (`cmd/sops/common`, `RecoverDataKeyFromBuggyKMS`); here they stand at the
/// end of the group of each.
fn contexts_before_3_3(key: &AwsKmsKey) -> impl Iterator<Item = AwsKmsKey> + '_ {
    let values: BTreeSet<&String> = key.context.values().collect();
    let several = values.len() > 1;
    values.into_iter().filter(move |_| several).map(|value| {
        let names = key.context.keys();
        AwsKmsKey {
            context: names.map(|name| (name.clone(), value.clone())).collect(),
            ..key.clone()
        }
    })
}

/// Whether a version is older than 3.3.0, as SOPS compares them; one that cannot be read is not.
fn is_before_3_3(version: &str) -> bool {
    // 1.x had two parts only.
    if version.starts_with("1.") {
        return true;
    }
    let version = version.strip_prefix('v').unwrap_or(version);
    let version = version.split('+').next().unwrap_or_default();
    let (numbers, is_release) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, false),
        None => (version, true),
    };
    let numbers: Option<Vec<u64>> = numbers.split('.').map(|number| number.parse().ok()).collect();
    match numbers.as_deref() {
        Some([major, minor, patch]) => {
            (*major, *minor, *patch) < (3, 3, 0) || ((*major, *minor, *patch) == (3, 3, 0) && !is_release)
        }
        _ => false,
    }
}

impl Reader<'_> {
    /// The keys of the file. Lists at the top make `key_groups` invisible, as in SOPS.
    pub(super) fn keys(&mut self, fields: &Fields<'_>, metadata: &Metadata) -> Keys {
        let mut keys = self.as_written(fields, metadata);
        if is_before_3_3(&metadata.version) {
            for group in &mut keys.groups {
                let others: Vec<WrappedKey> = group
                    .iter()
                    .filter_map(|key| match key {
                        WrappedKey::AwsKms(key) => Some(contexts_before_3_3(key)),
                        _ => None,
                    })
                    .flatten()
                    .map(WrappedKey::AwsKms)
                    .collect();
                group.extend(others);
            }
        }
        keys
    }

    fn as_written(&mut self, fields: &Fields<'_>, metadata: &Metadata) -> Keys {
        let failed_before = self.failed;
        let flat = self.group(fields);
        if !flat.is_empty() || self.failed != failed_before {
            return Keys {
                groups: vec![flat],
                needed: 1,
            };
        }
        let groups = match fields.maps("key_groups") {
            Ok(groups) => groups,
            Err(refusal) => {
                self.refuse(refusal.position, format!("`key_groups` {}", refusal.message));
                return Keys::default();
            }
        };
        let read: Vec<_> = groups.iter().map(|group| self.group(group)).collect();
        match (groups.as_slice(), read.as_slice()) {
            ([], _) => self.refuse(fields.position(), no_keys(fields, &metadata.version)),
            ([group], [keys]) if keys.is_empty() && !self.failed => self.refuse(
                group.position(),
                "the only key group has no keys; restore the block that sops wrote",
            ),
            _ => {}
        }
        let needed = match (read.len(), metadata.shamir_threshold) {
            (0 | 1, _) => 1,
            // SOPS does not know either, and combines whatever opens.
            (all, 0) => all,
            (_, threshold) => threshold.max(2),
        };
        Keys { groups: read, needed }
    }

    fn group(&mut self, fields: &Fields<'_>) -> Vec<WrappedKey> {
        let mut keys = Vec::new();
        for kind in ORDER {
            let name = kind.as_str();
            match fields.maps(name) {
                Ok(entries) => keys.extend(entries.iter().filter_map(|entry| self.key(kind, entry))),
                Err(refusal) => self.refuse(
                    refusal.position,
                    format!("`{}{name}` {}", fields.prefix(), refusal.message),
                ),
            }
        }
        keys
    }

    fn key(&mut self, kind: KeyKind, entry: &Fields<'_>) -> Option<WrappedKey> {
        let failed_before = std::mem::take(&mut self.failed);
        let enc = self.text(entry, "enc");
        if kind != KeyKind::Age {
            self.created_at(entry);
        }
        let key = match kind {
            KeyKind::Age => WrappedKey::Age {
                recipient: self.text(entry, "recipient"),
                enc,
            },
            KeyKind::Pgp | KeyKind::Pkcs7 => WrappedKey::Pgp(PgpKey {
                fingerprint: self.text(entry, "fp"),
                message: enc.into_bytes(),
            }),
            KeyKind::AwsKms => self.aws_kms(entry, &enc),
            KeyKind::GcpKms => {
                let resource_id = self.text(entry, "resource_id");
                decoded(kind, &resource_id, STANDARD.decode(enc), |ciphertext| {
                    WrappedKey::GcpKms(GcpKmsKey {
                        resource_id: resource_id.clone(),
                        ciphertext,
                    })
                })
            }
            KeyKind::HuaweiKms => WrappedKey::Unsupported(UnsupportedKey {
                kind,
                id: self.text(entry, "key_id"),
                reason: "Huawei Cloud KMS is not supported".to_owned(),
            }),
            KeyKind::AzureKeyVault => {
                let [vault_url, name, version] =
                    ["vault_url", "name", "version"].map(|field| self.text(entry, field));
                let id = format!("{vault_url}/keys/{name}/{version}");
                decoded(kind, &id, URL_SAFE_NO_PAD.decode(enc), |ciphertext| {
                    WrappedKey::AzureKeyVault(AzureKeyVaultKey {
                        vault_url,
                        name,
                        version,
                        ciphertext,
                    })
                })
            }
            KeyKind::Vault => {
                let [vault_address, engine_path, key_name] =
                    ["vault_address", "engine_path", "key_name"].map(|field| self.text(entry, field));
                WrappedKey::Vault(VaultKey {
                    vault_address,
                    engine_path,
                    key_name,
                    ciphertext: enc,
                })
            }
        };
        let failed = self.failed;
        self.failed |= failed_before;
        (!failed).then_some(key)
    }

    /// SOPS refuses a file with a creation date that is no time.
    fn created_at(&mut self, entry: &Fields<'_>) {
        let text = self.text(entry, "created_at");
        if !self.failed && Timestamp::parse(&text).is_none() {
            let what = if text.is_empty() {
                "is missing"
            } else {
                "is not an RFC 3339 time"
            };
            self.refuse(
                entry.position_of("created_at"),
                format!("`{}created_at` {what}", entry.prefix()),
            );
        }
    }

    fn aws_kms(&mut self, entry: &Fields<'_>, enc: &str) -> WrappedKey {
        let [arn, role, aws_profile] = ["arn", "role", "aws_profile"].map(|field| self.text(entry, field));
        let context = entry.text_map("context").unwrap_or_else(|refusal| {
            self.refuse(
                refusal.position,
                format!("`{}context` {}", entry.prefix(), refusal.message),
            );
            Vec::new()
        });
        let named = |text: String| (!text.is_empty()).then_some(text);
        decoded(
            KeyKind::AwsKms,
            &arn.clone(),
            STANDARD.decode(enc),
            |ciphertext| {
                WrappedKey::AwsKms(AwsKmsKey {
                    arn,
                    role: named(role),
                    context: context.into_iter().collect(),
                    aws_profile: named(aws_profile),
                    ciphertext,
                })
            },
        )
    }
}

/// What to say about a block without a key, which may have some of a kind that came later.
fn no_keys(fields: &Fields<'_>, version: &str) -> String {
    let is_newer = numbers(version).is_some_and(|version| version > FOLLOWED);
    let unknown: Vec<String> = fields
        .entries()
        .filter(|(name, _)| {
            !FIELDS
                .iter()
                .chain([&VERSION])
                .any(|field| field.eq_ignore_ascii_case(name))
        })
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if is_newer && !unknown.is_empty() {
        let (major, minor, patch) = FOLLOWED;
        return format!(
            "no keys found in file; it is by sops {version}, which is newer than the {major}.{minor}.{patch} that is \
             followed here, and {} may be a new kind of key; have the file encrypted to another key as well",
            unknown.join(" or ")
        );
    }
    "no keys found in file; restore the `age`, `kms`, … list that sops wrote".to_owned()
}

/// The three numbers of a release.
fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    match (
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
        numbers.next(),
    ) {
        (major, minor, patch, None) => Some((major, minor, patch)),
        _ => None,
    }
}

/// A key whose `enc` was base64; one that was not fails alone, because the other keys of the file may open it.
fn decoded(
    kind: KeyKind,
    id: &str,
    enc: Result<Vec<u8>, base64::DecodeError>,
    key: impl FnOnce(Vec<u8>) -> WrappedKey,
) -> WrappedKey {
    match enc {
        Ok(ciphertext) => key(ciphertext),
        Err(_) => WrappedKey::Unsupported(UnsupportedKey {
            kind,
            id: id.to_owned(),
            reason: "its `enc` is not base64".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_sops_compares_them() {
        for before in [
            "1.14",
            "1.",
            "2.0.0",
            "3.2.9",
            "v3.2.0",
            "3.3.0-rc1",
            "3.0.0+build",
        ] {
            assert!(is_before_3_3(before), "{before}");
        }
        for not in [
            "3.3.0",
            "3.3.0+x",
            "3.13.3",
            "v3.3.1-rc1",
            "",
            "abc",
            "3.2",
            "3.2.x",
        ] {
            assert!(!is_before_3_3(not), "{not}");
        }
    }

    #[test]
    fn every_entry_of_a_context_takes_the_value_of_each() {
        let key = |context: &[(&str, &str)]| AwsKmsKey {
            arn: "a".to_owned(),
            role: None,
            context: context
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            aws_profile: None,
            ciphertext: vec![1],
        };
        let contexts =
            |context: &[(&str, &str)]| -> Vec<AwsKmsKey> { contexts_before_3_3(&key(context)).collect() };
        assert_eq!(contexts(&[]), []);
        assert_eq!(contexts(&[("a", "x")]), []);
        assert_eq!(contexts(&[("a", "x"), ("b", "x")]), []);
        assert_eq!(
            contexts(&[("a", "y"), ("b", "x"), ("c", "y")]),
            [
                key(&[("a", "x"), ("b", "x"), ("c", "x")]),
                key(&[("a", "y"), ("b", "y"), ("c", "y")])
            ]
        );
    }
}
