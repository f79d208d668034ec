//! Blocks written by hand, where the real tool would need keys of services.

use afterbay_manifest::{TreePath, WrappedKey};
use insta::assert_snapshot;

use crate::{Format, MacScope, SealedFile, SelectionRule};

const TIMES: &str = "  lastmodified: \"2024-01-02T03:04:05Z\"\n  mac: ENC[x]\n";
const AGE: &str = "  age:\n    - {recipient: age1a, enc: a}\n";

fn detect(block: &str) -> Result<Option<SealedFile>, String> {
    let file = TreePath::parse("a.yaml").unwrap();
    let text = format!("a: b\nsops:\n{block}");
    SealedFile::detect(&file, text.as_bytes(), Format::Yaml).map_err(|errors| errors.to_string())
}

fn sealed(block: &str) -> SealedFile {
    detect(block).unwrap().unwrap()
}

fn refused(block: &str) -> String {
    detect(block).unwrap_err()
}

#[test]
fn keys_come_in_the_order_in_which_sops_tries_them() {
    let date = "created_at: \"2024-01-01T00:00:00Z\"";
    let file = sealed(&format!(
        "  kms:\n    - {{arn: arn:aws:kms:x, role: r, context: {{a: 1, b: true}}, aws_profile: p, enc: AQID, {date}}}\n    \
         - {{arn: arn:broken, enc: '***', {date}}}\n  \
         gcp_kms:\n    - {{resource_id: projects/p, enc: x, {date}}}\n  \
         hckms:\n    - {{key_id: region:id, enc: x, {date}}}\n  \
         azure_kv:\n    - {{vault_url: https://v, name: n, version: '1', enc: x, {date}}}\n  \
         hc_vault:\n    - {{vault_address: https://v, engine_path: e, key_name: k, enc: x, {date}}}\n  \
         pgp:\n    - {{fp: ABCD, enc: x, {date}}}\n{AGE}{TIMES}"
    ));
    let keys = &file.parts()[0].request.groups[0];
    let listed: Vec<String> = keys.iter().map(ToString::to_string).collect();
    assert_snapshot!(listed.join("\n"), @r"
    age age1a
    pgp ABCD
    aws kms arn:aws:kms:x
    kms arn:broken
    gcp_kms projects/p
    hckms region:id
    azure_kv https://v/keys/n/1
    vault https://v/v1/e/keys/k
    ");
    let WrappedKey::AwsKms(kms) = &keys[2] else {
        panic!("{}", keys[2])
    };
    assert_eq!(kms.role.as_deref(), Some("r"));
    assert_eq!(kms.aws_profile.as_deref(), Some("p"));
    assert_eq!(kms.ciphertext, [1, 2, 3]);
    assert_eq!(
        kms.context
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>(),
        ["a=1", "b=1"]
    );
}

#[test]
fn fields_are_weakly_typed() {
    let file = sealed(&format!(
        "  Mac_Only_Encrypted: \"T\"\n  AGE: {{recipient: 1.50, enc: 7}}\n  version: 3\n  unknown: [x]\n{TIMES}"
    ));
    let part = &file.parts()[0];
    assert_eq!(part.metadata.mac_scope, MacScope::OnlyEncrypted);
    assert_eq!(part.metadata.version, "3");
    assert_eq!(
        part.request.groups[0],
        [WrappedKey::Age {
            recipient: "1.5".into(),
            enc: "7".into()
        }]
    );
    assert!(
        matches!(&part.metadata.rule, SelectionRule::UnencryptedSuffix(suffix) if suffix == "_unencrypted")
    );
}

#[test]
fn somebody_elses_key_of_that_name_is_plain() {
    assert!(detect("  enabled: true\n").unwrap().is_none());
    assert!(detect("  - a\n").unwrap().is_none());
}

#[test]
fn refusals_name_field_and_line() {
    assert_snapshot!(refused(TIMES), @"a.yaml:3:3: sops metadata: no keys found in file; restore the `age`, `kms`, … list that sops wrote");
    assert_snapshot!(refused(&format!("{AGE}  mac: x\n")), @"a.yaml:3:3: sops metadata: `lastmodified` is missing; restore the block that sops wrote");
    assert_snapshot!(refused(&format!("{AGE}  lastmodified: 2024-01-02T03:04:05Z\n")), @"a.yaml:5:17: sops metadata: `lastmodified` is a bare timestamp, which sops refuses here; put it in quotes");
    assert_snapshot!(refused(&format!("{AGE}  lastmodified: yesterday\n")), @"a.yaml:5:17: sops metadata: `lastmodified` is not an RFC 3339 time; restore the block that sops wrote");
    assert_snapshot!(refused(&format!("  age: x\n{TIMES}")), @"a.yaml:3:8: sops metadata: `age` is not a list of maps");
    assert_snapshot!(refused(&format!("  pgp: [{{fp: A, enc: [x]}}]\n{TIMES}")), @"a.yaml:3:22: sops metadata: `pgp[0].enc` is not text");
    assert_snapshot!(refused(&format!("{AGE}  mac_only_encrypted: maybe\n{TIMES}")), @"a.yaml:5:23: sops metadata: `mac_only_encrypted` is not a boolean");
    assert_snapshot!(refused(&format!("{AGE}  encrypted_regex: a\n  unencrypted_suffix: b\n{TIMES}")), @"a.yaml:3:3: sops metadata has both `unencrypted_suffix` (line 6) and `encrypted_regex` (line 5); sops allows one selection rule per file, remove all but the one it was encrypted with");
    assert_snapshot!(refused(&format!("  key_groups: [{{age: []}}]\n{TIMES}")), @"a.yaml:3:16: sops metadata: the only key group has no keys; restore the block that sops wrote");
    assert_snapshot!(refused(&format!("{AGE}  1: x\n{TIMES}")), @"a.yaml:5:3: sops: a map key is not text but of the kind integer; sops supports only text keys, put it in quotes");
}

#[test]
fn key_groups_need_as_many_as_the_threshold_says() {
    let groups =
        "  key_groups: [{age: [{recipient: a, enc: b}]}, {pgp: []}, {age: [{recipient: c, enc: d}]}]";
    let needed = |threshold: &str| {
        let file = sealed(&format!("{groups}\n{threshold}{TIMES}"));
        let part = &file.parts()[0];
        assert_eq!(
            part.request.groups.iter().map(Vec::len).collect::<Vec<_>>(),
            [1, 0, 1]
        );
        part.request.needed
    };
    assert_eq!(needed("  shamir_threshold: '2'\n"), 2);
    assert_eq!(needed("  shamir_threshold: 1\n"), 2);
    // Not said, or nonsense: whatever opens is combined, so all are tried.
    assert_eq!(needed(""), 3);
    assert_eq!(needed("  shamir_threshold: -1\n"), 3);
}

/// SOPS tries the contexts for the first such key of a file; here they follow the keys of each group.
#[test]
fn old_versions_called_kms_with_another_context() {
    let date = "created_at: \"2017-01-01T00:00:00Z\"";
    let contexts = |version: &str| -> Vec<String> {
        let file = sealed(&format!(
            "  kms:\n    - {{arn: a, context: {{k: x, l: y}}, enc: AQID, {date}}}\n    \
             - {{arn: b, enc: AQID, {date}}}\n  version: {version}\n{TIMES}"
        ));
        let keys = file.parts()[0].request.groups[0].iter();
        keys.map(|key| match key {
            WrappedKey::AwsKms(key) => format!("{} {:?}", key.arn, key.context),
            other => panic!("{other}"),
        })
        .collect()
    };
    let written = [r#"a {"k": "x", "l": "y"}"#, "b {}"];
    assert_eq!(contexts("3.3.0"), written);
    assert_eq!(
        contexts("3.2.1"),
        [
            written[0],
            written[1],
            r#"a {"k": "x", "l": "x"}"#,
            r#"a {"k": "y", "l": "y"}"#
        ]
    );
}

#[test]
fn thresholds_are_read_as_go_reads_integers() {
    let threshold = |text: &str| {
        let groups = format!(
            "  key_groups:\n    - age: [{{recipient: a, enc: a}}]\n  shamir_threshold: {text}\n{TIMES}"
        );
        detect(&groups).map(|file| file.unwrap().parts()[0].metadata.shamir_threshold)
    };
    for (text, read) in [
        ("2", 2),
        ("2.9", 2),
        ("\"0x10\"", 16),
        ("\"010\"", 8),
        ("\"0\"", 0),
        ("\"\"", 0),
        ("-3", 0),
        ("true", 1),
        ("null", 0),
    ] {
        assert_eq!(threshold(text), Ok(read), "{text}");
    }
    for refused in ["two", "\"0x\"", "\"--1\"", "[]"] {
        assert!(threshold(refused).is_err(), "{refused}");
    }
}
