//! An OpenPGP message to keys of every kind, and secret keys that a user offers.

use std::sync::LazyLock;

use afterbay_keys::{KeyOptions, KeyRing};
use afterbay_manifest::{PgpKey, WrappedKey};

use crate::ring::{source, unwrap_one};
use crate::seed::{dearmored, files, selected};

const KEYS: [&[u8]; 4] = [
    include_bytes!("../../../fixtures/pgp/gnupg-2.2/keys/cv25519.asc"),
    include_bytes!("../../../fixtures/pgp/gnupg-2.2/keys/nistp256.asc"),
    include_bytes!("../../../fixtures/pgp/gnupg-2.2/keys/rsa.asc"),
    include_bytes!("../../../fixtures/pgp/gnupg-2.4/keys/cv25519.asc"),
];
const MESSAGE: &[u8] = include_bytes!("../../../fixtures/pgp/gnupg-2.2/messages/to-cv25519.asc");

static RING: LazyLock<KeyRing> = LazyLock::new(|| ring(&KEYS));

/// An even first byte makes the rest a message, an odd one a key.
pub fn run(data: &[u8]) {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let _ = if selector % 2 == 0 {
        open(&RING, bytes)
    } else {
        open(&ring(&[bytes]), MESSAGE)
    };
}

/// Messages and keys of both versions of GnuPG, with their armor and without.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |folder: &str| {
        [
            files(&format!("fixtures/pgp/gnupg-2.2/{folder}")),
            files(&format!("fixtures/pgp/gnupg-2.4/{folder}")),
        ]
        .concat()
    };
    let both = |files: Vec<Vec<u8>>| {
        let bare: Vec<_> = files.iter().filter_map(|file| dearmored(file)).collect();
        [files, bare].concat()
    };
    let messages = selected(b'0', both(of("messages")));
    messages.chain(selected(b'1', both(of("keys")))).collect()
}

fn ring(keys: &[&[u8]]) -> KeyRing {
    let mut options = KeyOptions::explicit();
    options.pgp.keys = keys.iter().map(|key| source(key)).collect();
    KeyRing::new(options)
}

/// Whether the message opens.
fn open(ring: &KeyRing, message: &[u8]) -> bool {
    let key = WrappedKey::Pgp(PgpKey {
        fingerprint: String::new(),
        message: message.to_vec(),
    });
    let opened = unwrap_one(ring, key.clone());
    matches!(opened.outcome(&key), Some(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_open_with_their_armor_and_without() {
        let bare = dearmored(MESSAGE).unwrap();
        assert!(open(&RING, MESSAGE) && open(&RING, &bare));
        let key = dearmored(KEYS[0]).unwrap();
        assert!(open(&ring(&[&key]), MESSAGE));
    }
}
