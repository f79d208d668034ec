//! `configMapGenerator` and `secretGenerator`.
//!
//! Entries come from `envs`, `literals` and `files`, in this order. What comes from a file that was opened keeps its origin.

use afterbay_manifest::{Mapping, Node, Origin, Place, Provenance, Scalar};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::arguments::{Generator, GeneratorOptions};
use crate::error::RenderError;
use crate::loads::Files;
use crate::resource::{Behavior, Resource};

/// How long a line of an env file may be: Go's scanner stops at longer ones, and says nothing.
const MAX_LINE: usize = 64 * 1024 - 1;

/// How long a line of base64 is in the value itself.
const BASE64_LINE: usize = 70;

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// The field of a kustomization file.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::ConfigMap => "configMapGenerator",
            Self::Secret => "secretGenerator",
        }
    }

    /// The plugin behind the field.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMapGenerator",
            Self::Secret => "SecretGenerator",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// One entry of a generator.
struct Pair {
    key: String,
    value: Vec<u8>,
    provenance: Provenance,
}

/// Makes the object of a generator; `None` after an error.
pub(crate) fn generate(
    kind: Kind,
    generator: &Generator,
    options: &GeneratorOptions,
    files: Files<'_>,
    place: &Place,
    errors: &mut Vec<RenderError>,
) -> Option<Resource> {
    let before = errors.len();
    let wrong = |problem: String| RenderError::Step {
        place: place.clone(),
        step: kind.field(),
        problem,
    };
    if generator.name.is_empty() {
        errors.push(wrong("has an entry without name; give it one".to_owned()));
    }
    let pairs = pairs(generator, files, place, errors, &wrong);
    let mut data: Vec<Pair> = Vec::new();
    for pair in pairs {
        if data.iter().any(|known| known.key == pair.key) {
            let problem = format!("{} has the key {:?} twice; remove one", generator.name, pair.key);
            errors.push(wrong(problem));
            continue;
        }
        data.push(pair);
    }
    if errors.len() > before {
        return None;
    }
    let body = body(kind, generator, options, data);
    let origin = Origin {
        file: place.file.clone(),
        document: 0,
        position: place.position,
    };
    let mut resource = Resource::unchecked(body, origin);
    resource.needs_hash = !options.disable_name_suffix_hash;
    resource.is_generated = true;
    resource.behavior = match generator.behavior.as_str() {
        "create" => Behavior::Create,
        "replace" => Behavior::Replace,
        "merge" => Behavior::Merge,
        _ => Behavior::Unspecified,
    };
    Some(resource)
}

fn pairs(
    generator: &Generator,
    files: Files<'_>,
    place: &Place,
    errors: &mut Vec<RenderError>,
    wrong: &dyn Fn(String) -> RenderError,
) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for path in &generator.envs {
        match files.load(path, "generator file", place) {
            Ok((_, file)) if file.is_left_sealed() => {}
            Ok((_, file)) => {
                let (content, provenance) = file.expose_content();
                match env_pairs(content, &provenance) {
                    Ok(more) => pairs.extend(more),
                    Err(problem) => errors.push(wrong(format!("env file {path:?} {problem}"))),
                }
            }
            Err(error) => errors.push(error),
        }
    }
    for literal in &generator.literals {
        match literal.split_once('=') {
            Some((key, value)) if !key.is_empty() => pairs.push(Pair {
                key: key.to_owned(),
                value: without_quotes(value).as_bytes().to_vec(),
                provenance: Provenance::PLAIN,
            }),
            _ => {
                let problem = format!("{} has a literal that is not key=value", generator.name);
                errors.push(wrong(problem));
            }
        }
    }
    for source in &generator.files {
        let (key, path) = match key_and_file(source) {
            Ok(found) => found,
            Err(problem) => {
                errors.push(wrong(format!("file {source:?} {problem}")));
                continue;
            }
        };
        match files.load(path, "generator file", place) {
            Ok((_, file)) if file.is_left_sealed() => {}
            Ok((_, file)) => {
                let (content, provenance) = file.expose_content();
                pairs.push(Pair {
                    key: key.to_owned(),
                    value: content.to_vec(),
                    provenance,
                });
            }
            Err(error) => errors.push(error),
        }
    }
    pairs
}

/// The lines of an env file: blank ones and comments are passed over, and a line without `=` is a key without value.
fn env_pairs(content: &[u8], provenance: &Provenance) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() > MAX_LINE {
            return Err(format!(
                "has a line of more than {MAX_LINE} bytes (line {number}), with which kustomize drops the rest; use files"
            ));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line =
            std::str::from_utf8(line).map_err(|_| format!("is not UTF-8 in line {number}; use files"))?;
        let line = if index == 0 {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        let line = line.trim_start();
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if line.starts_with('#') || key.is_empty() {
            continue;
        }
        pairs.push(Pair {
            key: key.to_owned(),
            value: value.as_bytes().to_vec(),
            provenance: provenance.clone(),
        });
    }
    Ok(pairs)
}

/// `key=path`, or a path whose last step is the key.
pub(crate) fn key_and_file(source: &str) -> Result<(&str, &str), &'static str> {
    match source.matches('=').count() {
        0 => Ok((base_name(source), source)),
        1 => match source.split_once('=') {
            Some(("", _)) => Err("has no key before the ="),
            Some((_, "")) => Err("has no path behind the ="),
            Some(found) => Ok(found),
            None => Err("has no ="),
        },
        _ => Err("has more than one =; give the file another name"),
    }
}

/// The last step of a path, as Go's `path.Base` takes it.
fn base_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

fn without_quotes(value: &str) -> &str {
    for quote in ['"', '\''] {
        if value.len() >= 2
            && let Some(inner) = value.strip_prefix(quote)
            && let Some(inner) = inner.strip_suffix(quote)
        {
            return inner;
        }
    }
    value
}

fn body(kind: Kind, generator: &Generator, options: &GeneratorOptions, pairs: Vec<Pair>) -> Node {
    let mut metadata = Mapping::new();
    metadata.insert("name".to_owned(), Node::plain(generator.name.as_str()));
    if !generator.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), Node::plain(generator.namespace.as_str()));
    }
    for (field, texts) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !texts.is_empty() {
            let texts: Mapping = texts
                .iter()
                .map(|(key, value)| (key.clone(), Node::plain(value.as_str())))
                .collect();
            metadata.insert(field.to_owned(), Node::plain(texts));
        }
    }
    let mut body = Mapping::new();
    body.insert("apiVersion".to_owned(), Node::plain("v1"));
    body.insert("kind".to_owned(), Node::plain(kind.name()));
    body.insert("metadata".to_owned(), Node::plain(metadata));
    match kind {
        Kind::ConfigMap => fill_config_map(&mut body, pairs),
        Kind::Secret => fill_secret(&mut body, generator, pairs),
    }
    if options.immutable {
        body.insert("immutable".to_owned(), Node::plain(Scalar::Bool(true)));
    }
    Node::plain(body)
}

fn fill_config_map(body: &mut Mapping, pairs: Vec<Pair>) {
    let (mut data, mut binary) = (Mapping::new(), Mapping::new());
    for Pair {
        key,
        value,
        provenance,
    } in pairs
    {
        let (into, text) = match String::from_utf8(value) {
            Ok(text) => (&mut data, text),
            Err(error) => (&mut binary, base64_lines(error.as_bytes())),
        };
        let node = Node {
            provenance,
            ..Node::plain(text)
        };
        into.insert(key, node);
    }
    for (field, entries) in [("data", data), ("binaryData", binary)] {
        if !entries.is_empty() {
            body.insert(field.to_owned(), Node::plain(entries));
        }
    }
}

fn fill_secret(body: &mut Mapping, generator: &Generator, pairs: Vec<Pair>) {
    let kind = if generator.kind.is_empty() {
        "Opaque"
    } else {
        &generator.kind
    };
    body.insert("type".to_owned(), Node::plain(kind));
    let entry = |pair: Pair| {
        let node = Node {
            provenance: pair.provenance,
            ..Node::plain(base64_lines(&pair.value))
        };
        (pair.key, node)
    };
    let entries: Mapping = pairs.into_iter().map(entry).collect();
    body.insert("data".to_owned(), Node::plain(entries));
}

/// Base64 as kustomize puts it into values: more than one line is broken after 70 characters, the last line too.
pub(crate) fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    if text.len() < BASE64_LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / BASE64_LINE + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(BASE64_LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::Provenance;

    use super::{base64_lines, env_pairs, key_and_file, without_quotes};

    #[test]
    fn env_files_are_read_line_by_line() {
        let text = "\u{feff}A=1\r\n\n  # no\n  B=two=2 \nC\n=x\n";
        let pairs: Vec<(String, String)> = env_pairs(text.as_bytes(), &Provenance::PLAIN)
            .ok()
            .unwrap()
            .into_iter()
            .map(|pair| (pair.key, String::from_utf8(pair.value).unwrap()))
            .collect();
        let expected = [("A", "1"), ("B", "two=2 "), ("C", "")];
        assert_eq!(
            pairs,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert!(env_pairs(&[0xff], &Provenance::PLAIN).is_err());
        assert!(env_pairs(&vec![b'a'; 70_000], &Provenance::PLAIN).is_err());
    }

    #[test]
    fn a_file_can_have_a_key() {
        assert_eq!(key_and_file("dir/a.ini"), Ok(("a.ini", "dir/a.ini")));
        assert_eq!(key_and_file("key=dir/a.ini"), Ok(("key", "dir/a.ini")));
        assert!(key_and_file("=a").is_err() && key_and_file("a=").is_err() && key_and_file("a=b=c").is_err());
    }

    #[test]
    fn one_pair_of_quotes_goes() {
        for (value, expected) in [
            ("\"a\"", "a"),
            ("'a'", "a"),
            ("\"a'", "\"a'"),
            ("\"", "\""),
            ("''", ""),
            ("\"\"a\"\"", "\"a\""),
        ] {
            assert_eq!(without_quotes(value), expected);
        }
    }

    #[test]
    fn base64_of_a_line_or_more_is_broken() {
        assert_eq!(base64_lines(b"abc"), "YWJj");
        let lines = base64_lines(&[b'a'; 60]);
        assert_eq!((lines.len(), lines.as_bytes()[70]), (82, b'\n'));
        assert!(lines.ends_with('\n'));
    }
}
