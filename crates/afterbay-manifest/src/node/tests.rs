//! Access, JSON, and what is never shown.

use super::{Mapping, Node, Scalar, Value};
use crate::{Provenance, Sealed};

fn sealed(text: &str) -> Node {
    let source = Sealed::Lookup {
        kind: "Secret".to_owned(),
        name: "s".to_owned(),
    };
    Node {
        provenance: Provenance::sealed(source),
        ..Node::plain(text)
    }
}

fn map(entries: Vec<(&str, Node)>) -> Node {
    Node::plain(
        entries
            .into_iter()
            .map(|(key, node)| (key.to_owned(), node))
            .collect::<Mapping>(),
    )
}

#[test]
fn debug_shows_kind_and_position_only() {
    let tree = map(vec![
        ("password", sealed("hunter2")),
        ("list", Node::plain(vec![Node::plain("hunter2")])),
    ]);
    let shown = format!(
        "{tree:?} {:?} {:?} {:?}",
        tree.value,
        tree.get("password"),
        Scalar::String("hunter2".to_owned())
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("password"),
        "{shown}"
    );
    insta::assert_snapshot!(shown, @"<map at 0:0> map Some(<string at 0:0>) string");
}

#[test]
fn a_sealed_string_is_not_read_by_name() {
    let tree = map(vec![("plain", Node::plain("a")), ("sealed", sealed("b"))]);
    assert_eq!(tree.get("plain").unwrap().as_plain_str(), Some("a"));
    assert_eq!(tree.get("sealed").unwrap().as_plain_str(), None);
    assert_eq!(tree.get("sealed").unwrap().expose_str(), Some("b"));
    assert!(tree.get("none").is_none() && tree.at(&["plain", "x"]).is_none());
}

#[test]
fn leaves_are_visited_with_their_paths_in_file_order() {
    let tree = map(vec![
        (
            "b",
            Node::plain(vec![Node::plain("x"), map(vec![("c", Node::plain("y"))])]),
        ),
        ("a", map(vec![])),
        ("e", Node::plain(Vec::new())),
    ]);
    let mut seen = Vec::new();
    tree.leaves(&mut |path, node| seen.push(format!("{path} {}", node.kind_name())));
    assert_eq!(seen, ["b[0] string", "b[1].c string", "a map", "e list"]);
}

#[test]
fn numbers_become_the_json_that_go_writes() {
    let json = |scalar: Scalar| Node::plain(scalar).expose_json().to_string();
    assert_eq!(json(Scalar::Float(1.0)), "1");
    assert_eq!(json(Scalar::Float(-0.0)), "0");
    assert_eq!(json(Scalar::Float(1.5)), "1.5");
    assert_eq!(json(Scalar::Uint(u64::MAX)), "18446744073709551615");
    assert_eq!(
        json(Scalar::Timestamp("2020-01-01T00:00:00Z".to_owned())),
        "\"2020-01-01T00:00:00Z\""
    );
    assert_eq!(json(Scalar::Bytes(vec![255])), "null");
}

#[test]
fn json_goes_in_and_out() {
    let json = serde_json::json!({"b": [1, -1, 1.5, null, true, "x", {}, []], "a": {"n": 18_446_744_073_709_551_615_u64}});
    let node = Node::from_json(&json);
    assert_eq!(node.expose_json(), json);
    assert_eq!(node.expose_json().to_string(), json.to_string());
    assert!(matches!(
        node.at(&["a", "n"]).unwrap().value,
        Value::Scalar(Scalar::Uint(u64::MAX))
    ));
}
