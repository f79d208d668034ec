//! Fuzzes [`fuzz_targets::patches`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("patches", fuzz_targets::patches::seeds),
    |data: &[u8]| fuzz_targets::patches::run(data)
);
