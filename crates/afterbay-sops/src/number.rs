//! Numbers as Go reads and writes them: the MAC is over this text.

/// `strconv.FormatFloat(value, 'f', -1, 64)`: the shortest digits that read back as the same number,
/// never an exponent.
pub(crate) fn plain_float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// `strconv.ParseFloat(text, 64)` for what it and Rust both read; hexadecimal floats and underscores, which
/// SOPS never wrote, are refused, and so is a number out of range, as in Go.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let spelled = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    (value.is_finite() || matches!(spelled.as_str(), "inf" | "infinity" | "nan")).then_some(value)
}

/// A float as the stores without types write it: `strconv.FormatFloat(value, 'G', -1, 64)`, and never as an integer
/// would be (`stores.go` `ValToString`).
pub(crate) fn value_float(value: f64) -> String {
    if !value.is_finite() {
        return plain_float(value);
    }
    let scientific = format!("{value:E}");
    let (digits, exponent) = scientific.split_once('E').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        let text = value.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.unsigned_abs())
}

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A float as `encoding/json` writes it; `None` for what JSON lacks.
pub(crate) fn json_float(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(value.to_string());
    }
    // Rust writes `1e21` and `1.5e-7`, Go `1e+21` and `1.5e-7`.
    let text = format!("{value:e}");
    Some(if text.contains("e-") {
        text
    } else {
        text.replace('e', "e+")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Go 1.26: `strconv.FormatFloat(v, 'f', -1, 64)` and `json.Marshal(v)`.
    #[test]
    fn writes_floats_as_go_does() {
        for (value, plain, json) in [
            (1.0, "1", "1"),
            (-0.0, "-0", "-0"),
            (1e10, "10000000000", "10000000000"),
            (1e21, "1000000000000000000000", "1e+21"),
            (1.5e300, &format!("15{}", "0".repeat(299)), "1.5e+300"),
            (1e-6, "0.000001", "0.000001"),
            (1.5e-7, "0.00000015", "1.5e-7"),
            (5e-324, &format!("0.{}5", "0".repeat(323)), "5e-324"),
            (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
            (123_456_789.123_456_79, "123456789.12345679", "123456789.12345679"),
        ] {
            assert_eq!(plain_float(value), plain);
            assert_eq!(json_float(value).unwrap(), json);
        }
        assert_eq!(plain_float(f64::INFINITY), "+Inf");
        assert_eq!(plain_float(f64::NEG_INFINITY), "-Inf");
        assert_eq!(plain_float(f64::NAN), "NaN");
        assert_eq!(json_float(f64::NAN), None);
    }

    /// Recorded from Go 1.26.
    #[test]
    fn writes_floats_without_types_as_sops_does() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (123_456.0, "123456.0"),
            (1e6, "1E+06"),
            (123_456_789.25, "1.2345678925E+08"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5E-05"),
            (1e300, "1E+300"),
        ] {
            assert_eq!(value_float(value), text);
        }
        assert_eq!(value_float(f64::INFINITY), "+Inf");
    }

    #[test]
    fn reads_floats() {
        assert_eq!(parse_float("1."), Some(1.0));
        assert_eq!(parse_float("+Inf"), Some(f64::INFINITY));
        assert!(parse_float("nan").unwrap().is_nan());
        for refused in ["1e400", "", "1_0", "0x1p4", "hunter2", " 1"] {
            assert_eq!(parse_float(refused), None, "{refused}");
        }
    }
}
