//! Fuzzes [`fuzz_targets::references`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("references", fuzz_targets::references::seeds),
    |data: &[u8]| fuzz_targets::references::run(data)
);
