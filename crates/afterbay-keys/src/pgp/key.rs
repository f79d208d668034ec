//! A secret key that was offered, in whichever form, and opening session keys with it.

use std::sync::OnceLock;

use pgp::composed::PlainSessionKey;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{PublicKeyEncryptedSessionKey, PublicSubkey, SecretKey, SecretSubkey};
use pgp::types::{
    DecryptionKey as _, EcdhPublicParams, EncryptedSecretParams, EskType, Fingerprint, KeyDetails, KeyId,
    Password, PkeskVersion, PlainSecretParams, PublicParams, S2kParams, SecretParams, StringToKey, Tag,
};

use super::gnupg::stored::{Secret, StoredError, StoredKey};

/// A key of a user, primary or not, with whatever there is of its secret half.
#[derive(Debug)]
pub(crate) struct OfferedKey {
    public: PublicSubkey,
    half: SecretHalf,
    /// The secret half once its passphrase was found, or that none fits.
    unlocked: OnceLock<Result<SecretSubkey, Refusal>>,
}

/// What there is of a secret half.
enum SecretHalf {
    /// An OpenPGP packet of this tag, protected or not.
    Packet(Tag, Box<SecretParams>),
    /// A file of gpg-agent.
    Stored(Box<StoredKey>),
    /// Left out of the export that the key came from.
    LeftOut,
    /// On a card; its serial number, if it is known.
    Card(String),
    /// Known by its public half alone.
    Unknown,
}

/// Why a key did not give a session key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is protected and there is no passphrase.
    Locked,
    /// No passphrase fits.
    WrongPassphrase,
    /// The secret half is not there, because it was left out of an export.
    LeftOut,
    /// The secret half is on a card.
    Card(String),
    /// Only the public half is there.
    PublicOnly,
    /// The secret half cannot be read.
    Damaged,
    /// The algorithm or curve is not supported.
    Unsupported(&'static str),
    /// The session key does not open with it.
    DoesNotOpen,
}

impl OfferedKey {
    /// A primary key of a file or of `secring.gpg`.
    pub(crate) fn primary(key: &SecretKey) -> Option<Self> {
        Some(Self::packet(
            subkey(key)?,
            Tag::SecretKey,
            key.secret_params().clone(),
        ))
    }

    /// A subkey of a file or of `secring.gpg`.
    pub(crate) fn subkey(key: &SecretSubkey) -> Self {
        Self::packet(
            key.public_key().clone(),
            Tag::SecretSubkey,
            key.secret_params().clone(),
        )
    }

    fn packet(public: PublicSubkey, tag: Tag, params: SecretParams) -> Self {
        let half = stub(&params).unwrap_or(SecretHalf::Packet(tag, Box::new(params)));
        Self::new(public, half)
    }

    /// A key whose secret half gpg-agent stores.
    pub(crate) fn stored(public: PublicSubkey, stored: StoredKey) -> Self {
        let half = match stored.card() {
            Some(serial) => SecretHalf::Card(serial.to_owned()),
            None => SecretHalf::Stored(Box::new(stored)),
        };
        Self::new(public, half)
    }

    /// A key of which there is no more than the public half.
    pub(crate) fn public_only(public: PublicSubkey) -> Self {
        Self::new(public, SecretHalf::Unknown)
    }

    fn new(public: PublicSubkey, half: SecretHalf) -> Self {
        Self {
            public,
            half,
            unlocked: OnceLock::new(),
        }
    }

    /// The public half, which messages name.
    pub(crate) fn public(&self) -> &PublicSubkey {
        &self.public
    }

    pub(crate) fn id(&self) -> KeyId {
        self.public.legacy_key_id()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    /// Whether there is a secret half, even if it cannot be used.
    pub(crate) fn is_secret(&self) -> bool {
        !matches!(self.half, SecretHalf::Unknown)
    }

    /// Whether messages can be encrypted to a key of this algorithm.
    pub(crate) fn encrypts(&self) -> bool {
        !matches!(
            self.public.algorithm(),
            PublicKeyAlgorithm::DSA
                | PublicKeyAlgorithm::ECDSA
                | PublicKeyAlgorithm::EdDSALegacy
                | PublicKeyAlgorithm::Ed25519
                | PublicKeyAlgorithm::Ed448
                | PublicKeyAlgorithm::RSASign
        )
    }

    /// The session key. Passphrases are tried once in the life of the key.
    pub(crate) fn open(
        &self,
        session_key: &PublicKeyEncryptedSessionKey,
        passphrases: &[Password],
    ) -> Result<PlainSessionKey, Refusal> {
        let version = match session_key.version() {
            PkeskVersion::V3 => EskType::V3_4,
            PkeskVersion::V6 => EskType::V6,
            PkeskVersion::Other(_) => return Err(Refusal::DoesNotOpen),
        };
        if let Some(kind) = unsupported(self.public.public_params()) {
            return Err(Refusal::Unsupported(kind));
        }
        let values = session_key.values().map_err(|_| Refusal::DoesNotOpen)?;
        let key = self.unlocked.get_or_init(|| self.unlock(passphrases));
        let key = key.as_ref().map_err(Clone::clone)?;
        match key.decrypt(&Password::empty(), values, version) {
            Ok(Ok(session_key)) => Ok(session_key),
            // One answer, whatever was wrong with the padding.
            Ok(Err(_)) | Err(_) => Err(Refusal::DoesNotOpen),
        }
    }

    fn unlock(&self, passphrases: &[Password]) -> Result<SecretSubkey, Refusal> {
        match &self.half {
            SecretHalf::Packet(tag, params) => match &**params {
                SecretParams::Plain(plain) => self.with(plain.clone()),
                SecretParams::Encrypted(sealed) => self.unlock_packet(*tag, sealed, passphrases),
            },
            SecretHalf::Stored(stored) => self.unlock_stored(stored, passphrases),
            SecretHalf::LeftOut => Err(Refusal::LeftOut),
            SecretHalf::Card(serial) => Err(Refusal::Card(serial.clone())),
            SecretHalf::Unknown => Err(Refusal::PublicOnly),
        }
    }

    fn unlock_packet(
        &self,
        tag: Tag,
        sealed: &EncryptedSecretParams,
        passphrases: &[Password],
    ) -> Result<SecretSubkey, Refusal> {
        let open = |passphrase: &Password| sealed.unlock(passphrase, &self.public, Some(tag)).ok();
        match passphrases.iter().find_map(open) {
            Some(plain) => self.with(plain),
            None if passphrases.is_empty() => Err(Refusal::Locked),
            None => Err(Refusal::WrongPassphrase),
        }
    }

    fn unlock_stored(&self, stored: &StoredKey, passphrases: &[Password]) -> Result<SecretSubkey, Refusal> {
        if stored.is_sealed() && passphrases.is_empty() {
            return Err(Refusal::Locked);
        }
        let empty = [Password::empty()];
        let passphrases = if stored.is_sealed() { passphrases } else { &empty };
        for passphrase in passphrases {
            match stored.secret(&passphrase.read()) {
                Ok(Secret::Open(numbers)) => {
                    let (version, algorithm) = (self.public.version(), self.public.algorithm());
                    let params = PlainSecretParams::try_from_reader_no_checksum(
                        &numbers[..],
                        version,
                        algorithm,
                        self.public.public_params(),
                    );
                    return self.with(params.map_err(|_| Refusal::Damaged)?);
                }
                Ok(Secret::Imported(sealed)) => {
                    return self.unlock_packet(Tag::SecretSubkey, &sealed, passphrases);
                }
                Err(StoredError::Passphrase) => {}
                Err(StoredError::Damaged) => return Err(Refusal::Damaged),
            }
        }
        Err(Refusal::WrongPassphrase)
    }

    fn with(&self, plain: PlainSecretParams) -> Result<SecretSubkey, Refusal> {
        SecretSubkey::new(self.public.clone(), SecretParams::Plain(plain)).map_err(|_| Refusal::Damaged)
    }
}

impl std::fmt::Debug for SecretHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A public key that is no subkey, as one: what it opens is the same.
fn subkey(key: &SecretKey) -> Option<PublicSubkey> {
    let public = key.public_key();
    let mut body = Vec::new();
    pgp::ser::Serialize::to_writer(public, &mut body).ok()?;
    public_key(&body)
}

/// A public key from the body of its packet, whether it is a subkey or not.
pub(crate) fn public_key(body: &[u8]) -> Option<PublicSubkey> {
    let length = u32::try_from(body.len()).ok()?;
    let header = pgp::packet::PacketHeader::new_fixed(Tag::PublicSubkey, length);
    PublicSubkey::try_from_reader(header, body).ok()
}

/// What GnuPG exports instead of a secret half that is not there: S2K 101, `GNU`, and 1 for nothing or 2 for a
/// card with its serial number (`doc/DETAILS`, "GNU extensions to the S2K algorithm").
fn stub(params: &SecretParams) -> Option<SecretHalf> {
    let SecretParams::Encrypted(sealed) = params else {
        return None;
    };
    let (S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. }) = sealed.string_to_key_params()
    else {
        return None;
    };
    let StringToKey::Private { typ: 101, unknown } = s2k else {
        return None;
    };
    // A hash, then the mark, then the mode; the serial number has its length before it.
    Some(match unknown.get(1..5)? {
        b"GNU\x02" => {
            let serial = unknown.get(6..).unwrap_or_default();
            SecretHalf::Card(super::hexadecimal(serial))
        }
        _ => SecretHalf::LeftOut,
    })
}

/// Names what the library cannot decrypt with.
fn unsupported(params: &PublicParams) -> Option<&'static str> {
    match params {
        PublicParams::Elgamal(_) => Some("ElGamal"),
        PublicParams::ECDH(
            EcdhPublicParams::Brainpool256 { .. }
            | EcdhPublicParams::Brainpool384 { .. }
            | EcdhPublicParams::Brainpool512 { .. },
        ) => Some("a Brainpool curve"),
        PublicParams::ECDH(EcdhPublicParams::Unsupported { .. }) => Some("a curve that is not known"),
        PublicParams::Unknown { .. } => Some("an algorithm that is not known"),
        _ => None,
    }
}
