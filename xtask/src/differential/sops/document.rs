//! A document to be sealed: its store, its text, and the rule it is sealed by.

use clap::ValueEnum;

/// The stores of SOPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Yaml,
    Json,
    Dotenv,
    Ini,
    Binary,
}

impl Format {
    pub(super) const ALL: [Self; 5] = [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary];

    /// By this ending of its name SOPS knows the store of a file.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Dotenv => "env",
            Self::Binary => "bin",
            other => other.as_str(),
        }
    }

    /// As messages name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }
}

pub(super) struct Document {
    pub(super) format: Format,
    pub(super) text: Vec<u8>,
    /// Lines of a creation rule.
    pub(super) rule: Vec<String>,
}

impl Document {
    /// The configuration that seals it to the recipient.
    pub(super) fn configuration(&self, recipient: &str) -> String {
        let mut text = format!("creation_rules:\n  - age: {recipient}\n");
        for line in &self.rule {
            text.push_str("    ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
