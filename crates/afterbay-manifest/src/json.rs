//! JSON as Go writes it.

use std::fmt::Write as _;

/// Appends a character of a text as `encoding/json` of Go 1.22 and later writes it, with the escapes for HTML: SOPS stores and
/// kustomize hashes what has gone through it.
pub fn push_go_json(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::push_go_json;

    #[test]
    fn what_could_break_out_of_a_text_is_escaped() {
        let mut out = String::new();
        "a\"\\\n\u{8}\u{1}<é\u{2028}"
            .chars()
            .for_each(|character| push_go_json(&mut out, character));
        assert_eq!(out, r#"a\"\\\n\b\u0001\u003cé\u2028"#);
    }
}
