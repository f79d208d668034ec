//! Fuzzes [`fuzz_targets::metadata`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("metadata", fuzz_targets::metadata::seeds),
    |data: &[u8]| fuzz_targets::metadata::run(data)
);
