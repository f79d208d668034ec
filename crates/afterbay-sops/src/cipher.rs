//! Opening one token: AES-256-GCM, then what its type label makes of the bytes.

use afterbay_manifest::Scalar;
use zeroize::Zeroize as _;

use crate::gcm::{Gcm, KEY};
use crate::mac::sealed_text;
use crate::number::{parse_bool, parse_float};
use crate::store::scalar_of;
use crate::timestamp::Timestamp;
use crate::token::{Token, TypeLabel};
use crate::{StrictFinding, TokenProblem};

/// What a token held.
pub(crate) enum Plain {
    Scalar(Scalar),
    /// A comment, which SOPS stores among the items of a list.
    Comment(String),
}

/// A token that opened.
pub(crate) struct Opened {
    pub(crate) plain: Plain,
    /// What about it is not as SOPS writes it.
    pub(crate) oddity: Option<StrictFinding>,
}

/// The data key of a part, ready for use.
pub(crate) struct Cipher(Gcm);

impl Cipher {
    /// `None` if the key is not an AES-256 key.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let key: &[u8; KEY] = key.try_into().ok()?;
        Some(Self(Gcm::new(key)))
    }

    /// Opens a token. Empty text is its own plaintext, as in SOPS.
    pub(crate) fn open(&self, text: &str, associated: &str) -> Result<Opened, TokenProblem> {
        if text.is_empty() {
            return Ok(Opened {
                plain: Plain::Scalar(Scalar::String(String::new())),
                oddity: None,
            });
        }
        let Token {
            mut sealed,
            nonce,
            label,
            is_alone,
        } = Token::parse(text)?;
        let opened = self.0.open(&nonce, associated.as_bytes(), &mut sealed);
        opened.ok_or(TokenProblem::Authentication)?;
        let (plain, fits) = typed(sealed, label)?;
        let oddity = if !is_alone {
            Some(StrictFinding::TextBehindToken)
        } else if !fits {
            Some(StrictFinding::Label)
        } else {
            None
        };
        Ok(Opened { plain, oddity })
    }
}

/// What the label says the bytes are, and whether SOPS would write it so. The bytes are taken over, or wiped.
fn typed(bytes: Vec<u8>, label: TypeLabel) -> Result<(Plain, bool), TokenProblem> {
    match label {
        TypeLabel::Str => return Ok((Plain::Scalar(scalar_of(bytes)), true)),
        TypeLabel::Comment => {
            return match scalar_of(bytes) {
                Scalar::String(text) => Ok((Plain::Comment(text), true)),
                _ => Err(TokenProblem::NotOfType { label: label.name() }),
            };
        }
        TypeLabel::Int | TypeLabel::Float | TypeLabel::Bool | TypeLabel::Time => {}
    }
    let mut bytes = bytes;
    let scalar = std::str::from_utf8(&bytes).ok().and_then(|text| match label {
        TypeLabel::Int => text.parse().ok().map(Scalar::Int),
        TypeLabel::Float => parse_float(text).map(Scalar::Float),
        TypeLabel::Bool => parse_bool(text).map(Scalar::Bool),
        _ => Timestamp::parse(text).map(|time| Scalar::Timestamp(time.with_fraction())),
    });
    let fits = scalar
        .as_ref()
        .is_some_and(|scalar| sealed_text(scalar).as_bytes() == bytes);
    bytes.zeroize();
    scalar
        .map(|scalar| (Plain::Scalar(scalar), fits))
        .ok_or(TokenProblem::NotOfType { label: label.name() })
}
