//! Fuzzes [`fuzz_targets::eyaml`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("eyaml", fuzz_targets::eyaml::seeds),
    |data: &[u8]| fuzz_targets::eyaml::run(data)
);
