//! What holds for every template and object.

use afterbay_manifest::yaml::{Table, parse};
use afterbay_manifest::{Mapping, Node, Provenance};
use proptest::prelude::*;

use super::sealed;
use crate::substitute::expand::expand;
use crate::substitute::{Options, Variables, substitute, template};

fn variables() -> Variables {
    let mut variables = Variables::new();
    variables.insert("a", "plain", Provenance::PLAIN).unwrap();
    variables.insert("s", "hunter2", sealed("vars")).unwrap();
    variables
        .insert("q", "it's: \"hunter2\" #", sealed("vars"))
        .unwrap();
    variables.insert("r", "x\ry", Provenance::PLAIN).unwrap();
    variables.insert("t", "hunter2\r z", sealed("vars")).unwrap();
    variables
}

/// Pieces that templates are made of.
fn template_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "${a}", "${s}", "${q}", "${r}", "${t}", "${x}", "${", "}", "$", "$$", ":", "-", "=", "/", "#", "%",
        "^", ",", "a", "s", "x", " ", "\n", "\\", "*", "?", "[", "]", "${s:-", "${x:=", "${s/", "${s#",
        "${s:1", "'", "\"", "- ", ": ", "\u{e9}",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_without_a_dollar_stays(text in "[^$]{0,40}") {
        let pieces = template::parse(&text).unwrap();
        let text_again = expand(&pieces, &variables(), true).ok().map(|expansion| expansion.text);
        prop_assert_eq!(text_again, Some(text));
    }

    #[test]
    fn every_dollar_can_be_escaped(text in "[a-z${}:\n]{0,40}") {
        let pieces = template::parse(&text.replace('$', "$$")).unwrap();
        let text_again = expand(&pieces, &variables(), true).ok().map(|expansion| expansion.text);
        prop_assert_eq!(text_again, Some(text));
    }

    #[test]
    fn any_template_ends(text in template_text()) {
        if let Ok(pieces) = template::parse(&text) {
            let _ = expand(&pieces, &variables(), false);
        }
    }

    #[test]
    fn no_secret_is_in_a_plain_leaf_or_an_error(texts in prop::collection::vec(template_text(), 1..6), strict in any::<bool>()) {
        let fields: Mapping = texts.iter().enumerate().map(|(index, text)| (format!("k{index}"), Node::plain(text.as_str()))).collect();
        let mut object = parse(b"{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}").unwrap()[0].resolve(Table::Kustomize).unwrap().unwrap();
        object.as_mapping_mut().unwrap().insert("data".to_owned(), Node::plain(fields));
        let options = Options { strict, ..Options::default() };
        match substitute(&mut object, &variables(), options) {
            Ok(_) => {
                let mut plain = String::new();
                object.leaves(&mut |_, leaf| plain += leaf.as_plain_str().unwrap_or_default());
                prop_assert!(!plain.contains("hunter"), "{texts:?}");
            }
            Err(error) => prop_assert!(!error.to_string().contains("hunter"), "{error}"),
        }
    }
}
