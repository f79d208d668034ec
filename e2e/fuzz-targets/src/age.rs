//! An age file to an identity of every kind: armor, header, stanzas, payload; and identity files that a user offers.

use std::sync::LazyLock;

use afterbay_keys::{KeyOptions, KeyRing};
use afterbay_manifest::WrappedKey;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::age::{HYBRID, PASSPHRASE, SSH_ED25519, SSH_RSA, X25519, cctv};

use crate::ring::{source, unwrap_one};
use crate::seed::{dearmored, files, selected};

const TO_ALICE: &str = include_str!("../../../crates/afterbay-keys/tests/data/to-alice.age");
const ALICE: &str = include_str!("../../../crates/afterbay-keys/tests/data/alice.agekey");
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let vectors = cctv::VECTORS.iter().filter_map(|vector| vector.read().ok());
    let mut identities: Vec<String> = vectors.flat_map(|vector| vector.identities).collect();
    identities.sort();
    identities.dedup();
    identities.extend(
        [
            ALICE,
            X25519.identity,
            HYBRID.identity,
            SSH_ED25519.identity,
            SSH_RSA.identity,
        ]
        .map(str::to_owned),
    );
    let mut options = options();
    options.age.identities = identities.iter().map(|text| source(text.as_bytes())).collect();
    KeyRing::new(options)
});

/// The first byte selects: an armored file, a file that is armored here, an identity file.
pub fn run(data: &[u8]) {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let _ = match selector % 3 {
        0 => open(&RING, String::from_utf8_lossy(bytes).into_owned()),
        1 => open(&RING, armored(bytes)),
        _ => {
            let mut options = options();
            // How long an SSH key may make one work for its passphrase is its owner's affair.
            if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(BEGIN.as_bytes()) {
                options.age.passphrases = vec![source(PASSPHRASE.as_bytes())];
            }
            options.age.identities = vec![source(bytes)];
            open(&KeyRing::new(options), TO_ALICE.to_owned())
        }
    };
}

/// Files of age's own vectors and of the fixtures, with their armor and without, and identities of every kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let vectors = cctv::VECTORS.iter().filter_map(|vector| vector.read().ok());
    let mut whole: Vec<_> = vectors
        .map(|vector| vector.file)
        .filter(|file| file.len() <= 4096)
        .collect();
    whole.extend(
        files("crates/afterbay-keys/tests/data")
            .into_iter()
            .filter(|file| file.starts_with(BEGIN.as_bytes())),
    );
    for sealed in [X25519, HYBRID, SSH_ED25519, SSH_RSA] {
        if let Some((_, rest)) = sealed.json.split_once("-----BEGIN AGE") {
            let text = rest.split('"').next().unwrap_or_default().replace("\\n", "\n");
            whole.push(format!("-----BEGIN AGE{text}").into_bytes());
        }
    }
    let bare = whole
        .iter()
        .map(|file| dearmored(file).unwrap_or_else(|| file.clone()));
    let bare: Vec<_> = bare.collect();
    let armored = whole.into_iter().filter(|file| file.starts_with(b"-----"));
    let identities = [files("fixtures/age/keys"), files("fixtures/keys")].concat();
    let armored = selected(b'0', armored.collect::<Vec<_>>());
    armored
        .chain(selected(b'1', bare))
        .chain(selected(b'2', identities))
        .collect()
}

fn options() -> KeyOptions {
    let mut options = KeyOptions::explicit();
    // Scrypt is slow by intention; a step of it tells as much as eighteen.
    options.age.max_work_factor = 1;
    options
}

/// Whether the file opens.
fn open(ring: &KeyRing, enc: String) -> bool {
    let recipient = "age1x".to_owned();
    let key = WrappedKey::Age { recipient, enc };
    let opened = unwrap_one(ring, key.clone());
    matches!(opened.outcome(&key), Some(Ok(_)))
}

/// The file in lines of 64 digits.
fn armored(file: &[u8]) -> String {
    let mut text = BEGIN.to_owned();
    for line in file.chunks(48) {
        text += &BASE64_STANDARD.encode(line);
        text.push('\n');
    }
    text + "-----END AGE ENCRYPTED FILE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_every_kind_of_identity_open_with_their_armor_made_here() {
        for sealed in [X25519, HYBRID, SSH_ED25519, SSH_RSA] {
            let text = sealed
                .json
                .split_once("-----BEGIN")
                .unwrap()
                .1
                .replace("\\n", "\n");
            let file = dearmored(format!("-----BEGIN{text}").as_bytes()).unwrap();
            assert!(open(&RING, armored(&file)), "{}", sealed.name);
        }
    }
}
