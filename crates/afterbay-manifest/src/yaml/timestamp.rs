//! Timestamps as go-yaml accepts them and Go's `time` writes them.

/// The RFC 3339 form of a text that go-yaml takes for a point in time, fraction and zone kept.
///
/// Accepted: a date (`2001-1-2`), a date and a time with `T` or `t` and a zone, a date and a time with a
/// space and no zone. Two-digit fields may have one digit, as Go's `time.Parse` allows.
pub(super) fn rfc3339(text: &str) -> Option<String> {
    let (year, rest) = (text.get(..4)?, text.get(4..)?);
    let year: u32 = number(year)?;
    let (month, rest) = field(rest.strip_prefix('-')?)?;
    let (day, rest) = field(rest.strip_prefix('-')?)?;
    if !(1..=12).contains(&month) || day < 1 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    match rest.as_bytes().first() {
        None => Some(format!("{date}T00:00:00Z")),
        Some(b'T' | b't') => {
            let (time, rest) = time_of_day(&rest[1..])?;
            Some(format!("{date}T{time}{}", zone(rest)?))
        }
        Some(b' ') => {
            let (time, rest) = time_of_day(rest.trim_start_matches(' '))?;
            rest.is_empty().then(|| format!("{date}T{time}Z"))
        }
        Some(_) => None,
    }
}

fn number(digits: &str) -> Option<u32> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

/// One digit, or two if there are two.
fn field(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((
        number(text.get(..digits)?).filter(|_| digits > 0)?,
        &text[digits..],
    ))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn time_of_day(text: &str) -> Option<(String, &str)> {
    let (hour, rest) = field(text)?;
    let (minute, rest) = field(rest.strip_prefix(':')?)?;
    let (second, rest) = field(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = fraction(rest);
    Some((format!("{hour:02}:{minute:02}:{second:02}{fraction}"), rest))
}

/// A fraction with trailing zeros removed, cut to nanoseconds; empty if there is none.
fn fraction(text: &str) -> (String, &str) {
    let Some(digits) = text.strip_prefix(['.', ',']) else {
        return (String::new(), text);
    };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return (String::new(), text);
    }
    let kept = digits[..count.min(9)].trim_end_matches('0');
    let fraction = if kept.is_empty() {
        String::new()
    } else {
        format!(".{kept}")
    };
    (fraction, &digits[count..])
}

/// `Z` or `±hh:mm`, normalized; Go allows up to `24:60` here.
fn zone(text: &str) -> Option<String> {
    if text == "Z" {
        return Some("Z".to_owned());
    }
    let sign = text.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
    let (hour, minute) = text[1..].split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (number(hour)?, number(minute)?);
    if hour > 24 || minute > 60 {
        return None;
    }
    match hour * 60 + minute {
        0 => Some("Z".to_owned()),
        offset => Some(format!("{sign}{:02}:{:02}", offset / 60, offset % 60)),
    }
}

/// Whether a zone is a day or more off, which go-yaml reads and Go's `time` then refuses to write.
pub(super) fn is_beyond_a_day(time: &str) -> bool {
    time.rsplit(['+', '-'])
        .next()
        .is_some_and(|zone| zone.starts_with("24:") || zone.starts_with("25:"))
}
