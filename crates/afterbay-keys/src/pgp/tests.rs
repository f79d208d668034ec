//! Keys, homes and messages of GnuPG 2.2.40 and 2.4.7 (`fixtures/pgp`), and messages nobody made.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use afterbay_manifest::{Attempt, PgpKey, SecretBytes};
use fixtures::pgp::{CONTENT, FOLDER, IN_HOMES, MESSAGES, Message, Outcome, PASSPHRASE};

use super::{PgpKeys, PgpOptions};
use crate::environment::KeyEnvironment;
use crate::note::KeyNote;
use crate::options::SecretSource;

mod failures;
mod hostile;
mod vectors;

fn token(message: &[u8]) -> PgpKey {
    PgpKey {
        fingerprint: String::new(),
        message: message.to_vec(),
    }
}

fn load(options: &PgpOptions) -> PgpKeys {
    PgpKeys::load(options, &KeyEnvironment::default(), &mut BTreeSet::new())
}

fn with_file(path: PathBuf) -> PgpOptions {
    PgpOptions {
        keys: vec![SecretSource::File(path)],
        ..PgpOptions::default()
    }
}

fn with_home(path: PathBuf) -> PgpOptions {
    PgpOptions {
        homes: vec![path],
        ..PgpOptions::default()
    }
}

fn and_passphrase(mut options: PgpOptions, passphrase: &str) -> PgpOptions {
    let passphrase = SecretBytes::new(passphrase.as_bytes().to_vec());
    options.passphrases.push(SecretSource::Inline {
        name: "test".to_owned(),
        content: passphrase,
    });
    options
}

fn file(path: &str) -> PathBuf {
    Path::new(FOLDER).join(path)
}

fn message(version: &str, name: &str) -> &'static Message {
    let found = MESSAGES
        .iter()
        .find(|message| message.version == version && message.name == name);
    found.unwrap_or_else(|| panic!("{version}/{name}"))
}

fn open(keys: &PgpKeys, message: &[u8]) -> Result<Vec<u8>, Vec<Attempt>> {
    keys.unwrap(&token(message))
        .map(|key| key.expose_bytes().to_vec())
}

#[expect(clippy::disallowed_methods, reason = "test keys in a scratch folder")]
fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
}

fn shown(attempts: &[Attempt]) -> String {
    let line = |attempt: &Attempt| {
        let hint = attempt
            .hint
            .as_ref()
            .map(|hint| format!(" ({hint})"))
            .unwrap_or_default();
        format!("{}: {}{hint}", attempt.with, attempt.reason)
    };
    attempts
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
        .replace(FOLDER, "pgp")
}

#[test]
fn opens_what_gpg_wrote_with_exported_keys() {
    for message in MESSAGES {
        let what = format!("{}/{}", message.version, message.name);
        let keys = |name: &str| load(&and_passphrase(with_file(message.key_file(name)), PASSPHRASE));
        match message.outcome {
            Outcome::Opens(by, content) => {
                for name in by {
                    let opened = open(&keys(name), message.bytes);
                    assert_eq!(opened.as_deref(), Ok(content), "{what} with {name}");
                }
            }
            Outcome::Refused(name, words) | Outcome::RefusedByAll(name, words) => {
                let attempts = open(&keys(name), message.bytes).expect_err(&what);
                assert!(shown(&attempts).contains(words), "{what}: {}", shown(&attempts));
            }
        }
    }
}

#[test]
fn opens_with_the_homes_of_gpg() {
    for (version, home, name, protected) in IN_HOMES {
        let message = fs::read(file(&format!("{version}/messages/{name}"))).unwrap();
        let options = with_home(file(&format!("{version}/{home}")));
        let what = format!("{version}/{home} {name}");
        if *protected {
            let attempts = open(&load(&options), &message).expect_err(&what);
            assert!(
                shown(&attempts).contains("protected with a passphrase, and none was offered"),
                "{what}: {}",
                shown(&attempts)
            );
            let wrong = load(&and_passphrase(
                with_home(file(&format!("{version}/{home}"))),
                "wrong",
            ));
            let attempts = open(&wrong, &message).expect_err(&what);
            assert!(
                shown(&attempts).contains("no passphrase that was offered fits"),
                "{what}: {}",
                shown(&attempts)
            );
        }
        let keys = load(&and_passphrase(and_passphrase(options, "another"), PASSPHRASE));
        assert_eq!(
            open(&keys, &message)
                .map_err(|attempts| shown(&attempts))
                .as_deref(),
            Ok(CONTENT),
            "{what}"
        );
    }
}

#[test]
fn takes_many_keys_from_one_file_and_from_a_value() {
    let all = load(&with_file(file("gnupg-2.2/keys/all.gpg")));
    let armored: Vec<u8> = ["rsa", "public", "cv25519"]
        .into_iter()
        .flat_map(|name| {
            let key = fs::read(file(&format!("gnupg-2.2/keys/{name}.asc"))).unwrap();
            [b"text between\n".to_vec(), key].concat()
        })
        .collect();
    let environment = KeyEnvironment {
        pgp_key: Some(SecretBytes::new(armored.clone())),
        ..KeyEnvironment::default()
    };
    let value = PgpKeys::load(&PgpOptions::default(), &environment, &mut BTreeSet::new());
    let inline = load(&PgpOptions {
        keys: vec![SecretSource::Inline {
            name: "secret sops-keys".to_owned(),
            content: SecretBytes::new(armored),
        }],
        ..PgpOptions::default()
    });
    for name in ["to-rsa.asc", "to-cv25519.asc"] {
        for keys in [&all, &value, &inline] {
            assert_eq!(
                open(keys, message("gnupg-2.2", name).bytes).as_deref(),
                Ok(CONTENT),
                "{name}"
            );
        }
    }
}

#[test]
fn a_subkey_without_its_primary_key_is_enough() {
    let keys = load(&with_file(file("gnupg-2.2/keys/subkeys-only.asc")));
    assert_eq!(
        open(&keys, message("gnupg-2.2", "to-cv25519.asc").bytes).as_deref(),
        Ok(CONTENT)
    );
}

#[test]
fn the_environment_of_gpg_and_sops_counts() {
    let home = file("gnupg-2.2/home-protected");
    let folder = tempfile::tempdir().unwrap();
    let environment = |gnupg_home: Option<PathBuf>, user_gnupg_home| KeyEnvironment {
        gnupg_home,
        user_gnupg_home,
        pgp_passphrase: Some(SecretBytes::new(PASSPHRASE.as_bytes().to_vec())),
        gpg_exec: true,
        ..KeyEnvironment::default()
    };
    let message = message("gnupg-2.2", "to-protected-rsa.asc").bytes;
    let mut notes = BTreeSet::new();
    let mut opens = |environment| {
        let keys = PgpKeys::load(&PgpOptions::default(), &environment, &mut notes);
        open(&keys, message).is_ok()
    };
    assert!(opens(environment(None, Some(home.clone()))), "~/.gnupg");
    assert!(opens(environment(Some(home.clone()), None)), "GNUPGHOME");
    let elsewhere = Some(folder.path().to_owned());
    assert!(!opens(environment(elsewhere, Some(home))), "GNUPGHOME wins");
    let said = |note: &KeyNote| {
        note.to_string()
            .starts_with("SOPS_GPG_EXEC: is set, and no gpg is started")
    };
    assert!(notes.iter().any(said), "{notes:?}");
}

#[test]
fn a_passphrase_file_ends_with_its_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    write(&path, format!("{PASSPHRASE}\r\nsecond line\n"));
    let mut options = with_file(file("gnupg-2.4/keys/protected-cv25519.asc"));
    options.passphrases.push(SecretSource::File(path));
    let opened = open(
        &load(&options),
        message("gnupg-2.4", "to-protected-cv25519.asc").bytes,
    );
    assert_eq!(opened.as_deref(), Ok(CONTENT));
}

/// The armored messages in files that the real sops made: some by gpg, some by its own library.
#[test]
fn opens_what_sops_wrote() {
    let mut opened = 0;
    for entry in fs::read_dir(file("gnupg-2.2/sops")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let keys = load(&with_home(file("gnupg-2.2/home-plain")));
        for message in text.split("-----BEGIN PGP MESSAGE-----").skip(1) {
            let (body, _) = message.split_once("-----END PGP MESSAGE-----").unwrap();
            let body = body.lines().map(str::trim).collect::<Vec<_>>().join("\n");
            let message = format!("-----BEGIN PGP MESSAGE-----{body}-----END PGP MESSAGE-----\n");
            let data_key = open(&keys, message.as_bytes()).map_err(|attempts| shown(&attempts));
            assert_eq!(data_key.map(|key| key.len()), Ok(32), "{}", path.display());
            opened += 1;
        }
    }
    assert_eq!(opened, 8);
}

/// sops before 2022 encrypted with a library that wrote the packet in parts of any length, which the format
/// allows for the last part only.
#[test]
fn opens_packets_in_parts_that_are_too_short() {
    let message = message("gnupg-2.2", "binary.gpg").bytes;
    let keys = load(&with_file(file("gnupg-2.2/keys/rsa.asc")));
    let at = message
        .windows(3)
        .position(|head| head[0] == 0xd2 && head[2] == 1)
        .unwrap();
    let (first, rest) = message[at + 2..].split_at(32);
    let parts = [
        &message[..=at],
        &[0xe0 | 5],
        first,
        &[u8::try_from(rest.len()).unwrap()],
        rest,
    ]
    .concat();
    assert_eq!(open(&keys, &parts).as_deref(), Ok(CONTENT));
}

#[test]
fn no_debug_text_shows_a_secret() {
    let options = and_passphrase(
        with_file(file("gnupg-2.2/keys/protected-rsa.asc")),
        "canary-passphrase",
    );
    let key = fs::read_to_string(file("gnupg-2.2/keys/rsa.asc")).unwrap();
    let environment = KeyEnvironment {
        pgp_key: Some(SecretBytes::new(key.clone().into_bytes())),
        pgp_passphrase: Some(SecretBytes::new(b"canary-of-the-environment".to_vec())),
        ..KeyEnvironment::default()
    };
    let mut notes = BTreeSet::new();
    let keys = PgpKeys::load(&options, &environment, &mut notes);
    let mut shown = format!("{options:?} {environment:?} {notes:?}");
    for message in MESSAGES {
        write!(shown, "{:?}", keys.unwrap(&token(message.bytes))).unwrap();
    }
    for (_, key) in keys.candidates() {
        write!(shown, "{key:?}").unwrap();
    }
    let line = key.lines().nth(5).unwrap();
    for canary in [
        "canary-",
        line,
        "PRIVATE KEY",
        "thirty-two",
        "116, 104, 105, 114, 116, 121",
    ] {
        assert!(!shown.contains(canary), "{canary}");
    }
}
