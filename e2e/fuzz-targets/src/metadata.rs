//! A `sops` block in YAML and in JSON, and metadata flattened as dotenv and INI have it.

use afterbay_manifest::TreePath;
use afterbay_sops::{Format, SealedFile};

const TOKEN: &str = "ENC[AES256_GCM,data:aa==,iv:aa==,tag:aa==,type:str]";

/// The block.
pub fn run(data: &[u8]) {
    let Ok(block) = str::from_utf8(data) else {
        return;
    };
    let indented = block.replace('\n', "\n  ");
    let yaml = format!("a: {TOKEN}\nsops:\n  mac: x\n  {indented}\n");
    let json = format!(r#"{{"a":"{TOKEN}","sops":{block}}}"#);
    let flat: String = block.lines().map(|line| format!("sops_{line}\n")).collect();
    let dotenv = format!("a={TOKEN}\n{flat}");
    let ini = format!("[a]\nb = c\n[sops]\nmac = {TOKEN}\n{block}\n");
    for (text, format) in [
        (yaml, Format::Yaml),
        (json, Format::Json),
        (dotenv, Format::Dotenv),
        (ini, Format::Ini),
    ] {
        let _ = SealedFile::detect(&TreePath::default(), text.as_bytes(), format);
    }
}

/// A block with every kind of key, in each of the three notations.
pub fn seeds() -> Vec<Vec<u8>> {
    let seeds = [
        "kms:\n- arn: arn:aws:kms:eu-west-1:000000000000:key/1\n  role: arn:aws:iam::000000000000:role/r\n  context: {a: b}\n  created_at: \"2026-01-02T03:04:05Z\"\n  enc: AQIC\n  aws_profile: p\ngcp_kms:\n- resource_id: projects/p/locations/l/keyRings/r/cryptoKeys/k\n  enc: AQIC\nazure_kv:\n- vault_url: https://v.vault.azure.net\n  name: n\n  version: v\n  enc: AQIC\nhc_vault:\n- vault_address: https://v:8200\n  engine_path: transit\n  key_name: k\n  enc: vault:v1:aa==\nage:\n- recipient: age1x\n  enc: |\n    -----BEGIN AGE ENCRYPTED FILE-----\npgp:\n- fp: ABCD\n  enc: |\n    -----BEGIN PGP MESSAGE-----\nlastmodified: \"2026-01-02T03:04:05Z\"\nencrypted_regex: ^(data|stringData)$\nmac_only_encrypted: true\nversion: 3.13.3",
        "key_groups:\n- age:\n  - {recipient: r, enc: e}\n- hc_vault: []\n  pgp: null\nshamir_threshold: \"2\"\nunencrypted_suffix: _unencrypted\nencrypted_suffix: x\nunencrypted_comment_regex: \"[\"\nlastmodified: 2026-01-02 03:04:05 +0100",
        r#"{"age":[{"recipient":"r","enc":"e"}],"kms":null,"lastmodified":"2026-01-02T03:04:05Z","mac":"x","shamir_threshold":2,"unencrypted_regex":"^a","version":"3.13.3"}"#,
        "age__list_0__map_recipient=r\nage__list_0__map_enc=e\\n\nkey_groups__list_0__map_age__list_0__map_enc=e\nshamir_threshold=2\nlastmodified=2026-01-02T03:04:05Z\nmac=x\nmac_only_encrypted=true\nversion=3.8.1",
        "age__list_0__map_enc       = \"\"\"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n\"\"\"\nage__list_0__map_recipient = r\nlastmodified = 2026-01-02T03:04:05Z\nkms__list_0__map_context__map_a = b",
    ];
    seeds.map(|seed| seed.as_bytes().to_vec()).into()
}
