//! The messages in which the real sops shows a secret (`fixtures/sops/leaks.json`) and what is said here in their place;
//! `SECURITY.md` holds both.

use std::fmt::Write as _;

use afterbay_manifest::{DataKeys, KeyFailure, KeyRequest, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile};
use fixtures::sops::{Leak, leaks};

use crate::opening::{Said, everything_said};
use crate::recording::Recording;
use crate::secrets::Secrets;
use crate::sources::{age, environment, unwrap};

const DOCUMENT: &str = include_str!("../../../../SECURITY.md");

/// A run of characters as long as this is shown by its start.
const LONGEST_WORD: usize = 40;

fn keys_for(leak: &Leak, requests: &[KeyRequest], said: &mut Said) -> DataKeys {
    let options = if leak.environment.is_empty() {
        age(leak.vector.identities())
    } else {
        environment(|name| leak.environment.get(name).map(String::as_str))
    };
    unwrap(options, requests, said)
}

/// What is said to people, and everything that could be.
fn said_here(leak: &Leak) -> (String, String) {
    let path = TreePath::parse(&format!("sealed.{}", leak.vector.extension)).unwrap();
    let mut everything = Said::default();
    let format = Format::of_path(&path).unwrap();
    let sealed = SealedFile::detect(&path, &leak.sealed, format);
    let requests: Vec<KeyRequest> = match &sealed {
        Ok(Some(sealed)) => sealed.key_requests().cloned().collect(),
        _ => Vec::new(),
    };
    let keys = keys_for(leak, &requests, &mut everything);
    everything.0 += &everything_said(&path, &leak.sealed, &keys, &|_| DataKeys::default()).unwrap();
    let text = match sealed {
        Err(errors) => errors.to_string(),
        Ok(None) => "nothing: it is no sealed file".to_owned(),
        Ok(Some(_)) if !leak.environment.is_empty() => about(leak, &keys, &requests, &everything.0),
        Ok(Some(sealed)) => match sealed.open(&keys, MacPolicy::Require) {
            Err(errors) => errors.to_string(),
            Ok(opened) => opened.warnings.first().unwrap().to_string(),
        },
    };
    (text, everything.0)
}

/// What is said about the variable that is wrong: why it opened nothing, or that it was not used.
fn about(leak: &Leak, keys: &DataKeys, requests: &[KeyRequest], said: &str) -> String {
    let (_, failures) = keys.open_groups(&requests[0]);
    let attempts = failures.iter().flat_map(|KeyFailure { attempts, .. }| attempts);
    let mut texts = attempts.map(|attempt| format!("{}: {}", attempt.with, attempt.reason));
    let name = leak.environment.keys().next().unwrap();
    let attempt = texts.find(|text| text.contains(name.as_str()) && !text.ends_with("not set"));
    let note = || said.lines().find(|line| line.starts_with(&format!("{name}: ")));
    attempt.unwrap_or_else(|| note().unwrap_or_default().to_owned())
}

/// As it stands in a table: in one line, and long words by their start.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    let mut word = 0;
    for character in text.chars() {
        word = if character.is_ascii_alphanumeric() || character == '-' {
            word + 1
        } else {
            0
        };
        match (character, word) {
            (_, LONGEST_WORD) => cell.push('…'),
            (_, word) if word > LONGEST_WORD => {}
            ('\n' | '\t', _) => cell.push(' '),
            ('|', _) => cell.push_str("\\|"),
            (character, _) => cell.push(character),
        }
    }
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_table_holds_what_both_say() {
    let recording = Recording::start();
    let mut table = "| what is wrong | sops 3.13.3 | afterbay |\n|---|---|---|\n".to_owned();
    let mut shown = Vec::new();
    for leak in leaks().unwrap() {
        let (text, mut everything) = said_here(&leak);
        everything += &recording.take();
        let mut secrets = Secrets::default();
        leak.secrets
            .iter()
            .for_each(|secret| secrets.value(secret.as_bytes()));
        let search = secrets.search();
        assert!(
            search.found_in(&leak.says).is_some(),
            "{}: sops shows nothing",
            leak.what
        );
        shown.extend(
            search
                .found_in(&everything)
                .map(|found| format!("{}: {found}", leak.what)),
        );
        assert!(!text.is_empty(), "{}", leak.what);
        writeln!(
            table,
            "| {} | `` {} `` | `` {} `` |",
            leak.what,
            cell(&leak.says),
            cell(&text)
        )
        .unwrap();
    }
    assert!(shown.is_empty(), "{}", shown.join("\n\n"));
    assert!(DOCUMENT.contains(&table), "SECURITY.md has to hold:\n{table}");
}
