//! Emitters: what is written reads back, and looks as Go writes it.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Table, node, parse};
use crate::yaml::{Document, Element, ElementKind, Item, Pair, emit, emit_documents};
use crate::{Mapping, Node, Scalar, Value};

/// Characters that quoting, folding and escaping are about, and ordinary ones.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "\r",
        ":",
        ": ",
        " #",
        "#",
        "-",
        "- ",
        "?",
        "'",
        "\"",
        "\\",
        "\0",
        "\u{7}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{2029}",
        "\u{feff}",
        "\u{fffd}",
        "\u{1f600}",
        "é",
        "日本",
        "<<",
        "yes",
        "null",
        "0x1f",
        "1_0",
        "2001-01-01",
        "1:30",
        "---",
        "...",
        "[",
        "}",
        ",",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "=",
        "word word word word word word word word word word word word word word word word word word word ",
    ]);
    prop_oneof![
        3 => prop::collection::vec(prop_oneof![special.prop_map(str::to_owned), "[ -~]{0,6}"], 0..8).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        (i64::MAX.unsigned_abs() + 1..).prop_map(Scalar::Uint),
        prop::num::f64::NORMAL.prop_map(Scalar::Float),
        (-1.0e6..1.0e6).prop_map(Scalar::Float),
        text().prop_map(Scalar::String),
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    scalar().prop_map(Node::plain).prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Node::plain),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|entries| Node::plain(entries.into_iter().collect::<Mapping>())),
        ]
    })
}

/// Whether two trees hold the same values, a number being the same as integer and as float.
#[expect(
    clippy::cast_precision_loss,
    reason = "every float is written so that it reads back exactly"
)]
fn same(left: &Node, right: &Node) -> bool {
    let number = |scalar: &Scalar| match scalar {
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Uint(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        _ => None,
    };
    match (&left.value, &right.value) {
        (Value::Scalar(left @ Scalar::Float(_)), Value::Scalar(right)) => number(left) == number(right),
        (Value::Scalar(left), Value::Scalar(right)) => left == right,
        (Value::Sequence(left), Value::Sequence(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Mapping(left), Value::Mapping(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((left_key, left), (right_key, right))| left_key == right_key && same(left, right))
        }
        _ => false,
    }
}

/// Whether a tree has the key that kustomize cannot read in quotes.
fn has_merge_key(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => items.iter().any(has_merge_key),
        Value::Mapping(entries) => entries
            .iter()
            .any(|(key, value)| key == "<<" || has_merge_key(value)),
    }
}

fn read(table: Table, text: &str) -> Result<Node, String> {
    let documents = parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let root = documents[0].resolve(table).map_err(|error| error.to_string())?;
    root.ok_or_else(|| "nothing".to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_by_every_table(tree in tree()) {
        let written = emit([&tree]);
        for table in [Table::Kustomize, Table::Kubectl, Table::Sops] {
            if table == Table::Kustomize && has_merge_key(&tree) {
                continue;
            }
            let back = read(table, &written);
            prop_assert!(back.as_ref().is_ok_and(|back| same(&tree, back)), "{table:?} {back:?}\n{written}");
        }
    }

    #[test]
    fn what_is_written_for_sops_reads_back(entries in prop::collection::vec((text(), tree()), 0..4)) {
        let tree = Node::plain(entries.into_iter().collect::<Mapping>());
        let documents = parse(emit([&tree]).as_bytes()).unwrap();
        let written = emit_documents(&documents).unwrap();
        let written = std::str::from_utf8(written.expose_bytes()).unwrap();
        let back = read(Table::Sops, written);
        prop_assert!(back.as_ref().is_ok_and(|back| same(&tree, back)), "{back:?}\n{written}");
    }

    #[test]
    fn bytes_of_any_kind_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        visit(&bytes);
    }

    #[test]
    fn text_of_yaml_characters_does_not_panic(text in "[ \\-:?\\[\\]{},&*!|>'\"%@`#\n\tab1~<.\u{e9}]{0,80}") {
        visit(text.as_bytes());
    }
}

/// Does with a text all that can be done with it.
fn visit(text: &[u8]) {
    let Ok(documents) = parse(text) else { return };
    for document in &documents {
        document.ambiguous_scalars();
        for table in [Table::Kustomize, Table::Kubectl, Table::Sops] {
            if let Ok(Some(node)) = document.resolve(table) {
                emit([&node]);
            }
        }
    }
    let _ = emit_documents(&documents);
}

#[test]
fn objects_look_as_kustomize_prints_them() {
    let text = "a: {b: [1, [x, 'y: z']], c: {}, d: [], e: \"l1\\nl2\\n\", f: 'yes', g: 1.0e+21, h: ~}\n";
    let (first, second) = (node(Table::Kustomize, text), node(Table::Kustomize, "a: b"));
    assert_snapshot!(emit([&first, &second]), @r#"
    a:
      b:
      - 1
      - - x
        - 'y: z'
      c: {}
      d: []
      e: |
        l1
        l2
      f: "yes"
      g: 1e+21
      h: null
    ---
    a: b
    "#);
}

#[test]
fn long_lines_are_folded_and_long_keys_marked() {
    let text = format!("a: {}\n\"{}\": 1\n", "word ".repeat(30).trim(), "k".repeat(129));
    assert_snapshot!(emit([&node(Table::Kustomize, &text)]), @r"
    a: word word word word word word word word word word word word word word word word
      word word word word word word word word word word word word word word
    ? kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    : 1
    ");
}

#[test]
fn opened_files_look_as_sops_prints_them() {
    let text = "# head\na: # on key\n  - b: 1 # inline\n    # foot of b\n  - |\n    text\n  # foot of list\nc: 2002-1-1\nd: yes\ne: 1.0\n# end\n---\n---\nf: !!binary gIE=\n<<: x\n";
    let written = emit_documents(&parse(text.as_bytes()).unwrap()).unwrap();
    assert_snapshot!(std::str::from_utf8(written.expose_bytes()).unwrap(), @r#"
    # head
    # on key
    a:
        - b: 1 # inline
          # foot of b
        - |
          text
        # foot of list
    c: 2002-01-01T00:00:00Z
    d: "yes"
    e: 1
    # end
    ---
    {}
    ---
    f: !!binary gIE=
    !!merge <<: x
    "#);
}

fn set_comments(element: &mut Element, text: &str) {
    match &mut element.kind {
        ElementKind::Mapping(pairs) => pairs.iter_mut().for_each(|pair| match pair {
            Pair::Comment(comment) => comment.text = text.into(),
            Pair::Entry { value, .. } => set_comments(value, text),
        }),
        ElementKind::Sequence(items) => items.iter_mut().for_each(|item| match item {
            Item::Comment(comment) => comment.text = text.into(),
            Item::Element(element) => set_comments(element, text),
        }),
        _ => {}
    }
}

fn with_comment(text: &str) -> Vec<Document> {
    let mut documents =
        parse(b"# top\nmap:\n  # comment\n  key: value # behind\nlist:\n- # in the list\n  a\n").unwrap();
    for document in &mut documents {
        document
            .comments
            .iter_mut()
            .for_each(|comment| comment.text = text.into());
        set_comments(document.root.as_mut().unwrap(), text);
    }
    documents
}

/// A comment that was opened may hold anything.
#[test]
fn what_breaks_a_line_breaks_no_comment() {
    for text in [
        "a\rb: 1",
        "a\r\nb: 1",
        "a\u{85}b: 1",
        "a\u{2028}b: 1\u{2029}c: 2",
        "\r",
        "a\tb \u{a0}é😀",
    ] {
        let written = emit_documents(&with_comment(text)).unwrap();
        let again = parse(written.expose_bytes()).unwrap();
        let node = again[0].resolve(Table::Sops).unwrap().unwrap();
        assert_eq!(emit([&node]), "map:\n  key: value\nlist:\n- a\n", "{text:?}");
    }
}

#[test]
fn a_comment_that_yaml_cannot_hold_is_refused_with_its_place() {
    let errors = emit_documents(&with_comment("a\u{1f}b")).unwrap_err();
    let places: Vec<_> = errors
        .0
        .iter()
        .map(|error| (error.position.line, error.position.column))
        .collect();
    assert_eq!(places, [(1, 1), (3, 3), (4, 14), (6, 3)]);
    assert_eq!(
        errors.0[0].message,
        "the comment holds the character U+001F, which YAML cannot; write the file in another format"
    );
    for c in [
        '\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{9f}', '\u{feff}', '\u{ffff}',
    ] {
        assert!(emit_documents(&with_comment(&format!("a{c}"))).is_err(), "{c:?}");
    }
}
