//! Numbers as Go's `strconv` reads and writes them.

use crate::Scalar;

/// `ParseInt(text, 0, 64)`, then `ParseUint`: an optional sign, a prefix `0x`, `0o`, `0b` or `0`, digits.
pub(super) fn go_integer(text: &str) -> Option<Scalar> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'+' => ("+", &text[1..]),
        b'-' => ("-", &text[1..]),
        _ => ("", text),
    };
    let prefix = |letter: &str| {
        let rest = unsigned.strip_prefix('0')?;
        let first = rest.get(..1)?;
        first
            .eq_ignore_ascii_case(letter)
            .then(|| &rest[1..])
            .filter(|digits| !digits.is_empty())
    };
    let (digits, radix) = if let Some(digits) = prefix("x") {
        (digits, 16)
    } else if let Some(digits) = prefix("o") {
        (digits, 8)
    } else if let Some(digits) = prefix("b") {
        (digits, 2)
    } else if let Some(digits) = unsigned.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        (digits, 8)
    } else {
        (unsigned, 10)
    };
    integer(sign, digits, radix)
}

/// `ParseInt(sign + text, radix, 64)`, then `ParseUint`; the text may bring a sign of its own.
pub(super) fn go_signed_digits(sign: &str, text: &str, radix: u32) -> Option<Scalar> {
    match (sign, text.as_bytes().first()?) {
        ("", b'+') => integer("+", &text[1..], radix),
        ("", b'-') => integer("-", &text[1..], radix),
        _ => integer(sign, text, radix),
    }
}

fn integer(sign: &str, digits: &str, radix: u32) -> Option<Scalar> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (sign, i64::try_from(magnitude)) {
        ("-", Ok(value)) => Some(Scalar::Int(-value)),
        ("-", Err(_)) => (magnitude == 1 << 63).then_some(Scalar::Int(i64::MIN)),
        (_, Ok(value)) => Some(Scalar::Int(value)),
        // Go's ParseUint takes no sign.
        ("", Err(_)) => Some(Scalar::Uint(magnitude)),
        (_, Err(_)) => None,
    }
}

/// A decimal float by go-yaml's pattern; `None` if it is too big for 64 bits.
pub(super) fn yaml_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `FormatFloat(value, 'g', -1, 64)`: `1e+21`, `0.1`, `1.5e-07`.
pub(crate) fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    general(&format!("{value:e}"))
}

/// `FormatFloat(value, 'g', -1, 32)`, which `sigs.k8s.io/yaml` uses for keys.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the reference rounds keys to 32 bits"
)]
pub(super) fn go_float_key(value: f64) -> String {
    match value as f32 {
        narrow if narrow.is_nan() => ".nan".to_owned(),
        narrow if narrow.is_infinite() => if narrow > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
        narrow => general(&format!("{narrow:e}")),
    }
}

/// The exponent from which Go's shortest `%g` has an exponent.
const SCIENTIFIC: i32 = 6;

/// Go's `%g` from the shortest digits in Rust's `1.5e-7` form.
fn general(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..SCIENTIFIC).contains(&exponent) {
        let fraction = if digits.len() > 1 {
            format!(".{}", &digits[1..])
        } else {
            String::new()
        };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!(
            "{sign}{}{fraction}e{exponent_sign}{:02}",
            &digits[..1],
            exponent.unsigned_abs()
        );
    }
    positional(sign, &digits, exponent)
}

fn positional(sign: &str, digits: &str, exponent: i32) -> String {
    match usize::try_from(exponent) {
        Err(_) => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
            format!("{sign}0.{zeros}{digits}")
        }
        Ok(point) if digits.len() > point + 1 => {
            format!("{sign}{}.{}", &digits[..=point], &digits[point + 1..])
        }
        Ok(point) => format!("{sign}{digits}{}", "0".repeat(point + 1 - digits.len())),
    }
}

/// Standard base64 with padding, line breaks ignored, as Go's `base64.StdEncoding` reads it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let clean: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    if !clean.len().is_multiple_of(4) {
        return None;
    }
    let padding = clean.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(clean.len() / 4 * 3);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in &clean[..clean.len() - padding] {
        buffer = (buffer << 6 | sextet(*byte)?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Standard base64; in lines of 70 characters, each ended, when it is that long, as go-yaml writes it.
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(ALPHABET[(bits & 63) as usize]);
    let mut encoded = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        encoded.push(digit(bits >> 18));
        encoded.push(digit(bits >> 12));
        encoded.push(if chunk.len() > 1 { digit(bits >> 6) } else { '=' });
        encoded.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    if encoded.len() < LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    for (index, digit) in encoded.chars().enumerate() {
        lines.push(digit);
        if (index + 1) % LINE == 0 || index + 1 == encoded.len() {
            lines.push('\n');
        }
    }
    lines
}
