//! Every place that SOPS looks at.

use proptest::prelude::*;

use super::super::line::{Separator, identities};
use super::{ALICE, ALICE_PUBLIC, BOB, BOB_PUBLIC, Offered, TO_ALICE, secret};
use crate::options::{KeyOptions, SecretSource};

#[test]
fn opens_from_every_place() {
    assert!(Offered::nothing().file("a", ALICE).opens(TO_ALICE));
    assert!(Offered::nothing().inline(ALICE).opens(TO_ALICE));
    let mut offered = Offered::nothing();
    let path = offered.write("env", ALICE.as_bytes(), 0o600);
    offered.environment().age_key_file = Some(path);
    assert!(offered.opens(TO_ALICE));
    let mut offered = Offered::nothing();
    let path = offered.write("keys.txt", ALICE.as_bytes(), 0o600);
    offered.environment().user_key_file = Some(Ok(path));
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
    let alice = || Offered::nothing().file("a", ALICE);
    assert!(
        Offered::nothing()
            .inline(&ALICE.replace('\n', "\r\n"))
            .opens(TO_ALICE)
    );
    assert!(alice().opens(&TO_ALICE.replace('\n', "\r\n")));
    assert!(alice().opens(&format!("\n{}\n\n", TO_ALICE.trim())));
    assert!(alice().opens(TO_ALICE.trim()));
}

#[test]
fn lists_where_it_looked() {
    let mut offered = Offered::nothing()
        .file("empty", "# nothing\n")
        .missing_file("missing");
    let path = offered.directory.path().join("keys.txt");
    offered.environment().user_key_file = Some(Ok(path));
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/empty: holds no identity
    DIR/missing: no such file
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
    DIR/keys.txt: no such file
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn an_explicit_set_looks_nowhere_else() {
    let mut offered = Offered::nothing();
    *offered.options() = KeyOptions::explicit();
    insta::assert_snapshot!(offered.failure("", TO_ALICE), @r"
    age: no identity was offered
      hint: offer an identity
    ");
    offered.options().age.identities.push(SecretSource::Inline {
        name: "Secret a/b".to_owned(),
        content: super::secret_bytes(BOB),
    });
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    Secret a/b: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed
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
    assert!(offered.failure(ALICE_PUBLIC, TO_ALICE).contains(BOB_PUBLIC));
}

#[test]
fn hints_at_what_a_recipient_needs() {
    let offered = Offered::nothing().file("b", BOB);
    let hint = |recipient: &str| {
        let failure = offered.failure(recipient, TO_ALICE);
        failure.lines().last().unwrap().trim_start().to_owned()
    };
    let hints = [
        "",
        "ssh-ed25519 AAAAC3Nza",
        &format!("age1pq1{}", "q".repeat(1900)),
        "age1yubikey1qqqq",
        "age1\u{202e}\nx",
    ]
    .map(hint);
    insta::assert_snapshot!(hints.join("\n"), @r"
    hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    hint: the private key of ssh-ed25519 AAAAC3Nza is needed; offer it with --age-key-file, SOPS_AGE_SSH_PRIVATE_KEY_FILE or ~/.ssh/id_ed25519
    hint: the identity of age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq… is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    hint: the identity of age1yubikey1qqqq is needed, and its plugin: --allow-age-plugin yubikey; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    hint: the identity of age1 x is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
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
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
    insta::assert_snapshot!(offered.notes(), @"DIR/spoiled: line 5: is not a complete AGE-SECRET-KEY-1 identity");
    assert!(offered.inline(secret(ALICE)).opens(TO_ALICE));
}

#[test]
fn tells_bad_lines_apart() {
    let reason = |text: &[u8]| match identities(text, Separator::Line).pop() {
        Some((1, Err(reason))) => reason,
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
            reason(b"age1pq1qqqq"),
            reason(b"ssh-ed25519 AAAA"),
            reason(b"AGE-SECRET-KEY-PQ-1QQQQ"),
            reason(b"AGE-PLUGIN-YUBIKEY-1CANARY"),
            reason(b"AGE-PLUGIN-PWN/PWN-19GYK4WLY"),
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
    is a public key; the identity starts with AGE-SECRET-KEY-PQ-1
    is a public key; the identity is the private key beside it
    is not a complete AGE-SECRET-KEY-PQ-1 identity
    is not a complete AGE-PLUGIN- identity
    is not a complete AGE-PLUGIN- identity
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
        let path = offered.write(name, ALICE.as_bytes(), mode);
        offered.options().age.identities.push(SecretSource::File(path));
    }
    insta::assert_snapshot!(offered.notes(), @r"
    key file DIR/all can be read by others than its owner (mode 0644); run `chmod 600` on it
    key file DIR/group can be read by others than its owner (mode 0640); run `chmod 600` on it
    ");
}

#[test]
fn reads_a_file_named_twice_once() {
    let mut offered = Offered::nothing().file("b", BOB).missing_file("b");
    let path = offered.directory.path().join("b");
    offered.environment().age_key_file = Some(path);
    insta::assert_snapshot!(offered.failure(ALICE_PUBLIC, TO_ALICE), @r"
    DIR/b: none of its identities fits: age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7
      hint: the identity of age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4 is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn refuses_what_is_no_key_file() {
    let offered = Offered::nothing()
        .file("huge", "#".repeat((1 << 20) + 1))
        .file("pgp", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n")
        .missing_file(".");
    insta::assert_snapshot!(offered.notes(), @r"
    DIR/.: is a directory
    DIR/huge: has more than 1048576 bytes, which is no key file
    DIR/pgp: is a PGP key, and an age identity is needed
    ");
}

proptest! {
    #[test]
    fn no_text_is_quoted_or_panics(text in "\\PC{0,60}", enc in "\\PC{0,60}") {
        let text = format!("CANARY{text}");
        let offered = Offered::nothing().inline(&text);
        let (identities, notes) = offered.load();
        let (opened, _) = identities.unwrap("age1x", &enc);
        let shown = format!("{notes:?} {}", offered.shown(&opened.unwrap_err()));
        prop_assert!(!shown.contains("CANARY"));
    }

    #[test]
    fn no_bytes_in_a_key_file_panic(start in 0usize..5, rest in proptest::collection::vec(any::<u8>(), 0..200)) {
        let start: &[u8] = [
            b"".as_slice(),
            b"age-encryption.org/v1\n",
            b"-----BEGIN AGE ENCRYPTED FILE-----\n",
            b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
            b"-----BEGIN PRIVATE KEY-----\n",
        ][start];
        let offered = Offered::nothing().file("key", [start, &rest].concat()).passphrase("x");
        prop_assert!(!offered.opens(TO_ALICE));
    }
}
