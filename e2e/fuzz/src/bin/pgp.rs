//! Fuzzes [`fuzz_targets::pgp`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("pgp", fuzz_targets::pgp::seeds),
    |data: &[u8]| fuzz_targets::pgp::run(data)
);
