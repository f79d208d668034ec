//! Fuzzes [`fuzz_targets::stores`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("stores", fuzz_targets::stores::seeds),
    |data: &[u8]| fuzz_targets::stores::run(data)
);
