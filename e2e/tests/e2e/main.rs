//! The scenarios, one file each; `cargo xtask e2e` runs them.

mod applies_a_revision;
mod decrypts_eyaml;
mod decrypts_with_age;
mod decrypts_with_kms;
mod kms_trouble;
mod prunes_what_left;
mod refuses_a_disabled_kms_key;
mod refuses_a_wrong_key;
mod refuses_removed_value;
mod refuses_swapped_value;
mod refuses_tampered_mac;
mod refuses_tampered_value;

use std::path::Path;
use std::process::ExitCode;

use e2e::Case;

/// Scenarios that share the server with others.
const CASES: &[Case] = &[
    ("applies_a_revision", applies_a_revision::run),
    ("decrypts_eyaml", decrypts_eyaml::run),
    ("decrypts_with_age", decrypts_with_age::run),
    ("decrypts_with_kms", decrypts_with_kms::run),
    ("kms_trouble", kms_trouble::run),
    ("prunes_what_left", prunes_what_left::run),
    ("refuses_a_disabled_kms_key", refuses_a_disabled_kms_key::run),
    ("refuses_a_wrong_key", refuses_a_wrong_key::run),
    ("refuses_removed_value", refuses_removed_value::run),
    ("refuses_swapped_value", refuses_swapped_value::run),
    ("refuses_tampered_mac", refuses_tampered_mac::run),
    ("refuses_tampered_value", refuses_tampered_value::run),
];

/// Scenarios that count what the server as a whole was asked.
const ALONE: &[Case] = &[];

fn main() -> ExitCode {
    e2e::main(
        CASES,
        ALONE,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e"),
    )
}
