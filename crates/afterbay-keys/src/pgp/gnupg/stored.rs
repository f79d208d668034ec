//! The files of `private-keys-v1.d`: a private key as gpg-agent stores it.
//! Format: GnuPG `agent/keyformat.txt`.

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{EncryptedSecretParams, S2kParams, StringToKey};
use zeroize::Zeroizing;

use super::expression::Expression;
use super::seal::{Seal, SealError};
use crate::pgp::{hexadecimal, numbers};

/// One private key of an agent.
pub(crate) struct StoredKey {
    /// The number or point that public and private half share, without leading zeros.
    pub(crate) public: Vec<u8>,
    /// When the key was made, in seconds since 1970, where the agent noted it.
    pub(crate) created: Option<u32>,
    /// The list that starts with the algorithm.
    key: Expression,
    storage: Storage,
}

/// How the secret numbers are stored.
enum Storage {
    Plain,
    /// Sealed by the agent with a passphrase.
    Sealed(Seal),
    /// As an OpenPGP key with a passphrase came in and nobody has used it since.
    Imported(Box<EncryptedSecretParams>),
    /// The same without a passphrase: the secret numbers in OpenPGP's order.
    ImportedPlain(Vec<Zeroizing<Vec<u8>>>),
    /// On a card; its serial number.
    Card(String),
}

/// The secret numbers of a key.
pub(crate) enum Secret {
    /// As OpenPGP writes them after the public ones.
    Open(Zeroizing<Vec<u8>>),
    /// Still sealed by OpenPGP's own rules.
    Imported(Box<EncryptedSecretParams>),
}

/// Why there are no secret numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredError {
    Passphrase,
    Damaged,
}

impl StoredKey {
    /// Reads a file. `None` for what is not a private key in one of the known forms.
    pub(crate) fn parse(file: &[u8]) -> Option<Self> {
        let (root, created) = if file.trim_ascii_start().starts_with(b"(") {
            (Expression::parse(file)?, None)
        } else {
            // The expression tells where it ends.
            let key = unfolded(field(file, b"Key:")?);
            (
                Expression::parse(&key)?,
                field(file, b"Created:").and_then(seconds),
            )
        };
        let kind = root.name()?.to_vec();
        let Expression::List(items) = root else {
            return None;
        };
        let key = items.into_iter().nth(1)?;
        let storage = match kind.as_slice() {
            b"private-key" => Storage::Plain,
            b"protected-private-key" => storage(key.name()?, key.find("protected")?)?,
            b"shadowed-private-key" => Storage::Card(card(&key)),
            _ => return None,
        };
        let name = match key.name()? {
            b"rsa" => "n",
            b"ecc" => "q",
            _ => "y",
        };
        let public = numbers::trimmed(key.value(name)?).to_vec();
        Some(Self {
            public,
            created,
            key,
            storage,
        })
    }

    /// The public half as an OpenPGP packet of version 4, if the agent noted when it was made. The agent does
    /// not know what an elliptic curve is used for; what is looked for here are encryption keys.
    pub(crate) fn public_packet(&self) -> Option<Vec<u8>> {
        let mut packet = vec![4];
        packet.extend(self.created?.to_be_bytes());
        match self.key.name()? {
            b"rsa" => {
                packet.push(numbers::RSA);
                numbers::write(self.key.value("n")?, &mut packet);
                numbers::write(self.key.value("e")?, &mut packet);
            }
            b"elg" => {
                packet.push(numbers::ELGAMAL);
                for name in ["p", "g", "y"] {
                    numbers::write(self.key.value(name)?, &mut packet);
                }
            }
            b"ecc" => {
                let (oid, derivation) = numbers::curve(self.key.value("curve")?)?;
                packet.push(numbers::ECDH);
                packet.push(u8::try_from(oid.len()).ok()?);
                packet.extend(oid);
                numbers::write(self.key.value("q")?, &mut packet);
                packet.extend([3, 1]);
                packet.extend(derivation);
            }
            _ => return None,
        }
        Some(packet)
    }

    /// The serial number of the card that holds the key.
    pub(crate) fn card(&self) -> Option<&str> {
        match &self.storage {
            Storage::Card(serial) => Some(serial),
            Storage::Plain | Storage::Sealed(_) | Storage::Imported(_) | Storage::ImportedPlain(_) => None,
        }
    }

    /// Whether messages can be encrypted to a key of this algorithm.
    pub(crate) fn may_encrypt(&self) -> bool {
        self.key.name() != Some(b"dsa") && self.key.value("curve") != Some(b"Ed25519")
    }

    /// Whether a passphrase is needed.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.storage, Storage::Sealed(_) | Storage::Imported(_))
    }

    /// The secret numbers; `passphrase` is looked at only if the agent sealed them.
    pub(crate) fn secret(&self, passphrase: &[u8]) -> Result<Secret, StoredError> {
        let open = |list: &Expression| self.numbers(list).map(Secret::Open).ok_or(StoredError::Damaged);
        match &self.storage {
            Storage::Plain => open(&self.key),
            Storage::Sealed(seal) => match seal.open(&self.key, passphrase) {
                Ok(list) => open(&list),
                Err(SealError::Passphrase) => Err(StoredError::Passphrase),
                Err(SealError::Damaged) => Err(StoredError::Damaged),
            },
            Storage::Imported(params) => Ok(Secret::Imported(params.clone())),
            Storage::ImportedPlain(values) => {
                let mut written = Zeroizing::new(Vec::with_capacity(4096));
                for value in values {
                    numbers::write(value, &mut written);
                }
                Ok(Secret::Open(written))
            }
            Storage::Card(_) => Err(StoredError::Damaged),
        }
    }

    fn numbers(&self, list: &Expression) -> Option<Zeroizing<Vec<u8>>> {
        let names: &[&str] = match self.key.name()? {
            b"rsa" => &["d", "p", "q", "u"],
            b"ecc" => &["d"],
            b"elg" => &["x"],
            _ => return None,
        };
        // Room for everything, so that nothing is moved and left behind.
        let mut written = Zeroizing::new(Vec::with_capacity(4096));
        for name in names {
            numbers::write(list.value(name)?, &mut written);
        }
        Some(written)
    }
}

/// What follows a name at the start of a line, up to the end of the file.
fn field<'a>(file: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at_start = |&at: &usize| at == 0 || file[at - 1] == b'\n';
    let found = file
        .windows(name.len())
        .enumerate()
        .filter(|(_, text)| *text == name);
    let start = found.map(|(at, _)| at).find(at_start)?;
    Some(&file[start + name.len()..])
}

/// A value without the line ends, and the one space behind each, that fold it, also in the middle of a word.
fn unfolded(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len()));
    for (index, line) in value.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        text.extend(if index == 0 {
            line
        } else {
            line.strip_prefix(b" ").unwrap_or(line)
        });
    }
    text
}

/// `20240102T030405` at the start of a text, as seconds since 1970.
fn seconds(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii_start();
    let part = |range: std::ops::Range<usize>| -> Option<i64> {
        str::from_utf8(text.get(range)?).ok()?.parse().ok()
    };
    (text.get(8)? == &b'T').then_some(())?;
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
    // Days of the Gregorian calendar, with the year from March on (H. Hinnant, `days_from_civil`).
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u32::try_from(((days * 24 + hour) * 60 + minute) * 60 + second).ok()
}

/// The serial number in `(shadowed t1-v1 (SERIAL ID))`: hexadecimal for OpenPGP cards.
fn card(key: &Expression) -> String {
    let info = key.find("shadowed").and_then(|shadowed| shadowed.items().get(2));
    let serial = info.and_then(Expression::name).unwrap_or_default();
    hexadecimal(serial)
}

fn storage(algorithm: &[u8], protected: &Expression) -> Option<Storage> {
    if protected.items().get(1)?.atom()? == b"openpgp-native" {
        let key = protected.items().get(2)?;
        return match key.find("protection")?.items().get(1)?.atom()? {
            b"none" => imported_plain(algorithm, key).map(Storage::ImportedPlain),
            _ => imported(key).map(Storage::Imported),
        };
    }
    Seal::parse(protected).map(Storage::Sealed)
}

/// `(openpgp-private-key (version 4)(algo RSA)(skey _ N _ E _ D _ P _ Q _ U)(csum 0)(protection none))`: the secret
/// numbers come last.
fn imported_plain(algorithm: &[u8], key: &Expression) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let count = match algorithm {
        b"rsa" => 4,
        b"ecc" | b"elg" => 1,
        _ => return None,
    };
    let values = key.find("skey")?.items().get(1..)?;
    let values = values.chunks_exact(2).map(|pair| match pair {
        [mark, value] if mark.atom() == Some(b"_") => value.atom(),
        _ => None,
    });
    let values = values.collect::<Option<Vec<_>>>()?;
    let first = values.len().checked_sub(count)?;
    Some(
        values[first..]
            .iter()
            .map(|value| Zeroizing::new(value.to_vec()))
            .collect(),
    )
}

/// `(openpgp-private-key (version 4)(algo RSA)(skey _ N _ E e SEALED)(csum 0)(protection sha1 AES IV 3 SHA1
/// SALT COUNT))`, where the count is in OpenPGP's one-byte code.
fn imported(key: &Expression) -> Option<Box<EncryptedSecretParams>> {
    let values = key.find("skey")?.items();
    let sealed = values.iter().position(|item| item.atom() == Some(b"e"))? + 1;
    let sealed = values.get(sealed)?.atom()?.to_vec();
    let protection = key.find("protection")?.items();
    let word = |index: usize| protection.get(index).and_then(Expression::atom);
    let decimal = |index: usize| str::from_utf8(word(index)?).ok()?.parse::<u8>().ok();
    let sym_alg = cipher(word(2)?)?;
    let hash_alg = hash(word(5)?)?;
    let salt = || <[u8; 8]>::try_from(word(6)?).ok();
    let s2k = match decimal(4)? {
        0 => StringToKey::Simple { hash_alg },
        1 => StringToKey::Salted {
            hash_alg,
            salt: salt()?,
        },
        3 => StringToKey::IteratedAndSalted {
            hash_alg,
            salt: salt()?,
            count: decimal(7)?,
        },
        _ => return None,
    };
    let iv = word(3)?.to_vec().into();
    let params = match word(1)? {
        b"sha1" => S2kParams::Cfb { sym_alg, s2k, iv },
        b"sum" => S2kParams::MalleableCfb { sym_alg, s2k, iv },
        _ => return None,
    };
    Some(Box::new(EncryptedSecretParams::new(sealed.into(), params)))
}

/// By the names that libgcrypt has for them.
fn cipher(name: &[u8]) -> Option<SymmetricKeyAlgorithm> {
    Some(match name {
        b"AES" | b"AES128" => SymmetricKeyAlgorithm::AES128,
        b"AES192" => SymmetricKeyAlgorithm::AES192,
        b"AES256" => SymmetricKeyAlgorithm::AES256,
        b"3DES" => SymmetricKeyAlgorithm::TripleDES,
        b"CAST5" => SymmetricKeyAlgorithm::CAST5,
        b"BLOWFISH" => SymmetricKeyAlgorithm::Blowfish,
        b"TWOFISH" => SymmetricKeyAlgorithm::Twofish,
        b"CAMELLIA128" => SymmetricKeyAlgorithm::Camellia128,
        b"CAMELLIA192" => SymmetricKeyAlgorithm::Camellia192,
        b"CAMELLIA256" => SymmetricKeyAlgorithm::Camellia256,
        b"IDEA" => SymmetricKeyAlgorithm::IDEA,
        _ => return None,
    })
}

fn hash(name: &[u8]) -> Option<HashAlgorithm> {
    str::from_utf8(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{StoredKey, seconds};

    #[test]
    fn dates_are_seconds() {
        assert_eq!(seconds(b" 19700101T000000"), Some(0));
        assert_eq!(seconds(b"20240102T030405"), Some(1_704_164_645));
        assert_eq!(seconds(b"20240229T235959"), Some(1_709_251_199));
        for wrong in [
            "",
            "2024",
            "20240102 030405",
            "2024010xT030405",
            "19600101T000000",
        ] {
            assert_eq!(seconds(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_files_are_no_trouble(
            text in "(Created: [0-9T]{15}\n)?(Key:)? ?\\((private-key|protected-private-key|shadowed-private-key) [()a-z0-9# \n]{0,60}"
        ) {
            let _ = StoredKey::parse(text.as_bytes());
        }
    }
}
