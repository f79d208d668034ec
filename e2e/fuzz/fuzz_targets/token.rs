//! One token, as the value of a file that is otherwise in order.
#![no_main]

use afterbay_manifest::{DataKey, DataKeys, SecretBytes, TreePath};
use afterbay_sops::{Format, MacPolicy, SealedFile, contains_token, find_tokens};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|token: &str| {
    let _ = contains_token(token);
    let _ = find_tokens(token.as_bytes());
    // Quoted as JSON text, which is how any token can stand in a file.
    let text: String = token.chars().map(EscapeJson::escape_unicode_json).collect();
    let file = format!(
        r#"{{"a":"{text}","sops":{{"age":[{{"recipient":"r","enc":"e"}}],"lastmodified":"2026-01-02T03:04:05Z","mac":"{text}"}}}}"#
    );
    let Ok(Some(sealed)) = SealedFile::detect(&TreePath::default(), file.as_bytes(), Format::Json) else {
        return;
    };
    let mut keys = DataKeys::default();
    for key in sealed.key_requests().flat_map(|request| request.keys()) {
        keys.opened(key.id(), vec![DataKey::new(SecretBytes::new(vec![7; 32]))]);
    }
    let _ = sealed.open(&keys, MacPolicy::Require);
});

trait EscapeJson {
    fn escape_unicode_json(self) -> String;
}

impl EscapeJson for char {
    fn escape_unicode_json(self) -> String {
        match self {
            '"' | '\\' => format!("\\{self}"),
            c if c < ' ' => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        }
    }
}
