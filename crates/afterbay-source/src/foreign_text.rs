//! Makes text that came from outside fit for an error.

/// The most characters of a server's text that an error repeats.
const MOST_FOREIGN_CHARACTERS: usize = 300;

/// A server's text made fit for an error: lossy UTF-8, one line, no control or direction characters, bounded.
pub(crate) fn foreign_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| {
            word.chars()
                .filter(|c| !c.is_control() && !is_formatting(*c))
                .collect()
        })
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST_FOREIGN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// An error of a library with all its causes, in one line.
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut reasons: Vec<String> = causes.map(ToString::to_string).collect();
    reasons.dedup();
    foreign_text(reasons.join(": ").as_bytes())
}

/// Invisible characters that change how the text around them is shown.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    //! Text of servers is made harmless.

    use proptest::prelude::*;

    use super::foreign_text;

    #[test]
    fn foreign_text_is_one_bounded_line() {
        assert_eq!(
            foreign_text(b" a\r\n\tb\x1b]0;title\x07 \xff "),
            "a b]0;title \u{fffd}"
        );
        assert_eq!(foreign_text("x\u{202e}y\u{feff}".as_bytes()), "xy");
        let long = foreign_text("ä".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), 301);
        assert!(long.ends_with('…'));
    }

    proptest! {
        #[test]
        fn foreign_text_holds_no_control_character(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let text = foreign_text(&bytes);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!(text.chars().count() <= 301);
        }
    }
}
