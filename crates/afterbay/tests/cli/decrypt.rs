//! `decrypt FILE` prints what `sops decrypt` prints.

use std::os::unix::fs::PermissionsExt;

use fixtures::sops::{Outcome, VECTORS, Vector};

use crate::machine::Machine;

/// What is not as sops has it, on purpose; the reasons stand in the conformance tests of `afterbay-sops`.
const OTHERWISE: &[&str] = &[
    // A file of another store under a name that tells none.
    "binary-of-json",
    "binary-of-yaml",
    "binary-second-value-added",
    "dotenv-value-relabelled-comment",
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

/// Refused by both, for another reason first: sops panics over a label `bytes` (2), looks at documents before it looks
/// for blocks in later ones, and makes a key of a share that cannot be one.
const OTHER_CODES: &[&str] = &[
    "binary-data-relabelled",
    "groups-share-of-the-secret-itself",
    "list-at-the-top",
    "mac-relabelled",
    "one-key-group-empty",
    "scalar-at-the-top",
    "stream-first-block-missing",
    "value-relabelled-bytes",
];

#[test]
fn every_vector_is_printed_as_sops_prints_it() {
    let machine = Machine::new();
    let (mut opened, mut refused, mut wrong) = (0, 0, Vec::new());
    let as_sops = |vector: &&Vector| !OTHERWISE.contains(&vector.name);
    for vector in VECTORS.iter().filter(as_sops) {
        let file = machine.write(&vector.file_name(), vector.sealed);
        let keys = machine.write("keys.txt", vector.identities());
        let run = |more: &[&str]| {
            let [file, keys] = [&file, &keys].map(|path| path.display().to_string());
            let fixed = ["decrypt", &file, "--age-key-file", &keys];
            machine.afterbay(fixed.iter().chain(more)).output().unwrap()
        };
        let strict = run(&[]);
        let (code, said) = (strict.status.code(), String::from_utf8_lossy(&strict.stderr));
        let name = vector.name;
        let recorded = match vector.outcome {
            Outcome::Opens(expected) => {
                if code != Some(0) || strict.stdout != expected {
                    wrong.push(format!("{name}: {code:?}, another text, {said}"));
                }
                opened += 1;
                continue;
            }
            Outcome::Refused(recorded) => recorded.trim().parse::<i32>().unwrap(),
            Outcome::RefusedByMac(expected) => {
                if run(&["--ignore-mac"]).stdout != expected {
                    wrong.push(format!("{name}: another text with --ignore-mac"));
                }
                51
            }
        };
        let same_code = code == Some(recorded) || OTHER_CODES.contains(&name);
        if !same_code || code == Some(0) || !strict.stdout.is_empty() {
            wrong.push(format!("{name}: {code:?} for {recorded}: {said}"));
        }
        refused += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(opened > 100 && refused > 60, "{opened} {refused}");
}

/// The recorded bytes are those of `sops decrypt` with the same flags.
#[test]
fn the_flags_of_sops_work_as_in_sops() {
    let machine = Machine::new();
    let yaml = fixtures::sops::Vector::named("secret-encrypted-regex").unwrap();
    machine.write("s.yaml", yaml.sealed);
    machine.write("s.txt", yaml.sealed);
    machine.write("keys.txt", yaml.identities());
    let run = |flags: &[&str]| {
        let fixed = ["decrypt", "--age-key-file", "keys.txt"];
        machine.run(fixed.iter().chain(flags))
    };
    let whole = run(&["s.yaml"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    for same in [
        &["s.txt"][..],
        &["s.txt", "--filename-override", "x.yaml"],
        &["s.txt", "--input-type", "yaml", "--output-type", "yaml"],
        &["s.yaml", "--output-type", "yaml"],
        &["s.yaml", "--extract", ""],
    ] {
        assert_eq!(run(same).stdout, whole.stdout, "{same:?}");
    }
    let json = run(&["s.yaml", "--output-type", "json"]);
    assert!(
        json.stdout.starts_with("{\n\t\"apiVersion\": \"v1\""),
        "{}",
        json.stdout
    );
    assert_eq!(run(&["s.yaml", "--extract", r#"["kind"]"#]).stdout, "Secret");

    assert_eq!(run(&["s.yaml", "--output", "plain.yaml"]).stdout, "");
    let written = machine.path("plain.yaml");
    assert_eq!(std::fs::read_to_string(&written).unwrap(), whole.stdout);
    assert_eq!(
        std::fs::metadata(&written).unwrap().permissions().mode() & 0o777,
        0o600
    );

    // One that is there already is taken from others before plaintext is in it.
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&["s.yaml", "--output", "plain.yaml"]).code, Some(0));
    assert_eq!(
        std::fs::metadata(&written).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read_to_string(&written).unwrap(), whole.stdout);
    // The sealed file is never what is written to, by whatever name.
    std::os::unix::fs::symlink("s.yaml", machine.path("link.yaml")).unwrap();
    for sealed in ["s.yaml", "./s.yaml", "link.yaml"] {
        let ended = run(&["s.yaml", "--output", sealed]);
        assert_eq!(ended.code, Some(2), "{sealed}");
        assert!(
            ended.stderr.contains("names the sealed file itself"),
            "{}",
            ended.stderr
        );
        assert_eq!(std::fs::read(machine.path("s.yaml")).unwrap(), yaml.sealed);
    }

    for (flags, code, said) in [
        (&["s.yaml", "-i"][..], 2, "--in-place is refused"),
        (&["s.yaml", "--extract", "kind"], 91, "no path of a value"),
        (
            &["s.yaml", "--extract", r#"["nothing"]"#],
            1,
            "there is no such value",
        ),
        (
            &["s.yaml", "--output-type", "dotenv"],
            4,
            "cannot be written as dotenv",
        ),
        (&["s.yaml", "--input-type", "json"], 1, "s.yaml:1:1"),
        (&["missing.yaml"], 100, "missing.yaml"),
        (&["keys.txt"], 1, "sops metadata not found"),
    ] {
        let ended = run(flags);
        assert_eq!(ended.code, Some(code), "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{flags:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{flags:?}");
    }
    assert!(
        run(&["s.yaml", "--output-type", "toml"])
            .stderr
            .contains("no store of that name")
    );
}

#[test]
fn what_is_wrong_with_a_key_file_is_said_though_the_run_fails() {
    let machine = Machine::new();
    let vector = fixtures::sops::Vector::named("anchors").unwrap();
    machine.write("sealed.yaml", vector.sealed);
    let keys = machine.write("keys.txt", fixtures::sops::OTHER_IDENTITIES);
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = machine.run(["decrypt", "sealed.yaml", "--age-key-file", "keys.txt"]);
    assert_eq!(ended.code, Some(128), "{}", ended.stderr);
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
