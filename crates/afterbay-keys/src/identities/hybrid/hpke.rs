//! HPKE (RFC 9180) in base mode with HKDF-SHA256 and ChaCha20-Poly1305, for one message without associated
//! data: what age's stanza is made of. Only the side that opens.

use chacha20poly1305::aead::{Aead, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::x_wing::SharedSecret;

/// `HPKE`, the KEM X-Wing, the KDF HKDF-SHA256 and the AEAD ChaCha20-Poly1305.
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

const VERSION: &[u8] = b"HPKE-v1";

/// The base mode, without a pre-shared key and without a key of the sender.
const MODE_BASE: &[u8] = &[0];

/// Bytes of what an extraction gives, and the most that an expansion is asked for here.
const HASH: usize = 32;

/// Bytes of a nonce.
const NONCE: usize = 12;

/// Opens the first message; `None` if the shared secret is not that of the sender.
pub(super) fn open(shared: &SharedSecret, info: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let no_key = extract(&[], b"psk_id_hash", &[])?;
    let info = extract(&[], b"info_hash", info)?;
    let context = [MODE_BASE, &*no_key, &*info].concat();
    let secret = extract(&**shared, b"secret", &[])?;
    let key = expand(&secret, b"key", &context, HASH)?;
    let nonce = expand(&secret, b"base_nonce", &context, NONCE)?;
    ChaCha20Poly1305::new(Key::from_slice(&*key))
        .decrypt(Nonce::from_slice(&nonce[..NONCE]), sealed)
        .ok()
        .map(Zeroizing::new)
}

/// `LabeledExtract` of RFC 9180, section 4.
fn extract(salt: &[u8], label: &[u8], secret: &[u8]) -> Option<Zeroizing<[u8; HASH]>> {
    hmac(salt, &[VERSION, SUITE, label, secret])
}

/// `LabeledExpand` of at most one block, of which the first `length` bytes count.
fn expand(secret: &[u8; HASH], label: &[u8], context: &[u8], length: usize) -> Option<Zeroizing<[u8; HASH]>> {
    let length = u16::try_from(length).ok()?.to_be_bytes();
    hmac(secret, &[&length, VERSION, SUITE, label, context, &[1]])
}

/// `None` never comes: HMAC takes keys of any length.
fn hmac(key: &[u8], parts: &[&[u8]]) -> Option<Zeroizing<[u8; HASH]>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

#[cfg(test)]
mod tests;
