//! Every kind of identity, against files that the real `sops` sealed.

use std::path::Path;

use fixtures::age::{
    HYBRID, KeyFile, LOCKED, LOCKED_ED25519, LOCKED_FILES, LOCKED_FOR_RECIPIENT, LOCKED_RSA, LOCKED_RSA_PEM,
    OTHER_PASSPHRASE, PASSPHRASE, RSA_FORMS, SSH_ECDSA, SSH_ED25519, SSH_RSA, Sealed, X25519,
};

use super::{BOB, Offered, TO_ALICE, secret, secret_bytes};
use crate::environment::KeyEnvironment;
use crate::options::SecretSource;

const OPEN: [Sealed; 4] = [X25519, HYBRID, SSH_ED25519, SSH_RSA];

/// An SSH key at a place where only SSH keys are looked for.
fn ssh(key: &KeyFile) -> Offered {
    let mut offered = Offered::nothing();
    let path = offered.write(key.name, key.content, 0o600);
    offered.environment().age_ssh_key_file = Some(path);
    offered
}

#[test]
fn each_opens_what_is_for_it_and_nothing_else() {
    for offered in OPEN {
        for sealed in OPEN {
            let opens = Offered::nothing()
                .file("key", offered.identity)
                .opens_sealed(&sealed);
            assert_eq!(
                opens,
                offered.name == sealed.name,
                "{} {}",
                offered.name,
                sealed.name
            );
        }
    }
}

#[test]
fn all_together_open_everything() {
    let all = OPEN.iter().fold(Offered::nothing(), |offered, sealed| {
        offered.file(sealed.name, sealed.identity)
    });
    assert!(OPEN.iter().all(|sealed| all.opens_sealed(sealed)));
    assert_eq!(all.notes(), "");
    // Lines of several kinds in one text.
    let lines = format!("{} {}", secret(X25519.identity), secret(HYBRID.identity));
    let inline = Offered::nothing().inline(&lines);
    assert!(inline.opens_sealed(&X25519) && inline.opens_sealed(&HYBRID));
}

#[test]
fn takes_rsa_keys_in_every_form() {
    for key in &RSA_FORMS {
        assert!(ssh(key).opens_sealed(&SSH_RSA), "{}", key.name);
    }
}

#[test]
fn unlocks_identity_files() {
    for file in &LOCKED_FILES {
        let offered = Offered::nothing()
            .file("locked", file.content)
            .passphrase(OTHER_PASSPHRASE)
            .passphrase(PASSPHRASE);
        assert!(offered.opens_sealed(&LOCKED), "{}", file.name);
    }
    // The text of the file in the variable, as in a CI secret.
    let armored = str::from_utf8(LOCKED_FILES[1].content).unwrap();
    assert!(
        Offered::nothing()
            .inline(armored)
            .passphrase(PASSPHRASE)
            .opens_sealed(&LOCKED)
    );
}

#[test]
fn unlocks_ssh_keys() {
    for key in &LOCKED_ED25519 {
        let offered = ssh(key).passphrase(OTHER_PASSPHRASE).passphrase(PASSPHRASE);
        assert!(offered.opens_sealed(&SSH_ED25519), "{}", key.name);
    }
    assert!(ssh(&LOCKED_RSA).passphrase(PASSPHRASE).opens_sealed(&SSH_RSA));
}

#[test]
fn takes_passphrases_from_files_and_variables() {
    for ending in ["", "\n", "\r\n"] {
        let mut offered = Offered::nothing().file("locked", LOCKED_FILES[0].content);
        let passphrase = format!("{}{ending}", PASSPHRASE.trim_end());
        let path = offered.write("passphrase", passphrase.as_bytes(), 0o600);
        offered.options().age.passphrases = vec![SecretSource::File(path)];
        assert!(offered.opens_sealed(&LOCKED), "{ending:?}");
    }
    let mut offered = Offered::nothing().file("locked", LOCKED_FILES[0].content);
    offered.environment().age_passphrase = Some(SecretSource::Inline {
        name: "AGE_PASSPHRASE".to_owned(),
        content: secret_bytes(PASSPHRASE.trim_end()),
    });
    assert!(offered.opens_sealed(&LOCKED));
}

#[test]
fn tells_what_a_passphrase_is_missing_for() {
    let locked = || Offered::nothing().file("locked", LOCKED_FILES[0].content);
    insta::assert_snapshot!(locked().sealed_failure(&X25519), @r"
    DIR/locked: is protected with a passphrase, and none was given
      hint: give it with --age-passphrase-file or AGE_PASSPHRASE
    ");
    insta::assert_snapshot!(locked().passphrase(OTHER_PASSPHRASE).sealed_failure(&X25519), @r"
    DIR/locked: is protected with a passphrase, and the one given does not open it
      hint: give it with --age-passphrase-file or AGE_PASSPHRASE
    ");
    insta::assert_snapshot!(
        locked().passphrase(OTHER_PASSPHRASE).passphrase("x").sealed_failure(&X25519),
        @r"
    DIR/locked: is protected with a passphrase, and none of the 2 given opens it
      hint: give it with --age-passphrase-file or AGE_PASSPHRASE
    "
    );
    let ssh = ssh(&LOCKED_ED25519[0]).sealed_failure(&SSH_ED25519);
    assert!(
        ssh.contains("ssh-ed25519-locked-aes128-ctr): is protected with a passphrase, and none was given"),
        "{ssh}"
    );
    assert!(!ssh.contains("none of its identities fits"), "{ssh}");
}

#[test]
fn a_locked_key_holds_up_no_other() {
    let offered = Offered::nothing()
        .file("locked", LOCKED_FILES[0].content)
        .file("ssh", LOCKED_ED25519[0].content)
        .file("key", X25519.identity);
    assert!(offered.opens_sealed(&X25519));
    assert_eq!(offered.notes(), "");
}

#[test]
fn unlocks_only_the_ssh_key_that_a_stanza_names() {
    let failure = ssh(&LOCKED_ED25519[0]).sealed_failure(&SSH_RSA);
    assert!(
        failure.contains("none of its identities fits: ssh-ed25519 AAAA"),
        "{failure}"
    );
}

#[test]
fn bounds_the_work_of_a_passphrase() {
    let mut offered = Offered::nothing()
        .file("locked", LOCKED_FILES[0].content)
        .passphrase(PASSPHRASE);
    offered.options().age.max_work_factor = 9;
    insta::assert_snapshot!(offered.sealed_failure(&LOCKED), @r"
    DIR/locked: wants a work factor of 2^10 for its passphrase, and 2^9 is the limit
      hint: protect it again with `age -p`
    ");
}

#[test]
fn tells_what_is_wrong_with_a_locked_file() {
    let for_recipient = Offered::nothing()
        .file("locked", LOCKED_FOR_RECIPIENT.content)
        .passphrase(PASSPHRASE);
    let cut = Offered::nothing()
        .file("cut", &LOCKED_FILES[0].content[..250])
        .passphrase(PASSPHRASE);
    let armor = Offered::nothing().file("armor", &LOCKED_FILES[1].content[..250]);
    let shown = [for_recipient, cut, armor].map(|offered| offered.sealed_failure(&LOCKED));
    insta::assert_snapshot!(shown.join("\n"), @r"
    DIR/locked: is an age file for recipients; only one that is protected with a passphrase can hold identities
      hint: the identity of age1qyhlj6j5g7nknwrfhq8xtqkpgmdew45fzkwj4f87865ewpvcnetqlvyk7a is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    DIR/cut: has a damaged payload
      hint: the identity of age1qyhlj6j5g7nknwrfhq8xtqkpgmdew45fzkwj4f87865ewpvcnetqlvyk7a is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    DIR/armor: is not an age file in intact armor
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
      hint: the identity of age1qyhlj6j5g7nknwrfhq8xtqkpgmdew45fzkwj4f87865ewpvcnetqlvyk7a is needed; offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn names_ssh_keys_that_are_of_no_use() {
    let shown = [SSH_ECDSA, LOCKED_RSA_PEM].map(|key| {
        let offered = Offered::nothing()
            .file(key.name, key.content)
            .passphrase(PASSPHRASE);
        format!("{}\n{}", offered.notes(), offered.failure("", TO_ALICE))
    });
    insta::assert_snapshot!(shown.join("\n"), @r"
    DIR/ssh-ecdsa: is an SSH private key of a kind that age does not take
    DIR/ssh-ecdsa: is an SSH private key of a kind that age does not take
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
      hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    DIR/ssh-rsa-pem-locked: is protected with a passphrase in the old PEM format; `ssh-keygen -p -f FILE` writes it in the new one
    DIR/ssh-rsa-pem-locked: is protected with a passphrase in the old PEM format; `ssh-keygen -p -f FILE` writes it in the new one
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
      hint: offer an identity with --age-key-file, SOPS_AGE_KEY_FILE or SOPS_AGE_KEY
    ");
}

#[test]
fn shows_the_start_of_a_long_public_key() {
    let offered = Offered::nothing()
        .file("hybrid", HYBRID.identity)
        .inline(secret(BOB));
    let failure = offered.sealed_failure(&SSH_RSA);
    assert!(
        failure.contains("none of its identities fits: age1pq1"),
        "{failure}"
    );
    assert!(failure.lines().all(|line| line.len() < 500), "{failure}");
}

#[test]
fn takes_identities_as_values() {
    let mut offered = Offered::nothing();
    offered.options().environment = KeyEnvironment::default();
    offered.options().age.identities.push(SecretSource::Inline {
        name: "Secret flux-system/sops-age, key locked.agekey".to_owned(),
        content: super::SecretBytes::new(LOCKED_FILES[0].content.to_vec()),
    });
    insta::assert_snapshot!(offered.sealed_failure(&LOCKED), @r"
    Secret flux-system/sops-age, key locked.agekey: is protected with a passphrase, and none was given
      hint: give it with --age-passphrase-file or AGE_PASSPHRASE
    ");
    assert!(offered.passphrase(PASSPHRASE).opens_sealed(&LOCKED));
}

#[test]
fn looks_at_ssh_keys_only_for_ssh_recipients() {
    let mut offered = Offered::nothing();
    let path = offered.write(".ssh/id_ed25519", SSH_ED25519.identity.as_bytes(), 0o644);
    let missing = Path::new(&path).with_file_name("id_rsa");
    offered.environment().user_ssh_key_files = vec![path, missing];
    assert!(offered.opens_sealed(&SSH_ED25519));
    let (identities, notes) = offered.load();
    assert!(notes.is_empty());
    let (_, notes) = identities.unwrap("", &super::enc(&X25519));
    assert!(notes.is_empty(), "not read");
    let (_, notes) = identities.unwrap("", &super::enc(&SSH_RSA));
    insta::assert_snapshot!(offered.noted(&notes), @"key file DIR/.ssh/id_ed25519 can be read by others than its owner (mode 0644); run `chmod 600` on it");
    let (_, notes) = identities.unwrap("", &super::enc(&SSH_RSA));
    assert!(notes.is_empty(), "told once");
}

#[test]
fn lists_where_it_looked_for_ssh_keys() {
    let mut offered = Offered::nothing();
    let directory = offered.directory.path().to_owned();
    offered.environment().user_ssh_key_files = vec![directory.join("id_ed25519"), directory.join("id_rsa")];
    let failure = offered.sealed_failure(&SSH_ED25519);
    let failure = failure.replace(&super::recipient(&SSH_ED25519), "RECIPIENT");
    insta::assert_snapshot!(failure, @r"
    SOPS_AGE_KEY: not set
    SOPS_AGE_KEY_FILE: not set
    SOPS_AGE_SSH_PRIVATE_KEY_FILE: not set
    DIR/id_ed25519: no such file
    DIR/id_rsa: no such file
      hint: the private key of RECIPIENT is needed; offer it with --age-key-file, SOPS_AGE_SSH_PRIVATE_KEY_FILE or ~/.ssh/id_ed25519
    ");
}
