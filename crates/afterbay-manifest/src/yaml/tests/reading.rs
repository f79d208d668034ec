//! Merge keys, duplicates, aliases, limits, encodings.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{Table, errors, json, node, parse};
use crate::yaml::{ElementKind, Item, Pair, emit, emit_documents};
use crate::{Node, Position, Scalar, Value};

#[test]
fn merges_as_each_table_does() {
    let text = "b: &b {x: 1, z: 1}\nc: {x: 3, <<: *b}\nd: {<<: [{x: 5}, *b], w: 4}\n";
    assert_eq!(
        json(Table::Kustomize, text),
        r#"{"b":{"x":1,"z":1},"c":{"x":3,"z":1},"d":{"w":4,"x":5,"z":1}}"#
    );
    assert_eq!(
        json(Table::Kubectl, text),
        r#"{"b":{"x":1,"z":1},"c":{"x":1,"z":1},"d":{"x":5,"z":1,"w":4}}"#
    );
    assert_eq!(
        json(Table::Sops, text),
        r#"{"b":{"x":1,"z":1},"c":{"x":3,"<<":{"x":1,"z":1}},"d":{"<<":[{"x":5},{"x":1,"z":1}],"w":4}}"#
    );
}

#[test]
fn refuses_what_cannot_be_merged() {
    assert_snapshot!(errors(Table::Kustomize, "c: {<<: 3}\nd:\n  <<:\n  - [a]\n"), @r"
    line 1: the merge key << takes a map or a list of maps
    line 4: the merge key << takes a map or a list of maps
    ");
    assert_snapshot!(errors(Table::Kustomize, "c: {\"<<\": {a: 1}}\n"), @r#"line 1: kustomize drops a quoted key "<<" with its value; rename it"#);
    assert_eq!(
        json(Table::Kubectl, "c: {\"<<\": {a: 1}}"),
        r#"{"c":{"<<":{"a":1}}}"#
    );
    assert_eq!(
        json(Table::Kustomize, "c: {!!merge <<: {a: 1}}"),
        r#"{"c":{"a":1}}"#
    );
}

#[test]
fn names_both_lines_of_a_duplicate_key() {
    let text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\n";
    for table in [Table::Kubectl, Table::Sops] {
        assert_eq!(errors(table, text), errors(Table::Kustomize, text));
    }
    assert_snapshot!(errors(Table::Kustomize, text), @r#"
    line 5: key "c" is already defined at line 3; keep one of the two
    line 6: key "a" is already defined at line 1; keep one of the two
    "#);
    assert_snapshot!(errors(Table::Kubectl, "y: 1\n\"true\": 2\n"), @r#"line 2: key "true" is already defined at line 1; keep one of the two"#);
    assert_eq!(
        json(Table::Kustomize, "y: 1\n\"true\": 2\n"),
        r#"{"y":1,"true":2}"#
    );
}

#[test]
fn reads_keys_as_the_tools_do() {
    let text = "1: a\ntrue: b\n2.50: c\n0x10: d\n1e21: e\n2001-01-01: f\n.inf: g\nyes: h\n";
    assert_snapshot!(errors(Table::Kubectl, text), @r#"line 8: key "true" is already defined at line 2; keep one of the two"#);
    assert_eq!(
        json(Table::Kubectl, &text.replace("yes", "no")),
        r#"{"1":"a","true":"b","2.5":"c","16":"d","1e+21":"e","2001-01-01":"f",".inf":"g","false":"h"}"#
    );
    assert_snapshot!(errors(Table::Kustomize, "1: a\ntrue: b\n~: c\n[x]: d\n{x: y}: e\n"), @r#"
    line 1: the key "1" reads as an integer, and keys are text; quote it
    line 2: the key "true" reads as a boolean, and keys are text; quote it
    line 3: the key "~" reads as null, and keys are text; quote it
    line 4: the key is a list; a key of a Kubernetes object is text
    line 5: the key is a map; a key of a Kubernetes object is text
    "#);
}

#[test]
fn expands_aliases_and_bounds_them() {
    assert_eq!(
        json(
            Table::Kustomize,
            "a: &a [&b 1, *b]\nb: &b 2\nc: *a\nd: *b\n*b : e\n"
                .replace("*b : e\n", "")
                .as_str()
        ),
        r#"{"a":[1,1],"b":2,"c":[1,1],"d":2}"#
    );
    assert_snapshot!(errors(Table::Kustomize, "a: &a [*a]\nb: *none\n"), @r#"
    line 1: anchor "a" contains itself
    line 2: an alias of an anchor that is not defined above in this document; put text that starts with `*` in quotes
    "#);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let parts = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{parts}]").unwrap();
    }
    for table in [Table::Kustomize, Table::Kubectl, Table::Sops] {
        assert!(
            errors(table, &bomb).contains("far more than its text by aliases"),
            "{}",
            errors(table, &bomb)
        );
    }
}

#[test]
fn refuses_deep_nesting_without_overflow() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for text in [open.repeat(10_000), open.repeat(10_000) + &close.repeat(10_000)] {
            let found = errors(Table::Kustomize, &text);
            assert!(
                found.contains("nested more than 512 levels deep"),
                "{open:?}: {found}"
            );
        }
    }
    let nested: Vec<String> = (0..10_000).map(|level| " ".repeat(level) + "a:\n").collect();
    let nested = nested.concat();
    assert!(errors(Table::Kustomize, &nested).contains("nested more than 512 levels deep"));
}

#[test]
fn admits_nesting_up_to_the_limit() {
    let text = format!("{}1{}", "[".repeat(512), "]".repeat(512));
    let parsed = parse(text.as_bytes()).unwrap();
    assert!(parsed[0].resolve(Table::Kustomize).unwrap().is_some());
    let maps = format!("{}1{}", "{a: ".repeat(512), "}".repeat(512));
    let documents = parse(maps.as_bytes()).unwrap();
    let root = documents[0].resolve(Table::Kustomize).unwrap().unwrap();
    assert_eq!(emit([&root]).lines().count(), 512);
    let opened = emit_documents(&documents).unwrap();
    assert_eq!(
        std::str::from_utf8(opened.expose_bytes())
            .unwrap()
            .lines()
            .count(),
        512
    );
    assert!(documents[0].ambiguous_scalars().is_empty());
    let chained = format!("a: &a {0}1{1}\nb: {0}*a{1}\n", "[".repeat(500), "]".repeat(500));
    assert!(errors(Table::Kustomize, &chained).contains("with its aliases expanded"));
}

#[test]
fn accepts_a_byte_order_mark_and_windows_line_ends() {
    let text = "\u{feff}a: 1\r\nb: |\r\n  x\r\n  y\r\nc:\r\n- d\r\n";
    assert_eq!(json(Table::Kustomize, text), r#"{"a":1,"b":"x\ny\n","c":["d"]}"#);
    assert_eq!(parse(text.as_bytes()).unwrap()[0].position, Position::new(1, 1));
}

#[test]
fn refuses_other_encodings() {
    assert_snapshot!(parse(b"a: 1\nb: \xff\n").unwrap_err(), @"line 2: the text is not UTF-8 from here on; save it as UTF-8");
    assert_snapshot!(parse(b"\xff\xfea\x00").unwrap_err(), @"line 1: the text is UTF-16; save it as UTF-8");
    assert_snapshot!(parse("a: 'x\u{2028}y'\n# \u{85}\n".as_bytes()).unwrap_err(), @r"
    line 1: the line break character U+2028 stands in the text, which YAML readers read differently; write it as \u2028 in double quotes
    line 2: the line break character U+0085 stands in the text, which YAML readers read differently; write it as \u0085 in double quotes
    ");
}

#[test]
fn refuses_what_go_reads_differently() {
    assert_snapshot!(errors(Table::Kustomize, "a: &x:y v\nb: &é w\n"), @r#"
    line 1: the name of an anchor holds a character other than a-z, A-Z, 0-9, _ and -; put text that starts with `&` in quotes
    line 2: the name of an anchor holds a character other than a-z, A-Z, 0-9, _ and -; put text that starts with `&` in quotes
    "#);
    assert_snapshot!(errors(Table::Kustomize, "{b:, c: d}\n"), @"line 1: the colon of a key inside { } or [ ] needs a space after it");
    assert_eq!(
        json(Table::Kustomize, "{\"b\":1, c: \"d:,\"}"),
        r#"{"b":1,"c":"d:,"}"#
    );
}

#[test]
fn keeps_the_end_of_a_block_scalar() {
    assert_eq!(json(Table::Kustomize, "a: |\n  x"), r#"{"a":"x"}"#);
    assert_eq!(json(Table::Kustomize, "a: |\n  x\n"), r#"{"a":"x\n"}"#);
    assert_eq!(json(Table::Kustomize, "a: |+\n  x\n\n"), r#"{"a":"x\n\n"}"#);
}

#[test]
fn knows_positions() {
    let root = node(Table::Kustomize, "# c\na:\n  - b: 1\n  - \"c\"\n");
    let items = root.get("a").unwrap().as_sequence().unwrap();
    assert_eq!(root.position, Position::new(2, 1));
    assert_eq!(items[0].get("b").unwrap().position, Position::new(3, 8));
    assert_eq!(items[1].position, Position::new(4, 5));
}

#[test]
fn reads_streams_and_empty_documents() {
    let roots = |text: &str| -> Vec<bool> {
        parse(text.as_bytes())
            .unwrap()
            .iter()
            .map(|document| document.root.is_some())
            .collect()
    };
    assert_eq!(roots(""), Vec::<bool>::new());
    assert_eq!(roots("# only a comment\n"), Vec::<bool>::new());
    assert_eq!(roots("a: 1\n---\n---\nb: 2\n"), [true, true, true]);
    assert!(node(Table::Kustomize, "---\n").is_null());
}

#[test]
fn a_type_that_does_not_fit_its_tag_is_an_error_without_the_text() {
    assert_snapshot!(errors(Table::Kustomize, "a: !!int hunter2\nb: !!bool yes\nc: .inf\n"), @r"
    line 1: the text reads as !!str and cannot be a !!int
    line 2: the text reads as !!str and cannot be a !!bool
    line 3: infinity and not-a-number have no place in a Kubernetes object; quote it if it is text
    ");
    assert_eq!(json(Table::Kubectl, "b: !!bool yes\n"), r#"{"b":true}"#);
}

#[test]
fn sops_keeps_timestamps_and_bytes_apart() {
    let root = node(Table::Sops, "a: 2002-1-1\nb: !!binary gIE=\nc: .inf\n");
    let kinds: Vec<&str> = root.as_mapping().unwrap().values().map(Node::kind_name).collect();
    assert_eq!(kinds, ["timestamp", "binary string", "number"]);
    assert!(
        matches!(&root.get("a").unwrap().value, Value::Scalar(Scalar::Timestamp(t)) if t == "2002-01-01T00:00:00Z")
    );
}

#[test]
fn reads_a_long_file_in_time_proportional_to_it() {
    let line = |number: u32| {
        if number.is_multiple_of(3) {
            "# c\n".to_owned()
        } else {
            format!("k{number}: v\n")
        }
    };
    let text = (0..50_000).map(line).collect::<Vec<_>>().concat();
    let started = std::time::Instant::now();
    let root = node(Table::Kustomize, &text);
    assert_eq!(root.as_mapping().unwrap().len(), 33_333);
    assert!(
        started.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

/// The entries of a list or map in one line each: `key`, `#comment` or `#comment inline`, with position.
fn outline(kind: &ElementKind) -> Vec<String> {
    let comment = |comment: &crate::yaml::Comment| {
        let inline = if comment.inline { " inline" } else { "" };
        format!(
            "{}:{} #{}{inline}",
            comment.position.line, comment.position.column, comment.text
        )
    };
    match kind {
        ElementKind::Sequence(items) => items
            .iter()
            .map(|item| match item {
                Item::Comment(found) => comment(found),
                Item::Element(element) => format!("{}:{}", element.position.line, element.position.column),
            })
            .collect(),
        ElementKind::Mapping(pairs) => pairs
            .iter()
            .flat_map(|pair| match pair {
                Pair::Comment(found) => vec![comment(found)],
                Pair::Entry { key, value } => {
                    let name = match &key.kind {
                        ElementKind::Text(text) => text.text.to_string(),
                        _ => "?".to_owned(),
                    };
                    let mut lines = vec![format!("{}:{} {name}", key.position.line, key.position.column)];
                    lines.extend(outline(&value.kind).iter().map(|line| format!("  {line}")));
                    lines
                }
            })
            .collect(),
        ElementKind::Text(_) | ElementKind::Opened(..) | ElementKind::Alias(_) => Vec::new(),
    }
}

#[test]
fn comments_are_entries_of_their_container() {
    let text = "# head\r\na: 1 # one\r\nb: # on key\r\n  # first\r\n  c: |  # in header\r\n    # text\r\n  # foot\r\nd:\r\n- x # x\r\n# between\r\n- y\r\n\r\n# last\r\n";
    let documents = parse(text.as_bytes()).unwrap();
    assert_snapshot!(outline(&documents[0].root.as_ref().unwrap().kind).join("\n"), @r"
    1:1 # head
    2:6 # one inline
    2:1 a
    3:4 # on key
    3:1 b
      4:3 # first
      5:9 # in header inline
      5:3 c
      7:3 # foot
    8:1 d
      9:5 # x inline
      9:3
      10:1 # between
      11:3
    13:1 # last
    ");
}

#[test]
fn comments_of_documents_without_entries_are_kept() {
    let documents = parse(b"--- # one\n# two\n---\n# three\nx: 1\n...\n# four\n---\ny: 1\n").unwrap();
    let kept = |index: usize| {
        documents[index]
            .comments
            .iter()
            .map(|found| &*found.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (kept(0), kept(1), kept(2)),
        (vec![" one", " two"], vec![], vec![])
    );
    assert_eq!(
        outline(&documents[1].root.as_ref().unwrap().kind),
        ["4:1 # three", "5:1 x"]
    );
    assert_eq!(
        outline(&documents[2].root.as_ref().unwrap().kind),
        ["7:1 # four", "9:1 y"]
    );
}

#[test]
fn an_anchor_ends_with_its_document() {
    assert_snapshot!(errors(Table::Kustomize, "a: &a 1\n---\nb: *a\n"), @"line 3: an alias of an anchor that is not defined above in this document; put text that starts with `*` in quotes");
}

#[test]
fn comments_in_great_number_take_time_in_proportion() {
    let started = std::time::Instant::now();
    let gap = "  # c\n".repeat(30_000);
    let lists = "- - - a\n\n# c\n\n# d\n".repeat(10_000);
    let values = format!("a:\n{}  b: 1\n", "# c\n".repeat(30_000));
    for text in [
        format!("a:\n  b: 1\n{gap}c: 1\n"),
        lists,
        values,
        "- # c\n".repeat(20_000),
        "a: [1] # c\n---\n".repeat(10_000),
    ] {
        parse(text.as_bytes()).unwrap();
    }
    assert!(
        started.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn of_a_repeated_key_the_last_one_may_count() {
    let documents = parse(b"a: 1\nb: {c: 1, c: 2}\na: 3\n").unwrap();
    assert!(documents[0].resolve(Table::Kubectl).is_err());
    let (node, repeated) = documents[0].resolve_last(Table::Kubectl).unwrap();
    assert_eq!(
        node.unwrap().expose_json(),
        serde_json::json!({"a": 3, "b": {"c": 2}})
    );
    let lines: Vec<u32> = repeated.iter().map(|error| error.position.line).collect();
    assert_eq!(lines, [2, 3]);
}
