//! How the text of a reference is read, and which ref it picks.

use gix::ObjectId;
use proptest::prelude::*;

use super::{Reference, Tip, edit_distance, pick, unknown};

fn tip(name: &str, digit: char) -> Tip {
    let id = ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap();
    Tip {
        name: name.to_owned(),
        id,
        peeled: id,
        target: None,
    }
}

#[test]
fn reads_the_four_kinds() {
    let hex = "0123456789abcdef0123456789abcdef01234567";
    let parse = |text: &str| Reference::parse(text).unwrap();
    assert_eq!(parse(""), Reference::Head);
    assert_eq!(parse("HEAD"), Reference::Head);
    assert_eq!(parse(&hex.to_uppercase()), Reference::Commit(hex.to_owned()));
    assert_eq!(
        parse("refs/pull/1/head"),
        Reference::Full("refs/pull/1/head".to_owned())
    );
    for name in ["main", "feature/x", "v1.0", &hex[..39], "heads/main", "café"] {
        assert_eq!(parse(name), Reference::Name(name.to_owned()));
    }
}

#[test]
fn refuses_what_no_ref_can_be() {
    // git check-ref-format --branch refuses each of them.
    for bad in [
        "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "/a", "a/", "a//b", ".a",
        "a.lock", "a\u{7}",
    ] {
        let error = Reference::parse(bad).expect_err(bad);
        assert!(!error.to_string().contains('\u{7}'), "{error}");
    }
}

#[test]
fn prefers_a_branch_and_refuses_two_commits() {
    let name = Reference::parse("v1").unwrap();
    let picked = |tips: &[Tip]| pick("r", &name, tips).map(|tip| tip.map(|tip| tip.name));
    assert_eq!(
        picked(&[tip("refs/tags/v1", '1')]).unwrap().as_deref(),
        Some("refs/tags/v1")
    );
    let same = [tip("refs/tags/v1", '1'), tip("refs/heads/v1", '1')];
    assert_eq!(picked(&same).unwrap().as_deref(), Some("refs/heads/v1"));
    assert!(picked(&[tip("refs/tags/v1", '1'), tip("refs/heads/v1", '2')]).is_err());
    assert_eq!(picked(&[tip("refs/heads/v10", '1')]).unwrap(), None);
}

#[test]
fn lists_at_most_ten_names() {
    let names: Vec<String> = (0..30)
        .map(|index| format!("refs/heads/release-{index}"))
        .collect();
    let error = unknown(
        "r",
        &Reference::parse("release-7x").unwrap(),
        names.iter().map(String::as_str),
    );
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("there is refs/heads/release-7, "), "{hint}");
    assert_eq!(hint.matches("refs/").count(), 10);
}

#[test]
fn a_word_of_hex_letters_is_not_taken_for_a_commit() {
    assert!(!Reference::parse("cafe").unwrap().looks_like_short_commit());
    assert!(Reference::parse("c0ffee").unwrap().looks_like_short_commit());
}

proptest! {
    #[test]
    fn edit_distance_is_a_distance(a in "[ab]{0,8}", b in "[ab]{0,8}") {
        prop_assert_eq!(edit_distance(&a, &b), edit_distance(&b, &a));
        prop_assert_eq!(edit_distance(&a, &b) == 0, a == b);
        prop_assert!(edit_distance(&a, &b) <= a.len().max(b.len()));
    }

    #[test]
    fn parsing_does_not_panic(text in ".{0,60}") {
        let _: Result<Reference, _> = Reference::parse(&text);
    }
}
