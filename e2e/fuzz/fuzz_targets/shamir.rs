//! Shares of any length and number, through the file that would hold them.
#![no_main]

use std::fmt::Write as _;

use afterbay_manifest::{DataKey, DataKeys, SecretBytes, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<Vec<u8>>)| {
    let (threshold, shares) = input;
    let mut groups = String::new();
    for index in 0..shares.len().min(8) {
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(groups, r#"{separator}{{"age":[{{"recipient":"r{index}","enc":"e"}}]}}"#);
    }
    let file = format!(
        r#"{{"a":"ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]","sops":{{"key_groups":[{groups}],"shamir_threshold":{threshold},"lastmodified":"2026-01-02T03:04:05Z","mac":"x"}}}}"#
    );
    let Ok(Some(sealed)) = SealedFile::detect(&TreePath::default(), file.as_bytes(), Format::Json) else {
        return;
    };
    let mut keys = DataKeys::default();
    let wrapped = sealed.key_requests().flat_map(|request| request.keys());
    for (key, share) in wrapped.zip(shares) {
        keys.opened(key.id(), vec![DataKey::new(SecretBytes::new(share))]);
    }
    let _ = sealed.open(&keys, MacPolicy::Require);
});
