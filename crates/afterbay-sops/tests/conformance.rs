//! Every vector of `fixtures/sops` against what the real `sops decrypt` made of it.

use std::io::Read as _;

use afterbay_manifest::{DataKey, DataKeys, KeyFailure, KeyRequest, SecretBytes, TreePath, WrappedKey};
use afterbay_sops::{Format, MacOutcome, MacPolicy, OpenedFile, SealedFile, SopsErrors, find_tokens};
use fixtures::sops::{Outcome, VECTORS, Vector};

/// Sops prints `null` for a text of several lines that starts with a tab (it ignores an error of its own
/// emitter), and the value is lost; here it is kept.
const KEPT_HERE: [&str; 1] = ["leading-tab"];

/// Sops refuses these streams; here each document with a block is a file of its own.
const OPENED_HERE: [&str; 5] = [
    "joined-plain-first",
    "joined-rules-differ",
    "joined-two-files",
    "joined-two-streams",
    "joined-with-plain",
];

/// Sops opens these; here they are refused, loudly.
const REFUSED_HERE: [&str; 2] = ["json-trailing-text", "stream-key-twice-in-later-document"];

fn path(vector: &Vector) -> TreePath {
    TreePath::parse(&vector.file_name()).unwrap()
}

fn detect(vector: &Vector) -> Result<Option<SealedFile>, SopsErrors> {
    let path = path(vector);
    SealedFile::detect(&path, vector.sealed, Format::of_path(&path).unwrap())
}

fn unwrap_age(identities: &str, enc: &str) -> Result<DataKey, String> {
    let identities = age::IdentityFile::from_buffer(identities.as_bytes())
        .unwrap()
        .into_identities()
        .unwrap();
    let armored = age::armor::ArmoredReader::new(enc.as_bytes());
    let decryptor = age::Decryptor::new(armored).map_err(|error| error.to_string())?;
    let mut key = Vec::new();
    let identities = identities
        .iter()
        .map(|identity| &**identity as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|error| error.to_string())?;
    reader.read_to_end(&mut key).unwrap();
    Ok(DataKey::new(SecretBytes::new(key)))
}

fn unwrap_all<'a>(requests: impl Iterator<Item = &'a KeyRequest>, identities: &str) -> DataKeys {
    let mut keys = DataKeys::default();
    for key in requests.flat_map(|request| &request.alternatives) {
        let opened = match key {
            WrappedKey::Age { enc, .. } => unwrap_age(identities, enc),
            other => Err(format!("{other} is not for this test")),
        };
        match opened {
            Ok(data_key) => keys.opened(key.id(), vec![data_key]),
            Err(_) => keys.failed(
                key.id(),
                KeyFailure {
                    key: key.to_string(),
                    attempts: Vec::new(),
                },
            ),
        }
    }
    keys
}

fn open(vector: &Vector, policy: MacPolicy) -> Result<Option<OpenedFile>, SopsErrors> {
    let Some(sealed) = detect(vector)? else {
        return Ok(None);
    };
    let keys = unwrap_all(sealed.key_requests(), vector.identities());
    sealed.open(&keys, policy).map(Some)
}

fn named(name: &str) -> &'static Vector {
    Vector::named(name).unwrap()
}

fn text(opened: &OpenedFile) -> &str {
    std::str::from_utf8(opened.text.expose_bytes()).unwrap()
}

#[test]
fn does_what_sops_does() {
    let mut wrong = Vec::new();
    for vector in VECTORS {
        let outcome = open(vector, MacPolicy::Require);
        let expected = match vector.outcome {
            _ if OPENED_HERE.contains(&vector.name) || KEPT_HERE.contains(&vector.name) => continue,
            Outcome::Opens(_) if REFUSED_HERE.contains(&vector.name) => None,
            Outcome::Opens(text) => Some(text),
            Outcome::Refused(_) => None,
        };
        match (expected, outcome) {
            (Some(expected), Ok(Some(opened))) if opened.text.expose_bytes() == expected => {}
            (Some(expected), Ok(Some(opened))) => wrong.push(format!(
                "{}: other text\n--- sops\n{}--- here\n{}",
                vector.name,
                String::from_utf8_lossy(expected),
                text(&opened)
            )),
            (Some(_), Ok(None)) => wrong.push(format!("{}: not seen as sealed", vector.name)),
            (Some(_), Err(errors)) => wrong.push(format!("{}: refused: {errors}", vector.name)),
            (None, Ok(Some(_))) => wrong.push(format!("{}: opened, and sops refuses it", vector.name)),
            // Without metadata it is a plain file, and the tokens in it are found.
            (None, Ok(None)) => {
                if find_tokens(vector.sealed).next().is_none() {
                    wrong.push(format!("{}: neither refused nor found", vector.name));
                }
            }
            (None, Err(_)) => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        VECTORS.len(),
        wrong.join("\n\n")
    );
}

fn expected(name: &str) -> &'static str {
    match named(name).outcome {
        Outcome::Opens(text) => std::str::from_utf8(text).unwrap(),
        Outcome::Refused(exit) => panic!("{name} was refused with {exit}"),
    }
}

#[test]
fn files_joined_to_a_stream_are_opened_one_by_one() {
    let [first, second, hidden] = ["joined-part-1", "joined-part-2", "joined-part-3"].map(expected);
    let plain = "apiVersion: v1\nkind: ConfigMap\ndata:\n    \"yes\": \"no\" # kept\n";
    for (name, parts) in [
        ("joined-two-files", vec![first, second]),
        ("joined-with-plain", vec![first, plain, second]),
        ("joined-plain-first", vec![plain, first]),
        ("joined-rules-differ", vec![first, hidden]),
        (
            "joined-two-streams",
            vec![expected("multi-document"), expected("multi-document-rule")],
        ),
    ] {
        let opened = open(named(name), MacPolicy::Require).unwrap().unwrap();
        assert_eq!(text(&opened), parts.join("---\n"), "{name}");
        assert!(
            opened.parts.iter().all(|part| part.mac == MacOutcome::Verified),
            "{name}"
        );
    }
}

#[test]
fn a_text_that_starts_with_a_tab_is_not_lost() {
    let opened = open(named("leading-tab"), MacPolicy::Require).unwrap().unwrap();
    assert_eq!(expected("leading-tab"), "tab_first: null\n");
    assert_eq!(text(&opened), "tab_first: |-\n    \ttext\n    more\n");
}
