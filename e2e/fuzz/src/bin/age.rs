//! Fuzzes [`fuzz_targets::age`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("age", fuzz_targets::age::seeds),
    |data: &[u8]| fuzz_targets::age::run(data)
);
