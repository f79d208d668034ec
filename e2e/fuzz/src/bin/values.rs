//! Fuzzes [`fuzz_targets::values`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("values", fuzz_targets::values::seeds),
    |data: &[u8]| fuzz_targets::values::run(data)
);
