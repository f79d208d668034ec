//! Every vector of `fixtures/sops` through the stage, one by one and all at once: the stage adds nothing to
//! what the format says and loses nothing of it.

use std::collections::BTreeSet;
use std::io::Read as _;

use super::{overlay, scan};
use crate::{DecryptError, DecryptErrors, DecryptOptions};
use afterbay_manifest::{
    DataKey, DataKeys, FileTree, KeyFailure, KeyRequest, SecretBytes, TreePath, WrappedKey,
};
use afterbay_sops::{Format, MacPolicy, OpenedFile, SealedFile, SopsErrors};
use fixtures::sops::{VECTORS, Vector};

fn unwrap_age(identities: &str, enc: &str) -> Option<DataKey> {
    let identities = age::IdentityFile::from_buffer(identities.as_bytes())
        .unwrap()
        .into_identities()
        .unwrap();
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(enc.as_bytes())).ok()?;
    let mut key = Vec::new();
    let identities = identities
        .iter()
        .map(|identity| &**identity as &dyn age::Identity);
    decryptor.decrypt(identities).ok()?.read_to_end(&mut key).ok()?;
    Some(DataKey::new(SecretBytes::new(key)))
}

pub(super) fn unwrap_all(requests: &[KeyRequest], identities: &str) -> DataKeys {
    let mut keys = DataKeys::default();
    for key in requests.iter().flat_map(KeyRequest::keys) {
        let opened = match key {
            WrappedKey::Age { enc, .. } => unwrap_age(identities, enc),
            _ => None,
        };
        match opened {
            Some(data_key) => keys.opened(key.id(), vec![data_key]),
            None => keys.failed(
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

fn open(vectors: &[&Vector], identities: &str) -> Result<FileTree, DecryptErrors> {
    let mut tree = FileTree::new();
    for vector in vectors {
        tree.insert_file(
            TreePath::parse(&vector.file_name()).unwrap(),
            vector.sealed,
            false,
        );
    }
    let options = DecryptOptions::default();
    let inputs: Vec<TreePath> = tree.entries().map(|(path, _)| path.clone()).collect();
    let sealed = scan(&tree, &inputs, &options)?;
    let keys = unwrap_all(&sealed.key_requests(), identities);
    Ok(overlay(tree, sealed, &keys, &options)?.0)
}

fn file_of(error: &DecryptError) -> String {
    match error {
        DecryptError::Sops(errors) => errors.file.to_string(),
        other => panic!("{other}"),
    }
}

/// What the format alone makes of a vector; `afterbay-sops` holds that to what the real tool does.
fn by_format(vector: &Vector) -> Result<Option<OpenedFile>, SopsErrors> {
    let path = TreePath::parse(&vector.file_name()).unwrap();
    let Some(sealed) = SealedFile::find(&path, Format::of_path(&path), vector.sealed)? else {
        return Ok(None);
    };
    let requests: Vec<KeyRequest> = sealed.key_requests().cloned().collect();
    sealed
        .open(&unwrap_all(&requests, vector.identities()), MacPolicy::Require)
        .map(Some)
}

#[test]
fn one_by_one() {
    let mut opened = 0;
    for vector in VECTORS {
        let path = TreePath::parse(&vector.file_name()).unwrap();
        match (by_format(vector), open(&[vector], vector.identities())) {
            (Ok(Some(expected)), Ok(tree)) => {
                let (text, provenance) = tree.file(&path).unwrap().1.expose_content();
                assert_eq!(text, expected.text.expose_bytes(), "{}", vector.name);
                assert_eq!(provenance, expected.provenance, "{}", vector.name);
                opened += 1;
            }
            (Ok(None), Ok(tree)) => assert!(!tree.file(&path).unwrap().1.is_opened(), "{}", vector.name),
            (Err(expected), Err(errors)) => assert_eq!(errors.0, [DecryptError::Sops(expected)]),
            (_, Ok(_)) => panic!("{}: opened", vector.name),
            (_, Err(errors)) => panic!("{}: {errors}", vector.name),
        }
    }
    assert!(opened > 50, "{opened}");
}

/// What cannot even be read is said when only that is looked at; what cannot be opened is said together with it.
#[test]
fn all_at_once() {
    let vectors: Vec<&Vector> = VECTORS.iter().collect();
    let identities = fixtures::sops::IDENTITIES;
    let mut readable = Vec::new();
    let mut unreadable = BTreeSet::new();
    for vector in &vectors {
        let mut tree = FileTree::new();
        let path = TreePath::parse(&vector.file_name()).unwrap();
        tree.insert_file(path.clone(), vector.sealed, false);
        match scan(&tree, [&path], &DecryptOptions::default()) {
            Ok(_) => readable.push(*vector),
            Err(_) => drop(unreadable.insert(vector.file_name())),
        }
    }
    let errors = open(&vectors, identities).unwrap_err();
    assert_eq!(errors.0.iter().map(file_of).collect::<BTreeSet<_>>(), unreadable);
    assert!(unreadable.len() > 5, "{unreadable:?}");
    let expected: BTreeSet<String> = readable
        .iter()
        .filter(|vector| open(&[vector], identities).is_err())
        .map(|vector| vector.file_name())
        .collect();
    let errors = open(&readable, identities).unwrap_err();
    assert_eq!(errors.0.iter().map(file_of).collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() > 5, "{expected:?}");
}
