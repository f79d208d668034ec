//! Documents that only a hand can make.

use afterbay_manifest::{DataKeys, Position, TreePath};
use insta::assert_snapshot;

use crate::{Format, MacPolicy, SealedFile, contains_token, find_tokens};

const BLOCK: &str =
    "sops:\n  age: [{recipient: a, enc: b}]\n  lastmodified: \"2024-01-02T03:04:05Z\"\n  mac: ENC[x]\n";

fn refused(text: &str) -> String {
    let file = TreePath::parse("a.yaml").unwrap();
    SealedFile::detect(&file, text.as_bytes(), Format::Yaml)
        .map(drop)
        .unwrap_err()
        .to_string()
}

#[test]
fn refuses_what_the_store_refuses() {
    assert_snapshot!(refused(&format!("? [a]\n: b\n2: c\nnull: d\n{BLOCK}")), @r"
    a.yaml:1:3: .: a map key is not text but of the kind list; sops supports only text keys, put it in quotes
    a.yaml:3:1: .: a map key is not text but of the kind integer; sops supports only text keys, put it in quotes
    a.yaml:4:1: .: a map key is not text but of the kind null; sops supports only text keys, put it in quotes
    ");
    assert_snapshot!(refused(&format!("a: 18446744073709551615\nb: !!int x\n{BLOCK}")), @r"
    a.yaml:1:4: a: an integer above 9223372036854775807, which sops cannot hold; put it in quotes
    a.yaml:2:10: b: the text reads as !!str and cannot be a !!int
    ");
    assert_snapshot!(refused(&format!("a: &a [*a]\nb: *c\n{BLOCK}")), @r"
    a.yaml:1:8: the value of anchor `a` contains itself
    a.yaml:2:4: an alias of an anchor that is not there; put text that starts with `*` in quotes
    ");
    assert_snapshot!(refused(&format!("a: 1\nb: {{c: 1, c: 2}}\n'a': 3\n{BLOCK}")), @r"
    a.yaml:2:11: b.c: the key stands twice in its map; remove one
    a.yaml:3:1: a: the key stands twice in its map; remove one
    ");
    assert_snapshot!(refused(&format!("<<: text\n{BLOCK}")), @"a.yaml:1:1: <<: `<<` takes a map or a list of maps");
}

#[test]
fn alias_bombs_end_early() {
    let bomb: Vec<String> = (1..12)
        .map(|level| {
            format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 10].join(", ")
            )
        })
        .collect();
    let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", bomb.concat());
    assert_snapshot!(refused(&format!("{bomb}{BLOCK}")), @"a.yaml:6:20: aliases expand to more than 400000 values");
    let [open, close] = ["[", "]"].map(|bracket| bracket.repeat(20));
    let tower: Vec<String> = (1..40)
        .map(|level| format!("a{level}: &a{level} {open}*a{}{close}\n", level - 1))
        .collect();
    let tower = format!("a0: &a0 x\n{}", tower.concat());
    assert_snapshot!(refused(&format!("{tower}{BLOCK}")).lines().next().unwrap(), @"a.yaml:27:31: aliases nest values deeper than 512 levels");
}

#[test]
fn without_a_key_nothing_is_opened_and_the_block_is_named() {
    let file = TreePath::parse("a.yaml").unwrap();
    let sealed = SealedFile::detect(&file, format!("a: b\n{BLOCK}").as_bytes(), Format::Yaml)
        .unwrap()
        .unwrap();
    assert_eq!(sealed.key_requests().count(), 1);
    let errors = sealed.open(&DataKeys::default(), MacPolicy::Require).unwrap_err();
    assert_snapshot!(errors.to_string(), @"a.yaml:3:3: none of the keys in its sops metadata could be used");
}

#[test]
fn a_plain_file_is_left_alone() {
    let file = TreePath::parse("a.yaml").unwrap();
    for text in [
        "a: b\n",
        "a: sops\n",
        "not: [yaml sops",
        "sops: true\n",
        "\u{0}sops",
    ] {
        assert!(
            SealedFile::detect(&file, text.as_bytes(), Format::Yaml)
                .unwrap()
                .is_none(),
            "{text}"
        );
    }
}

#[test]
fn tokens_are_found_wherever_they_stand() {
    let text = "é: ENC[AES256_GCM,data:x\nb: c\n  ENC[AES256_GCM ENC[AES256_GCM,ENC[PKCS7,x]\n";
    let found: Vec<Position> = find_tokens(text.as_bytes()).collect();
    assert_eq!(
        found,
        [Position::new(1, 4), Position::new(3, 3), Position::new(3, 18)]
    );
    assert!(contains_token("x ENC[AES256_GCM"));
    assert!(!contains_token("ENC[PKCS7,x]"));
}

#[test]
fn debug_prints_no_text() {
    let file = TreePath::parse("a.yaml").unwrap();
    let sealed = SealedFile::detect(&file, format!("a: hunter2\n{BLOCK}").as_bytes(), Format::Yaml)
        .unwrap()
        .unwrap();
    assert!(!format!("{sealed:#?}").contains("hunter2"));
}
