//! The keys of a request in the order in which they are tried.

use afterbay_manifest::{KeyKind, KeyRequest, WrappedKey};

/// Equal plans are one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Plan {
    pub(super) groups: Vec<Vec<WrappedKey>>,
    pub(super) needed: usize,
}

impl Plan {
    /// Kinds that the operator lists come first, in that order, as with SOPS. Then keys that need no network
    /// before keys that do; what cannot be used comes last, to be named. Groups follow their first key.
    pub(super) fn new(request: KeyRequest, order: &[KeyKind]) -> Self {
        let rank = |key: &WrappedKey| {
            let listed = order.iter().position(|kind| *kind == key.kind());
            (listed.unwrap_or(order.len()), cost(key))
        };
        let mut groups = request.groups;
        for group in &mut groups {
            group.sort_by_key(rank);
        }
        groups.sort_by_key(|group| group.first().map(rank));
        Self {
            groups,
            needed: request.needed,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &WrappedKey> {
        self.groups.iter().flatten()
    }
}

fn cost(key: &WrappedKey) -> u8 {
    match key {
        WrappedKey::Age { .. } => 0,
        WrappedKey::Pkcs7 { .. } => 1,
        WrappedKey::Pgp(_) => 2,
        WrappedKey::AwsKms(_)
        | WrappedKey::GcpKms(_)
        | WrappedKey::AzureKeyVault(_)
        | WrappedKey::Vault(_) => 3,
        WrappedKey::Unsupported(_) => 4,
    }
}

/// Takes the first item that is within reach, or the first one at all.
pub(super) fn take_reachable<T>(items: &mut Vec<T>, is_reachable: impl Fn(&T) -> bool) -> Option<T> {
    if items.is_empty() {
        return None;
    }
    let at = items.iter().position(is_reachable).unwrap_or(0);
    Some(items.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_comes_last() {
        let mut items = vec![1, 2, 3, 4];
        let mut taken = Vec::new();
        while let Some(item) = take_reachable(&mut items, |item| item % 2 == 0) {
            taken.push(item);
        }
        assert_eq!(taken, [2, 4, 1, 3]);
    }
}
