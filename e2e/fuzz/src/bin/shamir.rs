//! Fuzzes [`fuzz_targets::shamir`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("shamir", fuzz_targets::shamir::seeds),
    |data: &[u8]| fuzz_targets::shamir::run(data)
);
