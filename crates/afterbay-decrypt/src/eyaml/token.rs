//! Tokens in a text: `ENC[SCHEME,base64]`, by the pattern of hiera-eyaml's backend parser
//! (`lib/hiera/backend/eyaml/parser/encrypted_tokens.rb`): `ENC\[(\w+,)?([a-zA-Z0-9+/ =\n]+?)\]`.

use std::ops::Range;

/// How every token starts.
const OPENING: &str = "ENC[";

/// What a token says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Pkcs7,
    Gpg,
    /// No scheme is written; hiera-eyaml takes its configured one, which is PKCS7 by default.
    Missing,
    /// A scheme of a plug-in.
    Other,
}

/// A token by its form alone.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// Where it stands, in bytes.
    pub(crate) range: Range<usize>,
    pub(crate) scheme: Scheme,
    /// What is between the comma and the bracket: base64 with white space.
    pub(crate) body: &'a str,
}

/// Every text of the form, in order.
pub(crate) fn find(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + text[from..].find(OPENING)?;
            from = start + OPENING.len();
            let (scheme, body_start) = scheme(text, from);
            if let Some(body_end) = body(text, body_start) {
                from = body_end + 1;
                return Some(Token {
                    range: start..from,
                    scheme,
                    body: &text[body_start..body_end],
                });
            }
        }
    })
}

/// The scheme at a place, and where the body starts.
fn scheme(text: &str, start: usize) -> (Scheme, usize) {
    let length = text[start..].bytes().take_while(|byte| is_word(*byte)).count();
    let name = &text[start..start + length];
    if length == 0 || text.as_bytes().get(start + length) != Some(&b',') {
        return (Scheme::Missing, start);
    }
    let scheme = if name.eq_ignore_ascii_case("pkcs7") {
        Scheme::Pkcs7
    } else if name.eq_ignore_ascii_case("gpg") {
        Scheme::Gpg
    } else {
        Scheme::Other
    };
    (scheme, start + length + 1)
}

/// Where the body ends, if it is one.
fn body(text: &str, start: usize) -> Option<usize> {
    let length = text[start..].bytes().take_while(|byte| is_body(*byte)).count();
    let end = start + length;
    (length > 0 && text.as_bytes().get(end) == Some(&b']')).then_some(end)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') || byte.is_ascii_whitespace()
}

/// The first `ENC[` of a text, whole or cut off, as a message names it: with a scheme that is known, and never with more
/// of the text, which may hold what was opened.
pub(crate) fn find_sealed(text: &str) -> Option<&'static str> {
    let start = text.find(OPENING)? + OPENING.len();
    Some(match scheme(text, start).0 {
        Scheme::Pkcs7 => "ENC[PKCS7,…]",
        Scheme::Gpg => "ENC[GPG,…]",
        Scheme::Missing | Scheme::Other => "ENC[…]",
    })
}
