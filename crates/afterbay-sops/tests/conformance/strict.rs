//! What `--integrity strict` refuses beyond sops, and that it refuses nothing that sops wrote.

use afterbay_sops::{IntegrityPolicy, MacPolicy, OpenPolicy, SopsError};
use fixtures::sops::{VECTORS, Vector};
use insta::assert_snapshot;

use super::open;

const STRICT: OpenPolicy = OpenPolicy {
    mac: MacPolicy::Require,
    integrity: IntegrityPolicy::Strict,
};

/// Sealed from a plain file that is there, and not altered since.
fn is_made_by_sops(vector: &Vector) -> bool {
    let folder = format!(
        "{}/../../fixtures/sops/{}",
        env!("CARGO_MANIFEST_DIR"),
        vector.name
    );
    let files = std::fs::read_dir(folder).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    vector.name.starts_with("written-by-") || names.any(|name| name.starts_with("plain."))
}

/// Where the plain file itself has what a later reader stumbles over.
const ODD_PLAIN: [&str; 2] = ["ini-sections", "json-duplicate-keys"];

#[test]
fn nothing_that_sops_wrote_is_refused() {
    let mut made = 0;
    for vector in VECTORS.iter().filter(|vector| is_made_by_sops(vector)) {
        if !matches!(open(vector, MacPolicy::Require), Ok(Some(_))) || ODD_PLAIN.contains(&vector.name) {
            continue;
        }
        if let Err(errors) = open(vector, STRICT) {
            panic!("{errors}");
        }
        made += 1;
    }
    assert!(made > 50, "{made}");
}

#[test]
fn traces_of_alterations_are_refused_with_their_place() {
    let mut report = Vec::new();
    for vector in VECTORS {
        if !matches!(open(vector, MacPolicy::Require), Ok(Some(_))) {
            assert!(!matches!(open(vector, STRICT), Ok(Some(_))), "{}", vector.name);
            continue;
        }
        let Err(errors) = open(vector, STRICT) else {
            continue;
        };
        assert!(
            errors
                .errors
                .iter()
                .all(|error| matches!(error, SopsError::NotStrict { .. })),
            "{errors}"
        );
        report.push(errors.to_string());
    }
    assert_snapshot!("strict", report.join("\n"));
}

/// Where a label does not fit the MAC does not hold either; what is not asked by the MAC is asked here.
#[test]
fn labels_are_looked_at_without_the_mac() {
    let vector = super::named("value-relabelled-boolean");
    assert!(open(vector, MacPolicy::Off).is_ok());
    let strict = OpenPolicy {
        mac: MacPolicy::Off,
        integrity: IntegrityPolicy::Strict,
    };
    assert_snapshot!(open(vector, strict).unwrap_err().to_string(), @"value-relabelled-boolean.yaml:22:17: quoted_boolean: its type label does not fit: sops would have written the value otherwise; refused by --integrity strict");
}
