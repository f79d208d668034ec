//! Quantities as the server writes them (`1024Mi` is `1Gi`, `0.5` is `500m`).
//!
//! The rules are those of `k8s.io/apimachinery/pkg/api/resource` of Kubernetes 1.34: `ParseQuantity`, `CanonicalizeBytes`, and for
//! resource lists `SetDefaults_ResourceList`, which rounds up to thousandths. What does not fit into 128 bits is left to the
//! server, and so is what it might keep as it is although it is not canonical.

use crate::shape::Finest;

/// Powers of ten by suffix.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
/// Powers of 1024 by suffix.
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

impl Finest {
    /// The power of ten of it.
    fn power(self) -> i32 {
        match self {
            Self::Milli => -3,
            Self::Nano => -9,
        }
    }

    /// How many of it make one.
    fn parts(self) -> i128 {
        match self {
            Self::Milli => 1000,
            Self::Nano => 1_000_000_000,
        }
    }
}

/// The text that the server makes of a quantity; `None` for what is none, and for what it is not sure of.
pub(super) fn canonical(text: &str, finest: Finest) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let end = digits
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 18 {
        return None;
    }
    let (factor, power, format) = scale(suffix)?;
    let power = power - i32::try_from(fraction.len()).ok()?;
    let shifted = format!("{}{fraction}", whole.trim_start_matches('0'));
    let mantissa: i128 = format!("0{shifted}").parse().ok()?;
    // Rounded away from zero.
    let scaled = mantissa.checked_mul(factor)?.checked_mul(finest.parts())?;
    let written = write(sign * shift(scaled, power)?, finest, format);
    let may_stay = match format {
        Format::Binary => fraction.is_empty() && mantissa & 7 != 0,
        Format::Decimal | Format::Exponent => {
            power % 3 == 0
                && power >= finest.power()
                && !shifted.ends_with("000")
                && !shifted.starts_with('0')
        }
    };
    (!may_stay || written == text || mantissa == 0).then_some(written)
}

fn scale(suffix: &str) -> Option<(i128, i32, Format)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some((1, *power, Format::Decimal));
    }
    if let Some((_, power)) = BINARY.iter().find(|(known, _)| *known == suffix) {
        return Some((1024_i128.pow(*power), 0, Format::Binary));
    }
    let power = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
    (-18..=18)
        .contains(&power)
        .then_some((1, power, Format::Exponent))
}

/// Times a power of ten, rounded up.
fn shift(value: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        value.checked_mul(factor)
    } else {
        Some(value.checked_add(factor - 1)? / factor)
    }
}

fn write(parts: i128, finest: Finest, format: Format) -> String {
    if parts == 0 {
        return "0".to_owned();
    }
    let one = finest.parts();
    if format == Format::Binary && parts % one == 0 && (parts / one).abs() >= 1024 {
        let (mut number, mut power) = (parts / one, 0);
        while number % 1024 == 0 && power < BINARY.len() {
            number /= 1024;
            power += 1;
        }
        let suffix = power.checked_sub(1).and_then(|index| BINARY.get(index));
        return format!("{number}{}", suffix.map_or("", |(suffix, _)| *suffix));
    }
    let (mut number, mut power) = (parts, finest.power());
    while number % 1000 == 0 && power < 18 {
        number /= 1000;
        power += 3;
    }
    if format == Format::Exponent {
        return if power == 0 {
            number.to_string()
        } else {
            format!("{number}e{power}")
        };
    }
    let suffix = DECIMAL.iter().find(|(_, known)| *known == power);
    format!("{number}{}", suffix.map_or("", |(suffix, _)| *suffix))
}

#[cfg(test)]
mod tests {
    use super::{Finest, canonical};

    #[test]
    fn quantities_are_written_as_the_server_does() {
        for (declared, live) in [
            ("1", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.5", "1500m"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1000000", "1M"),
            ("1073741824", "1073741824"),
            ("512Ki", "512Ki"),
            ("1025Mi", "1025Mi"),
            ("0.5Ki", "512"),
            ("0.1Ki", "102400m"),
            ("1e3", "1e3"),
            ("1000e0", "1e3"),
            ("0", "0"),
            ("0Mi", "0"),
            ("-1024Mi", "-1Gi"),
            ("100u", "1m"),
            ("1.0005", "1001m"),
            ("1E", "1E"),
        ] {
            assert_eq!(
                canonical(declared, Finest::Milli).as_deref(),
                Some(live),
                "{declared}"
            );
        }
    }

    #[test]
    fn only_resource_lists_are_rounded() {
        assert_eq!(canonical("0.0005", Finest::Nano).as_deref(), Some("500u"));
        assert_eq!(canonical("0.0005", Finest::Milli).as_deref(), Some("1m"));
        assert_eq!(canonical("1024Mi", Finest::Nano).as_deref(), Some("1Gi"));
    }

    #[test]
    fn what_the_server_may_keep_as_it_is_written_is_left_to_it() {
        for text in ["1.500", "+1", "01", "0012Gi", "1E3", "1500e0"] {
            assert_eq!(canonical(text, Finest::Milli), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_left_to_the_server() {
        for text in [
            "",
            "-",
            ".",
            "1.2.3",
            "1X",
            "1 Gi",
            "Gi",
            "1e",
            "1e99",
            "9999999999999999999999",
            "1KI",
        ] {
            assert_eq!(canonical(text, Finest::Nano), None, "{text}");
        }
    }
}
