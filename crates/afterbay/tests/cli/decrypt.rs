//! `decrypt FILE` prints what `sops decrypt` prints.

use std::os::unix::fs::PermissionsExt;

use fixtures::sops::{Outcome, VECTORS, Vector};

use crate::machine::Machine;

/// What is not as sops has it, on purpose; the reasons stand in the conformance tests of `afterbay-sops`.
const OTHERWISE: [&str; 16] = [
    "encrypted-comment-regex-in-list",
    "joined-plain-first",
    "joined-rules-differ",
    "joined-two-files",
    "joined-two-streams",
    "joined-with-plain",
    "json-trailing-text",
    "leading-line-break-in-list",
    "leading-tab",
    "nested-comment-regex-in-list",
    "stream-key-twice-before-another-file",
    "stream-key-twice-in-later-document",
    "stream-merge-key-before-another-file",
    "value-relabelled-comment",
    "version-missing",
    "version-of-two-parts",
];

#[test]
fn every_vector_is_printed_as_sops_prints_it() {
    let machine = Machine::new();
    let (mut opened, mut refused) = (0, 0);
    // The other stores are held to sops where they are read, in `afterbay-sops`.
    let is_text = |vector: &&Vector| ["yaml", "json"].contains(&vector.extension);
    let as_sops = |vector: &&Vector| !OTHERWISE.contains(&vector.name);
    for vector in VECTORS.iter().filter(is_text).filter(as_sops) {
        let file = machine.write(&vector.file_name(), vector.sealed);
        let keys = machine.write("keys.txt", vector.identities());
        let arguments = |more: &[&str]| -> Vec<String> {
            let file = file.display().to_string();
            let keys = keys.display().to_string();
            let fixed = ["decrypt", &file, "--age-key-file", &keys];
            fixed.iter().chain(more).map(|text| (*text).to_owned()).collect()
        };
        let strict = machine.afterbay(arguments(&[])).output().unwrap();
        let (code, said) = (strict.status.code(), String::from_utf8_lossy(&strict.stderr));
        let name = vector.name;
        match vector.outcome {
            Outcome::Opens(expected) => {
                assert_eq!(code, Some(0), "{name}: {said}");
                assert_eq!(strict.stdout, expected, "{name}");
                opened += 1;
            }
            Outcome::Refused(_) => {
                assert_ne!(code, Some(0), "{name}");
                assert_eq!(strict.stdout, b"", "{name}");
                refused += 1;
            }
            Outcome::RefusedByMac(expected) => {
                assert_eq!(code, Some(12), "{name}");
                let lenient = machine.afterbay(arguments(&["--mac", "off"])).output().unwrap();
                assert_eq!(lenient.stdout, expected, "{name}");
            }
        }
    }
    assert!(opened > 50 && refused > 10, "{opened} {refused}");
}

#[test]
fn what_is_wrong_with_a_key_file_is_said_though_the_run_fails() {
    let machine = Machine::new();
    let vector = fixtures::sops::Vector::named("anchors").unwrap();
    machine.write("sealed.yaml", vector.sealed);
    let keys = machine.write("keys.txt", fixtures::sops::OTHER_IDENTITIES);
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = machine.run(["decrypt", "sealed.yaml", "--age-key-file", "keys.txt"]);
    assert_eq!(ended.code, Some(12), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("warning: key file keys.txt can be read by others"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_a_mistake_on_the_command_line() {
    let machine = Machine::new();
    machine.write("sealed.yaml", "a: 1\n");
    for flags in [
        ["--keep-sealed-path", "../.."],
        ["--eyaml-kind", ""],
        ["--allow-opened-in", "ConfigMap"],
    ] {
        let ended = machine.run(["decrypt", "sealed.yaml"].iter().chain(&flags));
        assert_eq!(ended.code, Some(2), "{flags:?}: {}", ended.stderr);
    }
}
