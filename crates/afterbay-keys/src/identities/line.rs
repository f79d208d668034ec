//! The text form of identities: one a line, comments with `#`.

use std::str;

use super::hybrid::HybridIdentity;
use super::key::Key;
use super::plugin::PluginIdentity;

/// What stands between two identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// A line end: files, and what commands print.
    Line,
    /// Any white space: `SOPS_AGE_KEY`, since SOPS 3.13.
    WhiteSpace,
}

/// Every identity of a text with the number of its line, from 1, or why it is none. Never quotes the text.
pub(super) fn identities(text: &[u8], separator: Separator) -> Vec<(usize, Result<Key, &'static str>)> {
    let mut found = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let number = index + 1;
        match (str::from_utf8(line), separator) {
            (Err(_), _) => found.push((number, Err("is not UTF-8 text"))),
            (Ok(line), Separator::Line) => found.push((number, identity(line))),
            (Ok(line), Separator::WhiteSpace) => {
                found.extend(line.split_whitespace().map(|word| (number, identity(word))));
            }
        }
    }
    found
}

/// The prefixes are those that SOPS tells kinds apart by; they are upper case only.
pub(super) fn identity(text: &str) -> Result<Key, &'static str> {
    if text.trim() != text {
        Err("has white space before or after the identity")
    } else if text.starts_with("AGE-PLUGIN-") {
        PluginIdentity::parse(text)
            .map(Key::Plugin)
            .ok_or("is not a complete AGE-PLUGIN- identity")
    } else if text.starts_with("AGE-SECRET-KEY-PQ-1") {
        HybridIdentity::parse(text)
            .map(|identity| Key::Hybrid(Box::new(identity)))
            .ok_or("is not a complete AGE-SECRET-KEY-PQ-1 identity")
    } else if text.starts_with("AGE-SECRET-KEY-1") {
        text.parse()
            .map(Key::X25519)
            .map_err(|_| "is not a complete AGE-SECRET-KEY-1 identity")
    } else if text.starts_with("age1pq1") {
        Err("is a public key; the identity starts with AGE-SECRET-KEY-PQ-1")
    } else if text.starts_with("age1") {
        Err("is a public key; the identity starts with AGE-SECRET-KEY-1")
    } else if text.starts_with("ssh-") {
        Err("is a public key; the identity is the private key beside it")
    } else {
        Err("is not an age identity")
    }
}
