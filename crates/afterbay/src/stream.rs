//! The YAML stream between `render`, `normalize` and `apply -f -`.
//!
//! Its first lines may say which revision it is; provenance does not cross a pipe, and what depends on it takes the safe
//! side: every value of a Secret counts as opened, a terminal shows names only, and of what a server quotes nothing stays.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{
    Mapping, Node, Object, ObjectError, Provenance, RenderedSet, Revision, Sealed, TreePath, Warning, yaml,
};
use anyhow::Context as _;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::masking::{self, Hide};
use crate::output::{self, Format};

/// The most a stream may hold, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// How much is written at once, in bytes.
const BUFFER: usize = 64 << 10;

/// Comment lines at the top that carry the revision.
const REFERENCE: &str = "# afterbay.reference: ";
const COMMIT: &str = "# afterbay.commit: ";

/// The comment line at the top that says how many objects follow.
const OBJECTS: &str = "# afterbay.objects: ";

/// Whether plaintext may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reveal {
    /// To a pipe or a file; a terminal shows masked values.
    NotOnTerminal,
    /// Everywhere.
    Everywhere,
}

impl Reveal {
    /// Whether values are printed here.
    pub(crate) fn shows_plaintext(self) -> bool {
        self == Self::Everywhere || !io::stdout().is_terminal()
    }
}

/// All bytes of a file, or of standard input for `-` or nothing.
pub(crate) fn input(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = match file.filter(|path| *path != Path::new("-")) {
        Some(path) => fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => io::stdin()
            .lock()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?,
    };
    anyhow::ensure!(
        length as u64 <= MAX_BYTES,
        "the input holds more than {} MiB",
        MAX_BYTES >> 20
    );
    Ok(bytes)
}

/// What messages call an input: a file as the user typed it.
pub(crate) fn name(file: Option<&Path>) -> TreePath {
    match file.filter(|path| *path != Path::new("-")) {
        Some(path) => TreePath::name_only(&path.to_string_lossy()),
        None => TreePath::name_only("standard input"),
    }
}

/// The objects of a stream, as `kubectl apply -f` reads them, with the revision they carry.
pub(crate) fn read(file: Option<&Path>) -> Result<RenderedSet, Failure> {
    read_whole(file).map(|(set, _)| set)
}

/// The same, and what was lost on the way: a stage that was killed ends a stream as one that is done does.
pub(crate) fn read_whole(file: Option<&Path>) -> Result<(RenderedSet, Option<String>), Failure> {
    let text = input(file)?;
    let mut set = afterbay_render::read_objects(&text, &name(file), Table::Kubectl)
        .map_err(|errors| Failure::from(afterbay_pipeline::RunError::from(errors)))?;
    set.revision = revision(&text);
    set.objects = std::mem::take(&mut set.objects)
        .into_iter()
        .map(assume_sealed)
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::new)?;
    set.warnings.push(Warning {
        place: None,
        message: format!(
            "input from {} has lost its provenance: every value of a Secret counts as opened, and values that the \
             server quotes are not shown",
            name(file)
        ),
    });
    let lost = announced(&text)
        .filter(|announced| set.objects.len() < *announced)
        .map(|announced| {
            let came = set.objects.len();
            format!("{} announces {announced} objects and has {came}", name(file))
        });
    Ok((set, lost))
}

/// Every value of a Secret counts as sealed, because nobody knows any more which of them were: masks and the
/// scrubbing of foreign texts go by it.
fn assume_sealed(object: Object) -> Result<Object, ObjectError> {
    if !object.reference().gvk.is_secret() {
        return Ok(object);
    }
    let source = Sealed::Piped {
        stream: object.origin().file.to_string(),
    };
    object.map_body(|body| {
        let fields = body.as_mapping_mut().into_iter().flatten();
        for (_, values) in fields.filter(|(name, _)| ["data", "stringData"].contains(&name.as_str())) {
            for value in values.as_mapping_mut().into_iter().flat_map(Mapping::values_mut) {
                value.provenance = value.provenance.union(&Provenance::sealed(source.clone()));
            }
        }
    })
}

/// Prints objects behind a head that says which revision they are of and how many, for the next command of a pipe.
/// They are masked where plaintext may not be shown; `hide` says how much of an object then.
pub(crate) fn write(
    objects: &[Object],
    revision: &Revision,
    reveal: Reveal,
    hide: impl Fn(&Object) -> Hide,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut head = String::new();
    for (mark, value) in [(REFERENCE, &revision.reference), (COMMIT, &revision.commit)] {
        if let Some(value) = value {
            head.push_str(mark);
            head.push_str(value);
            head.push('\n');
        }
    }
    let _ = writeln!(head, "{OBJECTS}{}", objects.len());
    out.write_all(head.as_bytes()).context("standard output")?;
    write_bare(objects, reveal, hide, out)
}

/// The same without a head: what kustomize prints, to the byte.
pub(crate) fn write_bare(
    objects: &[Object],
    reveal: Reveal,
    hide: impl Fn(&Object) -> Hide,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let nodes = shown(objects, reveal, hide);
    // One object at a time: the text of all of them is as large as they are.
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let written = nodes.iter().enumerate().try_for_each(|(index, node)| {
        if index > 0 {
            out.write_all(b"---\n")?;
        }
        out.write_all(yaml::emit_sorted([node.as_ref()]).as_bytes())
    });
    written.and_then(|()| out.flush()).context("standard output")
}

/// Prints objects as one List, which `kubectl` and every later stage read; masked in the same way.
pub(crate) fn write_json(
    objects: &[Object],
    reveal: Reveal,
    hide: impl Fn(&Object) -> Hide,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let items = shown(objects, reveal, hide);
    let items: Vec<Value> = items.iter().map(|node| node.expose_json()).collect();
    let mut list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    list.sort_all_objects();
    output::value(&list, Format::Json, out)
}

/// The bodies of objects as they may be printed.
fn shown(objects: &[Object], reveal: Reveal, hide: impl Fn(&Object) -> Hide) -> Vec<Cow<'_, Node>> {
    if reveal.shows_plaintext() {
        return objects
            .iter()
            .map(|object| Cow::Borrowed(object.body()))
            .collect();
    }
    eprintln!("note: values are hidden on a terminal; --reveal shows them");
    objects
        .iter()
        .map(|object| Cow::Owned(masking::masked(object, hide(object))))
        .collect()
}

/// The comment lines at the top.
fn head(text: &[u8]) -> impl Iterator<Item = &str> {
    text.split(|byte| *byte == b'\n')
        .take_while(|line| line.starts_with(b"#"))
        .map_while(|line| std::str::from_utf8(line).ok())
}

/// How many objects the stream says it has; `None` when nobody counted.
fn announced(text: &[u8]) -> Option<usize> {
    head(text)
        .find_map(|line| line.strip_prefix(OBJECTS))
        .and_then(|count| count.trim_end().parse().ok())
}

fn revision(text: &[u8]) -> Revision {
    let mut revision = Revision::UNKNOWN;
    for line in head(text) {
        if let Some(reference) = line.strip_prefix(REFERENCE) {
            revision.reference = Some(reference.trim_end().to_owned());
        } else if let Some(commit) = line.strip_prefix(COMMIT) {
            revision.commit = Some(commit.trim_end().to_owned())
                .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
    revision
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_secret_count_as_sealed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {a: aHVudGVyMg==}\nstringData: {b: hunter3}\n";
        io::Write::write_all(&mut file.as_file(), text.as_bytes()).unwrap();
        let set = read(Some(file.path())).unwrap();
        for keys in [["data", "a"], ["stringData", "b"]] {
            assert!(!set.objects[0].body().at(&keys).unwrap().provenance.is_plain());
        }
        assert!(
            set.objects[0]
                .body()
                .at(&["metadata", "name"])
                .unwrap()
                .provenance
                .is_plain()
        );
    }

    #[test]
    fn lost_provenance_is_told_once_and_odd_scalars_with_their_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  mode: \"x\"\n  flag: yes\n";
        io::Write::write_all(&mut file.as_file(), text.as_bytes()).unwrap();
        let set = read(Some(file.path())).unwrap();
        let warnings: Vec<String> = set.warnings.iter().map(ToString::to_string).collect();
        let name = file.path().display();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].starts_with(&format!("{name}:6:9: ")), "{warnings:?}");
        assert!(
            warnings[1].starts_with(&format!("input from {name} has lost its provenance")),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_stream_that_was_cut_off_is_told_from_one_that_is_whole() {
        let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
        for (text, is_whole) in [
            (format!("{OBJECTS}2\n{one}---\n{one}"), true),
            (format!("{OBJECTS}2\n{one}---\n"), false),
            (format!("{OBJECTS}2\n"), false),
            (format!("{OBJECTS}many\n{one}"), true),
            (one.to_owned(), true),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            io::Write::write_all(&mut file.as_file(), text.as_bytes()).unwrap();
            let lost = read_whole(Some(file.path())).unwrap().1;
            assert_eq!(lost.is_none(), is_whole, "{text}: {lost:?}");
        }
    }

    #[test]
    fn a_file_is_called_as_it_was_typed() {
        for typed in ["../x.yaml", "/tmp/x.yaml", "./a/../x.yaml"] {
            assert_eq!(name(Some(Path::new(typed))).to_string(), typed);
        }
        for stdin in [None, Some(Path::new("-"))] {
            assert_eq!(name(stdin).to_string(), "standard input");
        }
    }

    #[test]
    fn the_revision_is_carried_in_comments() {
        let expected = Revision {
            reference: Some("main".into()),
            commit: Some("9c5b".repeat(10)),
        };
        let mut out = Vec::new();
        write(&[], &expected, Reveal::Everywhere, |_| Hide::Opened, &mut out).unwrap();
        assert_eq!(revision(&out), expected);
        assert_eq!(
            revision(b"apiVersion: v1\n# afterbay.commit: abc\n"),
            Revision::UNKNOWN
        );
        assert_eq!(revision(b"# afterbay.commit: not hex\n"), Revision::UNKNOWN);
    }
}
