//! Values as they may be shown.

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Change, hex};

/// The fewest digits of a fingerprint. As many more are shown as it takes to tell all values of a diff apart.
const FEWEST_DIGITS: usize = 4;

/// A value, or what stands for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// A number, a boolean or null, as JSON writes it.
    Literal(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Shown>),
    /// A map, by key.
    Map(Vec<(String, Shown)>),
    /// A value that is not shown.
    Masked(Masked),
}

/// What is told of a value that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    /// Its length in bytes; of a value of a Secret without base64.
    pub bytes: usize,
    digest: [u8; 32],
    digits: usize,
}

impl Masked {
    /// A value of this length, with its whole fingerprint.
    pub fn new(bytes: usize, digest: [u8; 32]) -> Self {
        Self {
            bytes,
            digest,
            digits: FEWEST_DIGITS,
        }
    }

    /// The same for equal values of one diff, and for no others.
    pub fn fingerprint(&self) -> String {
        digits(&self.digest, self.digits)
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({} bytes, {})", self.bytes, self.fingerprint())
    }
}

impl Shown {
    /// What is said of a change between two values of which at least one is not shown; `None` when both are.
    pub fn masked_change(before: Option<&Self>, after: Option<&Self>) -> Option<String> {
        let told = |masked: &Masked| format!("{}, fingerprint {}", bytes(masked.bytes), masked.fingerprint());
        match (before, after) {
            (Some(Self::Masked(before)), Some(Self::Masked(after))) => Some(format!(
                "changed ({} → {}, fingerprint {} → {})",
                before.bytes,
                bytes(after.bytes),
                before.fingerprint(),
                after.fingerprint()
            )),
            (None, Some(Self::Masked(after))) => Some(format!("added ({})", told(after))),
            (Some(Self::Masked(before)), None) => Some(format!("removed ({})", told(before))),
            _ => None,
        }
    }

    /// Visits every masked value.
    fn each_masked(&mut self, visit: &mut dyn FnMut(&mut Masked)) {
        match self {
            Self::Masked(masked) => visit(masked),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_masked(visit)),
            Self::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.each_masked(visit)),
            Self::Literal(_) | Self::Text(_) => {}
        }
    }
}

/// `1 byte`, `12 bytes`.
fn bytes(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} byte{plural}")
}

impl Serialize for Shown {
    /// Values as JSON; a masked one as `{"$masked": {"bytes": …, "fingerprint": …}}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(text) => serde_json::from_str::<serde_json::Value>(text)
                .unwrap_or_default()
                .serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Masked(masked) => {
                let mut map = serializer.serialize_map(Some(1))?;
                let told = serde_json::json!({ "bytes": masked.bytes, "fingerprint": masked.fingerprint() });
                map.serialize_entry("$masked", &told)?;
                map.end()
            }
        }
    }
}

/// Gives all fingerprints as many digits as it takes to tell every two values apart.
pub(super) fn tell_apart<'a>(changes: impl Iterator<Item = &'a mut Change>) {
    let mut changes: Vec<&mut Change> = changes.collect();
    let mut digests = BTreeSet::new();
    each_masked(&mut changes, &mut |masked| {
        digests.insert(masked.digest);
    });
    let digests: Vec<[u8; 32]> = digests.into_iter().collect();
    let longest = digests
        .windows(2)
        .map(|pair| {
            let [left, right] = [digits(&pair[0], 64), digits(&pair[1], 64)];
            left.bytes()
                .zip(right.bytes())
                .take_while(|(left, right)| left == right)
                .count()
                + 1
        })
        .max();
    let needed = longest.unwrap_or_default().max(FEWEST_DIGITS);
    each_masked(&mut changes, &mut |masked| masked.digits = needed);
}

fn each_masked(changes: &mut [&mut Change], visit: &mut dyn FnMut(&mut Masked)) {
    for change in changes {
        for side in [&mut change.before, &mut change.after].into_iter().flatten() {
            side.each_masked(visit);
        }
    }
}

fn digits(digest: &[u8; 32], count: usize) -> String {
    hex(digest).chars().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(first: u8, second: u8) -> Change {
        let masked = |byte, last| {
            let mut digest = [0xab; 32];
            digest[2] = byte;
            digest[31] = last;
            Some(Shown::Masked(Masked::new(3, digest)))
        };
        Change {
            path: "data.k".to_owned(),
            before: masked(first, 0),
            after: masked(second, 0),
        }
    }

    #[test]
    fn fingerprints_are_as_long_as_it_takes() {
        let mut changes = [change(0x10, 0x12)];
        tell_apart(changes.iter_mut());
        insta::assert_snapshot!(
            Shown::masked_change(changes[0].before.as_ref(), changes[0].after.as_ref()).unwrap(),
            @"changed (3 → 3 bytes, fingerprint abab10 → abab12)"
        );
        let mut changes = [change(0x10, 0x10)];
        tell_apart(changes.iter_mut());
        assert!(format!("{changes:?}").contains("abab)"), "{changes:?}");
    }

    #[test]
    fn a_masked_value_is_an_object_in_json() {
        let shown = Shown::Map(vec![
            ("n".to_owned(), Shown::Literal("1.5".to_owned())),
            ("s".to_owned(), Shown::Masked(Masked::new(12, [0xcd; 32]))),
        ]);
        insta::assert_snapshot!(
            serde_json::to_string(&shown).unwrap(),
            @r#"{"n":1.5,"s":{"$masked":{"bytes":12,"fingerprint":"cdcd"}}}"#
        );
    }
}
