//! How gpg-agent seals a private key with a passphrase: AES-128 in CBC mode over the secret numbers and a
//! SHA-1 of the whole key, or in OCB mode with the public numbers as associated data. The key is made of the
//! passphrase by OpenPGP's iterated and salted S2K with SHA-1 (RFC 4880 §3.7.1.3), with a count that is
//! calibrated to the machine. Format: GnuPG `agent/keyformat.txt`, "Protected Private Key Format".

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use ocb3::Ocb3;
use ocb3::aead::{Aead as _, KeyInit as _, Payload};
use sha1::{Digest as _, Sha1};
use zeroize::Zeroizing;

use super::expression::Expression;

/// Bytes of the key that seals.
const KEY: usize = 16;

/// Bytes of the nonce in OCB mode.
const NONCE: usize = 12;

/// Most bytes that a passphrase is hashed to. Agents choose what takes 100 milliseconds.
const MOST_HASHED: usize = 1 << 32;

/// Bytes hashed in one go.
const CHUNK: usize = 16 * 1024;

/// The sealed numbers and what is needed, besides the passphrase, to open them.
pub(crate) struct Seal {
    mode: Mode,
    salt: Vec<u8>,
    count: usize,
    iv: Vec<u8>,
    sealed: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Cbc,
    Ocb,
}

/// Why a seal did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealError {
    /// Most likely; an altered file looks the same.
    Passphrase,
    Damaged,
}

impl Seal {
    /// Reads `(protected MODE ((sha1 SALT COUNT) IV) SEALED)`.
    pub(crate) fn parse(protected: &Expression) -> Option<Self> {
        let [_, mode, parameters, sealed] = protected.items() else {
            return None;
        };
        let mode = match mode.atom()? {
            b"openpgp-s2k3-sha1-aes-cbc" => Mode::Cbc,
            b"openpgp-s2k3-ocb-aes" => Mode::Ocb,
            _ => return None,
        };
        let [derivation, iv] = parameters.items() else {
            return None;
        };
        let [hash, salt, count] = derivation.items() else {
            return None;
        };
        (hash.atom()? == b"sha1").then_some(())?;
        let count = str::from_utf8(count.atom()?).ok()?.parse().ok()?;
        (count <= MOST_HASHED).then_some(())?;
        Some(Self {
            mode,
            salt: salt.atom()?.to_vec(),
            count,
            iv: iv.atom()?.to_vec(),
            sealed: sealed.atom()?.to_vec(),
        })
    }

    /// The list of the secret numbers of `key`, which is the list that the seal stands in.
    pub(crate) fn open(&self, key: &Expression, passphrase: &[u8]) -> Result<Expression, SealError> {
        let secret = self.derive(passphrase);
        match self.mode {
            Mode::Cbc => self.open_cbc(key, &secret),
            Mode::Ocb => self.open_ocb(key, &secret),
        }
    }

    fn open_cbc(&self, key: &Expression, secret: &[u8; KEY]) -> Result<Expression, SealError> {
        let mut opened = Zeroizing::new(self.sealed.clone());
        let decryptor =
            cbc::Decryptor::<Aes128>::new_from_slices(secret, &self.iv).map_err(|_| SealError::Damaged)?;
        decryptor
            .decrypt_padded::<NoPadding>(&mut opened)
            .map_err(|_| SealError::Damaged)?;
        let opened = Expression::parse(&opened).ok_or(SealError::Passphrase)?;
        let Expression::List(mut parts) = opened else {
            return Err(SealError::Passphrase);
        };
        let [_, integrity] = parts.as_slice() else {
            return Err(SealError::Passphrase);
        };
        let [_, _, expected] = integrity.items() else {
            return Err(SealError::Passphrase);
        };
        let expected = expected.atom().map(<[u8]>::to_vec);
        let numbers = parts.swap_remove(0);
        if expected.as_deref() == Some(&integrity_of(key, &numbers)) {
            Ok(numbers)
        } else {
            Err(SealError::Passphrase)
        }
    }

    fn open_ocb(&self, key: &Expression, secret: &[u8; KEY]) -> Result<Expression, SealError> {
        let nonce: [u8; NONCE] = self.iv.as_slice().try_into().map_err(|_| SealError::Damaged)?;
        let mut associated = Vec::new();
        key.canonical("protected", &mut associated);
        let payload = Payload {
            msg: &self.sealed,
            aad: &associated,
        };
        let opened = Ocb3::<Aes128>::new(&(*secret).into()).decrypt(&nonce.into(), payload);
        let opened = Zeroizing::new(opened.map_err(|_| SealError::Passphrase)?);
        match Expression::parse(&opened).ok_or(SealError::Damaged)? {
            Expression::List(mut parts) if parts.len() == 1 => Ok(parts.swap_remove(0)),
            _ => Err(SealError::Damaged),
        }
    }

    /// Hashes salt and passphrase over and over until `count` bytes are hashed, and at least once.
    fn derive(&self, passphrase: &[u8]) -> Zeroizing<[u8; KEY]> {
        let once = self.salt.len() + passphrase.len();
        let repeats = CHUNK.div_ceil(once.max(1));
        let mut chunk = Zeroizing::new(Vec::with_capacity(repeats * once));
        for _ in 0..repeats {
            chunk.extend(&self.salt);
            chunk.extend(passphrase);
        }
        let mut hash = Sha1::new();
        let mut left = self.count.max(once);
        while left > 0 && !chunk.is_empty() {
            let part = left.min(chunk.len());
            hash.update(&chunk[..part]);
            left -= part;
        }
        let digest = Zeroizing::new(<[u8; 20]>::from(hash.finalize()));
        let mut key = Zeroizing::new([0; KEY]);
        key.copy_from_slice(&digest[..KEY]);
        key
    }
}

/// SHA-1 of the key as it would be without its seal: public numbers, secret numbers, then the rest.
fn integrity_of(key: &Expression, numbers: &Expression) -> [u8; 20] {
    let mut text = Zeroizing::new(vec![b'(']);
    for item in key.items() {
        if item.is("protected") {
            numbers
                .items()
                .iter()
                .for_each(|number| number.canonical("", &mut text));
        } else {
            item.canonical("", &mut text);
        }
    }
    text.push(b')');
    Sha1::digest(&*text).into()
}

#[cfg(test)]
mod tests;
