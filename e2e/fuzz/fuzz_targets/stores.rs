//! A file of any store, opened under a fixed data key and written in every store.
#![no_main]

use afterbay_manifest::{DataKey, DataKeys, SecretBytes, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 5] = [
    Format::Yaml,
    Format::Json,
    Format::Dotenv,
    Format::Ini,
    Format::Binary,
];

fuzz_target!(|data: &[u8]| {
    let Some((store, bytes)) = data.split_first() else {
        return;
    };
    let format = match Format::of_content(bytes) {
        Some(format) if store % 2 == 0 => format,
        _ => FORMATS[usize::from(*store) / 2 % FORMATS.len()],
    };
    let Ok(Some(sealed)) = SealedFile::detect(&TreePath::default(), bytes, format) else {
        return;
    };
    let mut keys = DataKeys::default();
    for key in sealed.key_requests().flat_map(|request| request.keys()) {
        keys.opened(key.id(), vec![DataKey::new(SecretBytes::new(vec![7; 32]))]);
    }
    for policy in [MacPolicy::Require, MacPolicy::Off] {
        if let Ok(opened) = sealed.open(&keys, policy) {
            for format in FORMATS {
                let _ = opened.emit(format);
            }
        }
    }
});
