//! Every spelling of `fixtures/yaml/scalars.json` against what the real tools made of it.

use serde_json::Value as Json;

use super::{Table, parse};
use crate::yaml::{emit_documents, emit_sorted, resolve_scalar};
use crate::{Scalar, Value};

const RECORDED: &str = include_str!("../../../../../fixtures/yaml/scalars.json");

/// Spellings on which we differ on purpose: SOPS reads a scalar that does not fit its tag as null.
fn misfit_to_sops(row: &Json) -> bool {
    row["sops"]["text"] == "k: null\n" && row["kustomize"]["error"] == true
}

fn rows() -> Vec<Json> {
    serde_json::from_str(RECORDED).unwrap()
}

fn document(row: &Json) -> String {
    format!("k: {}\n", row["scalar"].as_str().unwrap())
}

/// What a table makes of a row: the value, or that it is refused.
fn read(table: Table, row: &Json) -> Option<Scalar> {
    let documents = parse(document(row).as_bytes()).ok()?;
    let root = documents[0].resolve(table).ok()??;
    match &root.get("k").unwrap().value {
        Value::Scalar(scalar) => Some(scalar.clone()),
        _ => None,
    }
}

/// kubectl prints numbers above 63 bits as floats, so numbers are compared as such.
fn same(recorded: &Json, found: &Scalar) -> bool {
    match (recorded, found) {
        (Json::Null, Scalar::Null) => true,
        (Json::Bool(recorded), Scalar::Bool(found)) => recorded == found,
        (Json::String(recorded), Scalar::String(found)) => recorded == found,
        (Json::Number(recorded), Scalar::Int(found)) => recorded.as_i64() == Some(*found),
        #[expect(clippy::cast_precision_loss, reason = "as the tool does")]
        (Json::Number(recorded), Scalar::Uint(found)) => recorded.as_f64() == Some(*found as f64),
        (Json::Number(recorded), Scalar::Float(found)) => recorded.as_f64() == Some(*found),
        _ => false,
    }
}

#[test]
fn objects_read_as_kustomize_and_kubectl_read_them() {
    let rows = rows();
    assert!(rows.len() >= 250, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        for (table, tool) in [(Table::Kustomize, "kustomize"), (Table::Kubectl, "kubectl")] {
            let agrees = match (read(table, row), row[tool].get("value")) {
                (Some(found), Some(recorded)) => same(recorded, &found),
                (None, None) => true,
                _ => false,
            };
            if !agrees {
                wrong.push(format!("{tool} {} is {}", row["scalar"], row[tool]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sops_types_and_prints_them_alike() {
    let mut wrong = Vec::new();
    for row in rows().iter().filter(|row| !misfit_to_sops(row)) {
        let label = read(Table::Sops, row).map(|scalar| match scalar {
            // SOPS leaves null and empty text as they are.
            scalar if scalar == Scalar::Null || scalar == Scalar::String(String::new()) => None,
            Scalar::Null | Scalar::String(_) | Scalar::Bytes(_) => Some("str"),
            Scalar::Bool(_) => Some("bool"),
            Scalar::Int(_) => Some("int"),
            Scalar::Uint(_) => Some("uint"),
            Scalar::Float(_) => Some("float"),
            Scalar::Timestamp(_) => Some("time"),
        });
        let printed = parse(document(row).as_bytes())
            .ok()
            .and_then(|documents| emit_documents(&documents).ok())
            .map(|text| String::from_utf8(text.expose_bytes().to_vec()).unwrap());
        let recorded = row["sops"]["text"].as_str().map(str::to_owned);
        // SOPS has no label for an integer above 63 bits and refuses the file.
        let agrees = match label {
            Some(label) if label != Some("uint") => {
                row["sops"]["type"].as_str() == label && printed == recorded
            }
            _ => row["sops"]["error"] == true,
        };
        if !agrees {
            wrong.push(format!(
                "{} is {}, read as {label:?}, printed as {printed:?}",
                row["scalar"], row["sops"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_the_tools_read_differently_is_found() {
    let differing: Vec<String> = rows()
        .iter()
        .filter(|row| row["kustomize"] != row["kubectl"])
        .map(|row| row["scalar"].as_str().unwrap().to_owned())
        .collect();
    let found: Vec<String> = rows()
        .iter()
        .filter(|row| {
            parse(document(row).as_bytes()).is_ok_and(|parsed| !parsed[0].ambiguous_scalars().is_empty())
        })
        .map(|row| row["scalar"].as_str().unwrap().to_owned())
        .collect();
    assert!(differing.len() > 30);
    assert_eq!(found, differing);
}

#[test]
fn an_ambiguity_says_where_and_how() {
    let parsed = parse(b"a: 1\nb: [yes, 'yes']\nc: 2020-01-01\n").unwrap();
    let found: Vec<String> = parsed[0]
        .ambiguous_scalars()
        .iter()
        .map(|found| format!("{}:{}: {found}", found.position.line, found.position.column))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    2:5: yes without quotes is the text "yes" to kustomize and true to kubectl; quote it, or write the value that is meant
    3:4: 2020-01-01 without quotes is the text "2020-01-01T00:00:00Z" to kustomize and the text "2020-01-01" to kubectl; quote it, or write the value that is meant
    "#);
}

#[test]
fn tags_are_given_as_the_parser_resolves_them() {
    let text = crate::yaml::Text {
        text: "12".into(),
        style: crate::yaml::Style::Plain,
    };
    let read = |table, tag| resolve_scalar(table, &text, Some(tag)).map(|scalar| scalar.kind_name());
    assert_eq!(read(Table::Kustomize, "!"), Ok("integer"));
    assert_eq!(read(Table::Kubectl, "!"), Ok("string"));
    assert_eq!(read(Table::Sops, "tag:yaml.org,2002:float"), Ok("number"));
    assert!(read(Table::Sops, "tag:yaml.org,2002:bool").is_err());
}

#[test]
fn comments_stay_where_sops_leaves_them() {
    const RECORDED: &str = include_str!("../../../../../fixtures/yaml/comments.json");
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 70, "{}", rows.len());
    for row in rows {
        let text = row["text"].as_str().unwrap();
        let Some(recorded) = row["written"].as_str() else {
            continue;
        };
        let documents = parse(text.as_bytes()).unwrap();
        let written = emit_documents(&documents).unwrap();
        assert_eq!(
            std::str::from_utf8(written.expose_bytes()).unwrap(),
            recorded,
            "\n{text}"
        );
    }
}

/// Values that kustomize cannot print: it writes these characters as they are on the way through JSON, and then refuses
/// to read them. We print escapes.
fn is_refused(value: &str) -> bool {
    ["\\u007f", "\\u0080", "\\u009f", "{\"\\u0085\""]
        .iter()
        .any(|refused| value.contains(refused))
}

/// Values that kustomize prints so that something else is read: line breaks of Unicode become spaces, and `<<` a merge key.
fn is_altered(value: &str) -> bool {
    ["\\u0085", "\\u2028", "\\u2029", "\"<<\""]
        .iter()
        .any(|altered| value.contains(altered))
}

#[test]
fn values_are_printed_as_kustomize_prints_them() {
    const RECORDED: &str = include_str!("../../../../../fixtures/yaml/emit.json");
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 413, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let value = row["value"].as_str().unwrap();
        assert_eq!(row["text"].is_null(), is_refused(value), "{value}");
        let document = format!("{{\"spec\": {value}}}\n");
        let root = parse(document.as_bytes()).unwrap()[0]
            .resolve(Table::Kustomize)
            .unwrap()
            .unwrap();
        let printed = emit_sorted([&root]);
        // What is printed reads back as the same value.
        let again = parse(printed.as_bytes()).unwrap()[0]
            .resolve(Table::Kustomize)
            .unwrap()
            .unwrap();
        assert_eq!(emit_sorted([&again]), printed);
        assert_eq!(again.expose_json(), root.expose_json(), "{value}");
        if let Some(recorded) = row["text"].as_str()
            && (printed.strip_prefix("spec:\n") == Some(recorded)) == is_altered(value)
        {
            wrong.push(format!("{value}\n{printed}--- instead of\n{recorded}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}
