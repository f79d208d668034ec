//! An OpenPGP message: who it is for, and what is in it (RFC 9580 §10.3). Nothing in it is trusted: sizes and
//! nesting have bounds, and nothing is looked at before its integrity is checked.

use std::io::Read as _;

use pgp::armor::BlockType;
use pgp::composed::{DecryptionOptions, Edata, Esk, Message, PlainSessionKey};
use pgp::packet::{DataMode, Decompressor, LiteralDataHeader, PublicKeyEncryptedSessionKey};
use pgp::types::{Fingerprint, KeyDetails, KeyId, Seipdv1ReadMode, Tag};
use zeroize::Zeroizing;

use super::packets;

/// Longest message read, in bytes. A value in armor has a third more than in binary.
const LONGEST_MESSAGE: usize = 2 << 20;

/// Longest content, in bytes, and longest content of each layer around it. A data key has 32, a value of
/// hiera-eyaml is a password or a certificate.
const LONGEST_CONTENT: usize = 1 << 20;

/// Most layers inside the encryption; GnuPG writes a compressed packet around the literal one.
const DEEPEST: usize = 4;

/// Most recipients looked at: each may cost a private operation.
const MOST_RECIPIENTS: usize = 256;

/// A message that somebody may be able to open.
pub(crate) struct Sealed {
    /// The packets, without armor.
    packets: Zeroizing<Vec<u8>>,
    recipients: Vec<PublicKeyEncryptedSessionKey>,
    /// Whether a passphrase opens it as well.
    has_passphrase: bool,
}

/// Who can open a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// The key of this id.
    Id(KeyId),
    /// The key of this fingerprint.
    Fingerprint(Fingerprint),
    /// Whoever can.
    Hidden,
}

impl Recipient {
    /// Whether a key is the one meant; a hidden recipient may be any.
    pub(crate) fn may_be(&self, key: &impl KeyDetails) -> bool {
        match self {
            Self::Id(id) => *id == key.legacy_key_id(),
            Self::Fingerprint(fingerprint) => *fingerprint == key.fingerprint(),
            Self::Hidden => true,
        }
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(&super::hexadecimal(id.as_ref())),
            Self::Fingerprint(fingerprint) => f.write_str(&super::hexadecimal(fingerprint.as_bytes())),
            Self::Hidden => f.write_str("a hidden recipient"),
        }
    }
}

/// Why a message cannot be opened, whatever the keys. The text continues "the message …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    TooLong,
    NotAMessage,
    NotEncrypted,
    NoIntegrity,
    PassphraseOnly,
    TooManyRecipients,
}

impl Unreadable {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "has more than 2 MiB",
            Self::NotAMessage => "is not an OpenPGP message, or is damaged",
            Self::NotEncrypted => "is not encrypted",
            Self::NoIntegrity => "has no protection against alteration (no MDC), and is refused, as gpg does",
            Self::PassphraseOnly => "is encrypted with a passphrase and not to a key",
            Self::TooManyRecipients => "has more than 256 recipients",
        }
    }
}

/// Why a session key did not open a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It was altered, or the session key is wrong.
    Integrity,
    /// What is inside is not a literal packet, compressed or not.
    Content,
    TooLong,
    /// There is nothing in it, and a data key was looked for.
    Empty,
}

impl Sealed {
    /// Reads a message, armored or binary, as far as it can be read without a key.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Unreadable> {
        if message.len() > LONGEST_MESSAGE {
            return Err(Unreadable::TooLong);
        }
        let packets = if packets::is_armored(message) {
            match packets::blocks(message).next() {
                Some(Ok((BlockType::Message, bytes))) => bytes,
                _ => return Err(Unreadable::NotAMessage),
            }
        } else {
            Zeroizing::new(message.to_vec())
        };
        let esk = match Message::from_bytes(&packets[..]) {
            Ok(Message::Encrypted {
                edata: Edata::SymEncryptedData { .. },
                ..
            }) => return Err(Unreadable::NoIntegrity),
            Ok(Message::Encrypted { esk, .. }) => esk,
            Ok(_) => return Err(Unreadable::NotEncrypted),
            Err(_) => return Err(Unreadable::NotAMessage),
        };
        let has_passphrase = esk
            .iter()
            .any(|esk| matches!(esk, Esk::SymKeyEncryptedSessionKey(_)));
        let recipients: Vec<_> = esk
            .into_iter()
            .filter_map(|esk| match esk {
                Esk::PublicKeyEncryptedSessionKey(recipient) => Some(recipient),
                Esk::SymKeyEncryptedSessionKey(_) => None,
            })
            .collect();
        match recipients.len() {
            0 if has_passphrase => Err(Unreadable::PassphraseOnly),
            0 => Err(Unreadable::NotAMessage),
            count if count > MOST_RECIPIENTS => Err(Unreadable::TooManyRecipients),
            _ => Ok(Self {
                packets,
                recipients,
                has_passphrase,
            }),
        }
    }

    /// The session key as each recipient was given it. Recipients of an unknown form are left out.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = (Recipient, &PublicKeyEncryptedSessionKey)> {
        self.recipients.iter().filter_map(|session_key| {
            let recipient = match (session_key.id(), session_key.fingerprint()) {
                (Ok(id), _) if id.is_wildcard() => Recipient::Hidden,
                (Ok(id), _) => Recipient::Id(*id),
                (Err(_), Ok(Some(fingerprint))) => Recipient::Fingerprint(fingerprint.clone()),
                (Err(_), Ok(None)) => Recipient::Hidden,
                (Err(_), Err(_)) => return None,
            };
            Some((recipient, session_key))
        })
    }

    /// Whether a passphrase opens the message as well.
    pub(crate) fn has_passphrase(&self) -> bool {
        self.has_passphrase
    }

    /// The content.
    pub(crate) fn open(&self, session_key: &PlainSessionKey) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let Ok(Message::Encrypted { mut edata, .. }) = Message::from_bytes(&self.packets[..]) else {
            return Err(Broken::Integrity);
        };
        let options = DecryptionOptions::new()
            .enable_gnupg_aead()
            .set_seipdv1_read_mode(Seipdv1ReadMode::CheckFirst {
                max_message_size: LONGEST_MESSAGE,
            });
        edata
            .decrypt_with_options(session_key, options)
            .map_err(|_| Broken::Integrity)?;
        // What is inside is not longer than the message, so that nothing is moved and left behind.
        let mut inside = Zeroizing::new(Vec::with_capacity(self.packets.len() + 1));
        edata.read_to_end(&mut inside).map_err(|_| Broken::Integrity)?;
        content(&inside, 0)
    }
}

/// The literal data in a layer. What stands beside it, signatures for one, is passed over; a second literal
/// packet is refused, as gpg does.
fn content(layer: &[u8], depth: usize) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut found = None;
    for packet in packets::packets(layer) {
        let packet = packet.map_err(|_| Broken::Content)?;
        let opened = match packet.tag() {
            Tag::LiteralData => literal(&packet.body)?,
            Tag::CompressedData if depth < DEEPEST => content(&decompressed(&packet.body)?, depth + 1)?,
            Tag::Signature
            | Tag::OnePassSignature
            | Tag::Marker
            | Tag::Padding
            | Tag::UnassignedNonCritical(_)
            | Tag::Experimental(_) => continue,
            _ => return Err(Broken::Content),
        };
        if found.replace(opened).is_some() {
            return Err(Broken::Content);
        }
    }
    match found {
        Some(content) if content.len() > LONGEST_CONTENT => Err(Broken::TooLong),
        Some(content) => Ok(content),
        None => Err(Broken::Content),
    }
}

/// The data behind its header. In text, line ends are those of mail; gpg drops every carriage return.
fn literal(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut data = body;
    let header = LiteralDataHeader::try_from_reader(&mut data).map_err(|_| Broken::Content)?;
    let is_text = matches!(header.mode(), DataMode::Text | DataMode::Utf8);
    let mut content = Zeroizing::new(Vec::with_capacity(data.len()));
    content.extend(data.iter().filter(|&&byte| !is_text || byte != b'\r'));
    Ok(content)
}

fn decompressed(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let reader = Decompressor::from_reader(body).map_err(|_| Broken::Content)?;
    // A little room for the headers of the packets inside.
    let limit = LONGEST_CONTENT + 4096;
    let mut layer = Zeroizing::new(Vec::with_capacity(limit + 1));
    reader
        .take(limit as u64 + 1)
        .read_to_end(&mut layer)
        .map_err(|_| Broken::Content)?;
    if layer.len() > limit {
        return Err(Broken::TooLong);
    }
    Ok(layer)
}
