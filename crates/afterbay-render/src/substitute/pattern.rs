//! Patterns of `${NAME#pattern}`: shell patterns over bytes, in which `*` fits a slash, too.

/// A pattern that cannot be read fits nothing, and leaves the value as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadPattern;

/// Whether a pattern fits the whole of a text.
pub(super) fn fits(mut pattern: &[u8], mut text: &[u8]) -> Result<bool, BadPattern> {
    'pattern: while !pattern.is_empty() {
        let stars = pattern.iter().take_while(|byte| **byte == b'*').count();
        let (chunk, rest) = pattern[stars..].split_at(chunk_length(&pattern[stars..]));
        pattern = rest;
        if stars > 0 && chunk.is_empty() {
            return Ok(true);
        }
        // With nothing behind it, the chunk must reach the end.
        let furthest = if stars > 0 { text.len() } else { 0 };
        for start in 0..=furthest {
            match chunk_fits(chunk, &text[start..])? {
                Some(left) if left.is_empty() || !pattern.is_empty() => {
                    text = left;
                    continue 'pattern;
                }
                _ => {}
            }
        }
        return Ok(false);
    }
    Ok(text.is_empty())
}

/// How far a pattern goes before its next star that is not in brackets.
fn chunk_length(pattern: &[u8]) -> usize {
    let mut in_brackets = false;
    let mut at = 0;
    while let Some(byte) = pattern.get(at) {
        match byte {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => in_brackets = true,
            b']' => in_brackets = false,
            b'*' if !in_brackets => break,
            _ => {}
        }
        at += 1;
    }
    at
}

/// What is left of a text behind a chunk without stars; `None` where it does not fit.
fn chunk_fits<'t>(mut chunk: &[u8], mut text: &'t [u8]) -> Result<Option<&'t [u8]>, BadPattern> {
    while let Some(first) = chunk.first() {
        let Some(byte) = text.first() else { return Ok(None) };
        match first {
            b'[' => {
                let (found, width) = character(text);
                text = &text[width..];
                let (is_in, rest) = class_holds(&chunk[1..], found)?;
                chunk = rest;
                if !is_in {
                    return Ok(None);
                }
                continue;
            }
            b'?' => {
                text = &text[character(text).1..];
                chunk = &chunk[1..];
                continue;
            }
            b'\\' => chunk = &chunk[1..],
            _ => {}
        }
        match chunk.first() {
            None => return Err(BadPattern),
            Some(literal) if literal == byte => {
                chunk = &chunk[1..];
                text = &text[1..];
            }
            Some(_) => return Ok(None),
        }
    }
    Ok(Some(text))
}

/// Whether a class, without its `[`, holds a character, and what is left behind its `]`.
fn class_holds(mut class: &[u8], found: u32) -> Result<(bool, &[u8]), BadPattern> {
    let is_negated = class.first() == Some(&b'^');
    if is_negated {
        class = &class[1..];
    }
    let mut holds = false;
    let mut ranges = 0;
    loop {
        if class.first() == Some(&b']') && ranges > 0 {
            return Ok((holds != is_negated, &class[1..]));
        }
        let (low, rest) = bound(class)?;
        class = rest;
        let mut high = low;
        if class.first() == Some(&b'-') {
            (high, class) = bound(&class[1..])?;
        }
        holds |= (low..=high).contains(&found);
        ranges += 1;
    }
}

/// An end of a range, which must not be the last thing in a pattern.
fn bound(class: &[u8]) -> Result<(u32, &[u8]), BadPattern> {
    let class = match class {
        [] | [b'-' | b']', ..] | [b'\\'] => return Err(BadPattern),
        [b'\\', rest @ ..] => rest,
        class => class,
    };
    let (found, width) = character(class);
    let rest = &class[width..];
    if rest.is_empty() || (found == REPLACEMENT && width == 1) {
        return Err(BadPattern);
    }
    Ok((found, rest))
}

const REPLACEMENT: u32 = 0xfffd;

/// The first character and its width; one byte of what is not UTF-8 counts as the replacement character.
fn character(text: &[u8]) -> (u32, usize) {
    for width in 1..=text.len().min(4) {
        if let Ok(text) = std::str::from_utf8(&text[..width])
            && let Some(c) = text.chars().next()
        {
            return (u32::from(c), width);
        }
    }
    (REPLACEMENT, 1)
}
