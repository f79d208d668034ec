//! The wrapped data keys of a block, and the order in which they are tried.

use afterbay_manifest::{
    AwsKmsKey, AzureKeyVaultKey, GcpKmsKey, KeyKind, PgpKey, UnsupportedKey, VaultKey, WrappedKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::Reader;
use super::weak::Fields;
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

/// The keys of a block.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// One group, or those among which the shares of the data key are spread.
    pub(crate) groups: Vec<Vec<WrappedKey>>,
    /// How many groups have to be opened.
    pub(crate) needed: usize,
}

impl Reader<'_> {
    /// The keys of the file. Lists at the top make `key_groups` invisible, as in SOPS.
    pub(super) fn keys(&mut self, fields: &Fields<'_>, threshold: usize) -> Keys {
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
            ([], _) => self.refuse(
                fields.position(),
                "no keys found in file; restore the `age`, `kms`, … list that sops wrote",
            ),
            ([group], [keys]) if keys.is_empty() && !self.failed => self.refuse(
                group.position(),
                "the only key group has no keys; restore the block that sops wrote",
            ),
            _ => {}
        }
        let needed = match (read.len(), threshold) {
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
