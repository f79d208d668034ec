//! The scan that makes the proof true: nothing sealed is left where nothing sealed should be.

use afterbay_manifest::{Gvk, KeyPath, Node, Segment};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::objects::is_name;
use crate::{Leftover, eyaml};

/// What SOPS writes into its metadata (`stores/stores.go`); any two of them make a `sops` map its own.
const METADATA: [&str; 10] = [
    "mac",
    "lastmodified",
    "version",
    "age",
    "pgp",
    "kms",
    "gcp_kms",
    "azure_kv",
    "hc_vault",
    "key_groups",
];

/// Whether the object still carries the metadata of a SOPS file.
pub(crate) fn has_metadata(body: &Node) -> bool {
    let fields = body.get("sops").and_then(Node::as_mapping);
    fields.is_some_and(|fields| METADATA.iter().filter(|name| fields.contains_key(**name)).count() > 1)
}

/// Whether a path leads into that metadata.
pub(crate) fn is_metadata(path: &KeyPath) -> bool {
    path.segments().first() == Some(&Segment::Key("sops".into()))
}

/// What is sealed in a text that stands as it is at a place.
pub(crate) fn in_text(gvk: &Gvk, path: &KeyPath, text: &str) -> Option<Leftover> {
    if !text.contains("ENC[") {
        return None;
    }
    if afterbay_sops::contains_token(text) {
        return Some(if is_sops_file(text) {
            Leftover::SopsFile
        } else {
            Leftover::SopsToken
        });
    }
    let token = eyaml::find_sealed(text)?.to_owned();
    Some(if is_name(gvk, path) {
        Leftover::TokenInName { token }
    } else if eyaml::is_sealed(text) && !gvk.is_secret() {
        Leftover::EyamlToken {
            token,
            kind: gvk.kind.clone(),
        }
    } else {
        Leftover::OtherToken { token }
    })
}

/// Whether a text is a SOPS file of any store, by the marks that kustomize-controller goes by
/// (`internal/decryptor/decryptor.go`), and by JSON without spaces.
fn is_sops_file(text: &str) -> bool {
    let marks = [
        "mac: ENC[",
        "\"mac\": \"ENC[",
        "\"mac\":\"ENC[",
        "sops_mac=ENC[",
        "[sops]",
    ];
    afterbay_sops::contains_token(text) && marks.iter().any(|mark| text.contains(mark))
}

/// What is sealed in a key of a map.
pub(crate) fn in_key(key: &str) -> Option<Leftover> {
    if afterbay_sops::contains_token(key) {
        return Some(Leftover::SopsToken);
    }
    eyaml::find_sealed(key).map(|token| Leftover::TokenInName {
        token: token.to_owned(),
    })
}

/// What is sealed in the bytes that a `data` entry of a Secret stands for.
pub(crate) fn in_data(bytes: &[u8]) -> Option<Leftover> {
    let text = std::str::from_utf8(bytes).ok()?;
    let token = if is_sops_file(text) {
        return Some(Leftover::SopsFile);
    } else if afterbay_sops::contains_token(text) {
        "ENC[AES256_GCM,…]".to_owned()
    } else {
        eyaml::find_sealed(text)?.to_owned()
    };
    Some(Leftover::Encoded { token })
}

/// The bytes that a `data` entry of a Secret stands for. Go's decoder skips line ends.
pub(crate) fn decode_data(text: &str) -> Option<Vec<u8>> {
    if text.contains(['\n', '\r']) {
        BASE64_STANDARD.decode(text.replace(['\n', '\r'], "")).ok()
    } else {
        BASE64_STANDARD.decode(text).ok()
    }
}
