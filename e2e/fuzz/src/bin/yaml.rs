//! Fuzzes [`fuzz_targets::yaml`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("yaml", fuzz_targets::yaml::seeds),
    |data: &[u8]| fuzz_targets::yaml::run(data)
);
