//! Shares of any length and number, through the file that would hold them.

use std::fmt::Write as _;

use afterbay_manifest::{DataKeys, KeyRequest, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile};

use crate::ring::data_key;

/// The threshold, the length of a share, and the shares one after another; the last may be shorter.
pub fn run(data: &[u8]) {
    let [threshold, length, rest @ ..] = data else {
        return;
    };
    let mut shares: Vec<&[u8]> = rest.chunks(usize::from(*length).max(1)).take(8).collect();
    if *length == 0 {
        shares.push(&[]);
    }
    let mut groups = String::new();
    for index in 0..shares.len() {
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(
            groups,
            r#"{separator}{{"age":[{{"recipient":"r{index}","enc":"e"}}]}}"#
        );
    }
    let file = format!(
        r#"{{"a":"ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]","sops":{{"key_groups":[{groups}],"shamir_threshold":{threshold},"lastmodified":"2026-01-02T03:04:05Z","mac":"x"}}}}"#
    );
    let Ok(Some(sealed)) = SealedFile::detect(&TreePath::default(), file.as_bytes(), Format::Json) else {
        return;
    };
    let mut keys = DataKeys::default();
    let wrapped = sealed.key_requests().flat_map(KeyRequest::keys);
    for (key, share) in wrapped.zip(shares) {
        keys.opened(key.id(), vec![data_key(share)]);
    }
    let _ = sealed.open(&keys, MacPolicy::Require);
}

/// As many shares as are needed, fewer, equal ones, and ones of other lengths.
pub fn seeds() -> Vec<Vec<u8>> {
    let share = |number: u8| [vec![number.wrapping_mul(29); 32], vec![number]].concat();
    let of = |threshold, length, numbers: &[u8]| {
        let shares = numbers.iter().copied().flat_map(share);
        [threshold, length].into_iter().chain(shares).collect()
    };
    vec![
        of(2, 33, &[1, 2, 3]),
        of(3, 33, &[1, 2]),
        of(2, 33, &[5, 5]),
        of(2, 33, &[0, 255]),
        of(4, 33, &[1, 2, 3, 4, 5, 6, 7, 8]),
        of(2, 1, &[1]),
        of(2, 0, &[]),
        of(0, 16, &[9, 8, 7]),
    ]
}
