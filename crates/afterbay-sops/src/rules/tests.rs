//! The carried-down scope against SOPS's own definition, which looks at the whole path and the whole stack
//! of comments at every leaf.

use proptest::prelude::*;

use super::*;

/// `shouldBeEncrypted` of sops 3.13.3, step by step.
fn by_definition(rule: &SelectionRule, path: &[&str], stack: &[Vec<&str>], is_comment: bool) -> bool {
    let any_key = || path.iter().any(|key| rule.selects_key(key));
    let mut comments = stack.iter().enumerate().flat_map(|(level, comments)| {
        comments
            .iter()
            .enumerate()
            .map(move |(index, text)| (level, index + 1 == comments.len(), *text))
    });
    match rule {
        SelectionRule::UnencryptedSuffix(_) | SelectionRule::UnencryptedRegex(_) => !any_key(),
        SelectionRule::EncryptedSuffix(_) | SelectionRule::EncryptedRegex(_) => any_key(),
        SelectionRule::UnencryptedCommentRegex(_) => !comments.any(|(_, _, text)| rule.selects_comment(text)),
        SelectionRule::EncryptedCommentRegex(_) => comments.any(|(level, last, text)| {
            let itself = is_comment && level + 1 == stack.len() && last;
            !itself && rule.selects_comment(text)
        }),
    }
}

#[derive(Debug, Clone)]
enum Tree {
    Comment(&'static str),
    Leaf(&'static str),
    Map(&'static str, Vec<Tree>),
}

fn tree() -> impl Strategy<Value = Vec<Tree>> {
    let word = prop::sample::select(vec!["x", "note", "note_x", "xnote", "other"]);
    let leaf = prop_oneof![
        word.clone().prop_map(Tree::Comment),
        word.clone().prop_map(Tree::Leaf)
    ];
    let inner = leaf.prop_recursive(3, 24, 4, move |inner| {
        (word.clone(), prop::collection::vec(inner, 0..4))
            .prop_map(|(key, children)| Tree::Map(key, children))
    });
    prop::collection::vec(inner, 0..6)
}

fn rule() -> impl Strategy<Value = SelectionRule> {
    prop::sample::select(vec![
        SelectionRule::UnencryptedSuffix("note".into()),
        SelectionRule::EncryptedSuffix("note".into()),
        SelectionRule::UnencryptedRegex(Pattern::new("^note".into())),
        SelectionRule::EncryptedRegex(Pattern::new("^note".into())),
        SelectionRule::UnencryptedCommentRegex(Pattern::new("note".into())),
        SelectionRule::EncryptedCommentRegex(Pattern::new("note".into())),
    ])
}

fn compare<'t>(
    rule: &SelectionRule,
    children: &'t [Tree],
    mut scope: Scope<'_>,
    path: &mut Vec<&'t str>,
    stack: &mut Vec<Vec<&'t str>>,
) {
    stack.push(Vec::new());
    for child in children {
        match child {
            Tree::Comment(text) => {
                scope.comment(text);
                stack.last_mut().unwrap().push(text);
                assert_eq!(scope.encrypts_comment(), by_definition(rule, path, stack, true));
            }
            Tree::Leaf(key) | Tree::Map(key, _) => {
                path.push(key);
                let inside = scope.at_key(key);
                match child {
                    Tree::Map(_, children) => compare(rule, children, inside.enter(), path, stack),
                    _ => assert_eq!(inside.encrypts_value(), by_definition(rule, path, stack, false)),
                }
                path.pop();
                scope.value_passed();
                stack.last_mut().unwrap().clear();
            }
        }
    }
    stack.pop();
}

proptest! {
    #[test]
    fn the_scope_says_what_sops_says(rule in rule(), children in tree()) {
        compare(&rule, &children, Scope::root(&rule), &mut Vec::new(), &mut Vec::new());
    }
}

#[test]
fn a_regex_that_does_not_compile_matches_nothing() {
    let plain = SelectionRule::EncryptedRegex(Pattern::new("(".into()));
    assert!(!Scope::root(&plain).at_key("(").encrypts_value());
    let sealed = SelectionRule::UnencryptedRegex(Pattern::new("^(?!data)".into()));
    assert!(Scope::root(&sealed).at_key("kind").encrypts_value());
}
