//! The scan for hiera-eyaml tokens and the envelopes in them, and for SOPS files as entries, in a Secret and elsewhere.
#![no_main]

use afterbay_decrypt::{DecryptOptions, OpenedFiles, finish, scan_objects};
use afterbay_manifest::yaml::{self, Table};
use afterbay_manifest::{
    DataKey, DataKeys, Object, Origin, Position, RenderedSet, Revision, SecretBytes, TreePath, WrappedKey,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let (text, encoded) = text.split_once('\0').unwrap_or((&text, ""));
    let Some(object) = object(selector % 2 == 0, text, encoded) else {
        return;
    };
    let rendered = RenderedSet {
        revision: Revision::UNKNOWN,
        objects: vec![object],
        warnings: Vec::new(),
    };
    let options = DecryptOptions::default();
    let sealed = scan_objects(&rendered, OpenedFiles::default(), &options);
    let mut keys = DataKeys::default();
    for key in sealed.key_requests().iter().flat_map(|request| request.keys()) {
        let length = match key {
            WrappedKey::Pkcs7 { key_length, .. } => *key_length,
            _ => 32,
        };
        keys.opened(key.id(), vec![DataKey::new(SecretBytes::new(vec![7; length]))]);
    }
    let _ = finish(rendered, sealed, &keys, &options);
});

fn object(secret: bool, text: &str, encoded: &str) -> Option<Object> {
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
