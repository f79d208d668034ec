//! Values on one line, as YAML would have them, and safe to print.

/// A text as YAML reads it: bare where that is the text itself, in quotes otherwise.
pub(super) fn text(text: &str) -> String {
    if is_bare(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// In quotes, with everything escaped that a terminal would obey.
fn quoted(text: &str) -> String {
    // A string is always JSON.
    let json = serde_json::to_string(text).unwrap_or_default();
    tame(&json)
}

/// A line of a text, with everything escaped that a terminal would obey.
pub(super) fn tame(line: &str) -> String {
    let mut tamed = String::with_capacity(line.len());
    for character in line.chars() {
        if is_unsafe(character) {
            tamed.extend(character.escape_unicode());
        } else {
            tamed.push(character);
        }
    }
    tamed
}

/// Control characters, and those that change how their neighbors are shown.
fn is_unsafe(character: char) -> bool {
    character != '\t' && character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn is_bare(text: &str) -> bool {
    let is_safe = |character: char| {
        character.is_alphanumeric()
            || matches!(
                character,
                '-' | '_' | '.' | '/' | '@' | ':' | '+' | '=' | ',' | ' ' | '(' | ')' | '[' | ']' | '$'
            )
    };
    let starts_well = text.starts_with(|character: char| {
        character.is_alphanumeric() || matches!(character, '/' | '_' | '.' | '[')
    });
    let words = ["true", "false", "null", "yes", "no", "on", "off", "~"];
    let reads_otherwise =
        text.parse::<f64>().is_ok() || words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let reads_as_list = text.starts_with('[') && !text.starts_with("[REDACTED]");
    let reads_as_map = text.contains(": ") || text.ends_with([':', ' ']);
    let is_plain = starts_well && text.chars().all(is_safe);
    is_plain && ![reads_as_list, reads_as_map, reads_otherwise].contains(&true)
}

/// A key of a map.
pub(super) fn key(key: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '/');
    if !key.is_empty() && key.chars().all(is_word) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_or_a_terminal_would_take_otherwise_is_quoted() {
        for (given, printed) in [
            ("nginx:1.27", "nginx:1.27"),
            ("a b", "a b"),
            ("true", "\"true\""),
            ("NO", "\"NO\""),
            ("1.5", "\"1.5\""),
            ("1e3", "\"1e3\""),
            ("", "\"\""),
            ("- a", "\"- a\""),
            ("a: b", "\"a: b\""),
            ("say \"x\"", "\"say \\\"x\\\"\""),
            ("\u{1b}[2J", "\"\\u001b[2J\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("[a]", "\"[a]\""),
        ] {
            assert_eq!(text(given), printed);
        }
    }
}
