//! Removes opened values from texts that come from outside: API server, KMS, Git server.
//!
//! A server may repeat what it was sent ("Invalid value: …", an admission policy's message). Such a
//! text is scrubbed before it is stored anywhere. Values long enough to tell are found in any of the
//! forms a server writes, whole or cut off; values too short or too common to tell are removed
//! where a text quotes exactly them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::SecretBytes;

/// What stands in place of a value.
pub const REDACTED: &str = "[REDACTED]";

/// A form shorter than this is not searched for: it would be found by chance.
const SHORTEST: usize = 6;

/// A piece of a value this long is enough to recognize it, so that a text cut in the middle of a
/// value shows at most eleven bytes of it.
const PIECE: usize = 12;

/// No form that is only removed where it is quoted is longer: percent-encoding makes three bytes of one, and
/// an escaped quote at the end of a message inside a JSON text has up to three backslashes.
const LONGEST_QUOTED: usize = 3 * PIECE + 3;

/// Words of [`SHORTEST`] or more letters that error messages use for their own purposes.
const COMMON: [&str; 20] = [
    "username",
    "password",
    "default",
    "localhost",
    "postgres",
    "secret",
    "enabled",
    "disabled",
    "production",
    "staging",
    "development",
    "Opaque",
    "string",
    "boolean",
    "integer",
    "number",
    "object",
    "unknown",
    "database",
    "example",
];

/// Whether this was built with redaction taken out, by setting the variable for the compiler. Only `cargo xtask e2e
/// --without-redaction` does, to prove that the canary scenario notices; the binary says so whenever it starts.
pub const REDACTION_REMOVED: bool = option_env!("AFTERBAY_BUILD_WITHOUT_REDACTION").is_some();

/// The opened values of a run, and the way to take them out of a text.
#[derive(Default)]
pub struct Scrubber {
    values: Vec<SecretBytes>,
    /// Whether there may be opened values that it was not told.
    partial: bool,
    index: OnceLock<Index>,
}

/// Hashes of what to look for; built when the first text arrives, because most runs have none.
#[derive(Default)]
struct Index {
    /// Hashes of byte strings, by length: whole forms up to [`PIECE`] bytes, and every piece of longer ones.
    pieces: BTreeMap<usize, HashSet<u64>>,
    /// Forms that are only removed where a text quotes exactly them.
    quoted: HashSet<u64>,
}

impl Scrubber {
    /// Knows these values from now on. Empty ones are ignored.
    pub fn new(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let values = values
            .into_iter()
            .filter(|value| !value.is_empty())
            .map(SecretBytes::new)
            .collect();
        Self {
            values,
            partial: false,
            index: OnceLock::new(),
        }
    }

    /// The same, for objects that may hold opened values which it was not told: those that came through a pipe.
    #[must_use]
    pub fn partial(self) -> Self {
        Self {
            partial: true,
            ..self
        }
    }

    /// Whether there may be opened values that it does not know. Then it is no proof that a text is clean, and whatever
    /// a server quotes has to go.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Whether a value is long and rare enough to be told from other text wherever it stands. Others are only removed
    /// where a text quotes exactly them.
    pub fn recognizes(value: &[u8]) -> bool {
        let is_common = |word: &str| word.as_bytes().eq_ignore_ascii_case(value);
        value.len() >= SHORTEST && !COMMON.iter().any(|word| is_common(word))
    }

    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The text without any of the values.
    pub fn scrub(&self, text: &str) -> String {
        if self.values.is_empty() || REDACTION_REMOVED {
            return text.to_owned();
        }
        let index = self.index.get_or_init(|| Index::of(&self.values));
        let mut hidden = vec![false; text.len()];
        index.mark_pieces(text.as_bytes(), &mut hidden);
        index.mark_quoted(text, &mut hidden);
        without(text, &hidden)
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} values)", self.values.len())
    }
}

impl Index {
    fn of(values: &[SecretBytes]) -> Self {
        let mut index = Self::default();
        for value in values {
            let value = value.expose_bytes();
            let recognized = Scrubber::recognizes(value);
            for form in forms(value) {
                if recognized {
                    index.add(&form);
                } else {
                    index.quoted.insert(hash(&form));
                }
            }
        }
        index
    }

    fn add(&mut self, form: &[u8]) {
        let length = form.len().min(PIECE);
        let pieces = self.pieces.entry(length).or_default();
        pieces.extend(form.windows(length).map(hash));
    }

    fn mark_pieces(&self, text: &[u8], hidden: &mut [bool]) {
        for (&length, pieces) in &self.pieces {
            for (start, window) in text.windows(length).enumerate() {
                if pieces.contains(&hash(window)) {
                    hidden[start..start + length].fill(true);
                }
            }
        }
    }

    fn mark_quoted(&self, text: &str, hidden: &mut [bool]) {
        let mut mark = |start: usize, end: usize| {
            // A message inside a JSON text escapes its quotes, which leaves a backslash at the end.
            let content = text[start..end].trim_end_matches('\\');
            // Base64 is known without its padding.
            let bare = content.trim_end_matches('=');
            if [content, bare]
                .iter()
                .any(|form| self.quoted.contains(&hash(form.as_bytes())))
            {
                hidden[start..start + content.len()].fill(true);
            }
        };
        for quote in ['"', '\'', '`'] {
            let marks: Vec<usize> = text.match_indices(quote).map(|(at, _)| at).collect();
            for (index, open) in marks.iter().enumerate() {
                // The value itself may hold quotes, so it need not end at the next one.
                for close in marks[index + 1..]
                    .iter()
                    .take_while(|close| **close <= open + 1 + LONGEST_QUOTED)
                {
                    mark(open + 1, *close);
                }
            }
        }
        // Go's `%v` of a pointer, in which the API server repeats what has the wrong type: `got &{true}`.
        for (at, open) in text.match_indices("&{") {
            let start = at + open.len();
            for (length, _) in text[start..]
                .match_indices('}')
                .take_while(|(at, _)| *at <= LONGEST_QUOTED)
            {
                mark(start, start + length);
            }
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The ways a server may write a value.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![
        value.to_vec(),
        hex(value, false),
        hex(value, true),
        url_encoded(value, "%20"),
    ];
    forms.push(url_encoded(value, "+"));
    if let Ok(text) = std::str::from_utf8(value) {
        let json = serde_json::Value::from(text).to_string();
        forms.push(json.as_bytes()[1..json.len() - 1].to_vec());
        // A message that is JSON inside JSON.
        let twice = serde_json::Value::from(&json[1..json.len() - 1]).to_string();
        forms.push(twice.as_bytes()[1..twice.len() - 1].to_vec());
        forms.push(text.escape_default().to_string().into_bytes());
        // Go's encoding/json writes these three as \u003c, \u003e and \u0026.
        let go = json
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026");
        forms.push(go.as_bytes()[1..go.len() - 1].to_vec());
        forms.extend(text.lines().map(|line| line.trim().as_bytes().to_vec()));
    }
    for before in 0..3 {
        forms.push(base64_inside(value, before, &STANDARD_NO_PAD));
        forms.push(base64_inside(value, before, &URL_SAFE_NO_PAD));
    }
    // A form may be shorter than the value it stands for: one line of it, base64 without its edges.
    forms.retain(|form| form.len() >= SHORTEST.min(value.len()));
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The part of a base64 text that depends on `value` alone, when `before` bytes (mod 3) stand before it.
fn base64_inside(value: &[u8], before: usize, engine: &impl Engine) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    let encoded = engine.encode(&bytes).into_bytes();
    let start = (before * 8).div_ceil(6);
    // With nothing before it the value may be encoded alone, and then its last character counts too.
    let end = if before == 0 {
        encoded.len()
    } else {
        bytes.len() * 8 / 6
    };
    encoded.get(start..end).unwrap_or_default().to_vec()
}

fn hex(value: &[u8], upper: bool) -> Vec<u8> {
    let digits: &[u8; 16] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    value
        .iter()
        .flat_map(|byte| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]])
        .collect()
}

/// Percent-encoding as Go's `url.QueryEscape` and `url.PathEscape` do it (RFC 3986 §2.3).
fn url_encoded(value: &[u8], space: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() * 3);
    for &byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.extend_from_slice(space.as_bytes()),
            _ => {
                out.push(b'%');
                out.extend(hex(&[byte], true));
            }
        }
    }
    out
}

fn without(text: &str, hidden: &[bool]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for (at, character) in text.char_indices() {
        let hide = hidden[at..at + character.len_utf8()].contains(&true);
        match (hide, inside) {
            (true, false) => out.push_str(REDACTED),
            (true, true) => {}
            (false, _) => out.push(character),
        }
        inside = hide;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANARY: &str = "c4n4ry-<9f & \"quoted\"> value";

    fn scrubber() -> Scrubber {
        Scrubber::new([CANARY.as_bytes().to_vec(), b"true".to_vec(), b"abc".to_vec()])
    }

    #[test]
    fn every_form_is_removed() {
        for form in forms(CANARY.as_bytes()) {
            let form = String::from_utf8(form).unwrap();
            let scrubbed = scrubber().scrub(&format!("spec.x: Invalid value: {form}: must be short"));
            assert!(!scrubbed.contains(&form), "{form} in {scrubbed}");
            assert!(scrubbed.starts_with("spec.x: Invalid value: ["), "{scrubbed}");
            assert!(scrubbed.ends_with(": must be short"), "{scrubbed}");
        }
    }

    #[test]
    fn a_value_cut_in_the_middle_is_removed() {
        insta::assert_snapshot!(
            scrubber().scrub("error found in #10 byte of ...|9f & \"quoted\"> val|..."),
            @"error found in #10 byte of ...|[REDACTED]|..."
        );
    }

    #[test]
    fn base64_inside_a_longer_base64_text_is_removed() {
        for before in ["", "u", "us", "user:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{before}{CANARY}@host"));
            let scrubbed = scrubber().scrub(&encoded);
            assert!(scrubbed.contains(REDACTED) && scrubbed.len() < 26, "{scrubbed}");
        }
    }

    #[test]
    fn short_values_go_only_where_they_are_quoted() {
        insta::assert_snapshot!(
            scrubber().scrub(r#"data.flag: Invalid value: "true": it is true that \"abc\" is bad in abc"#),
            @r#"data.flag: Invalid value: "[REDACTED]": it is true that \"[REDACTED]\" is bad in abc"#
        );
    }

    #[test]
    fn short_values_go_in_base64_and_as_go_prints_them() {
        insta::assert_snapshot!(
            scrubber().scrub(r#"denied: no "dHJ1ZQ==" please; .spec.strategy: expected map, got &{true}, not &{other}"#),
            @r#"denied: no "[REDACTED]" please; .spec.strategy: expected map, got &{[REDACTED]}, not &{other}"#
        );
        let odd = Scrubber::new([b"a}b".to_vec()]);
        insta::assert_snapshot!(odd.scrub("got &{a}b} instead"), @"got &{[REDACTED]} instead");
    }

    #[test]
    fn a_short_value_with_a_quote_in_it_goes_too() {
        let scrubber = Scrubber::new([br#"a"b"#.to_vec(), b"it's".to_vec()]);
        for (said, expected) in [
            (r#"denied: no "a\"b" please"#, r#"denied: no "[REDACTED]" please"#),
            (r#"denied: no "a"b" please"#, r#"denied: no "[REDACTED]" please"#),
            (
                r#"{"message":"no \"a\\\"b\" please"}"#,
                r#"{"message":"no \"[REDACTED]\" please"}"#,
            ),
            ("denied: no 'it's' please", "denied: no '[REDACTED]' please"),
        ] {
            assert_eq!(scrubber.scrub(said), expected);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", scrubber()), "Scrubber(3 values)");
    }

    proptest! {
        #[test]
        fn no_long_value_survives(value in "[ -~äé]{6,60}", before in ".{0,20}", after in ".{0,20}") {
            prop_assume!(!COMMON.iter().any(|word| word.eq_ignore_ascii_case(&value)));
            let text = format!("{before}{value}{after}");
            let scrubbed = Scrubber::new([value.clone().into_bytes()]).scrub(&text);
            prop_assert!(!scrubbed.contains(&value), "{scrubbed}");
        }

        #[test]
        fn other_text_is_left_alone(text in "[a-m ]{0,80}") {
            prop_assert_eq!(Scrubber::new([b"xyz-0123456789".to_vec()]).scrub(&text), text);
        }
    }
}
