//! The wrapped data keys of a block, and the order in which they are tried.

use afterbay_manifest::{AwsKmsKey, UnsupportedKey, WrappedKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Reader;
use super::weak::Fields;
use crate::SopsError;
use crate::timestamp::Timestamp;

/// The kinds in the order of SOPS's default decryption order: age and PGP, then as they stand in a group
/// (`sops.go` `DefaultDecryptionOrder`, `stores.go` `internalGroupFrom`).
const ORDER: [(&str, Kind); 7] = [
    ("age", Kind::Age),
    ("pgp", Kind::Pgp),
    ("kms", Kind::AwsKms),
    ("gcp_kms", Kind::GcpKms),
    ("hckms", Kind::HuaweiKms),
    ("azure_kv", Kind::AzureKeyVault),
    ("hc_vault", Kind::Vault),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Age,
    Pgp,
    AwsKms,
    GcpKms,
    HuaweiKms,
    AzureKeyVault,
    Vault,
}

impl Reader<'_> {
    /// The keys of the file. Lists at the top make `key_groups` invisible, as in SOPS.
    pub(super) fn keys(&mut self, fields: &Fields<'_>) -> Vec<WrappedKey> {
        let failed_before = self.failed;
        let flat = self.group(fields);
        if !flat.is_empty() || self.failed != failed_before {
            return flat;
        }
        let groups = match fields.maps("key_groups") {
            Ok(groups) => groups,
            Err(refusal) => {
                self.refuse(refusal.position, format!("`key_groups` {}", refusal.message));
                return Vec::new();
            }
        };
        let place = self.place(fields.position_of("key_groups"));
        match groups.as_slice() {
            [] => {
                self.refuse(
                    fields.position(),
                    "no keys found in file; restore the `age`, `kms`, … list that sops wrote",
                );
                Vec::new()
            }
            [group] => {
                let keys = self.group(group);
                if keys.is_empty() && !self.failed {
                    self.refuse(
                        group.position(),
                        "the only key group has no keys; restore the block that sops wrote",
                    );
                }
                keys
            }
            groups => {
                let threshold = fields.integer("shamir_threshold").unwrap_or_default();
                self.push(SopsError::KeyGroups {
                    place,
                    groups: groups.len(),
                    threshold,
                });
                Vec::new()
            }
        }
    }

    fn group(&mut self, fields: &Fields<'_>) -> Vec<WrappedKey> {
        let mut keys = Vec::new();
        for (name, kind) in ORDER {
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

    fn key(&mut self, kind: Kind, entry: &Fields<'_>) -> Option<WrappedKey> {
        let failed_before = std::mem::take(&mut self.failed);
        let enc = self.text(entry, "enc");
        if kind != Kind::Age {
            self.created_at(entry);
        }
        let key = match kind {
            Kind::Age => WrappedKey::Age {
                recipient: self.text(entry, "recipient"),
                enc,
            },
            Kind::AwsKms => self.aws_kms(entry, &enc),
            Kind::Pgp => unsupported("pgp", self.text(entry, "fp")),
            Kind::GcpKms => unsupported("gcp_kms", self.text(entry, "resource_id")),
            Kind::HuaweiKms => unsupported("hckms", self.text(entry, "key_id")),
            Kind::AzureKeyVault => {
                let [url, name, version] =
                    ["vault_url", "name", "version"].map(|field| self.text(entry, field));
                unsupported("azure_kv", format!("{url}/keys/{name}/{version}"))
            }
            Kind::Vault => {
                let [address, engine, name] =
                    ["vault_address", "engine_path", "key_name"].map(|field| self.text(entry, field));
                unsupported("hc_vault", format!("{address}/v1/{engine}/keys/{name}"))
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
        match STANDARD.decode(enc) {
            Ok(ciphertext) => WrappedKey::AwsKms(AwsKmsKey {
                arn,
                role: named(role),
                context: context.into_iter().collect(),
                aws_profile: named(aws_profile),
                ciphertext,
            }),
            // The other keys of the file may still open it, so this one fails alone.
            Err(_) => unsupported("kms", format!("{arn} (its `enc` is not base64)")),
        }
    }
}

fn unsupported(kind: &'static str, id: String) -> WrappedKey {
    WrappedKey::Unsupported(UnsupportedKey { kind, id })
}
