//! The envelope of one value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` (sops `aes/cipher.go`).

use afterbay_manifest::Position;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::TokenProblem;

/// How every token starts.
const OPENING: &str = "ENC[AES256_GCM,data:";
/// What marks a token wherever it stands, also a damaged one.
const MARK: &str = "ENC[AES256_GCM";

/// Go's `base64.StdEncoding`: padded, and lax about the unused bits of the last digit.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The type of an encrypted value. The label is not authenticated.
///
/// The label `bytes` of early versions is not among them: `sops` itself ends in a panic on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypeLabel {
    Str,
    Int,
    Float,
    Bool,
    Time,
    Comment,
}

/// A token taken apart.
pub(crate) struct Token {
    /// Ciphertext followed by the GCM tag.
    pub(crate) sealed: Vec<u8>,
    /// The nonce; never empty.
    pub(crate) nonce: Vec<u8>,
    pub(crate) label: TypeLabel,
    /// Whether nothing stands behind it.
    pub(crate) is_alone: bool,
}

impl TypeLabel {
    fn parse(label: &str) -> Result<Self, TokenProblem> {
        Ok(match label {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "time" => Self::Time,
            "comment" => Self::Comment,
            _ => return Err(TokenProblem::UnknownType),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Comment => "comment",
        }
    }
}

impl Token {
    /// Takes a token apart as SOPS's pattern does: anchored at the start only, within one line, every
    /// part as long as it can be.
    pub(crate) fn parse(text: &str) -> Result<Self, TokenProblem> {
        let Some(parts) = split(text) else {
            return Err(if text.starts_with(MARK) {
                TokenProblem::Truncated
            } else {
                TokenProblem::PlainText
            });
        };
        let mut sealed = decode(parts.data, "data")?;
        let nonce = decode(parts.iv, "iv")?;
        sealed.extend(decode(parts.tag, "tag")?);
        if nonce.is_empty() {
            return Err(TokenProblem::EmptyNonce);
        }
        Ok(Self {
            sealed,
            nonce,
            label: TypeLabel::parse(parts.label)?,
            is_alone: parts.is_alone,
        })
    }
}

/// Whether a text is a token with something behind it.
pub(crate) fn has_tail(text: &str) -> bool {
    split(text).is_some_and(|parts| !parts.is_alone)
}

struct Parts<'a> {
    data: &'a str,
    iv: &'a str,
    tag: &'a str,
    label: &'a str,
    is_alone: bool,
}

/// The pattern `^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]`, greedy, without backtracking:
/// the last place of each separator that leaves room for what follows.
fn split(text: &str) -> Option<Parts<'_>> {
    let body = text.strip_prefix(OPENING)?;
    let line = body.split('\n').next()?;
    let is_alone = line.len() == body.len() && line.ends_with(']');
    let (line, _) = line.rsplit_once(']')?;
    let (line, label) = part_after(line, ",type:")?;
    let (line, tag) = part_after(line, ",tag:")?;
    let (data, iv) = part_after(line, ",iv:")?;
    (!data.is_empty()).then_some(Parts {
        data,
        iv,
        tag,
        label,
        is_alone,
    })
}

/// Cuts at the last separator that is followed by at least one character.
fn part_after<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let (before, after) = text.rsplit_once(separator)?;
    if after.is_empty() {
        before
            .rsplit_once(separator)
            .map(|(head, _)| (head, &text[head.len() + separator.len()..]))
    } else {
        Some((before, after))
    }
}

fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, TokenProblem> {
    // Go skips line breaks inside base64.
    let decoded = if text.contains('\r') {
        BASE64.decode(text.replace('\r', ""))
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|_| TokenProblem::Base64 { part })
}

/// Whether a text is, or contains, a SOPS token, whole or damaged.
pub fn contains_token(text: &str) -> bool {
    text.contains(MARK)
}

/// Where SOPS tokens start in a text, whole or damaged, in order; for telling what was left sealed.
pub fn find_tokens(text: &[u8]) -> impl Iterator<Item = Position> + '_ {
    let mut rest = 0;
    let mut position = Position::new(1, 1);
    std::iter::from_fn(move || {
        let at = rest + find(&text[rest..], MARK.as_bytes())?;
        for byte in &text[rest..at] {
            match byte {
                b'\n' => position = Position::new(position.line.saturating_add(1), 1),
                // The later bytes of a character in UTF-8.
                0x80..=0xBF => {}
                _ => position.column = position.column.saturating_add(1),
            }
        }
        // The mark stays ahead, so that the column is counted through it.
        rest = at + 1;
        let found = position;
        position.column = position.column.saturating_add(1);
        Some(found)
    })
}

/// Whether a file may be sealed; a plain file costs a search and no parse.
pub(crate) fn may_be_sealed(bytes: &[u8]) -> bool {
    // With an escaped key, as in `"s\u006fps"`, only the tokens tell.
    find(bytes, b"sops").is_some() || contains_mark(bytes)
}

/// Whether there is a token anywhere, whole or damaged.
pub(crate) fn contains_mark(bytes: &[u8]) -> bool {
    find(bytes, MARK.as_bytes()).is_some()
}

/// The first place of a short pattern.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, tail) = needle.split_first()?;
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|byte| byte == first) {
        let at = from + step;
        if haystack[at + 1..].starts_with(tail) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
