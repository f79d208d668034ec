//! Which store a file uses: told by its name as `sops` does, or by what is in it.

use afterbay_manifest::TreePath;
use afterbay_manifest::yaml::{Document, Element, ElementKind, Pair};

use crate::metadata;
use crate::token::{contains_mark, may_be_sealed};
use crate::{dotenv, json};

/// The stores that can be opened, which are all that SOPS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML, one document or a stream of them.
    Yaml,
    /// A JSON object.
    Json,
    /// `NAME=value` lines.
    Dotenv,
    /// Sections of `name = value` lines.
    Ini,
    /// Any bytes, sealed as the one value `data` of a JSON object.
    Binary,
}

impl Format {
    /// The store that `sops` chooses by file name (`cmd/sops/formats`); `None` where it takes any file for
    /// [`Format::Binary`], which says nothing about the file.
    pub fn of_path(path: &TreePath) -> Option<Self> {
        match path.file_name().rsplit_once('.') {
            Some((_, "yaml" | "yml")) => Some(Self::Yaml),
            Some((_, "json")) => Some(Self::Json),
            Some((_, "env")) => Some(Self::Dotenv),
            Some((_, "ini")) => Some(Self::Ini),
            _ => None,
        }
    }

    /// The store of a sealed file by what is in it; `None` if it does not look like a sealed file.
    ///
    /// A plain file costs a search. A JSON object with nothing but `data` in it is [`Format::Binary`]: what is sealed
    /// under a name that tells no store is sealed so.
    pub fn of_content(bytes: &[u8]) -> Option<Self> {
        if !may_be_sealed(bytes) {
            return None;
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            let (document, _) = json::parse(bytes).ok()?;
            metadata::blocks(&document)
                .any(metadata::is_metadata)
                .then_some(())?;
            return Some(if is_envelope(&document) {
                Self::Binary
            } else {
                Self::Json
            });
        }
        let told = bytes.split(|byte| *byte == b'\n').find_map(Self::of_line);
        // The key of the block can be written in more ways than one; the YAML reader knows them.
        told.or_else(|| contains_mark(bytes).then_some(Self::Yaml))
    }

    /// The store that a line gives away: the one where the metadata starts.
    fn of_line(line: &[u8]) -> Option<Self> {
        if line.trim_ascii_end() == b"[sops]" {
            return Some(Self::Ini);
        }
        if dotenv::is_metadata_line(line) {
            return Some(Self::Dotenv);
        }
        let yaml: [&[u8]; 3] = [b"sops:", b"\"sops\":", b"'sops':"];
        yaml.iter()
            .filter_map(|key| line.strip_prefix(*key))
            .any(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
            .then_some(Self::Yaml)
    }

    /// The name that `sops` has for it in `--input-type` and `--output-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    /// The store of a name that [`Format::as_str`] has; `None` for any other, which `sops` ignores and then goes by
    /// the file name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary]
            .into_iter()
            .find(|format| format.as_str() == name)
    }
}

/// Whether a document is what the binary store writes: `data` and the metadata.
fn is_envelope(document: &Document) -> bool {
    let Some(Element {
        kind: ElementKind::Mapping(pairs),
        ..
    }) = &document.root
    else {
        return false;
    };
    let mut others = pairs.iter().filter_map(|pair| match pair {
        Pair::Entry { key, .. } if !metadata::is_block_key(key) => Some(key),
        _ => None,
    });
    let is_data = |key: &Element| matches!(&key.kind, ElementKind::Text(text) if &*text.text == "data");
    others.next().is_some_and(is_data) && others.all(is_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_tell_sops() {
        let of = |path| Format::of_path(&TreePath::parse(path).unwrap());
        assert_eq!(of("a/b.yml"), Some(Format::Yaml));
        assert_eq!(of("a.yaml/b.json"), Some(Format::Json));
        assert_eq!(of(".env"), Some(Format::Dotenv));
        assert_eq!(of("x.ini"), Some(Format::Ini));
        for other in [
            ".env.production",
            "tls.key",
            "yaml",
            "a.YAML",
            ".dockerconfigjson",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn content_tells_where_the_name_does_not() {
        let of = |text: &str| Format::of_content(text.as_bytes());
        assert_eq!(
            of("{\"data\": \"ENC[]\", \"sops\": {\"mac\": \"\"}}"),
            Some(Format::Binary)
        );
        assert_eq!(
            of("{\"data\": \"\", \"b\": 1, \"sops\": {\"mac\": \"\"}}"),
            Some(Format::Json)
        );
        assert_eq!(of("{\"data\": \"\", \"sops\": {\"x\": \"\"}}"), None);
        assert_eq!(of("[a]\nb = c\n\n[sops]\nmac = x\n"), Some(Format::Ini));
        assert_eq!(of("A=b\nsops_mac=x\n"), Some(Format::Dotenv));
        assert_eq!(of("a: b\nsops:\r\n    mac: x\n"), Some(Format::Yaml));
        assert_eq!(of("a: ENC[AES256_GCM,x]\n\"\\x73ops\": {}\n"), Some(Format::Yaml));
        for plain in [
            "sops is a tool\n",
            "A=sops_mac=x\n",
            "[sops\n",
            "{\"sops\": ",
            "    sops:\n",
        ] {
            assert_eq!(of(plain), None, "{plain}");
        }
    }

    #[test]
    fn formats_have_the_names_of_sops() {
        assert_eq!(Format::named("dotenv"), Some(Format::Dotenv));
        assert_eq!(Format::named("env"), None);
    }
}
