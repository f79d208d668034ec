//! What holds for every object and patch.

use afterbay_manifest::{Mapping, Node, Provenance, Scalar, Sealed, Value};
use proptest::prelude::*;

use super::object;
use crate::merge::{Options, Outcome, Patch, Schema, apply, json6902, strategic};

fn sealed() -> Provenance {
    Provenance::sealed(Sealed::Piped {
        stream: "patch".to_owned(),
    })
}

fn seal(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(_) => node.provenance = sealed(),
        Value::Sequence(items) => items.iter_mut().for_each(seal),
        Value::Mapping(entries) => entries.values_mut().for_each(seal),
    }
}

/// Every text that begins with `p` stands in a sealed leaf, and no other does.
fn is_told_apart(node: &Node) -> bool {
    let mut holds = true;
    node.leaves(&mut |_, leaf| {
        if let Some(text) = leaf.expose_str() {
            holds &= text.starts_with('p') != leaf.provenance.is_plain();
        }
    });
    holds
}

fn map(entries: Vec<(String, Node)>) -> Node {
    Node::plain(entries.into_iter().collect::<Mapping>())
}

/// A tree whose texts begin with a letter. Keys are few, so that trees meet.
fn tree(letter: &'static str) -> impl Strategy<Value = Node> {
    let scalar = prop_oneof![
        4 => "[a-c]{1,2}".prop_map(move |text| Node::plain(format!("{letter}{text}"))),
        1 => Just(Node::plain(Scalar::Null)),
        1 => (0..3_i64).prop_map(|number| Node::plain(Scalar::Int(number))),
    ];
    scalar.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            2 => prop::collection::vec(("[a-d]", inner.clone()), 0..4).prop_map(map),
            1 => prop::collection::vec(inner, 0..3).prop_map(Node::plain),
        ]
    })
}

/// A Pod with containers that have names, and anything else.
fn pod(letter: &'static str) -> impl Strategy<Value = Node> {
    let item = ("[a-c]", prop::collection::vec(("[a-d]", tree(letter)), 0..3));
    let containers = prop::collection::vec(item, 0..4);
    (containers, prop::collection::vec(("[a-d]", tree(letter)), 0..4)).prop_map(move |(containers, spec)| {
        let containers = containers.into_iter().map(|(name, fields)| {
            let mut fields = fields;
            fields.push(("name".to_owned(), Node::plain(format!("{letter}{name}"))));
            map(fields)
        });
        let mut spec = spec;
        spec.push((
            "containers".to_owned(),
            Node::plain(containers.collect::<Vec<Node>>()),
        ));
        let mut object = object("{apiVersion: v1, kind: Pod, metadata: {name: x}}");
        object
            .as_mapping_mut()
            .unwrap()
            .insert("spec".to_owned(), map(spec));
        object
    })
}

/// RFC 7396, which strategic merge is for an object of an unknown kind whose own fields are never null.
fn merge_patch(target: Option<&Node>, patch: &Node) -> Option<Node> {
    let Some(changes) = patch.as_mapping() else {
        return (!patch.is_null()).then(|| patch.clone());
    };
    let mut result = target.and_then(Node::as_mapping).cloned().unwrap_or_default();
    for (key, change) in changes {
        match merge_patch(result.get(key), change) {
            Some(merged) => {
                result.insert(key.clone(), merged);
            }
            None => {
                result.shift_remove(key);
            }
        }
    }
    Some(Node::plain(result))
}

/// Takes the fields that are null out of a tree.
fn without_nulls(node: &mut Node) {
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter_mut().for_each(without_nulls),
        Value::Mapping(entries) => {
            entries.retain(|_, value| !value.is_null());
            entries.values_mut().for_each(without_nulls);
        }
    }
}

/// Whether a patch has another kind of value at a place than the object, which is an error.
fn clash(target: &Node, patch: &Node) -> bool {
    match (&target.value, &patch.value) {
        (Value::Scalar(Scalar::Null), _)
        | (_, Value::Scalar(Scalar::Null))
        | (Value::Scalar(_), Value::Scalar(_))
        | (Value::Sequence(_), Value::Sequence(_)) => false,
        (Value::Mapping(target), Value::Mapping(patch)) => patch
            .iter()
            .any(|(key, change)| target.get(key).is_some_and(|there| clash(there, change))),
        _ => true,
    }
}

fn thing(spec: Node) -> Node {
    let mut object = object("{apiVersion: example.com/v1, kind: Thing, metadata: {name: x}}");
    object.as_mapping_mut().unwrap().insert("spec".to_owned(), spec);
    object
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_a_schema_it_is_a_merge_patch(mut spec in tree("t"), patch in tree("p")) {
        without_nulls(&mut spec);
        let (mut target, patch) = (thing(spec), thing(patch));
        let expected = merge_patch(Some(&target), &patch).unwrap();
        let is_clash = clash(&target, &patch);
        match strategic(&mut target, &patch, Schema::built_in()) {
            Ok(outcome) => {
                prop_assert!(!is_clash);
                prop_assert_eq!(outcome, Outcome::Kept);
                prop_assert_eq!(target.expose_json(), expected.expose_json());
            }
            Err(error) => prop_assert!(is_clash, "{}", error),
        }
    }

    #[test]
    fn what_is_sealed_stays_sealed(mut target in pod("t"), mut patch in pod("p"), by_target in any::<bool>()) {
        for object in [&mut target, &mut patch] {
            object.as_mapping_mut().unwrap().insert("metadata".to_owned(), map(vec![("name".to_owned(), Node::plain("x"))]));
        }
        seal(patch.as_mapping_mut().unwrap().get_mut("spec").unwrap());
        let options = Options { by_target, ..Options::default() };
        if apply(&mut target, &patch, options, Schema::built_in()).is_ok() {
            prop_assert!(is_told_apart(target.get("spec").unwrap()));
        }
    }

    #[test]
    fn any_operations_end(ops in prop::collection::vec(
        ("(add|remove|replace|move|copy|test)", "(/[a-d0-2-]){1,4}", "(/[a-d0-2-]){1,4}", tree("p")), 0..12),
        target in tree("t"))
    {
        let operations = ops.into_iter().map(|(op, path, from, mut value)| {
            seal(&mut value);
            map(vec![
                ("op".to_owned(), Node::plain(op)),
                ("path".to_owned(), Node::plain(path)),
                ("from".to_owned(), Node::plain(from)),
                ("value".to_owned(), value),
            ])
        });
        let operations = crate::merge::Operation::list(Node::plain(operations.collect::<Vec<Node>>())).unwrap();
        let mut target = target;
        if json6902(&mut target, &operations).is_ok() {
            prop_assert!(is_told_apart(&target));
        }
    }

    #[test]
    fn any_text_is_a_patch_or_is_refused(text in "[\\[\\]{},:\"a-e \n~1-]{0,60}") {
        let _ = Patch::parse(&text);
    }
}

#[test]
fn copying_has_a_limit() {
    let mut operations = vec!["- {op: add, path: /a, value: [1, 2, 3, 4, 5, 6, 7, 8]}".to_owned()];
    operations.extend((0..40).map(|_| "- {op: copy, from: /a, path: /a/-}".to_owned()));
    let Ok(Patch::Json(operations)) = Patch::parse(&operations.join("\n")) else {
        panic!("these are operations");
    };
    let error = json6902(&mut thing(Node::plain("x")), &operations).unwrap_err();
    assert_eq!(
        error.problem,
        "the patch copies more than 1000000 values, which is the limit"
    );
}

#[test]
fn nesting_has_a_limit() {
    let operations = "- {op: add, path: /a, value: {}}\n".to_owned() + &"- {op: move, from: /a, path: /b}\n- {op: add, path: /a, value: {}}\n- {op: move, from: /b, path: /a/b}\n".repeat(600);
    let Ok(Patch::Json(operations)) = Patch::parse(&operations) else {
        panic!("these are operations");
    };
    let error = json6902(&mut thing(Node::plain("x")), &operations).unwrap_err();
    assert_eq!(
        error.problem,
        "it would nest lists and maps more than 512 levels deep, which is the limit"
    );
}

#[test]
fn errors_say_where_and_hold_no_value() {
    let message = |spec: &str, patch: &str| {
        let [mut target, patch] = [spec, patch].map(|spec| {
            object(&format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {spec}}}"
            ))
        });
        strategic(&mut target, &patch, Schema::built_in())
            .unwrap_err()
            .to_string()
    };
    let containers = "{containers: [{name: a, env: [{name: secret}]}]}";
    for (spec, patch, expected) in [
        (
            "{x: secret}",
            "{x: {y: secret}}",
            "the patch has a map at spec.x, where the object has a string; a patch cannot turn one into the other",
        ),
        (
            containers,
            "{containers: [{name: a, env: {y: secret}}]}",
            "the patch has a map at spec.containers.env, where the object has a list; a patch cannot turn one into the other",
        ),
        (
            containers,
            "{containers: [{name: a, $patch: secret}]}",
            "$patch at spec.containers must be delete, replace or merge",
        ),
        (
            "{volumes: [secret]}",
            "{volumes: [{name: secret}]}",
            "the list at spec.volumes merges by name, and holds a string; all of its items must be maps",
        ),
        (
            "{x: {'': secret}}",
            "{}",
            "the map at spec.x has an empty key, and kustomize cannot patch an object with one",
        ),
    ] {
        assert_eq!(message(spec, patch), expected);
    }
}
