//! RFC 3339 as Go's `time.Time` reads and writes it.

use std::fmt::Write as _;

/// A point in time as written, checked; what is printed from it is what Go prints.
#[derive(Clone, Copy)]
pub(crate) struct Timestamp<'a> {
    date_and_time: &'a str,
    /// Digits after the point, without trailing zeros, at most nanoseconds.
    fraction: &'a str,
    /// `Z` or `+HH:MM`.
    zone: &'a str,
}

impl<'a> Timestamp<'a> {
    /// `Time.UnmarshalText`: two digits for each part, `T` and `Z` in upper case, the day within its month.
    /// Stricter than Go in what SOPS never wrote: a comma before the fraction and `+24:00` are refused.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (date_and_time, rest) = text.split_at_checked(19)?;
        check_date_and_time(date_and_time)?;
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                (digits > 0).then_some(())?;
                rest.split_at(digits)
            }
            None => ("", rest),
        };
        let zone = check_zone(zone)?;
        let fraction = &fraction[..fraction.len().min(9)];
        Some(Self {
            date_and_time,
            fraction: fraction.trim_end_matches('0'),
            zone,
        })
    }

    /// `Format(time.RFC3339Nano)`, which is also `MarshalText` and what both stores write.
    pub(crate) fn with_fraction(self) -> String {
        let mut text = self.date_and_time.to_owned();
        if !self.fraction.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, ".{}", self.fraction);
        }
        text + self.zone
    }

    /// `Format(time.RFC3339)`, the associated data of the MAC.
    pub(crate) fn to_seconds(self) -> String {
        format!("{}{}", self.date_and_time, self.zone)
    }
}

/// The number in `text[at..at + length]` if it is all digits and within bounds.
fn number(text: &str, at: usize, length: usize, bounds: std::ops::RangeInclusive<u32>) -> Option<u32> {
    let digits = text.get(at..at + length)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .ok()
        .filter(|value| all_digits && bounds.contains(value))
}

/// `YYYY-MM-DDTHH:MM:SS`.
fn check_date_and_time(text: &str) -> Option<()> {
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let placed = separators
        .iter()
        .all(|(at, separator)| text.as_bytes().get(*at) == Some(separator));
    placed.then_some(())?;
    let year = number(text, 0, 4, 0..=9999)?;
    let month = number(text, 5, 2, 1..=12)?;
    number(text, 8, 2, 1..=days_in(year, month))?;
    number(text, 11, 2, 0..=23)?;
    number(text, 14, 2, 0..=59)?;
    number(text, 17, 2, 0..=59).map(|_| ())
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The zone as Go prints it: an offset of nothing is `Z`.
fn check_zone(zone: &str) -> Option<&str> {
    if zone == "Z" {
        return Some("Z");
    }
    let shaped =
        zone.len() == 6 && matches!(zone.as_bytes().first(), Some(b'+' | b'-')) && zone.as_bytes()[3] == b':';
    shaped.then_some(())?;
    let hours = number(zone, 1, 2, 0..=23)?;
    let minutes = number(zone, 4, 2, 0..=59)?;
    Some(if hours == 0 && minutes == 0 { "Z" } else { zone })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Go 1.26: `UnmarshalText`, then `MarshalText`.
    #[test]
    fn reads_and_writes_as_go_does() {
        for (text, nano) in [
            ("2002-12-14T00:00:00Z", "2002-12-14T00:00:00Z"),
            ("2001-12-14T21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
            (
                "2024-02-29T23:59:59.123456789999+00:00",
                "2024-02-29T23:59:59.123456789Z",
            ),
            ("2024-01-01T00:00:00.000-00:00", "2024-01-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().with_fraction(), nano);
        }
        assert_eq!(
            Timestamp::parse("2024-01-01T00:00:00.5+01:00")
                .unwrap()
                .to_seconds(),
            "2024-01-01T00:00:00+01:00"
        );
        for refused in [
            "",
            "2023-02-29T00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01t00:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00,5Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T0é:00:00+24:00",
        ] {
            assert!(Timestamp::parse(refused).is_none(), "{refused}");
        }
    }
}
