//! The order in which kinds of keys are tried, as SOPS reads it.

use std::str::FromStr;

use afterbay_manifest::KeyKind;
use thiserror::Error;

use crate::note::KeyNote;
use crate::outside_text::tame;

/// Kinds of keys that are tried before all others (`--decryption-order`, `SOPS_DECRYPTION_ORDER`). Empty by
/// default: the cheapest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecryptionOrder {
    /// In this order.
    pub kinds: Vec<KeyKind>,
    /// Words of the list that are no kind of key. SOPS passes over them in silence; here they are told.
    pub unknown: Vec<String>,
}

/// A kind that a list has twice, for which SOPS has the exit code 112.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the decryption order (--decryption-order, SOPS_DECRYPTION_ORDER) has `{0}` twice; name each kind of key once"
)]
pub struct DuplicateKind(pub String);

impl FromStr for DecryptionOrder {
    type Err = DuplicateKind;

    /// Kinds separated by commas and nothing else, by the names of the metadata (sops `cmd/sops/main.go`
    /// `decryptionOrder`). A word that comes twice is an error whether or not it is a kind.
    fn from_str(text: &str) -> Result<Self, DuplicateKind> {
        let mut order = Self::default();
        let words: Vec<&str> = if text.is_empty() {
            Vec::new()
        } else {
            text.split(',').collect()
        };
        for (index, word) in words.iter().enumerate() {
            if words[..index].contains(word) {
                return Err(DuplicateKind(tame(word)));
            }
            match KeyKind::OF_SOPS.into_iter().find(|kind| kind.as_str() == *word) {
                Some(kind) => order.kinds.push(kind),
                None => order.unknown.push((*word).to_owned()),
            }
        }
        Ok(order)
    }
}

impl From<Vec<KeyKind>> for DecryptionOrder {
    fn from(kinds: Vec<KeyKind>) -> Self {
        Self {
            kinds,
            unknown: Vec::new(),
        }
    }
}

impl DecryptionOrder {
    /// What is to be said about the list.
    pub(crate) fn note(&self) -> Option<KeyNote> {
        let unknown: Vec<String> = self
            .unknown
            .iter()
            .map(|word| format!("`{}`", tame(word)))
            .collect();
        let known: Vec<&str> = KeyKind::OF_SOPS.iter().map(|kind| kind.as_str()).collect();
        (!unknown.is_empty()).then(|| KeyNote::SourceUnusable {
            source: "decryption order".to_owned(),
            reason: format!(
                "{} is no kind of key; the kinds are {}",
                unknown.join(" and "),
                known.join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_sops_reads_them() {
        let order: DecryptionOrder = "kms,foo,age".parse().unwrap();
        assert_eq!(order.kinds, [KeyKind::AwsKms, KeyKind::Age]);
        assert_eq!(
            order.note().unwrap().to_string(),
            "decryption order: `foo` is no kind of key; the kinds are kms, gcp_kms, hckms, azure_kv, hc_vault, pgp, age"
        );
        assert_eq!("".parse(), Ok(DecryptionOrder::default()));
        let spaced: DecryptionOrder = "age, pgp".parse().unwrap();
        assert_eq!((spaced.kinds.len(), spaced.unknown), (1, vec![" pgp".to_owned()]));
    }

    #[test]
    fn what_comes_twice_is_an_error() {
        for (text, word) in [("age,age", "age"), ("foo,age,foo", "foo"), (",", "")] {
            let error = text.parse::<DecryptionOrder>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the decryption order (--decryption-order, SOPS_DECRYPTION_ORDER) has `{word}` twice; name each kind of key once"
                )
            );
        }
    }
}
