//! The JSON store by itself; `tests/conformance` compares it with the real tool.

use insta::assert_snapshot;

use super::*;

fn round_trip(text: &str) -> String {
    let (document, _) = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{}", error.message));
    String::from_utf8(emit(&document).unwrap()).unwrap()
}

fn refusal(text: &[u8]) -> String {
    match parse(text) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => format!(
            "{}:{}: {}",
            error.position.line, error.position.column, error.message
        ),
    }
}

#[test]
fn writes_as_sops_does() {
    assert_snapshot!(round_trip(r#"{"a":[1,2.0,1e21,[],{}],"b":{"c":"<\u0001é\ud83d\ude00>","c":null},"d":-0,"e":-0.0}"#), @r#"
    {
    	"a": [
    		1,
    		2,
    		1e+21,
    		[],
    		{}
    	],
    	"b": {
    		"c": "\u003c\u0001é😀\u003e",
    		"c": null
    	},
    	"d": 0,
    	"e": -0
    }
    "#);
}

#[test]
fn names_the_place_of_what_is_wrong() {
    assert_snapshot!(refusal(b""), @"1:1: expected an object; sops takes only an object at the top of a JSON file");
    assert_snapshot!(refusal(b"[1]"), @"1:1: expected an object; sops takes only an object at the top of a JSON file");
    assert_snapshot!(refusal(b"{\"a\": 1,}"), @"1:9: expected a key in quotes");
    assert_snapshot!(refusal(b"{\"a\" 1}"), @"1:6: expected `:`");
    assert_snapshot!(refusal(b"{\"a\": 01}"), @"1:9: a number must not start with 0");
    assert_snapshot!(refusal(b"{\"a\": 1e400}"), @"1:12: a number out of range");
    assert_snapshot!(refusal(b"{\"a\": tru}"), @"1:7: expected a value");
    assert_snapshot!(refusal(b"{\"a\": \"x\ny\"}"), @"1:9: a control character in a string");
    assert_snapshot!(refusal(b"{\"a\": \"\\x\"}"), @"1:9: an unknown escape in a string");
    assert_snapshot!(refusal(b"{\"a\": \"\\u12\"}"), @r"1:10: expected four hexadecimal digits after \u");
    assert_snapshot!(refusal(b"{\n  \"a\": \"\xff\"}"), @"2:9: not UTF-8");
    assert_snapshot!(refusal(b"{\"a\": \"x"), @"1:9: a string is not closed, and the file ends");
    assert_snapshot!(refusal(b"{\"a\": 1} x"), @"accepted");
    assert_snapshot!(refusal("{\"a\":".repeat(600).as_bytes()), @"1:2561: nested deeper than 512 levels");
    assert_snapshot!(refusal(b"\xef\xbb\xbf{}"), @"1:1: a byte order mark, which sops takes before YAML only; save the file without it");
}

#[test]
fn bytes_that_are_no_text_are_replaced_as_go_does() {
    let kind = leaf(Scalar::Bytes(b"a\xffb\xc3".to_vec()));
    let root = Element {
        kind,
        anchor: None,
        tag: None,
        position: Position::UNKNOWN,
    };
    let document = Document {
        index: 0,
        root: Some(root),
        comments: Vec::new(),
        position: Position::UNKNOWN,
    };
    assert_eq!(emit(&document).unwrap(), b"\"a\\ufffdb\\ufffd\"\n");
}
