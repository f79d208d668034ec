//! hiera-eyaml: values encrypted one by one, as tokens inside a scalar.
//!
//! ```text
//! "user=ENC[PKCS7,…];password=ENC[…]"  ──find──►  tokens  ──envelope──►  recipients, cipher, content
//! ```
//!
//! A PKCS7 token is an envelope of its own: the format (hiera-eyaml `lib/hiera/backend/eyaml`) has no integrity, and its key transport is
//! PKCS#1 v1.5. Whoever can tell *why* an envelope did not open can open envelopes, so nothing here
//! tells: one outcome for every failure, reached by the same work for every candidate key.
//!
//! A GPG token (hiera-eyaml-gpg) is a whole OpenPGP message, which whoever unwraps keys opens to the value. It is
//! protected against alteration, but not bound to its place.

mod cipher;
mod envelope;
mod message;
mod token;

use std::collections::BTreeSet;

use afterbay_manifest::{DataKeys, Integrity, KeyFailure, KeyRequest};
use zeroize::Zeroizing;

use envelope::Envelope;
use message::Message;
pub use message::MessageFailure;
use token::Scheme;
pub(crate) use token::find_sealed;

/// Why a scalar with tokens did not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenFailure {
    /// A GPG token did not open.
    Message(MessageFailure),
    /// A PKCS7 token did not open. The failures say what was wrong with the keys themselves, not
    /// with the envelope; usually there are none.
    Envelope(Vec<KeyFailure>),
}

/// Text and tokens of one scalar, in order.
enum Piece<'a> {
    Text(&'a str),
    /// `None` where the envelope cannot be read.
    Pkcs7(Option<Envelope>),
    Gpg(Message),
}

/// Whether a scalar holds at least one token that counts as hiera-eyaml.
pub(crate) fn is_sealed(text: &str) -> bool {
    pieces(text).iter().any(|piece| !matches!(piece, Piece::Text(_)))
}

/// What must be unwrapped before the scalar can be opened.
///
/// There is one request for each recipient, not one with alternatives: an RSA key of PKCS#1 v1.5
/// yields a candidate whether it is the right one or not, so every recipient has to be tried.
pub(crate) fn key_requests(text: &str, subject: &str) -> Vec<KeyRequest> {
    let mut requests = Vec::new();
    for piece in pieces(text) {
        let keys = match piece {
            Piece::Text(_) | Piece::Pkcs7(None) => Vec::new(),
            Piece::Pkcs7(Some(envelope)) => envelope.recipients,
            Piece::Gpg(message) => message.key().into_iter().collect(),
        };
        requests.extend(
            keys.into_iter()
                .map(|key| KeyRequest::any_of(subject.to_owned(), vec![key])),
        );
    }
    requests
}

/// What a scalar opened to.
pub(crate) struct OpenedScalar {
    /// The whole value.
    pub(crate) value: Zeroizing<String>,
    /// What each token held, for scrubbing.
    pub(crate) tokens: Vec<Zeroizing<String>>,
    /// What is known of each kind of token that was in it.
    pub(crate) integrity: BTreeSet<Integrity>,
}

/// Opens every token and joins the results with the text between them; then one line end at the end
/// goes away, as Ruby's `chomp` in hiera's backend does. `None` if the scalar holds no token.
pub(crate) fn open(text: &str, keys: &DataKeys) -> Option<Result<OpenedScalar, TokenFailure>> {
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut tokens = Vec::new();
    let mut integrity = BTreeSet::new();
    let mut failure = None;
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => value.push_str(text),
            Piece::Gpg(message) => match message.open(keys) {
                Ok(opened) => {
                    value.push_str(&opened);
                    tokens.push(opened);
                    integrity.insert(Integrity::Unbound);
                }
                Err(reason) => failure = failure.or(Some(TokenFailure::Message(reason))),
            },
            Piece::Pkcs7(envelope) => {
                if let Some(opened) = envelope.as_ref().and_then(|envelope| envelope.open(keys)) {
                    value.push_str(&opened);
                    tokens.push(opened);
                    integrity.insert(Integrity::Unauthenticated);
                } else {
                    let failures = envelope
                        .map(|envelope| envelope.key_failures(keys))
                        .unwrap_or_default();
                    failure = failure.or(Some(TokenFailure::Envelope(failures)));
                }
            }
        }
    }
    match failure {
        Some(failure) => Some(Err(failure)),
        None if tokens.is_empty() => None,
        None => {
            chomp(&mut value);
            Some(Ok(OpenedScalar {
                value,
                tokens,
                integrity,
            }))
        }
    }
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for token in token::find(text) {
        let piece = match token.scheme {
            Scheme::Pkcs7 => Piece::Pkcs7(Envelope::parse(token.body)),
            Scheme::Gpg => Piece::Gpg(Message::parse(token.body)),
            // Without a scheme only the content tells whether it is a token.
            Scheme::Missing => match Envelope::parse(token.body) {
                Some(envelope) => Piece::Pkcs7(Some(envelope)),
                None => continue,
            },
            Scheme::Other => continue,
        };
        pieces.push(Piece::Text(&text[end..token.range.start]));
        pieces.push(piece);
        end = token.range.end;
    }
    pieces.push(Piece::Text(&text[end..]));
    pieces
}

fn chomp(text: &mut String) {
    if text.ends_with("\r\n") {
        text.truncate(text.len() - 2);
    } else if text.ends_with(['\n', '\r']) {
        text.truncate(text.len() - 1);
    }
}

#[cfg(test)]
mod tests;
