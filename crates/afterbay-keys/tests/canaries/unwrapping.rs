//! Messages and tokens: age files, OpenPGP messages and hiera-eyaml envelopes, whole and damaged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use afterbay_keys::{KeyOptions, SecretSource};
use afterbay_manifest::{DataKeys, KeyRequest, PgpKey, TreePath, WrappedKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::pgp::{CONTENT, FOLDER, IN_HOMES, MESSAGES, Outcome, PASSPHRASE};

use crate::opening::{Said, everything_said};
use crate::recording::Recording;
use crate::secrets::{Search, Secrets};
use crate::sources::{inline, unwrap};

/// Lines of armor are this long.
const LINE: usize = 64;

fn request(key: WrappedKey) -> KeyRequest {
    KeyRequest::any_of("a message".to_owned(), vec![key])
}

fn clean(what: &str, search: &Search, said: &str) {
    if let Some(found) = search.found_in(said) {
        panic!("{what}: {found}");
    }
}

/// The file as SOPS holds it.
fn armored(file: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(file);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(LINE)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n",
        lines.join("\n")
    )
}

#[test]
fn vectors_of_age_show_nothing() {
    let recording = Recording::start();
    let mut tried = 0;
    for source in fixtures::age::cctv::VECTORS {
        let vector = source.read().unwrap();
        let mut secrets = Secrets::default();
        let mut options = KeyOptions::explicit();
        options.age.max_work_factor = 12;
        for identity in &vector.identities {
            secrets.key(identity.as_bytes());
            options.age.identities.push(inline("identity", identity.as_str()));
        }
        for passphrase in &vector.passphrases {
            secrets.value(passphrase.as_bytes());
            options
                .age
                .passphrases
                .push(inline("passphrase", passphrase.as_str()));
        }
        let enc = if vector.armored {
            String::from_utf8_lossy(&vector.file).into_owned()
        } else {
            armored(&vector.file)
        };
        let key = WrappedKey::Age {
            recipient: "age1vector".to_owned(),
            enc,
        };
        let requests = vec![request(key)];
        let mut said = Said::default();
        let keys = unwrap(options, &requests, &mut said);
        secrets.keys(&requests[0], &keys);
        said.0 += &recording.take();
        clean(source.name, &secrets.search(), &said.0);
        tried += 1;
    }
    assert_eq!(tried, 147);
}

fn pgp_key(message: &[u8]) -> WrappedKey {
    WrappedKey::Pgp(PgpKey {
        fingerprint: String::new(),
        message: message.to_vec(),
    })
}

/// The message, and the same with a bit flipped in places all over it.
fn with_damage(message: &[u8]) -> Vec<KeyRequest> {
    let step = (message.len() / 6).max(1);
    let damaged = (step..message.len()).step_by(step).map(|at| {
        let mut damaged = message.to_vec();
        damaged[at] ^= 1;
        damaged
    });
    std::iter::once(message.to_vec())
        .chain(damaged)
        .map(|message| request(pgp_key(&message)))
        .collect()
}

#[test]
fn messages_of_openpgp_show_nothing() {
    let recording = Recording::start();
    let mut opened = 0;
    for version in ["gnupg-2.2", "gnupg-2.4"] {
        let messages = MESSAGES.iter().filter(|message| message.version == version);
        let mut requests = Vec::new();
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for message in messages {
            requests.extend(with_damage(message.bytes));
            match message.outcome {
                Outcome::Opens(keys, _) => names.extend(keys),
                Outcome::Refused(key, _) | Outcome::RefusedByAll(key, _) => {
                    names.insert(key);
                }
            }
        }
        let mut secrets = Secrets::default();
        secrets.value(CONTENT);
        secrets.key(PASSPHRASE.as_bytes());
        let wrong = "another battery staple";
        secrets.key(wrong.as_bytes());
        for passphrase in [PASSPHRASE, wrong] {
            let mut options = KeyOptions::explicit();
            for name in &names {
                let file = PathBuf::from(FOLDER)
                    .join(version)
                    .join("keys")
                    .join(format!("{name}.asc"));
                secrets.key_file(&std::fs::read_to_string(&file).unwrap());
                options.pgp.keys.push(SecretSource::File(file));
            }
            options.pgp.passphrases.push(inline("passphrase", passphrase));
            let mut said = Said::default();
            let keys = unwrap(options, &requests, &mut said);
            for request in &requests {
                opened += usize::from(keys.first_open(request).is_ok());
                secrets.keys(request, &keys);
            }
            said.0 += &recording.take();
            clean(version, &secrets.search(), &said.0);
        }
    }
    assert!(opened > 100, "{opened}");
}

#[test]
fn homes_of_gnupg_show_nothing() {
    let recording = Recording::start();
    let homes: BTreeSet<(&str, &str)> = IN_HOMES.iter().map(|home| (home.0, home.1)).collect();
    let mut secrets = Secrets::default();
    secrets.value(CONTENT);
    secrets.key(PASSPHRASE.as_bytes());
    let mut said = Said::default();
    for (version, home) in &homes {
        let folder = Path::new(FOLDER).join(version);
        let messages = IN_HOMES
            .iter()
            .filter(|other| (other.0, other.1) == (*version, *home));
        let requests: Vec<KeyRequest> = messages
            .map(|(_, _, name, _)| std::fs::read(folder.join("messages").join(name)).unwrap())
            .flat_map(|message| with_damage(&message))
            .collect();
        for passphrase in [PASSPHRASE, "correct horse battery stapler"] {
            let mut options = KeyOptions::explicit();
            options.pgp.homes.push(folder.join(home));
            options.pgp.passphrases.push(inline("passphrase", passphrase));
            unwrap(options, &requests, &mut said);
        }
    }
    said.0 += &recording.take();
    assert!(homes.len() >= 8);
    clean("homes", &secrets.search(), &said.0);
}

/// The token, and the same with its content flipped and cut.
fn damaged(token: &str) -> Vec<String> {
    let flip = |at: usize| {
        let mut flipped = token.as_bytes().to_vec();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(flipped).unwrap()
    };
    let ends = [8, 16, 32].into_iter().filter(|back| *back < token.len());
    let mut tokens = vec![token.to_owned(), token[..token.len() - 9].to_owned()];
    tokens.extend(ends.map(|back| flip(token.len() - back)));
    tokens
}

#[test]
fn tokens_of_eyaml_show_nothing() {
    let recording = Recording::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/eyaml");
    let key = |name: &str| std::fs::read_to_string(folder.join("keys").join(name)).unwrap();
    let mut secrets = Secrets::default();
    let mut manifest = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: tokens\nstringData:\n".to_owned();
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("tokens")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "token") {
            continue;
        }
        secrets.value(&std::fs::read(path.with_extension("plain")).unwrap());
        for token in damaged(&std::fs::read_to_string(&path).unwrap()) {
            writeln!(manifest, "  token-{count}: {}", serde_json::Value::from(token)).unwrap();
            count += 1;
        }
    }
    let rings = [
        vec!["first.pkcs8.pem", "second.pkcs1.pem"],
        vec!["longer.pkcs8.pem"],
        vec![],
    ];
    for names in &rings {
        for name in names {
            secrets.key_file(&key(name));
        }
    }
    let search = secrets.search();
    for names in &rings {
        let mut options = Some(KeyOptions::explicit());
        for name in names {
            options.as_mut().unwrap().rsa_keys.push(inline(name, key(name)));
        }
        let options = std::cell::RefCell::new(options);
        let said_of_keys = std::cell::RefCell::new(Said::default());
        let unwrap = |requests: &[KeyRequest]| {
            let options = options.borrow_mut().take().unwrap();
            unwrap(options, requests, &mut said_of_keys.borrow_mut())
        };
        let path = TreePath::parse("tokens.yaml").unwrap();
        let said = everything_said(&path, manifest.as_bytes(), &DataKeys::default(), &unwrap);
        clean("tokens", &search, &said.unwrap());
        clean("keys of tokens", &search, &said_of_keys.borrow().0);
    }
    clean("log", &search, &recording.take());
    assert!(
        count > 100 && search.values > 15,
        "{count} tokens, {} values",
        search.values
    );
}
