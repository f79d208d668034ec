//! The `sops` block: which keys wrap the data key, which values are encrypted, the MAC.
//!
//! Read as SOPS reads it (`stores/stores.go`, `stores/metadata.go`): weakly typed, unknown fields ignored.

mod recipients;
mod weak;

use std::fmt;

use afterbay_manifest::yaml::{Document, Element, ElementKind, Pair};
use afterbay_manifest::{Place, Position, TreePath};

use crate::error::ErrorList;
use crate::mac::MacScope;
use crate::timestamp::Timestamp;
use crate::{Pattern, SelectionRule, SopsError};
use recipients::Keys;
use weak::Fields;

/// The name of the block.
pub(crate) const BLOCK: &str = "sops";

/// Fields one of which makes a `sops` entry a metadata block rather than somebody's own key of that name.
const TELLING: [&str; 11] = [
    "mac",
    "lastmodified",
    "age",
    "pgp",
    "kms",
    "gcp_kms",
    "azure_kv",
    "hc_vault",
    "hckms",
    "key_groups",
    "mac_only_encrypted",
];

/// What a `sops` block says, apart from its keys.
#[derive(Clone)]
pub struct Metadata {
    /// Which values are encrypted.
    pub rule: SelectionRule,
    /// Which values the MAC covers.
    pub mac_scope: MacScope,
    /// When it was encrypted, as the associated data of the MAC has it: RFC 3339 in seconds.
    pub last_modified: String,
    /// The sealed MAC; empty if there is none.
    pub mac: String,
    /// Where the MAC stands, or the block if there is none.
    pub mac_position: Position,
    /// How many key groups have to be opened when there are several; 0 where the file does not say, which
    /// counts as 2.
    pub shamir_threshold: usize,
    /// The version of SOPS that wrote it; empty if the file does not say.
    pub version: String,
}

impl fmt::Debug for Metadata {
    /// Without the MAC, which stands there in plain if somebody put it so.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("rule", &self.rule)
            .field("mac_scope", &self.mac_scope)
            .field("last_modified", &self.last_modified)
            .field("mac_position", &self.mac_position)
            .field("shamir_threshold", &self.shamir_threshold)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The `sops` entries of a document; JSON can hold more than one.
pub(crate) fn blocks(document: &Document) -> impl Iterator<Item = &Element> {
    let pairs = match document.root.as_ref().map(|root| &root.kind) {
        Some(ElementKind::Mapping(pairs)) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().filter_map(|pair| match pair {
        Pair::Entry { key, value } if is_block_key(key) => Some(value),
        _ => None,
    })
}

/// Whether a key is `sops`, however it is quoted.
pub(crate) fn is_block_key(key: &Element) -> bool {
    matches!(&key.kind, ElementKind::Text(text) if &*text.text == BLOCK)
}

/// Whether a `sops` entry is a metadata block.
pub(crate) fn is_metadata(block: &Element) -> bool {
    let ElementKind::Mapping(pairs) = &block.kind else {
        return false;
    };
    pairs.iter().any(|pair| match pair {
        Pair::Entry {
            key: Element {
                kind: ElementKind::Text(text),
                ..
            },
            ..
        } => is_telling(&text.text),
        _ => false,
    })
}

/// Whether a field tells a metadata block from somebody's own map.
pub(crate) fn is_telling(field: &str) -> bool {
    TELLING.iter().any(|telling| telling.eq_ignore_ascii_case(field))
}

/// Reads a block, with the keys in the order in which SOPS tries them by default: age, PGP, then the rest.
pub(crate) fn read(file: &TreePath, block: &Element, errors: &mut ErrorList) -> Option<(Metadata, Keys)> {
    let mut reader = Reader {
        file,
        errors,
        failed: false,
    };
    let ElementKind::Mapping(_) = &block.kind else {
        reader.refuse(
            block.position,
            "the `sops` entry is not a mapping; restore the block that sops wrote",
        );
        return None;
    };
    let fields = Fields::of(block);
    let metadata = reader.metadata(&fields);
    let keys = reader.keys(&fields, &metadata);
    (!reader.failed).then_some((metadata, keys))
}

/// Makes a rule of the text of its field.
type RuleOf = fn(String) -> SelectionRule;

/// Reads fields and collects what is wrong with them.
struct Reader<'a> {
    file: &'a TreePath,
    errors: &'a mut ErrorList,
    failed: bool,
}

impl Reader<'_> {
    fn push(&mut self, error: SopsError) {
        self.failed = true;
        self.errors.push(error);
    }

    fn place(&self, position: Position) -> Place {
        Place::new(self.file.clone(), position)
    }

    fn refuse(&mut self, position: Position, message: impl Into<String>) {
        let place = self.place(position);
        self.push(SopsError::Metadata {
            place,
            message: message.into(),
        });
    }

    /// A text field; empty if it is missing.
    fn text(&mut self, fields: &Fields<'_>, name: &str) -> String {
        match fields.text(name) {
            Ok(text) => text,
            Err(refusal) => {
                self.refuse(
                    refusal.position,
                    format!("`{}{name}` {}", fields.prefix(), refusal.message),
                );
                String::new()
            }
        }
    }

    fn metadata(&mut self, fields: &Fields<'_>) -> Metadata {
        let mac_scope = match fields.boolean("mac_only_encrypted") {
            Ok(true) => MacScope::OnlyEncrypted,
            Ok(false) => MacScope::AllValues,
            Err(refusal) => {
                self.refuse(
                    refusal.position,
                    format!("`mac_only_encrypted` {}", refusal.message),
                );
                MacScope::AllValues
            }
        };
        Metadata {
            rule: self.rule(fields),
            mac_scope,
            last_modified: self.last_modified(fields),
            mac: self.text(fields, "mac"),
            mac_position: fields.position_of("mac"),
            shamir_threshold: self.shamir_threshold(fields),
            version: self.text(fields, "version"),
        }
    }

    fn shamir_threshold(&mut self, fields: &Fields<'_>) -> usize {
        match fields.integer("shamir_threshold") {
            // SOPS compares it with the number of groups and takes a negative one for none.
            Ok(threshold) => usize::try_from(threshold).unwrap_or_default(),
            Err(refusal) => {
                self.refuse(
                    refusal.position,
                    format!("`shamir_threshold` {}", refusal.message),
                );
                0
            }
        }
    }

    fn last_modified(&mut self, fields: &Fields<'_>) -> String {
        let text = self.text(fields, "lastmodified");
        match Timestamp::parse(&text) {
            Some(time) => time.to_seconds(),
            None if self.failed => String::new(),
            None => {
                let what = if text.is_empty() {
                    "is missing; restore the block that sops wrote"
                } else if text.ends_with('\r') {
                    "ends with a carriage return: the line ends became those of Windows, which sops does not take here; \
                     turn them back, and keep Git from it (`-text` in .gitattributes)"
                } else {
                    "is not an RFC 3339 time; restore the block that sops wrote"
                };
                self.refuse(
                    fields.position_of("lastmodified"),
                    format!("`lastmodified` {what}"),
                );
                String::new()
            }
        }
    }

    /// The one selection rule, or the default.
    fn rule(&mut self, fields: &Fields<'_>) -> SelectionRule {
        let rules: [(&'static str, RuleOf); 6] = [
            ("unencrypted_suffix", SelectionRule::UnencryptedSuffix),
            ("encrypted_suffix", SelectionRule::EncryptedSuffix),
            ("unencrypted_regex", |source| {
                SelectionRule::UnencryptedRegex(Pattern::new(source))
            }),
            ("encrypted_regex", |source| {
                SelectionRule::EncryptedRegex(Pattern::new(source))
            }),
            ("unencrypted_comment_regex", |source| {
                SelectionRule::UnencryptedCommentRegex(Pattern::new(source))
            }),
            ("encrypted_comment_regex", |source| {
                SelectionRule::EncryptedCommentRegex(Pattern::new(source))
            }),
        ];
        let mut found: Option<(&'static str, SelectionRule)> = None;
        for (name, rule) in rules {
            let text = self.text(fields, name);
            if text.is_empty() {
                continue;
            }
            if let Some((first, _)) = found {
                self.push(SopsError::TwoRules {
                    place: self.place(fields.position()),
                    first,
                    first_line: fields.position_of(first).line,
                    second: name,
                    second_line: fields.position_of(name).line,
                });
                break;
            }
            found = Some((name, rule(text)));
        }
        found.map_or_else(SelectionRule::default_suffix, |(_, rule)| rule)
    }
}

#[cfg(test)]
mod tests;
