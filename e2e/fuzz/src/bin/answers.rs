//! Fuzzes [`fuzz_targets::answers`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("answers", fuzz_targets::answers::seeds),
    |data: &[u8]| fuzz_targets::answers::run(data)
);
