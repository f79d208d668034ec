//! No identity, passphrase, command or data key in any message, note or `Debug` text, whatever goes wrong.

use fixtures::age::{
    HYBRID, LOCKED_ED25519, LOCKED_FILES, LOCKED_RSA_PEM, OTHER_PASSPHRASE, PASSPHRASE, PLUGIN, SSH_ECDSA,
    SSH_ED25519, SSH_RSA, Sealed, X25519,
};

use super::{ALICE, BOB, Offered, TO_ALICE, enc, hex, recipient, secret, secret_bytes};
use crate::options::SecretSource;

/// Texts of which no part of this length may be seen, in bytes.
const SHORTEST: usize = 16;

/// Every stretch of a text that a message could quote.
fn stretches(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with(['#', '-']));
    lines
        .flat_map(|line| {
            let all: Vec<String> = line
                .as_bytes()
                .windows(SHORTEST)
                .map(|window| String::from_utf8_lossy(window).to_lowercase())
                .collect();
            if all.is_empty() {
                vec![line.to_lowercase()]
            } else {
                all
            }
        })
        .filter(|stretch| stretch.len() >= 8)
        // What stands before the data of an identity is the same for all.
        .filter(|stretch| !stretch.starts_with("age-"))
        .collect()
}

fn everything_said(offered: &Offered, sealed: &Sealed, damaged: bool) -> String {
    let (identities, notes) = offered.load();
    let mut enc = enc(sealed);
    if damaged {
        enc.truncate(enc.len() / 2);
    }
    let (opened, more) = identities.unwrap(&recipient(sealed), &enc);
    let printed: Vec<String> = notes.iter().chain(&more).map(ToString::to_string).collect();
    format!("{opened:?} {notes:?} {more:?} {printed:?} {:?}", offered.options)
}

/// Spoils a text so that it is no key any more and still a secret.
fn spoiled(text: &str) -> String {
    text.replace("1Q", "1Z").replace('A', "B")
}

#[test]
fn nothing_secret_is_said() {
    let secrets = [
        secret(X25519.identity),
        secret(HYBRID.identity),
        secret(ALICE),
        secret(BOB),
        PASSPHRASE.trim_end(),
        OTHER_PASSPHRASE.trim_end(),
    ];
    let mut canaries: Vec<String> = secrets.iter().flat_map(|text| stretches(text)).collect();
    canaries.extend(secrets.iter().flat_map(|text| stretches(&spoiled(text))));
    // The private half of an SSH key is in its last lines.
    for key in [SSH_ED25519.identity, SSH_RSA.identity] {
        canaries.extend(key.lines().rev().skip(1).take(2).flat_map(stretches));
    }
    let public = [SSH_ED25519, SSH_RSA].map(|sealed| recipient(&sealed).to_lowercase());
    canaries.retain(|canary| !public.iter().any(|public| public.contains(canary)));
    canaries.push(hex(super::DATA_KEY));
    canaries.extend([X25519, HYBRID, SSH_ED25519].map(|sealed| sealed.data_key.to_owned()));
    let offers: Vec<Offered> = vec![
        Offered::nothing()
            .file("good", X25519.identity)
            .inline(HYBRID.identity),
        Offered::nothing().file("other", BOB).inline(secret(ALICE)),
        Offered::nothing().file("spoiled", spoiled(X25519.identity)),
        Offered::nothing().file("spoiled", spoiled(HYBRID.identity)),
        Offered::nothing().inline(&format!("{} and {}", secret(ALICE), PASSPHRASE)),
        Offered::nothing().file("cut", &SSH_RSA.identity[..1000]),
        Offered::nothing().file("cut", &SSH_ED25519.identity[..300]),
        Offered::nothing().file("ecdsa", SSH_ECDSA.content),
        Offered::nothing()
            .file("pem", LOCKED_RSA_PEM.content)
            .passphrase(PASSPHRASE),
        Offered::nothing().file("locked", LOCKED_FILES[0].content),
        Offered::nothing()
            .file("locked", LOCKED_FILES[1].content)
            .file("ssh", LOCKED_ED25519[0].content)
            .passphrase(OTHER_PASSPHRASE),
        Offered::nothing()
            .file("locked", LOCKED_FILES[1].content)
            .file("ssh", LOCKED_ED25519[0].content)
            .passphrase(PASSPHRASE),
        Offered::nothing().file("plugin", PLUGIN.identity),
        Offered::nothing().key_command(&format!("echo {} {PASSPHRASE}", secret(ALICE))),
        Offered::nothing().key_command(&format!("/none {}", secret(ALICE))),
        Offered::nothing().key_command(&format!("echo '{}", secret(ALICE))),
        passphrase_in_the_environment(),
    ];
    for (number, offered) in offers.iter().enumerate() {
        for sealed in [X25519, HYBRID, SSH_ED25519, SSH_RSA, PLUGIN] {
            for damaged in [false, true] {
                let said = everything_said(offered, &sealed, damaged).to_lowercase();
                let leaked = canaries
                    .iter()
                    .find(|canary| said.contains(&canary.to_lowercase()));
                assert_eq!(leaked, None, "offer {number}, {}: {said}", sealed.name);
            }
        }
        assert!(
            !offered
                .failure("age1x", &format!("{TO_ALICE}x"))
                .contains("AGE-SECRET")
        );
    }
}

fn passphrase_in_the_environment() -> Offered {
    let mut offered = Offered::nothing().file("locked", LOCKED_FILES[0].content);
    offered.environment().age_passphrase = Some(SecretSource::Inline {
        name: "AGE_PASSPHRASE".to_owned(),
        content: secret_bytes(OTHER_PASSPHRASE),
    });
    offered.environment().age_ssh_key_command = Some(secret_bytes(&format!("echo {PASSPHRASE}")));
    offered
}

#[test]
fn the_canaries_would_be_found() {
    let canaries = stretches(secret(ALICE));
    assert!(canaries.len() > 40);
    let said = format!("cannot use {}", &secret(ALICE)[20..44]).to_lowercase();
    assert!(canaries.iter().any(|canary| said.contains(canary)));
}
