//! What the library reads and writes, and what it refuses.

use afterbay_manifest::Scalar;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn shown(text: &[u8]) -> String {
    let document = match parse(text) {
        Ok((document, _)) => document,
        Err(error) => return format!("{}: {}", error.position.line, error.message),
    };
    let Some(ElementKind::Mapping(sections)) = document.root.map(|root| root.kind) else {
        panic!()
    };
    let mut out = Vec::new();
    for pair in &sections {
        let Pair::Entry { key, value } = pair else {
            panic!()
        };
        let (ElementKind::Text(section), ElementKind::Mapping(pairs)) = (&key.kind, &value.kind) else {
            panic!()
        };
        out.push(format!("{:?}\n", section.text));
        for pair in pairs {
            out.push(match pair {
                Pair::Comment(comment) => format!("  # {:?}\n", comment.text),
                Pair::Entry { key, value } => match (&key.kind, &value.kind) {
                    (ElementKind::Text(key), ElementKind::Opened(Scalar::String(value), _)) => {
                        format!("  {:?} = {value:?}\n", key.text)
                    }
                    (ElementKind::Text(key), ElementKind::Opened(Scalar::Bytes(value), _)) => {
                        format!("  {:?} = {value:?}\n", key.text)
                    }
                    _ => panic!(),
                },
            });
        }
    }
    out.concat()
}

/// Recorded from `gopkg.in/ini.v1` 1.67.3.
#[test]
fn reads_what_the_library_reads() {
    let text = "\u{feff}a=1\r\n  b : two words  \nc= 'q' \nd = \"x\ne = v ; note\nf=`raw ; # \"x\"` rest\n\
                g = one \\\n  two\\\nthree\nh=\n\"k=1\" = v\n- = first\n- = second\na = again\n";
    assert_snapshot!(shown(text.as_bytes()), @r##"
    "DEFAULT"
      "a" = "again"
      "b" = "two words"
      "c" = "q"
      "d" = "\"x"
      "e" = "v"
      # "note"
      "f" = "raw ; # \"x\""
      "g" = "one twothree"
      "h" = ""
      "k=1" = "v"
      "#1" = "first"
      "#2" = "second"
    "##);
    let text = "; top\n# second\n[one] ; here\n# of a\na = \"\"\"first\nsecond\"\"\" ; behind\n\n[one]\nx=é\n[ b]c ]\n";
    assert_snapshot!(shown(text.as_bytes()), @r##"
    "DEFAULT"
    "one"
      # "top\n# second\n; here"
      "a" = "first\nsecond"
      # "of a\n; behind"
    "one"
      "x" = "é"
    " b]c "
    "##);
    assert_snapshot!(shown(b"x = \xe9\xa0 "), @r#"
    "DEFAULT"
      "x" = [233, 160]
    "#);
}

#[test]
fn refuses_what_the_library_refuses() {
    for (text, message) in [
        ("a=1\n[x\n", "2: a section without `]`"),
        ("[]\n", "1: a section without a name"),
        (
            "word\n",
            "1: a line that is neither a section nor `key = value` nor a comment",
        ),
        ("=v\n", "1: a key without a name"),
        ("\"a = b\n", "1: a quoted key that is not closed"),
        ("a = \"\"\"b\nc\n", "1: a quoted value that is not closed"),
    ] {
        assert_eq!(shown(text.as_bytes()), message, "{text:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, text in "([\\[\\]=:;#\"'`\\\\ \\na-c\\x00]|\"\"\"){0,48}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok((document, _)) = parse(bytes) {
                let _ = emit(&[document]);
            }
        }
    }
}
