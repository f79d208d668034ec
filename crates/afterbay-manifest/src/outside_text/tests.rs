//! What may not reach a terminal does not.

use proptest::prelude::*;

use super::tame_to;

const LIMIT: usize = 300;

fn tame(text: &str) -> String {
    tame_to(text, LIMIT)
}

#[test]
fn keeps_plain_text() {
    assert_eq!(tame("Access denied: key/1"), "Access denied: key/1");
}

#[test]
fn removes_what_a_terminal_would_obey() {
    assert_eq!(
        tame("a\x1b[31mred\x07\r\nnext\tline\u{202e}abc\u{200b}"),
        "a [31mred next lineabc"
    );
}

#[test]
fn marks_what_was_cut() {
    assert_eq!(tame_to("four five", 6), "four f…");
    assert_eq!(tame_to("four", 4), "four");
}

proptest! {
    #[test]
    fn is_short_and_on_one_line(text in "\\PC*|(?s).*") {
        let tamed = tame(&text);
        prop_assert!(tamed.chars().count() <= LIMIT + 1);
        prop_assert!(!tamed.chars().any(char::is_control));
    }
}
