//! What the tests share: fixtures and the unwrapping of RSA keys, which the stage leaves to its caller.

use std::path::PathBuf;

use afterbay_manifest::yaml::{Document, Table};
use afterbay_manifest::{
    Attempt, DataKey, DataKeys, FileTree, KeyFailure, KeyRequest, Node, Object, Origin, RenderedSet,
    Revision, SecretBytes, TreePath, WrappedKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;

use crate::SealedFiles;

/// A file of `fixtures/eyaml`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/eyaml")).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A token as it stands in a scalar.
pub(crate) fn token(name: &str) -> String {
    String::from_utf8(fixture(&format!("tokens/{name}.token"))).unwrap()
}

/// The names of all tokens, in order.
pub(crate) fn token_names() -> Vec<String> {
    let directory = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/eyaml/tokens"
    ));
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let tokens = files.filter(|path| path.extension().is_some_and(|extension| extension == "token"));
    let mut names: Vec<String> = tokens
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// A private key of the fixtures.
pub(crate) fn rsa_key(name: &str) -> PrivateKey {
    let pem = String::from_utf8(fixture(&format!("keys/{name}.pem"))).unwrap();
    if name.ends_with("pkcs1") {
        PrivateKey::from_pkcs1_pem(&pem).unwrap()
    } else {
        PrivateKey::from_pkcs8_pem(&pem).unwrap()
    }
}

/// Unwraps with every private key and implicit rejection: whatever is wrong yields a made-up key of the
/// right length, as the ring of `afterbay-keys` does.
pub(crate) fn unwrap_all(requests: &[KeyRequest], private: &[PrivateKey]) -> DataKeys {
    let mut keys = DataKeys::default();
    for wrapped in requests.iter().flat_map(KeyRequest::keys) {
        let (encrypted_key, key_length) = match wrapped {
            WrappedKey::Pkcs7 {
                encrypted_key,
                key_length,
            } => (encrypted_key, key_length),
            WrappedKey::Pgp(key) => {
                open_message(&mut keys, wrapped, &key.message);
                continue;
            }
            _ => panic!("not of eyaml: {wrapped}"),
        };
        let candidates = private.iter().map(|key| {
            let mut bytes = key.pkcs1v15_decrypt(encrypted_key).unwrap_or_default();
            if bytes.len() != *key_length {
                bytes = bytes.into_iter().chain(1..).take(*key_length).collect();
            }
            DataKey::new(SecretBytes::new(bytes))
        });
        let candidates = candidates.collect();
        keys.opened(wrapped.id(), candidates);
    }
    keys
}

/// Knows what the messages of `fixtures/pgp` hold, and cannot open others.
fn open_message(keys: &mut DataKeys, wrapped: &WrappedKey, message: &[u8]) {
    if message == gpg_message() {
        let content = SecretBytes::new(fixtures::pgp::CONTENT.to_vec());
        return keys.opened(wrapped.id(), vec![DataKey::new(content)]);
    }
    let attempt = Attempt {
        with: "keys.asc".to_owned(),
        reason: "none of its keys fits".to_owned(),
        hint: None,
    };
    let failure = KeyFailure {
        key: wrapped.to_string(),
        attempts: vec![attempt],
    };
    keys.failed(wrapped.id(), failure);
}

fn gpg_message() -> &'static [u8] {
    let mut messages = fixtures::pgp::MESSAGES.iter();
    messages
        .find(|message| message.name == "binary.gpg")
        .unwrap()
        .bytes
}

/// The message as a token.
pub(crate) fn gpg_token() -> String {
    format!("ENC[GPG,{}]", BASE64_STANDARD.encode(gpg_message()))
}

/// A file of `fixtures/decrypt/sealed`.
pub(crate) fn sealed(name: &str) -> String {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/decrypt/sealed"
    ))
    .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A tree of fixtures, each under its own name.
pub(crate) fn tree_of(names: &[&str]) -> FileTree {
    let files: Vec<(&str, String)> = names.iter().map(|name| (*name, sealed(name))).collect();
    tree(&files)
}

/// A tree of texts.
pub(crate) fn tree(files: &[(&str, String)]) -> FileTree {
    let mut tree = FileTree::new();
    for (path, text) in files {
        tree.insert_file(TreePath::parse(path).unwrap(), text.clone().into_bytes(), false);
    }
    tree
}

/// Every file of a tree.
pub(crate) fn inputs(tree: &FileTree) -> Vec<TreePath> {
    tree.entries().map(|(path, _)| path.clone()).collect()
}

/// The data keys of the fixtures that are asked for.
pub(crate) fn data_keys(sealed_files: &SealedFiles) -> DataKeys {
    let mut keys = DataKeys::default();
    for request in sealed_files.key_requests() {
        let file = request.subject.split(" (").next().unwrap();
        let name = file.rsplit('/').next().unwrap();
        for wrapped in request.keys() {
            keys.opened(wrapped.id(), vec![data_key(name)]);
        }
    }
    keys
}

/// The data key of a fixture.
pub(crate) fn data_key(name: &str) -> DataKey {
    let hex = sealed(&format!("{name}.datakey"));
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    DataKey::new(SecretBytes::new((0..hex.len()).step_by(2).map(byte).collect()))
}

/// What a build without a kustomization makes of every file: its objects, Lists taken apart.
pub(crate) fn render(tree: &FileTree) -> RenderedSet {
    let objects = inputs(tree).into_iter().flat_map(|path| {
        let documents = tree.file(&path).unwrap().1.documents().unwrap().into_owned();
        documents
            .into_iter()
            .flat_map(move |document| objects(&path, &document))
    });
    set(objects.collect())
}

fn objects(path: &TreePath, document: &Document) -> Vec<Object> {
    let Some(body) = document.resolve(Table::Kustomize).unwrap() else {
        return Vec::new();
    };
    let items = body
        .get("items")
        .and_then(Node::as_sequence)
        .map(<[Node]>::to_vec);
    let origin = Origin {
        file: path.clone(),
        document: document.index,
        position: document.position,
    };
    let bodies = items.unwrap_or_else(|| vec![body]).into_iter();
    bodies
        .map(|body| Object::new(body, origin.clone()).unwrap())
        .collect()
}

/// The objects of a text that nobody opened.
pub(crate) fn render_text(text: &str) -> RenderedSet {
    render(&tree(&[("app.yaml", text.to_owned())]))
}

/// A set of objects.
pub(crate) fn set(objects: Vec<Object>) -> RenderedSet {
    RenderedSet {
        revision: Revision::UNKNOWN,
        objects,
        warnings: Vec::new(),
    }
}
