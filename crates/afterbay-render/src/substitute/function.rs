//! What the operators of `${NAME…}` do to a value.

use super::expand::MAX_LENGTH;
use super::pattern;

/// The longest value that `#` and `%` work on, in bytes: each of its starts is compared with the pattern.
const MAX_TRIMMED: usize = 4_096;

/// Applies an operator to a value. The error says why it cannot be applied, without the value.
pub(super) fn apply(operator: &str, value: &str, arguments: &[String]) -> Result<String, String> {
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    Ok(match operator {
        "," => first(value, lower),
        "^" => first(value, upper),
        ",," => value.chars().map(lower).collect(),
        "^^" => value.chars().map(upper).collect(),
        "#" if arguments.is_empty() => value.len().to_string(),
        "#" => trim(value.as_bytes(), argument(0).as_bytes(), Reach::Shortest)?,
        "##" => trim(value.as_bytes(), argument(0).as_bytes(), Reach::Longest)?,
        "%" => trim_end(value, argument(0), Reach::Shortest)?,
        "%%" => trim_end(value, argument(0), Reach::Longest)?,
        ":" => slice(value, arguments)?,
        "//" if grows_too_long(value, argument(0), argument(1)) => {
            return Err("the value would become longer than 64 MiB, which is the limit".to_owned());
        }
        "/" => value.replacen(argument(0), argument(1), 1),
        "//" => value.replace(argument(0), argument(1)),
        "/#" | "/%" if arguments.len() < 2 => value.to_owned(),
        "/#" => match value.strip_prefix(argument(0)) {
            Some(rest) => format!("{}{rest}", argument(1)),
            None => value.to_owned(),
        },
        "/%" => match value.strip_suffix(argument(0)) {
            Some(rest) => format!("{rest}{}", argument(1)),
            None => value.to_owned(),
        },
        _ if value.is_empty() => arguments.concat(),
        _ => value.to_owned(),
    })
}

/// Whether an operator is for variables that are not set.
pub(super) fn has_default(operator: &str) -> bool {
    matches!(operator, "=" | ":=" | ":-" | ":+" | ":?")
}

fn grows_too_long(value: &str, pattern: &str, text: &str) -> bool {
    let count = value.matches(pattern).count();
    value.len().saturating_add(count.saturating_mul(text.len())) > MAX_LENGTH
}

fn first(value: &str, change: fn(char) -> char) -> String {
    let mut rest = value.chars();
    match rest.next() {
        Some(first) => format!("{}{}", change(first), rest.as_str()),
        None => String::new(),
    }
}

/// A character for a character: what would become several stays or is its first.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// How much of a value a pattern takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Shortest,
    Longest,
}

fn trim(value: &[u8], pattern: &[u8], reach: Reach) -> Result<String, String> {
    if value.len() > MAX_TRIMMED {
        return Err(format!(
            "a value of more than {MAX_TRIMMED} bytes cannot be trimmed"
        ));
    }
    let mut taken = 0;
    for length in (1..=value.len()).rev() {
        match pattern::fits(pattern, &value[..length]) {
            Err(pattern::BadPattern) => {
                taken = 0;
                break;
            }
            Ok(true) if reach == Reach::Longest => {
                taken = length;
                break;
            }
            Ok(true) => taken = length,
            Ok(false) => {}
        }
    }
    String::from_utf8(value[taken..].to_vec()).map_err(|_| cut())
}

/// From the end: value and pattern are read backwards, the brackets of the pattern with it.
fn trim_end(value: &str, pattern: &str, reach: Reach) -> Result<String, String> {
    let backwards = |text: &str| -> String { text.chars().rev().collect() };
    let left = trim(backwards(value).as_bytes(), backwards(pattern).as_bytes(), reach)?;
    Ok(backwards(&left))
}

fn cut() -> String {
    "the value would be cut inside of a character".to_owned()
}

/// `:offset` and `:offset:length`, in bytes; from the end if negative. What is no number leaves the value as it is.
fn slice(value: &str, arguments: &[String]) -> Result<String, String> {
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let number = |text: &String| text.parse::<i64>().ok();
    let Some(offset) = arguments.first().and_then(number) else {
        return Ok(value.to_owned());
    };
    let start = if offset < 0 {
        size.saturating_add(offset).max(0)
    } else {
        offset
    };
    let end = match arguments.get(1) {
        None => size,
        Some(length) => match number(length) {
            None => return Ok(value.to_owned()),
            Some(length) if length < 0 => size.saturating_add(length),
            Some(length) => start.saturating_add(length).min(size),
        },
    };
    if start >= end {
        return Ok(String::new());
    }
    let range = usize::try_from(start).unwrap_or_default()..usize::try_from(end).unwrap_or_default();
    value.get(range).map(str::to_owned).ok_or_else(cut)
}
