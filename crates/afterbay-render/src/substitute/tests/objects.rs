//! `fixtures/substitute/objects.json`: objects as a whole; and what sealed values do.

use afterbay_manifest::yaml::{Table, emit_sorted, parse};
use afterbay_manifest::{Node, Provenance, Scalar, Value};
use serde_json::Value as Json;

use super::{sealed, variables};
use crate::substitute::{Options, Outcome, SubstituteError, Variables, substitute};

const RECORDED: &str = include_str!("../../../../../fixtures/substitute/objects.json");

fn object(text: &str) -> Node {
    parse(text.as_bytes()).unwrap()[0]
        .resolve(Table::Kustomize)
        .unwrap()
        .unwrap()
}

#[test]
fn objects_come_to_what_they_come_to_in_flux() {
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 21, "{}", rows.len());
    let variables = variables();
    for row in &rows {
        let mut object = object(row["object"].as_str().unwrap());
        let built = substitute(&mut object, &variables, Options::default()).map(|_| emit_sorted([&object]));
        assert_eq!(
            built.as_deref().ok(),
            row["built"].as_str(),
            "{} {built:?}",
            row["name"]
        );
    }
}

/// An object, `k` at the path `data.k` sealed.
fn with_sealed(text: &str, value: &str) -> Node {
    let mut object = object(text);
    let data = object.as_mapping_mut().unwrap().get_mut("data").unwrap();
    let leaf = Node {
        provenance: sealed("file"),
        ..Node::plain(value)
    };
    data.as_mapping_mut().unwrap().insert("k".to_owned(), leaf);
    object
}

fn secrets() -> Variables {
    let mut variables = Variables::new();
    variables.insert("plain", "p", Provenance::PLAIN).unwrap();
    variables.insert("secret", "s", sealed("vars")).unwrap();
    variables.insert("list", "[1, 2]", sealed("vars")).unwrap();
    variables
        .insert("plainList", "[1, 2]", Provenance::PLAIN)
        .unwrap();
    variables
}

/// The leaves of `data` that are not plain, with where they are from.
fn taint(object: &Node) -> String {
    let mut found = Vec::new();
    object.leaves(&mut |path, leaf| {
        if !leaf.provenance.is_plain() {
            let sources: Vec<String> = leaf
                .provenance
                .sources()
                .map(|source| match source {
                    afterbay_manifest::Sealed::Lookup { name, .. } => name.clone(),
                    _ => String::new(),
                })
                .collect();
            found.push(format!("{path} {}", sources.join("+")));
        }
    });
    found.join(", ")
}

#[test]
fn sealed_leaves_stay_as_they_are() {
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '${plain}'}}";
    for value in [
        "${plain}",
        "${{ broken",
        "$$",
        "",
        "line\nline",
        "sealed-0-0",
        "5",
        "#",
    ] {
        let mut object = with_sealed(text, value);
        let before = object.at(&["data", "k"]).unwrap().clone();
        assert_eq!(
            substitute(&mut object, &secrets(), Options::default()),
            Ok(Outcome::Substituted)
        );
        assert!(object.at(&["data", "k"]) == Some(&before), "{value}");
        assert_eq!(object.at(&["data", "a"]).unwrap().as_plain_str(), Some("p"));
        assert_eq!(taint(&object), "data.k file");
    }
}

#[test]
fn sealed_leaves_take_part_where_asked_to() {
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b}}";
    let mut object = with_sealed(text, "x${plain}");
    let options = Options {
        in_sealed: true,
        ..Options::default()
    };
    substitute(&mut object, &secrets(), options).unwrap();
    assert_eq!(object.at(&["data", "k"]).unwrap().expose_str(), Some("xp"));
    assert_eq!(taint(&object), "data.k file");
}

#[test]
fn what_a_secret_touches_is_sealed() {
    let text = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  plain: ${plain}
  whole: ${secret}
  part: a ${secret} b
  length: ${#secret}
  condition: ${secret:+x}
  unused: ${plain:-${secret}}
  pattern: ${plain#${secret}}
  file: |
    one
    two ${secret}
  after: x
  list: ["a", "${secret}", "b"]
  empty: {}
  z: "${plain}"
"#;
    let mut object = object(text);
    substitute(&mut object, &secrets(), Options::default()).unwrap();
    assert_eq!(
        taint(&object),
        "data.condition vars, data.file vars, data.length vars, data.list[1] vars, data.part vars, data.pattern vars, \
         data.unused vars, data.whole vars"
    );
    assert_eq!(object.at(&["data", "length"]).unwrap().position.line, 9);
}

#[test]
fn a_secret_may_not_make_fields() {
    let text =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '${list}', b: '${plain}', c: x}}";
    let mut body = object(text);
    let error = substitute(&mut body, &secrets(), Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a value of list changes which fields the object has; a value from a Secret may fill in a field and no more"
    );
    assert!(body == object(text));
    let lenient = Options {
        strict: false,
        ..Options::default()
    };
    substitute(&mut body, &secrets(), lenient).unwrap();
    let mut leaves = 0;
    body.leaves(&mut |_, leaf| {
        assert!(!leaf.provenance.is_plain());
        leaves += 1;
    });
    assert_eq!(leaves, 7);
    let mut plain = object(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '${plainList}', b: '${secret}'}}",
    );
    assert!(matches!(
        substitute(&mut plain, &secrets(), Options::default()),
        Err(SubstituteError::Structure { .. })
    ));
}

#[test]
fn an_alias_carries_no_secret_away() {
    let mut variables = secrets();
    variables.insert("anchor", "&x", Provenance::PLAIN).unwrap();
    variables.insert("alias", "*x", Provenance::PLAIN).unwrap();
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '${anchor} ${secret}', b: '${alias}'}}";
    let mut body = object(text);
    let error = substitute(&mut body, &variables, Options::default()).unwrap_err();
    assert!(matches!(error, SubstituteError::Structure { .. }));
    let lenient = Options {
        strict: false,
        ..Options::default()
    };
    substitute(&mut body, &variables, lenient).unwrap();
    assert_eq!(body.at(&["data", "b"]).unwrap().expose_str(), Some("s"));
    assert!(!body.at(&["data", "b"]).unwrap().provenance.is_plain());
}

#[test]
fn a_secret_in_a_key_is_a_field_it_makes() {
    let mut body = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {'${secret}': x}}");
    let error = substitute(&mut body, &secrets(), Options::default()).unwrap_err();
    assert!(matches!(error, SubstituteError::Structure { .. }));
}

#[test]
fn errors_name_field_and_variable_and_no_value() {
    let mut variables = secrets();
    variables.insert("quote", "hunter2'", sealed("vars")).unwrap();
    variables
        .insert("colon", "hunter2: hunter2", sealed("vars"))
        .unwrap();
    variables.insert("wide", "\u{e9}", Provenance::PLAIN).unwrap();
    let message = |value: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}, data: {{a: b, file: \"one\\n{value}\"}}}}"
        );
        let mut body = object(&text);
        substitute(&mut body, &variables, Options::default())
            .unwrap_err()
            .to_string()
    };
    for (value, expected) in [
        (
            "${{ x }}",
            "data.file: ${ must be followed by the name of a variable; write $${ for ${ itself, or set the annotation kustomize.toolkit.fluxcd.io/substitute: disabled",
        ),
        (
            "${a.b}",
            "data.file: ${NAME must be followed by } or an operator; write $${ for ${ itself, or set the annotation kustomize.toolkit.fluxcd.io/substitute: disabled",
        ),
        (
            "${one}${two}${one}",
            "variables one, two are not set; set a value, or write ${NAME:=default}",
        ),
        (
            "${one}",
            "variable one is not set; set a value, or write ${NAME:=default}",
        ),
        (
            "${wide:1}",
            "data.file: ${wide}: the value would be cut inside of a character",
        ),
    ] {
        assert_eq!(message(value), expected);
    }
    let mut body = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: ': ${quote}'}}");
    let error = substitute(&mut body, &variables, Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "after substitution the object is no YAML; quote the field, or check the values of quote"
    );
    let mut names = Variables::new();
    for name in ["", "1a", "a-b", "a.b", "\u{e9}"] {
        assert!(names.insert(name, "x", Provenance::PLAIN).is_err(), "{name}");
    }
}

#[test]
fn without_variables_nothing_happens_unless_asked_for() {
    let text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: '${x:=5}'}}";
    let mut body = object(text);
    assert_eq!(
        substitute(&mut body, &Variables::new(), Options::default()),
        Ok(Outcome::Unchanged)
    );
    assert!(body == object(text));
    let options = Options {
        always: true,
        ..Options::default()
    };
    assert_eq!(
        substitute(&mut body, &Variables::new(), options),
        Ok(Outcome::Substituted)
    );
    assert!(body.at(&["data", "a"]).unwrap().value == Value::Scalar(Scalar::Int(5)));
}

/// For a reader of YAML a carriage return ends a line, so that what comes behind it stands on another one.
#[test]
fn carriage_returns_move_no_origin() {
    for value in ["x\r    y", "x\r", "x\r    y\r    z"] {
        let mut variables = Variables::new();
        variables.insert("plain", value, Provenance::PLAIN).unwrap();
        variables.insert("sealed", "hunter2", sealed("vars")).unwrap();
        let mut body = object("data: {a: '${plain}', b: '${plain}', c: '${sealed}', d: x, e: '${sealed}'}");
        substitute(&mut body, &variables, Options::default()).unwrap();
        assert_eq!(taint(&body), "data.c vars, data.e vars", "{value:?}");
    }
}
