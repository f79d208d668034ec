//! Words of the server, which nobody reads before they were scrubbed and made fit for a terminal.

use afterbay_manifest::{Scrubber, tame_to};
use serde::Deserialize;

/// Longest text of the server in a message, in characters.
const LIMIT: usize = 2000;

/// Text as a server wrote it. It may repeat values and hold escape sequences, so it has neither `Debug`
/// nor `Display`; the only way into a message is [`ServerText::said`].
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct ServerText(String);

impl ServerText {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text without the values that the scrubber knows, on one line, without control characters.
    pub(crate) fn said(&self, scrubber: &Scrubber) -> String {
        // Twice, because a value may be broken up by what only the second step takes away.
        scrubber.scrub(&tame_to(&scrubber.scrub(&self.0), LIMIT))
    }

    pub(crate) fn starts_with(&self, start: &str) -> bool {
        self.0.starts_with(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_and_no_value_comes_through() {
        let scrubber = Scrubber::new([b"hunter2hunter2".to_vec(), b"two\nlines of text".to_vec()]);
        let text = ServerText::new(
            "\u{1b}[31mno hunter2hunter2\u{7}, no two\nlines of text, no hunter2\u{200b}hunter2",
        );
        insta::assert_snapshot!(text.said(&scrubber), @"[31mno [REDACTED] , no [REDACTED], no [REDACTED]");
    }
}
