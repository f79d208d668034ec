//! Bytes to text: the encoding, and the characters on which Go's parsers break lines and others do not.

use super::{YamlError, YamlErrors};
use crate::Position;

/// How many line breaks of other kinds are reported; a text full of them needs no longer list.
const REPORTED: usize = 16;

/// The text without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, YamlErrors> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(at(
            Position::new(1, 1),
            "the text is UTF-16; save it as UTF-8".to_owned(),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        at(
            end_of(&valid),
            "the text is not UTF-8 from here on; save it as UTF-8".to_owned(),
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let breaks: Vec<YamlError> = text
        .match_indices(['\u{85}', '\u{2028}', '\u{2029}'])
        .take(REPORTED)
        .map(|(at, found)| foreign_break(text, at, found))
        .collect();
    if breaks.is_empty() {
        Ok(text)
    } else {
        Err(YamlErrors(breaks))
    }
}

/// go-yaml ends a line at these characters, even inside quotes and comments; the parser here does not.
fn foreign_break(text: &str, offset: usize, found: &str) -> YamlError {
    let code = found.chars().next().map_or(0, u32::from);
    let message = format!(
        "the line break character U+{code:04X} stands in the text, which YAML readers read differently; write it as \\u{code:04x} in double quotes"
    );
    YamlError {
        position: end_of(&text[..offset]),
        message,
    }
}

/// The position behind a text that starts a file.
fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position::new(
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}

fn at(position: Position, message: String) -> YamlErrors {
    YamlError { position, message }.into()
}
