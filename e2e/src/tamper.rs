//! Sealed files, edited as text.

use anyhow::{Context as _, ensure};

/// A file with another character in the ciphertext that `line` holds after `mark` (`data:`, `tag:`).
pub fn flip(text: &str, line: &str, mark: &str) -> anyhow::Result<String> {
    edit(text, line, |content| {
        let at = content.find(mark)? + mark.len();
        let replaced = if content[at..].starts_with('A') { "B" } else { "A" };
        Some(vec![format!(
            "{}{replaced}{}",
            &content[..at],
            &content[at + 1..]
        )])
    })
}

/// A file without a line.
pub fn remove(text: &str, line: &str) -> anyhow::Result<String> {
    edit(text, line, |_| Some(Vec::new()))
}

/// A file in which the values of two keys, each on a line of its own, are exchanged.
pub fn swap(text: &str, one: &str, other: &str) -> anyhow::Result<String> {
    let value = |key: &str| {
        let start = format!("{key}: ");
        text.lines()
            .find_map(|line| line.trim_start().strip_prefix(&start))
            .with_context(|| format!("no line of {key}:\n{text}"))
    };
    let (of_one, of_other) = (value(one)?, value(other)?);
    let half_done = edit(text, &format!("{one}: "), |line| {
        Some(vec![line.replace(of_one, of_other)])
    })?;
    edit(&half_done, &format!("{other}: "), |line| {
        Some(vec![line.replace(of_other, of_one)])
    })
}

/// The number of the line that starts with this, blanks aside, from 1.
pub fn line_of(text: &str, start: &str) -> anyhow::Result<usize> {
    let found = text.lines().position(|line| line.trim_start().starts_with(start));
    found
        .map(|index| index + 1)
        .with_context(|| format!("no line starts with {start}:\n{text}"))
}

fn edit(text: &str, start: &str, change: impl Fn(&str) -> Option<Vec<String>>) -> anyhow::Result<String> {
    let number = line_of(text, start)?;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if index + 1 == number {
            lines.extend(change(line).with_context(|| format!("cannot edit {line}"))?);
        } else {
            lines.push(line.to_owned());
        }
    }
    let edited = lines.join("\n") + "\n";
    ensure!(edited != text, "nothing was changed");
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a: ENC[x,data:AQ==]\nb:\n  c: ENC[x,data:Qg==]\n";

    #[test]
    fn edits_touch_one_place() {
        assert_eq!(
            flip(FILE, "a: ", "data:").unwrap(),
            "a: ENC[x,data:BQ==]\nb:\n  c: ENC[x,data:Qg==]\n"
        );
        assert_eq!(remove(FILE, "c: ").unwrap(), "a: ENC[x,data:AQ==]\nb:\n");
        assert_eq!(
            swap(FILE, "a", "c").unwrap(),
            "a: ENC[x,data:Qg==]\nb:\n  c: ENC[x,data:AQ==]\n"
        );
        assert_eq!(line_of(FILE, "c: ").unwrap(), 3);
        assert!(line_of(FILE, "d: ").is_err());
    }
}
