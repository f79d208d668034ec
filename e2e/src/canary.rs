//! A secret that can be recognised in every form a program may print it in.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A value to hide, and its forms.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The value.
    pub value: String,
    forms: Vec<(&'static str, String)>,
}

impl Canary {
    /// The canary with this value; it should have characters that JSON and URLs escape.
    pub fn new(value: &str) -> Self {
        let bytes = value.as_bytes();
        let json = serde_json::Value::from(value).to_string();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let url: String = bytes
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    char::from(*byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let mut forms = vec![
            ("raw", value.to_owned()),
            ("base64", STANDARD.encode(bytes)),
            ("base64 without padding", STANDARD_NO_PAD.encode(bytes)),
            ("base64url", URL_SAFE_NO_PAD.encode(bytes)),
            ("twice base64", STANDARD.encode(STANDARD.encode(bytes))),
            ("hex", hex.clone()),
            ("upper-case hex", hex.to_uppercase()),
            ("JSON-escaped", json[1..json.len() - 1].to_owned()),
            (
                "Go JSON",
                json[1..json.len() - 1]
                    .replace('<', "\\u003c")
                    .replace('>', "\\u003e")
                    .replace('&', "\\u0026"),
            ),
            ("URL-encoded", url.clone()),
            ("form-encoded", url.replace("%20", "+")),
            (
                "debug list of bytes",
                format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
            ),
        ];
        // Half of it is a leak too.
        forms.push((
            "first half",
            value.chars().take(value.chars().count() / 2).collect(),
        ));
        Self {
            value: value.to_owned(),
            forms,
        }
    }

    /// Names of the forms that a text holds.
    pub fn found_in(&self, text: &str) -> Vec<&'static str> {
        self.forms
            .iter()
            .filter(|(_, form)| text.contains(form.as_str()))
            .map(|(name, _)| *name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found() {
        let canary = Canary::new("c4n4ry <9f&\"q\"> value");
        for (name, form) in &canary.forms {
            assert!(canary.found_in(&format!("x{form}y")).contains(name), "{name}");
        }
        assert!(canary.found_in("nothing here").is_empty());
    }
}
