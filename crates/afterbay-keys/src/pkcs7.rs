//! RSA private keys of hiera-eyaml, and PKCS#1 v1.5 decryption that tells nothing.
//!
//! The envelope has no integrity, so whoever can see whether a padding was right can decrypt with the
//! help of the answers (Bleichenbacher 1998, Marvin 2023). Here there is no answer: a wrong padding and
//! a wrong length give a key that depends on the private key and the ciphertext only, and that fails where
//! any wrong key fails. The length that the content cipher wants is known beforehand, so the separator
//! has one right place and the check needs no search. The private operation is blinded. What is left
//! is the arithmetic of the `rsa` crate, which RUSTSEC-2023-0071 says may leak through time; an
//! attacker would have to measure it over many runs.

mod pem;

use std::collections::BTreeSet;

use afterbay_manifest::{Attempt, DataKey, SecretBytes};
use getrandom::SysRng;
use hmac::{Hmac, KeyInit, Mac};
use rsa::hazmat::rsa_decrypt_and_check;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, PrivateKey};
use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::key_file;
use crate::note::KeyNote;
use crate::options::SecretSource;

/// Bytes of a PKCS#1 v1.5 block besides padding and message: `00 02 … 00`.
const FRAME: usize = 3;

/// Shortest padding that the format allows, in bytes.
const MIN_PADDING: usize = 8;

/// Longest content key asked for, in bytes; ciphers have 8 to 32.
const MAX_CONTENT_KEY: usize = 1024;

/// Every RSA private key offered to a run.
pub(crate) struct RsaKeys {
    keys: Vec<RsaKey>,
    problems: Vec<Attempt>,
}

/// A private key and the secret that its rejections are derived from.
struct RsaKey {
    /// The file or variable it came from.
    source: String,
    private: PrivateKey,
    rejection: Zeroizing<[u8; 64]>,
}

impl RsaKeys {
    /// Reads every source once, in order. What is wrong goes to `notes`, and is kept for the failures.
    pub(crate) fn load(sources: &[SecretSource], notes: &mut BTreeSet<KeyNote>) -> Self {
        let mut keys = Vec::new();
        let mut problems = Vec::new();
        for source in sources {
            let (name, parsed) = match source {
                SecretSource::File(path) => {
                    let parsed = key_file::read(path).and_then(|file| {
                        notes.extend(file.note);
                        pem::private_keys(&file.content)
                    });
                    (path.display().to_string(), parsed)
                }
                SecretSource::Inline { name, content: pem } => {
                    (name.clone(), pem::private_keys(pem.expose_bytes()))
                }
            };
            match parsed {
                Ok(parsed) => keys.extend(parsed.into_iter().map(|key| RsaKey::new(&name, key))),
                Err(reason) => {
                    notes.insert(KeyNote::SourceUnusable {
                        source: name.clone(),
                        reason: reason.clone(),
                    });
                    problems.push(Attempt {
                        with: name,
                        reason,
                        hint: None,
                    });
                }
            }
        }
        Self { keys, problems }
    }

    /// One candidate of `key_length` bytes for each private key, in order. Fails only when there is none.
    pub(crate) fn unwrap(
        &self,
        encrypted_key: &[u8],
        key_length: usize,
    ) -> Result<Vec<DataKey>, Vec<Attempt>> {
        if self.keys.is_empty() {
            let mut attempts = self.problems.clone();
            attempts.push(Attempt {
                with: "RSA private keys".to_owned(),
                reason: "none was offered".to_owned(),
                hint: Some("offer the private key of hiera-eyaml with --eyaml-private-key-file".to_owned()),
            });
            return Err(attempts);
        }
        if key_length > MAX_CONTENT_KEY {
            return Err(vec![Attempt {
                with: "RSA private keys".to_owned(),
                reason: format!("no cipher has a key of {key_length} bytes"),
                hint: None,
            }]);
        }
        let candidate = |key: &RsaKey| {
            let bytes = SecretBytes::new(key.unwrap(encrypted_key, key_length));
            DataKey::new(bytes).opened_with(&key.source)
        };
        Ok(self.keys.iter().map(candidate).collect())
    }
}

impl RsaKey {
    fn new(source: &str, private: PrivateKey) -> Self {
        let exponent = Zeroizing::new(private.d().to_be_bytes());
        let rejection = Zeroizing::new(Sha512::digest(&*exponent).into());
        Self {
            source: source.to_owned(),
            private,
            rejection,
        }
    }

    /// The message if the padding is right and the message has `length` bytes, else the rejection.
    fn unwrap(&self, ciphertext: &[u8], length: usize) -> Vec<u8> {
        let mut key = self.rejection(ciphertext, length);
        // What ends here is visible in the ciphertext and the public key alone.
        if let Some(block) = self.decrypt(ciphertext) {
            unpad(&block, &mut key);
        }
        key
    }

    /// The blinded private operation; `None` when the ciphertext is none of this key's.
    fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let size = self.private.size();
        if ciphertext.len() != size {
            return None;
        }
        let number = BoxedUint::from_be_slice(ciphertext, self.private.n_bits_precision()).ok()?;
        let mut message = rsa_decrypt_and_check(&self.private, Some(&mut SysRng), &number).ok()?;
        let bytes = Zeroizing::new(message.to_be_bytes());
        message.zeroize();
        let start = bytes.len().checked_sub(size)?;
        Some(Zeroizing::new(bytes[start..].to_vec()))
    }

    /// Bytes that nobody without the private key can tell from a message.
    fn rejection(&self, ciphertext: &[u8], length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        let mut counter = 0_u32;
        while bytes.len() < length {
            let block = Zeroizing::new(self.rejection_block(ciphertext, counter));
            bytes.extend(block.iter().take(length - bytes.len()));
            counter += 1;
        }
        bytes
    }

    fn rejection_block(&self, ciphertext: &[u8], counter: u32) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new(&(*self.rejection).into());
        mac.update(b"afterbay pkcs7 rejection");
        mac.update(&counter.to_be_bytes());
        mac.update(ciphertext);
        mac.finalize().into_bytes().into()
    }
}

/// Overwrites `key` with the message of a block, if the padding is right and the message is as long as `key`.
fn unpad(block: &[u8], key: &mut [u8]) {
    // What ends here is visible in the two lengths.
    let Some(separator) = block
        .len()
        .checked_sub(key.len() + 1)
        .filter(|&at| at >= FRAME - 1 + MIN_PADDING)
    else {
        return;
    };
    let mut right = block[0].ct_eq(&0) & block[1].ct_eq(&2) & block[separator].ct_eq(&0);
    for byte in &block[2..separator] {
        right &= !byte.ct_eq(&0);
    }
    select(key, &block[separator + 1..], right);
}

/// Overwrites `key` with `message` of the same length if `right`, in the same time either way.
fn select(key: &mut [u8], message: &[u8], right: Choice) {
    for (byte, real) in key.iter_mut().zip(message) {
        byte.conditional_assign(real, right);
    }
}

#[cfg(test)]
mod tests;
