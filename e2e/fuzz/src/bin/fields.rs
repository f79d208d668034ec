//! Fuzzes [`fuzz_targets::fields`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("fields", fuzz_targets::fields::seeds),
    |data: &[u8]| fuzz_targets::fields::run(data)
);
