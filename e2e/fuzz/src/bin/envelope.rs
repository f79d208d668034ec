//! Fuzzes [`fuzz_targets::envelope`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("envelope", fuzz_targets::envelope::seeds),
    |data: &[u8]| fuzz_targets::envelope::run(data)
);
