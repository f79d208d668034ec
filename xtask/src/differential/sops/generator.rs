//! Documents at random, weighted towards what people keep in SOPS files and what has gone wrong with it before.

use std::fmt::Write as _;

use super::document::{Document, Format};
use super::yaml;
use crate::differential::random::Random;

/// Keys, some of which the rules select.
pub(super) const KEYS: [&str; 18] = [
    "data",
    "stringData",
    "password",
    "user",
    "api_key_secret",
    "port_plain",
    "note_unencrypted",
    "metadata",
    "name",
    "Namespace",
    "a",
    "b",
    "list",
    "nested",
    "enabled",
    "x-y.z",
    "ключ",
    "k0",
];

/// Text that is easily read as something else.
pub(super) const TEXTS: [&str; 40] = [
    "plain",
    "two words",
    "yes",
    "no",
    "on",
    "n",
    "null",
    "~",
    "true",
    "False",
    "0644",
    "0o17",
    "1_000",
    "12",
    "1.0",
    "1e3",
    ".5",
    "-0",
    "1:30",
    "2020-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "a: b",
    "a #b",
    "# c",
    "- d",
    "{e}",
    "[f]",
    "&g",
    "*h",
    "!i",
    "%j",
    "@k",
    "`l",
    "it's",
    "say \"hi\"",
    "back\\slash",
    "ünïcödé",
    "🚀 go",
    " spaces ",
    "ENC[not a token]",
];

/// Comments, some of which the comment rules select.
pub(super) const COMMENTS: [&str; 6] = [
    "a comment",
    "enc: what follows",
    "plain: what follows",
    "TODO: rotate",
    "ü",
    "x = y",
];

/// The document of a number: the same for the same seed.
pub(super) fn document(seed: u64, number: usize, only: Option<Format>) -> Document {
    let mut random = Random::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number as u64));
    // YAML half of the time, because it is what people have.
    let format = only.unwrap_or_else(|| {
        if random.once_in(2) {
            Format::Yaml
        } else {
            random.pick(&Format::ALL)
        }
    });
    let text = match format {
        Format::Yaml => yaml::stream(&mut random).into_bytes(),
        Format::Json => json(&mut random).into_bytes(),
        Format::Dotenv => dotenv(&mut random).into_bytes(),
        Format::Ini => ini(&mut random).into_bytes(),
        Format::Binary => binary(&mut random),
    };
    let rule = rule(&mut random, format);
    Document { format, text, rule }
}

fn rule(random: &mut Random, format: Format) -> Vec<String> {
    const RULES: [&str; 8] = [
        "encrypted_regex: ^(data|stringData|password)$",
        "encrypted_regex: pass|secret",
        "unencrypted_regex: ^(metadata|name|kind)$",
        "encrypted_suffix: _secret",
        "unencrypted_suffix: _plain",
        "encrypted_comment_regex: '^ ?enc'",
        "unencrypted_comment_regex: '^ ?plain'",
        "unencrypted_suffix: ''",
    ];
    let mut lines = Vec::new();
    // Binary files have one key, `data`; a rule that leaves it plain is no sealed file.
    if format != Format::Binary && !random.once_in(3) {
        lines.push(random.pick(&RULES).to_owned());
    }
    if random.once_in(4) {
        lines.push("mac_only_encrypted: true".to_owned());
    }
    lines
}

/// Different keys for one map.
pub(super) fn keys(random: &mut Random, count: usize) -> Vec<&'static str> {
    let mut left = KEYS.to_vec();
    let count = count.min(left.len());
    (0..count)
        .map(|_| left.swap_remove(random.below(left.len())))
        .collect()
}

fn json(random: &mut Random) -> String {
    let mut text = String::new();
    json_object(random, 3, &mut text);
    if random.once_in(2) {
        text.push('\n');
    }
    text
}

fn json_object(random: &mut Random, depth: usize, text: &mut String) {
    let count = random.below(6);
    text.push('{');
    for (index, key) in keys(random, count).into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(random.pick(&["", " ", "\n  "]));
        json_text(key, text);
        text.push_str(random.pick(&[":", ": "]));
        json_value(random, depth, text);
    }
    text.push_str(random.pick(&["", "\n"]));
    text.push('}');
}

fn json_value(random: &mut Random, depth: usize, text: &mut String) {
    const NUMBERS: [&str; 14] = [
        "0",
        "-1",
        "12",
        "1.0",
        "0.1",
        "1e3",
        "1E+2",
        "-0.0",
        "1.5e-7",
        "123456789012",
        "9007199254740993",
        "9223372036854775807",
        "3.141592653589793",
        "1e21",
    ];
    match random.below(9) {
        0 if depth > 0 => json_object(random, depth - 1, text),
        1 if depth > 0 => {
            text.push('[');
            for index in 0..random.below(4) {
                if index > 0 {
                    text.push_str(random.pick(&[",", ", "]));
                }
                json_value(random, depth - 1, text);
            }
            text.push(']');
        }
        2 | 3 => text.push_str(random.pick(&NUMBERS)),
        4 => text.push_str(random.pick(&["true", "false", "null", "\"\"", "[]", "{}"])),
        5 => text.push_str(random.pick(&[
            r#""\u00e9\n\t\"\\\/""#,
            r#""<a href=\"x\">&amp;</a>""#,
            r#""\ud83d\ude80""#,
            r#""\u2028""#,
            r#""\b\f""#,
        ])),
        _ => json_text(random.pick(&TEXTS), text),
    }
}

fn json_text(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

fn dotenv(random: &mut Random) -> String {
    const VALUES: [&str; 12] = [
        "",
        "plain",
        "two words",
        "\"quoted\"",
        "'single'",
        "a=b=c",
        "x # not a comment",
        "line\\nbreak",
        "back\\\\slash",
        "🚀",
        " leading",
        "trailing ",
    ];
    let mut text = String::new();
    for key in env_names(random) {
        if random.once_in(4) {
            let _ = writeln!(text, "#{}", random.pick(&COMMENTS));
        }
        let _ = writeln!(text, "{key}={}", random.pick(&VALUES));
    }
    text
}

fn env_names(random: &mut Random) -> Vec<&'static str> {
    const NAMES: [&str; 9] = [
        "USER",
        "PASSWORD",
        "API_KEY_SECRET",
        "PORT_PLAIN",
        "note_unencrypted",
        "password",
        "data",
        "X",
        "lower_case",
    ];
    let mut left = NAMES.to_vec();
    (0..=random.below(6))
        .map(|_| left.swap_remove(random.below(left.len())))
        .collect()
}

fn ini(random: &mut Random) -> String {
    const VALUES: [&str; 10] = [
        "",
        "plain",
        "two words",
        "a=b",
        "12",
        "true",
        "1.50",
        "C:\\path",
        "ünïcödé",
        "100%",
    ];
    let mut text = String::new();
    if random.once_in(4) {
        text.push_str("top = level\n");
    }
    for section in ["database", "data", "x y", "metadata"] {
        if random.once_in(3) {
            continue;
        }
        if random.once_in(4) {
            let _ = writeln!(text, "; {}", random.pick(&COMMENTS));
        }
        let _ = writeln!(text, "[{section}]");
        for key in env_names(random) {
            if random.once_in(5) {
                let _ = writeln!(text, "# {}", random.pick(&COMMENTS));
            }
            let equals = random.pick(&["=", " = "]);
            let _ = writeln!(text, "{key}{equals}{}", random.pick(&VALUES));
        }
        text.push_str(random.pick(&["", "\n"]));
    }
    if text.is_empty() {
        text.push_str("[database]\npassword = x\n");
    }
    text
}

fn binary(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => random.pick(&TEXTS).as_bytes().to_vec(),
        1 => b"-----BEGIN X-----\nabc\n-----END X-----\n".to_vec(),
        2 => br#"{"data": "looks like an envelope"}"#.to_vec(),
        _ => {
            let length = 1 + random.below(300);
            (0..length).map(|_| random.next().to_le_bytes()[0]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_gives_the_same_document_each_time() {
        for number in 0..50 {
            let (first, second) = (document(1, number, None), document(1, number, None));
            assert_eq!(first.text, second.text);
            assert_eq!(first.rule, second.rule);
        }
    }

    #[test]
    fn every_store_comes_up() {
        for format in Format::ALL {
            assert!((0..100).any(|number| document(7, number, None).format == format));
        }
    }
}
