//! The envelope inside a token: a CMS `EnvelopedData` (RFC 5652 §6) in DER, one key transport
//! recipient or several.

use std::collections::BTreeSet;

use afterbay_manifest::{Attempt, DataKey, DataKeys, KeyFailure, WrappedKey};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cms::content_info::ContentInfo;
use cms::enveloped_data::{EnvelopedData, RecipientInfo};
use der::Decode as _;
use der::asn1::{ObjectIdentifier, OctetString};
use zeroize::{Zeroize as _, Zeroizing};

use super::cipher::ContentCipher;

/// `id-envelopedData` (RFC 5652 §6.1).
const ENVELOPED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
/// `rsaEncryption`: PKCS#1 v1.5 key transport (RFC 3370 §4.2.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Ruby's `Base64.decode64` asks for no canonical padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An envelope taken apart. Nothing in it is secret.
pub(crate) struct Envelope {
    /// The content key, once for each RSA recipient. Names of recipients are not looked at:
    /// hiera-eyaml often writes an empty issuer and the serial 0.
    pub(crate) recipients: Vec<WrappedKey>,
    cipher: ContentCipher,
    iv: Vec<u8>,
    content: Vec<u8>,
}

impl Envelope {
    /// Reads the base64 of a token; `None` if it is no envelope that can be opened.
    pub(crate) fn parse(body: &str) -> Option<Self> {
        let packed: String = body
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .collect();
        let info = ContentInfo::from_der(&BASE64.decode(packed).ok()?).ok()?;
        if info.content_type != ENVELOPED_DATA {
            return None;
        }
        let data = info.content.decode_as::<EnvelopedData>().ok()?;
        let algorithm = data.encrypted_content.content_enc_alg;
        let cipher = ContentCipher::of(&algorithm.oid)?;
        let recipients = recipients(data.recip_infos.0.as_slice(), cipher);
        (!recipients.is_empty()).then_some(())?;
        Some(Self {
            recipients,
            cipher,
            iv: algorithm
                .parameters?
                .decode_as::<OctetString>()
                .ok()?
                .into_bytes(),
            content: data.encrypted_content.encrypted_content?.into_bytes(),
        })
    }

    /// Opens the content to text, with whichever candidate key does it.
    ///
    /// Every candidate is tried to the end, also after one has opened: a wrong RSA padding, a wrong
    /// key, a wrong CBC padding and a content that is not text cost the same and say the same.
    pub(crate) fn open(&self, keys: &DataKeys) -> Option<Zeroizing<String>> {
        let candidates = self.candidates(keys);
        let mut opened = candidates.map(|key| self.open_with(key)).collect::<Vec<_>>();
        let first = opened.iter().position(Option::is_some)?;
        opened.swap_remove(first)
    }

    /// What was tried when nothing opened: that no key was given or could be read, or each that was given. Of those all is
    /// said that may be said: which one it is, and not how it failed.
    pub(crate) fn key_failures(&self, keys: &DataKeys) -> Vec<KeyFailure> {
        let failures = self.recipients.iter().filter_map(|key| match keys.outcome(key)? {
            Err(failure) => Some(failure.clone()),
            Ok(candidates) => {
                let sources: BTreeSet<&str> = candidates.iter().filter_map(DataKey::source).collect();
                let attempts = sources.into_iter().map(|source| Attempt {
                    with: source.to_owned(),
                    reason: "does not open it".to_owned(),
                    hint: None,
                });
                let attempts: Vec<Attempt> = attempts.collect();
                (!attempts.is_empty()).then(|| KeyFailure {
                    key: key.to_string(),
                    attempts,
                })
            }
        });
        failures.collect()
    }

    fn candidates<'a>(&'a self, keys: &'a DataKeys) -> impl Iterator<Item = &'a DataKey> {
        self.recipients
            .iter()
            .filter_map(|key| keys.outcome(key)?.ok())
            .flatten()
    }

    fn open_with(&self, key: &DataKey) -> Option<Zeroizing<String>> {
        let mut content = self.cipher.decrypt(key.expose_bytes(), &self.iv, &self.content)?;
        String::from_utf8(std::mem::take(&mut *content))
            .map(Zeroizing::new)
            .map_err(wiped)
            .ok()
    }
}

fn recipients(infos: &[RecipientInfo], cipher: ContentCipher) -> Vec<WrappedKey> {
    let infos = infos.iter().filter_map(|info| match info {
        RecipientInfo::Ktri(info) if info.key_enc_alg.oid == RSA_ENCRYPTION => Some(WrappedKey::Pkcs7 {
            encrypted_key: info.enc_key.as_bytes().to_vec(),
            key_length: cipher.key_length(),
        }),
        _ => None,
    });
    infos.collect()
}

/// The error holds the bytes that were not text.
fn wiped(error: std::string::FromUtf8Error) {
    error.into_bytes().zeroize();
}
