//! What people read when a message does not open.

use super::*;

fn failure(options: &PgpOptions, message: &[u8]) -> String {
    without_ids(&open(&load(options), message).expect_err("opened"))
}

/// Ids are others whenever the fixtures are made again.
fn without_ids(attempts: &[Attempt]) -> String {
    let mut text = shown(attempts);
    let is_hexadecimal = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ids: BTreeSet<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| is_hexadecimal(word))
        .map(str::to_owned)
        .collect();
    for id in ids {
        text = text.replace(&id, "KEYID");
    }
    text
}

fn to_rsa() -> &'static [u8] {
    message("gnupg-2.2", "to-rsa.asc").bytes
}

#[test]
fn nothing_offered() {
    let environment = KeyEnvironment {
        user_gnupg_home: Some("/home/ann/.gnupg".into()),
        ..KeyEnvironment::default()
    };
    let mut notes = BTreeSet::new();
    let keys = PgpKeys::load(&PgpOptions::default(), &environment, &mut notes);
    insta::assert_snapshot!(without_ids(&open(&keys, to_rsa()).unwrap_err()), @r#"
    AFTERBAY_PGP_KEY: not set
    /home/ann/.gnupg: no such directory (the message is for KEYID; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)
    "#);
    assert!(notes.is_empty());
}

#[test]
fn keys_that_do_not_fit() {
    insta::assert_snapshot!(failure(&with_file(file("gnupg-2.4/keys/all.gpg")), message("gnupg-2.2", "to-three.asc").bytes), @"pgp/gnupg-2.4/keys/all.gpg: none of its keys fits: KEYID, KEYID, KEYID, KEYID, 4 more (the message is for KEYID, KEYID, KEYID; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)");
    insta::assert_snapshot!(failure(&with_file(file("gnupg-2.2/keys/rsa.asc")), message("gnupg-2.2", "hidden-cv25519.asc").bytes), @"pgp/gnupg-2.2/keys/rsa.asc: none of its keys fits: KEYID, KEYID (the message is for a hidden recipient; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)");
    insta::assert_snapshot!(failure(&with_file(file("gnupg-2.2/keys/rsa.asc")), message("gnupg-2.2", "passphrase-or-cv25519.asc").bytes), @"pgp/gnupg-2.2/keys/rsa.asc: none of its keys fits: KEYID, KEYID (the message is for KEYID, whoever knows its passphrase; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)");
}

#[test]
fn files_that_are_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(
        path("cut.asc"),
        &fs::read(file("gnupg-2.2/keys/rsa.asc")).unwrap()[..1500],
    );
    write(
        path("cut.gpg"),
        &fs::read(file("gnupg-2.2/keys/all.gpg")).unwrap()[..700],
    );
    write(path("text"), "AGE-SECRET-KEY-1CANARY");
    let options = PgpOptions {
        keys: ["missing", "text", "cut.asc", "cut.gpg"]
            .map(|name| SecretSource::File(path(name)))
            .into_iter()
            .chain([SecretSource::File(file("gnupg-2.2/keys/public.asc"))])
            .collect(),
        ..PgpOptions::default()
    };
    let text = failure(&options, message("gnupg-2.2", "to-cv25519.asc").bytes);
    insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "keys"), @r#"
    keys/missing: no such file
    keys/text: is not OpenPGP, or is damaged
    keys/cut.asc: an armored block is damaged or cut off
    keys/cut.gpg: is not OpenPGP, or is damaged
    pgp/gnupg-2.2/keys/public.asc: holds a public key, and a secret key is needed
    AFTERBAY_PGP_KEY: not set
    GNUPGHOME: neither it nor HOME is set (the message is for KEYID; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)
    "#);
}

#[test]
fn passphrases() {
    let protected = || with_file(file("gnupg-2.2/keys/protected-rsa.asc"));
    let message = message("gnupg-2.2", "to-protected-rsa.asc").bytes;
    insta::assert_snapshot!(failure(&protected(), message), @"pgp/gnupg-2.2/keys/protected-rsa.asc: key KEYID is protected with a passphrase, and none was offered (offer its passphrase with --pgp-passphrase-file or AFTERBAY_PGP_PASSPHRASE)");
    insta::assert_snapshot!(failure(&and_passphrase(protected(), "canary"), message), @"pgp/gnupg-2.2/keys/protected-rsa.asc: no passphrase that was offered fits key KEYID (offer its passphrase with --pgp-passphrase-file or AFTERBAY_PGP_PASSPHRASE)");
    let mut unreadable = protected();
    unreadable
        .passphrases
        .push(SecretSource::File("/nowhere/passphrase".into()));
    insta::assert_snapshot!(failure(&unreadable, message), @r#"
    pgp/gnupg-2.2/keys/protected-rsa.asc: key KEYID is protected with a passphrase, and none was offered (offer its passphrase with --pgp-passphrase-file or AFTERBAY_PGP_PASSPHRASE)
    /nowhere/passphrase: no such file
    "#);
}

/// A home where the secret halves are elsewhere: nothing in `private-keys-v1.d`, or the note of a card.
#[test]
fn an_agent_or_a_card_has_the_secret_half() {
    let folder = tempfile::tempdir().unwrap();
    let ring = fs::read(file("gnupg-2.2/home-plain/pubring.kbx")).unwrap();
    write(folder.path().join("pubring.kbx"), ring);
    let here = |text: String| text.replace(folder.path().to_str().unwrap(), "home");
    let home = with_home(folder.path().to_owned());
    insta::assert_snapshot!(here(failure(&home, to_rsa())), @"home: has the public half of key KEYID only; its secret half may be with an agent elsewhere (run `gpg --armor --export-secret-keys KEYID` where it is and offer the file with --pgp-key-file)");

    let stored = folder.path().join("private-keys-v1.d");
    fs::create_dir(&stored).unwrap();
    for entry in fs::read_dir(file("gnupg-2.2/home-plain/private-keys-v1.d")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().replace("\n ", "");
        // As gpg-agent writes it for a card: `agent/keyformat.txt`, "Shadowed Private Key Format".
        if let Some((public, _)) = text.split_once("(d #").filter(|_| text.contains("(rsa ")) {
            let text = public.replace("(private-key", "(shadowed-private-key")
                + "(shadowed t1-v1 (#D2760001240102000006123456780000# OPENPGP.2))))\n";
            write(stored.join(path.file_name().unwrap()), text);
        }
    }
    insta::assert_snapshot!(here(failure(&with_home(folder.path().to_owned()), to_rsa())), @"home: the secret half of key KEYID is on a card (serial number D2760001240102000006123456780000) (a card cannot be used; offer a copy made with `gpg --armor --export-secret-keys KEYID` before the key went there, or add another key and run `sops updatekeys`)");
}

#[test]
fn a_half_that_was_left_out() {
    let stubs = with_file(file("gnupg-2.2/keys/subkeys-only.asc"));
    let keys = load(&stubs);
    let left_out: Vec<_> = keys
        .candidates()
        .filter_map(|(_, key)| {
            let sealed =
                super::super::message::Sealed::parse(message("gnupg-2.2", "to-rsa.asc").bytes).unwrap();
            let (_, session_key) = sealed.recipients().next().unwrap();
            key.open(session_key, &[]).err()
        })
        .collect();
    assert!(
        left_out.contains(&super::super::key::Refusal::LeftOut),
        "{left_out:?}"
    );
}

#[test]
fn keyboxd_keeps_the_public_keys() {
    let folder = tempfile::tempdir().unwrap();
    let stored = folder.path().join("private-keys-v1.d");
    fs::create_dir(&stored).unwrap();
    fs::create_dir(folder.path().join("public-keys.d")).unwrap();
    for entry in fs::read_dir(file("gnupg-2.4/home-keyboxd/private-keys-v1.d")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let (_, undated) = text.split_once('\n').unwrap();
        write(stored.join(path.file_name().unwrap()), undated);
    }
    let text = failure(&with_home(folder.path().to_owned()), to_rsa());
    insta::assert_snapshot!(text.replace(folder.path().to_str().unwrap(), "home"), @r#"
    AFTERBAY_PGP_KEY: not set
    home: private-keys-v1.d: the public halves of 1 of its keys are missing; keyboxd has them in a database that is not read; offer the keys as `gpg --export-secret-keys` writes them, with --pgp-key-file (the message is for KEYID; offer a secret key with --pgp-key-file or AFTERBAY_PGP_KEY, or a home of GnuPG with GNUPGHOME)
    "#);
}

/// An empty data key is sops issue 896; an empty value of hiera-eyaml is a value.
#[test]
fn a_data_key_is_not_empty() {
    let keys = load(&with_file(file("gnupg-2.2/keys/cv25519.asc")));
    let message = message("gnupg-2.2", "empty.asc").bytes;
    assert_eq!(open(&keys, message).as_deref(), Ok(b"".as_slice()));
    let entry = PgpKey {
        fingerprint: "85D77543B3D624B63CEA9E6DBC17301B491B3F21".to_owned(),
        ..token(message)
    };
    insta::assert_snapshot!(without_ids(&keys.unwrap(&entry).unwrap_err()), @"pgp/gnupg-2.2/keys/cv25519.asc: key KEYID opens it, and there is nothing inside (restore the file from a revision that opens, or encrypt it again)");
}
