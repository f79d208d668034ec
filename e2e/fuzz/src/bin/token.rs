//! Fuzzes [`fuzz_targets::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("token", fuzz_targets::token::seeds),
    |data: &[u8]| fuzz_targets::token::run(data)
);
