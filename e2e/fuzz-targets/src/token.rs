//! One token, as the value and the MAC of a file that is otherwise in order; and the same text as a path to extract.

use afterbay_manifest::TreePath;
use afterbay_sops::{ExtractPath, Format, MacPolicy, SealedFile, contains_token, find_tokens};

use crate::ring::own_keys;
use crate::values::quoted;

/// The text of the token.
pub fn run(data: &[u8]) {
    let Ok(token) = str::from_utf8(data) else {
        return;
    };
    let found = find_tokens(data).count();
    assert_eq!(found > 0, contains_token(token));
    let _ = token.parse::<ExtractPath>();
    let text = quoted(token);
    let file = format!(
        r#"{{"a":{text},"sops":{{"age":[{{"recipient":"r","enc":"e"}}],"lastmodified":"2026-01-02T03:04:05Z","mac":{text}}}}}"#
    );
    let Ok(Some(sealed)) = SealedFile::detect(&TreePath::default(), file.as_bytes(), Format::Json) else {
        return;
    };
    let keys = own_keys(sealed.key_requests());
    let _ = sealed.open(&keys, MacPolicy::Require);
}

/// Tokens, and a path.
pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "ENC[AES256_GCM,data:XlTZF0TrVA==,iv:rqWUdwJgRGoid96f9T7fF+9HgW2PVw7AG7SDLDoQ+GY=,tag:R1WdRYLhvaUFNr2zMqOLXw==,type:str]",
        "ENC[AES256_GCM,data:aw==,iv:Sm1hlwS0pd36P+irBILp0bhMYd6giWCb,tag:EI7eHYCyheOiD9kyIxzEVA==,type:int]",
        "ENC[AES256_GCM,data:,iv:,tag:,type:]",
        "ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:float]\nENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:bool]",
        r#"["a"]['b'][0]"#,
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}
