//! The scan for hiera-eyaml tokens, and for SOPS files as entries, in a Secret and elsewhere.

use afterbay_decrypt::{DecryptOptions, DecryptedSet, OpenedFiles, SealedTokens, finish, scan_objects};
use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{DataKeys, Object, Origin, Position, RenderedSet, Revision, TreePath};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::sops::VECTORS;

use crate::ring::data_keys;
use crate::seed::{files, selected};

/// An even first byte makes it a Secret, an odd one a `ConfigMap`; what stands before the first zero byte is under
/// `stringData`, what stands behind it under `data`.
pub fn run(data: &[u8]) {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let (text, encoded) = text.split_once('\0').unwrap_or((&text, ""));
    let Some(object) = object(selector % 2 == 0, text, encoded) else {
        return;
    };
    open(object, |options, rendered| {
        let sealed = scan_objects(rendered, OpenedFiles::default(), options);
        let keys = data_keys(sealed.key_requests().iter());
        (sealed, keys)
    });
}

/// Both passes over one object; `keys` makes the scan and unwraps what it asks for.
pub(crate) fn open(
    object: Object,
    keys: impl FnOnce(&DecryptOptions, &RenderedSet) -> (SealedTokens, DataKeys),
) -> Option<DecryptedSet> {
    let rendered = RenderedSet {
        revision: Revision::UNKNOWN,
        objects: vec![object],
        warnings: Vec::new(),
    };
    let options = DecryptOptions::default();
    let (sealed, keys) = keys(&options, &rendered);
    finish(rendered, sealed, &keys, &options).ok()
}

/// Tokens, alone and in text, and SOPS files, as text and in base64.
pub fn seeds() -> Vec<Vec<u8>> {
    let tokens = files("fixtures/eyaml/tokens");
    let mixed = [
        "a=ENC[VAULT,aGVsbG8=] b=ENC[gpg,hF4D] ENC[",
        "ENC[PKCS7,=====]",
        "DEC::PKCS7[x]!",
    ];
    let mixed = mixed.map(|text| text.as_bytes().to_vec());
    let nested = VECTORS
        .iter()
        .filter(|vector| vector.sealed.len() < 4096)
        .flat_map(|vector| {
            let encoded = BASE64_STANDARD.encode(vector.sealed);
            [vector.sealed.to_vec(), [b"\0", encoded.as_bytes()].concat()]
        });
    let inputs: Vec<_> = tokens.into_iter().chain(mixed).chain(nested.step_by(3)).collect();
    selected(b'0', inputs.clone())
        .chain(selected(b'1', inputs.into_iter().step_by(8)))
        .collect()
}

/// An object of the kind with the two entries.
pub(crate) fn object(secret: bool, text: &str, encoded: &str) -> Option<Object> {
    let kind = if secret { "Secret" } else { "ConfigMap" };
    let yaml = format!(
        "{{apiVersion: v1, kind: {kind}, metadata: {{name: s}}, stringData: {{a: {}}}, data: {{a: {}}}}}",
        quoted(text),
        quoted(encoded)
    );
    let documents = yaml::parse(yaml.as_bytes()).ok()?;
    let body = documents.first()?.resolve(Table::Kustomize).ok()??;
    let origin = Origin {
        file: TreePath::default(),
        document: 0,
        position: Position::default(),
    };
    Object::new(body, origin).ok()
}

/// Text in double quotes; what YAML cannot hold is left out.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
