//! `decrypt FILE` prints what `sops decrypt` prints.

use std::os::unix::fs::PermissionsExt;

use fixtures::sops::{Outcome, VECTORS};

use crate::machine::Machine;

/// What is not as sops has it, on purpose; the reasons stand in the conformance tests of `afterbay-sops`.
const OTHERWISE: [&str; 9] = [
    "joined-plain-first",
    "joined-rules-differ",
    "joined-two-files",
    "joined-two-streams",
    "joined-with-plain",
    "json-trailing-text",
    "leading-line-break-in-list",
    "leading-tab",
    "stream-key-twice-in-later-document",
];

#[test]
fn every_vector_is_printed_as_sops_prints_it() {
    let machine = Machine::new();
    let (mut opened, mut refused) = (0, 0);
    for vector in VECTORS.iter().filter(|vector| !OTHERWISE.contains(&vector.name)) {
        let file = machine.write(&vector.file_name(), vector.sealed);
        let keys = machine.write("keys.txt", vector.identities());
        let arguments = |more: &[&str]| -> Vec<String> {
            let file = file.display().to_string();
            let keys = keys.display().to_string();
            let fixed = ["decrypt", &file, "--age-key-file", &keys];
            fixed.iter().chain(more).map(|text| (*text).to_owned()).collect()
        };
        let strict = machine.run(arguments(&[]));
        let name = vector.name;
        match vector.outcome {
            Outcome::Opens(expected) => {
                assert_eq!(strict.code, Some(0), "{name}: {}", strict.stderr);
                assert_eq!(strict.stdout.as_bytes(), expected, "{name}");
                opened += 1;
            }
            Outcome::Refused(_) => {
                assert_ne!(strict.code, Some(0), "{name}");
                assert_eq!(strict.stdout, "", "{name}");
                refused += 1;
            }
            Outcome::RefusedByMac(expected) => {
                assert_eq!(strict.code, Some(12), "{name}");
                let lenient = machine.run(arguments(&["--mac", "off"]));
                assert_eq!(lenient.stdout.as_bytes(), expected, "{name}");
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
