//! What `sops decrypt` prints with `--output-type` and `--extract`, recorded in `fixtures/sops/outputs.json`.

use afterbay_sops::{ExtractError, ExtractPath, Format, MacPolicy};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fixtures::sops::OUTPUTS;
use insta::assert_snapshot;

use super::{named, open, shown};

/// Where sops prints its own structure: a comment, a place of a map counted, or a list with those in it as one line.
fn prints_structure(vector: &str, output: &str, extract: &str) -> bool {
    match (vector, extract) {
        (_, "[0]") | ("comments-in-lists", "[\"list\"][0]" | "[\"list\"][2]" | "[\"list\"][3]") => true,
        ("comments-in-lists", "[\"list\"]")
        | ("nested-lists", "[\"users\"]" | "[\"users\"][0][\"keys\"]" | "[\"flow\"]")
        | ("json-nested", "[\"users\"]") => output == "ini",
        _ => false,
    }
}

/// Where the text differs: sops writes U+2028 as it is, which its own reader takes for a line break.
const ESCAPED_HERE: (&str, &str) = ("json-strings", "yaml");

struct Row {
    vector: String,
    output: String,
    extract: Option<String>,
    exit: i64,
    stdout: Vec<u8>,
}

fn rows() -> Vec<Row> {
    let rows: serde_json::Value = serde_json::from_str(OUTPUTS).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| Row {
            vector: text(&row["vector"]).unwrap(),
            output: text(&row["output_type"]).unwrap(),
            extract: text(&row["extract"]),
            exit: row["exit"].as_i64().unwrap(),
            stdout: BASE64_STANDARD.decode(text(&row["stdout"]).unwrap()).unwrap(),
        })
        .collect()
}

/// The exit code of sops for what happens here, and the text.
fn outcome(row: &Row) -> (i64, Vec<u8>, String) {
    let opened = open(named(&row.vector), MacPolicy::Require).unwrap().unwrap();
    let format = Format::named(&row.output).unwrap();
    let path: ExtractPath = match row.extract.as_deref().unwrap_or_default().parse() {
        Ok(path) => path,
        Err(error) => return (91, Vec::new(), error.to_string()),
    };
    match opened.extract(&path, format) {
        Ok(text) => (0, text.expose_bytes().to_vec(), String::new()),
        Err(error @ ExtractError::NotWritable(_)) => (4, Vec::new(), error.to_string()),
        Err(error) => (1, Vec::new(), error.to_string()),
    }
}

#[test]
fn prints_what_sops_prints() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in rows() {
        let extract = row.extract.as_deref().unwrap_or_default();
        let (exit, text, error) = outcome(&row);
        // Exit code 2 is a panic.
        let expected = match row.exit {
            2 if extract == "[-1]" => 91,
            2 => 1,
            exit => exit,
        };
        if prints_structure(&row.vector, &row.output, extract) {
            assert_ne!(exit, 0, "{} {} {extract}", row.vector, row.output);
            continue;
        }
        if (&*row.vector, &*row.output) == ESCAPED_HERE {
            assert_eq!(exit, 0);
            continue;
        }
        count += 1;
        if exit != expected || text != row.stdout {
            wrong.push(format!(
                "{} {} {extract}: exit {exit} instead of {expected} {error}\n--- sops\n{}--- here\n{}",
                row.vector,
                row.output,
                shown(&row.stdout),
                shown(&text)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 400, "{count}");
}

#[test]
fn refusals_say_where_and_why() {
    let refused = |vector: &str, output: &str, extract: &str| {
        let row = Row {
            vector: vector.to_owned(),
            output: output.to_owned(),
            extract: Some(extract.to_owned()),
            exit: 0,
            stdout: Vec::new(),
        };
        outcome(&row).2
    };
    let all = [
        refused("nested-lists", "yaml", "[\"users\"][9]"),
        refused("nested-lists", "dotenv", ""),
        refused("nested-lists", "dotenv", "[\"users\"]"),
        refused("nested-lists", "ini", ""),
        refused("nested-lists", "binary", ""),
        refused("comments-in-lists", "yaml", "[\"list\"][0]"),
        refused("scalar-types", "json", "[\"infinity\"]"),
        refused("scalar-types", "json", "string"),
        refused("multi-document", "binary", ""),
    ];
    assert_snapshot!(all.join("\n"), @r#"
    nested-lists.yaml:2:5: users[9]: there is no such value: the list is shorter; its comments count among its items
    nested-lists.yaml:2:5: users: cannot be written as dotenv: dotenv holds no lists and no maps
    nested-lists.yaml:2:5: cannot be written as dotenv: only text can be extracted; choose another output type
    nested-lists.yaml:2:5: users: cannot be written as ini: INI holds values in sections only, which are maps
    nested-lists.yaml:1:1: cannot be written as binary: has no value `data`, so it was not sealed as binary; choose another output type
    comments-in-lists.yaml:2:5: list[0]: there is no such value: it is a comment, and comments count among the items of a list
    scalar-types.yaml:24:11: cannot be written as json: holds a value that JSON cannot write, such as infinity
    "string" is no path of a value: "string" does not end with `]`; write it as ["key"][0]
    multi-document.yaml:1:1: cannot be written as binary: a stream of documents cannot be written as binary
    "#);
}
