//! Fuzzes [`fuzz_targets::substitution`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("substitution", fuzz_targets::substitution::seeds),
    |data: &[u8]| fuzz_targets::substitution::run(data)
);
