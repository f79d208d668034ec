//! Commands that print identities.

use std::fs;
use std::time::Duration;

use fixtures::age::{SSH_ED25519, SSH_RSA, X25519};

use super::{ALICE, ALICE_PUBLIC, BOB, BOB_PUBLIC, Offered, TO_ALICE, TO_BOB, enc, secret, secret_bytes};

/// A command that counts its runs in a file and looks at the recipient or not.
fn counting(offered: &Offered, body: &str) -> String {
    let directory = offered.directory.path().display();
    let script =
        format!("#!/bin/sh\necho \"$SOPS_AGE_RECIPIENT\" >>{directory}/runs\ncd {directory}\n{body}\n");
    let path = offered.write("print-key", script.as_bytes(), 0o700);
    format!("sh {}", path.display())
}

fn runs(offered: &Offered) -> usize {
    fs::read_to_string(offered.directory.path().join("runs")).map_or(0, |text| text.lines().count())
}

#[test]
fn opens_with_what_a_command_prints() {
    let command = format!("printf '%s\\n' '# a comment' {}", secret(ALICE));
    assert!(Offered::nothing().key_command(&command).opens(TO_ALICE));
    let mut offered = Offered::nothing();
    let path = offered.write("key", SSH_ED25519.identity.as_bytes(), 0o600);
    offered.environment().age_ssh_key_command = Some(secret_bytes(&format!("cat '{}'", path.display())));
    assert!(offered.opens_sealed(&SSH_ED25519));
    assert!(!offered.opens_sealed(&X25519));
}

#[test]
fn runs_only_when_nothing_else_opens() {
    let offered = Offered::nothing().inline(ALICE);
    let command = counting(&offered, "exit 1");
    assert!(offered.key_command(&command).opens(TO_ALICE));
    let offered = Offered::nothing().inline(ALICE);
    let command = counting(&offered, "exit 1");
    let offered = offered.key_command(&command);
    assert!(offered.opens(TO_ALICE));
    assert_eq!(runs(&offered), 0);
}

#[test]
fn runs_once_if_it_does_not_look_at_the_recipient() {
    let offered = Offered::nothing();
    offered.write("keys", ALICE.as_bytes(), 0o600);
    let command = counting(&offered, "cat keys");
    let offered = offered.key_command(&command);
    let (identities, _) = offered.load();
    for _ in 0..2 {
        assert!(identities.unwrap(BOB_PUBLIC, TO_BOB).0.is_err());
        assert!(identities.unwrap(ALICE_PUBLIC, TO_ALICE).0.is_ok());
        assert!(identities.unwrap("age1other", TO_BOB).0.is_err());
    }
    assert_eq!(runs(&offered), 1);
}

#[test]
fn runs_once_for_each_recipient_that_it_looks_at() {
    let offered = Offered::nothing();
    offered.write(ALICE_PUBLIC, ALICE.as_bytes(), 0o600);
    offered.write(BOB_PUBLIC, BOB.as_bytes(), 0o600);
    let command = counting(&offered, "cat \"$SOPS_AGE_RECIPIENT\"");
    let offered = offered.key_command(&command);
    let (identities, _) = offered.load();
    for _ in 0..3 {
        assert!(identities.unwrap("age1other", &enc(&X25519)).0.is_err());
        assert!(identities.unwrap(ALICE_PUBLIC, TO_ALICE).0.is_ok());
        assert!(identities.unwrap(BOB_PUBLIC, TO_BOB).0.is_ok());
    }
    assert_eq!(runs(&offered), 3);
}

#[test]
fn is_not_asked_for_ssh_keys() {
    let offered = Offered::nothing();
    let command = counting(&offered, "exit 1");
    let offered = offered.key_command(&command);
    assert!(!offered.opens_sealed(&SSH_RSA));
    assert_eq!(runs(&offered), 0);
}

#[test]
fn gives_a_command_no_recipient_that_is_none() {
    let offered = Offered::nothing();
    let command = counting(&offered, "exit 1");
    let offered = offered.key_command(&command);
    let (identities, _) = offered.load();
    for recipient in [
        "",
        "age1$(id)",
        "age1/../x",
        "ssh-rsa ../../x",
        "x",
        "age1\nx",
        "age1\0",
    ] {
        let (opened, _) = identities.unwrap(recipient, TO_ALICE);
        let shown = offered.shown(&opened.unwrap_err());
        assert!(shown.contains("SOPS_AGE_KEY_CMD: was not run"), "{shown}");
    }
    assert_eq!(runs(&offered), 0);
}

#[test]
fn waits_only_so_long() {
    let mut offered = Offered::nothing().key_command("sleep 60");
    offered.options().age.patience = Duration::from_millis(300);
    let failure = offered.failure(ALICE_PUBLIC, TO_ALICE);
    assert!(
        failure.contains("SOPS_AGE_KEY_CMD: did not end within 0.3 s"),
        "{failure}"
    );
}

#[test]
fn tells_what_went_wrong_and_not_the_command() {
    let commands = [
        "",
        "echo 'CANARY",
        "/no/such/program CANARY",
        "sh -c 'echo CANARY; echo CANARY >&2; exit 3'",
        "sh -c 'echo CANARY'",
        "sh -c 'kill -9 $$' CANARY",
        "true CANARY",
        "sh -c 'yes CANARY | head -c 1100000'",
    ];
    let shown = commands.map(|command| {
        let offered = Offered::nothing().key_command(command);
        let failure = offered.failure(ALICE_PUBLIC, TO_ALICE);
        let of_command = |line: &&str| line.starts_with("SOPS_AGE_KEY_CMD");
        failure.lines().filter(of_command).collect::<Vec<_>>().join(" | ")
    });
    let shown = shown.join("\n");
    assert!(!shown.contains("CANARY"), "{shown}");
    insta::assert_snapshot!(shown, @r"
    SOPS_AGE_KEY_CMD: is empty
    SOPS_AGE_KEY_CMD: has a quote that is not closed, or ends with a backslash
    SOPS_AGE_KEY_CMD: cannot be run: entity not found
    SOPS_AGE_KEY_CMD: failed (exit status: 3); run it by hand to see why
    SOPS_AGE_KEY_CMD: line 1: is not an age identity
    SOPS_AGE_KEY_CMD: failed (signal: 9 (SIGKILL)); run it by hand to see why
    SOPS_AGE_KEY_CMD: printed no identity
    SOPS_AGE_KEY_CMD: printed more than 1048576 bytes
    ");
}
