//! Identities from every place SOPS knows, against files of the real `age` (see `tests/data/README.md`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use afterbay_manifest::{Attempt, SecretBytes};
use proptest::prelude::*;
use tempfile::TempDir;

use super::AgeIdentities;
use super::line::{LineError, Separator, identities};
use crate::environment::KeyEnvironment;
use crate::note::KeyNote;

const ALICE: &str = include_str!("../../tests/data/alice.agekey");
const BOB: &str = include_str!("../../tests/data/bob.agekey");
const HYBRID: &str = include_str!("../../tests/data/hybrid.agekey");
const PASSPHRASE: &str = include_str!("../../tests/data/passphrase.agekey");
const SSH: &str = include_str!("../../tests/data/id_ed25519");
const TO_ALICE: &str = include_str!("../../tests/data/to-alice.age");
const TO_HYBRID: &str = include_str!("../../tests/data/to-hybrid.age");
const TO_SSH: &str = include_str!("../../tests/data/to-ssh.age");
const DATA_KEY: &[u8] = include_bytes!("../../tests/data/data-key.bin");
const ALICE_PUBLIC: &str = "age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4";

/// A directory of key files and what was loaded from it.
struct Offered {
    directory: TempDir,
    files: Vec<PathBuf>,
    environment: KeyEnvironment,
}

impl Offered {
    fn nothing() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            files: Vec::new(),
            environment: KeyEnvironment::default(),
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.directory.path().join(name);
        #[expect(clippy::disallowed_methods, reason = "a test key in a scratch folder")]
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push(self.write(name, text, 0o600));
        self
    }

    fn inline(mut self, text: &str) -> Self {
        self.environment.age_key = Some(SecretBytes::new(text.as_bytes().to_vec()));
        self
    }

    fn load(&self) -> (AgeIdentities, BTreeSet<KeyNote>) {
        let mut notes = BTreeSet::new();
        let identities = AgeIdentities::load(&self.files, &self.environment, &mut notes);
        (identities, notes)
    }

    fn opens(&self, enc: &str) -> bool {
        let (identities, _) = self.load();
        identities
            .unwrap(ALICE_PUBLIC, enc)
            .is_ok_and(|key| key.expose_bytes() == DATA_KEY)
    }

    /// The attempts as an error list prints them, with the scratch folder taken out.
    fn failure(&self, recipient: &str, enc: &str) -> String {
        let (identities, _) = self.load();
        self.shown(&identities.unwrap(recipient, enc).unwrap_err())
    }

    fn shown(&self, attempts: &[Attempt]) -> String {
        let line = |attempt: &Attempt| {
            let hint = attempt
                .hint
                .as_ref()
                .map(|hint| format!("\n  hint: {hint}"))
                .unwrap_or_default();
            format!("{}: {}{hint}", attempt.with, attempt.reason)
        };
        let text = attempts.iter().map(line).collect::<Vec<_>>().join("\n");
        text.replace(&self.directory.path().display().to_string(), "DIR")
    }

    fn notes(&self) -> String {
        let (_, notes) = self.load();
        let text = notes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        text.replace(&self.directory.path().display().to_string(), "DIR")
    }
}

fn secret(file: &str) -> &str {
    file.lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"))
        .unwrap()
}

#[test]
fn opens_from_every_place() {
    assert!(Offered::nothing().file("a", ALICE).opens(TO_ALICE));
    assert!(Offered::nothing().inline(ALICE).opens(TO_ALICE));
    let mut offered = Offered::nothing();
    offered.environment.age_key_file = Some(offered.write("env", ALICE, 0o600));
    assert!(offered.opens(TO_ALICE));
    let mut offered = Offered::nothing();
    offered.environment.user_key_file = Some(Ok(offered.write("keys.txt", ALICE, 0o600)));
    assert!(offered.opens(TO_ALICE));
}

#[test]
fn merges_all_places() {
    let offered = Offered::nothing()
        .file("b", BOB)
        .inline(&format!("{} {}", secret(BOB), secret(ALICE)));
    assert!(offered.opens(TO_ALICE));
    assert_eq!(offered.notes(), "");
}

#[test]
fn takes_windows_line_ends_and_indented_armor() {
    assert!(
        Offered::nothing()
            .inline(&ALICE.replace('\n', "\r\n"))
            .opens(TO_ALICE)
    );
    assert!(
        Offered::nothing()
            .file("a", ALICE)
            .opens(&TO_ALICE.replace('\n', "\r\n"))
    );
    assert!(
        Offered::nothing()
            .file("a", ALICE)
            .opens(&format!("\n{}\n\n", TO_ALICE.trim()))
    );
    assert!(Offered::nothing().file("a", ALICE).opens(TO_ALICE.trim()));
}

#[test]
fn lists_where_it_looked() {
    let mut offered = Offered::nothing().file("empty", "# nothing\n");
    offered.files.push(offered.directory.path().join("missing"));
    offered.environment.user_key_file = Some(Ok(offered.directory.path().join("keys.txt")));
    offered.environment.unsupported = vec!["SOPS_AGE_KEY_CMD"];
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/empty: holds no identity
    DIR/missing: no such file
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
    DIR/keys.txt: no such file
    SOPS_AGE_KEY_CMD: is set, and is not supported yet
      hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn names_the_identities_that_do_not_fit() {
    let offered = Offered::nothing()
        .file("b", BOB)
        .inline(&[secret(BOB); 6].join(" "));
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/b: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
    SOPS_AGE_KEY: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn names_kinds_that_are_not_supported_yet() {
    let offered = Offered::nothing()
        .file("hybrid", HYBRID)
        .file("ssh", SSH)
        .file("passphrase", PASSPHRASE)
        .file("plugin", "AGE-PLUGIN-YUBIKEY-1CANARY\n")
        .inline(secret(BOB));
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/hybrid: line 3: a post-quantum hybrid identity (AGE-SECRET-KEY-PQ-1…) is not supported yet
    DIR/ssh: line 1: an SSH private key is not supported yet
    DIR/passphrase: line 1: an identity file protected with a passphrase is not supported yet
    DIR/plugin: line 1: an identity of an age plugin (AGE-PLUGIN-…) is not supported yet
    SOPS_AGE_KEY: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
    insta::assert_snapshot!(offered.notes(), @r"
    DIR/hybrid: line 3: a post-quantum hybrid identity (AGE-SECRET-KEY-PQ-1…) is not supported yet
    DIR/passphrase: line 1: an identity file protected with a passphrase is not supported yet
    DIR/plugin: line 1: an identity of an age plugin (AGE-PLUGIN-…) is not supported yet
    DIR/ssh: line 1: an SSH private key is not supported yet
    ");
    assert!(!offered.failure(ALICE_PUBLIC, TO_ALICE).contains("CANARY"));
}

#[test]
fn uses_the_rest_of_a_file_with_an_unsupported_identity() {
    assert!(
        Offered::nothing()
            .file("both", &format!("{HYBRID}{ALICE}"))
            .opens(TO_ALICE)
    );
}

#[test]
fn names_recipients_that_are_not_supported_yet() {
    let offered = Offered::nothing().file("a", ALICE);
    insta::assert_snapshot!(offered.failure("ssh-ed25519 AAAAC3Nza", TO_SSH), @r"
    DIR/a: none of its identities fits: age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4
    age: recipients of kind ssh-ed25519 are not supported yet
      hint: add an X25519 recipient (age1…) and run `sops updatekeys`
    ");
    insta::assert_snapshot!(offered.failure(&format!("age1pq1{}", "q".repeat(1900)), TO_HYBRID), @r"
    DIR/a: none of its identities fits: age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4
    age: recipients of kind age1pq (post-quantum hybrid) are not supported yet
      hint: add an X25519 recipient (age1…) and run `sops updatekeys`
    ");
    insta::assert_snapshot!(offered.failure("age1yubikey1qqqq", TO_HYBRID), @r"
    DIR/a: none of its identities fits: age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4
    age: recipients of kind age plugin are not supported yet
      hint: add an X25519 recipient (age1…) and run `sops updatekeys`
    ");
    insta::assert_snapshot!(Offered::nothing().failure("ssh-rsa AAAA", TO_SSH), @r"
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
    age: recipients of kind ssh-rsa are not supported yet
      hint: add an X25519 recipient (age1…) and run `sops updatekeys`
    ");
}

#[test]
fn a_bad_line_spoils_its_source_and_is_not_quoted() {
    let spoiled = format!("{ALICE}\nAGE-SECRET-KEY-1CANARYCANARY\n");
    let offered = Offered::nothing().file("spoiled", &spoiled);
    assert!(!offered.opens(TO_ALICE));
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/spoiled: line 5: is not a complete AGE-SECRET-KEY-1 identity
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
      hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
    insta::assert_snapshot!(offered.notes(), @"DIR/spoiled: line 5: is not a complete AGE-SECRET-KEY-1 identity");
    assert!(offered.inline(secret(ALICE)).opens(TO_ALICE));
}

#[test]
fn tells_bad_lines_apart() {
    let reason = |text: &[u8]| match identities(text, Separator::Line).pop() {
        Some((1, Err(LineError::Invalid(reason)))) => reason,
        other => panic!("{:?}", other.map(|(number, parsed)| (number, parsed.err()))),
    };
    insta::assert_snapshot!(
        [
            reason(b"hunter2"),
            reason(secret(ALICE).to_lowercase().as_bytes()),
            reason(format!(" {}", secret(ALICE)).as_bytes()),
            reason(format!("{} ", secret(ALICE)).as_bytes()),
            reason(secret(ALICE).trim_end_matches(char::is_alphanumeric).as_bytes()),
            reason(&secret(ALICE).as_bytes()[..40]),
            reason(ALICE_PUBLIC.as_bytes()),
            reason(b"\xff\xfe"),
        ]
        .join("\n"),
        @r"
        is not an age identity
        is not an age identity
        has white space before or after the identity
        has white space before or after the identity
        is not an age identity
        is not a complete AGE-SECRET-KEY-1 identity
        is a public key; the identity starts with AGE-SECRET-KEY-1
        is not UTF-8 text
        "
    );
}

#[test]
fn reports_key_files_that_others_can_read() {
    let mut offered = Offered::nothing();
    for (name, mode) in [
        ("all", 0o644),
        ("group", 0o640),
        ("own", 0o600),
        ("own-readonly", 0o400),
    ] {
        offered.files.push(offered.write(name, ALICE, mode));
    }
    insta::assert_snapshot!(offered.notes(), @r"
    key file DIR/all can be read by others than its owner (mode 0644); run `chmod 600` on it
    key file DIR/group can be read by others than its owner (mode 0640); run `chmod 600` on it
    ");
}

#[test]
fn reads_a_file_named_twice_once() {
    let mut offered = Offered::nothing().file("b", BOB);
    offered.files.push(offered.files[0].clone());
    offered.environment.age_key_file = Some(offered.files[0].clone());
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/b: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn refuses_what_is_no_key_file() {
    let mut offered = Offered::nothing().file("huge", &"#".repeat((1 << 20) + 1));
    offered.files.push(offered.directory.path().to_owned());
    insta::assert_snapshot!(offered.notes(), @r"
    DIR: is a directory
    DIR/huge: has more than 1048576 bytes, which is no key file
    ");
}

#[test]
fn tells_how_an_entry_is_damaged() {
    let offered = Offered::nothing().file("a", ALICE);
    let lines: Vec<&str> = TO_ALICE.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n")
    };
    let flipped = |at: usize, from: usize| {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let other = if lines[at].as_bytes()[from] == b'A' {
            "B"
        } else {
            "A"
        };
        lines[at].replace_range(from..=from, other);
        lines.join("\n")
    };
    let text = [
        String::new(),
        "hunter2".to_owned(),
        lines[0].to_owned(),
        without(2),
        without(lines.len() - 1),
        flipped(1, 4),
        flipped(lines.len() - 4, 40),
        flipped(lines.len() - 2, 10),
    ]
    .map(|enc| offered.failure(ALICE_PUBLIC, &enc))
    .join("\n");
    insta::assert_snapshot!(text, @r"
    age: the entry's enc is not an armored age file
      hint: restore the file from a revision that opens, or encrypt it again
    age: the entry's enc is not an armored age file
      hint: restore the file from a revision that opens, or encrypt it again
    age: the entry's enc is cut off
      hint: restore the file from a revision that opens, or encrypt it again
    age: the header of the entry's enc is invalid
      hint: restore the file from a revision that opens, or encrypt it again
    age: the armor or the payload of the entry's enc is damaged
      hint: restore the file from a revision that opens, or encrypt it again
    age: the header of the entry's enc is invalid
      hint: restore the file from a revision that opens, or encrypt it again
    age: the entry's enc has an unknown version of the age format
      hint: restore the file from a revision that opens, or encrypt it again
    age: the armor or the payload of the entry's enc is damaged
      hint: restore the file from a revision that opens, or encrypt it again
    ");
}

proptest! {
    #[test]
    fn no_text_is_quoted_or_panics(text in "\\PC{0,60}", enc in "\\PC{0,60}") {
        let text = format!("CANARY{text}");
        let offered = Offered::nothing().inline(&text);
        let (identities, notes) = offered.load();
        let shown = format!("{notes:?} {}", offered.shown(&identities.unwrap("age1x", &enc).unwrap_err()));
        prop_assert!(!shown.contains("CANARY"));
    }

    #[test]
    fn damaged_armor_never_opens_or_panics(at in 0usize..384, byte in 0u8..128) {
        let mut enc = TO_ALICE.as_bytes().to_vec();
        prop_assume!(enc[at] != byte);
        enc[at] = byte;
        let (identities, _) = Offered::nothing().inline(ALICE).load();
        if let Ok(key) = identities.unwrap(ALICE_PUBLIC, &String::from_utf8(enc).unwrap()) {
            prop_assert_eq!(key.expose_bytes(), DATA_KEY);
        }
    }
}
