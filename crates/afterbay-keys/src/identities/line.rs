//! The text form of identities: one a line, comments with `#`.

use std::str;

use age::x25519;

/// What stands between two identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// A line end: files.
    Line,
    /// Any white space: `SOPS_AGE_KEY`, since SOPS 3.13.
    WhiteSpace,
}

/// Why a piece of text is no identity we can use. Never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineError {
    /// Known, and not usable yet.
    Unsupported(&'static str),
    /// Not an identity.
    Invalid(&'static str),
}

/// First lines of whole files that are identities of another kind, and what they are.
const WHOLE_FILES: [(&str, &str); 5] = [
    (
        "age-encryption.org/",
        "an identity file protected with a passphrase",
    ),
    (
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "an identity file protected with a passphrase",
    ),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", "an SSH private key"),
    ("-----BEGIN RSA PRIVATE KEY-----", "an SSH private key"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "a PGP private key"),
];

/// Every identity of a text with the number of its line, from 1.
pub(crate) fn identities(
    text: &[u8],
    separator: Separator,
) -> Vec<(usize, Result<x25519::Identity, LineError>)> {
    if let Some((_, kind)) = WHOLE_FILES
        .iter()
        .find(|(start, _)| text.starts_with(start.as_bytes()))
    {
        return vec![(1, Err(LineError::Unsupported(kind)))];
    }
    let mut found = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let number = index + 1;
        match (str::from_utf8(line), separator) {
            (Err(_), _) => found.push((number, Err(LineError::Invalid("is not UTF-8 text")))),
            (Ok(line), Separator::Line) => found.push((number, identity(line))),
            (Ok(line), Separator::WhiteSpace) => {
                found.extend(line.split_whitespace().map(|word| (number, identity(word))));
            }
        }
    }
    found
}

/// The prefixes are those that SOPS tells kinds apart by; they are upper case only.
fn identity(text: &str) -> Result<x25519::Identity, LineError> {
    if text.starts_with("AGE-PLUGIN-") {
        Err(LineError::Unsupported(
            "an identity of an age plugin (AGE-PLUGIN-…)",
        ))
    } else if text.starts_with("AGE-SECRET-KEY-PQ-1") {
        Err(LineError::Unsupported(
            "a post-quantum hybrid identity (AGE-SECRET-KEY-PQ-1…)",
        ))
    } else if text.trim() != text {
        Err(LineError::Invalid("has white space before or after the identity"))
    } else if text.starts_with("AGE-SECRET-KEY-1") {
        text.parse()
            .map_err(|_| LineError::Invalid("is not a complete AGE-SECRET-KEY-1 identity"))
    } else if text.starts_with("age1") {
        Err(LineError::Invalid(
            "is a public key; the identity starts with AGE-SECRET-KEY-1",
        ))
    } else {
        Err(LineError::Invalid("is not an age identity"))
    }
}
