//! Text that others wrote, made fit for a terminal and a report.

/// The text on one line, without control characters or invisible formatting, and not longer than `limit`
/// characters. What was cut is marked.
pub fn tame_to(text: &str, limit: usize) -> String {
    let mut tamed = String::new();
    let mut length = 0;
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        let space = (!tamed.is_empty()).then_some(' ');
        for c in space
            .into_iter()
            .chain(word.chars().filter(|&c| !is_formatting(c)))
        {
            if length == limit {
                tamed.push('…');
                return tamed;
            }
            tamed.push(c);
            length += 1;
        }
    }
    tamed
}

/// Characters that change how their neighbors are shown: bidirectional controls, zero-width characters.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
