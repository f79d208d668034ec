//! Fuzzes [`fuzz_targets::kustomization`].
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: fuzz_targets::sow("kustomization", fuzz_targets::kustomization::seeds),
    |data: &[u8]| fuzz_targets::kustomization::run(data)
);
