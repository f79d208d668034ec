//! `fixtures/substitute/templates.json`: the grammar.

use std::sync::Arc;

use afterbay_manifest::{Provenance, SecretBytes};
use serde_json::Value as Json;

use super::variables;
use crate::substitute::Variables;
use crate::substitute::expand::expand;
use crate::substitute::template::{Problem, parse};

const RECORDED: &str = include_str!("../../../../../fixtures/substitute/templates.json");
const VALUES: &str = include_str!("../../../../../fixtures/substitute/variables.json");

/// The variables as recorded: in templates alone, line breaks stay in values.
fn with_line_breaks() -> Variables {
    let mut variables = variables();
    let values: Json = serde_json::from_str(VALUES).unwrap();
    for (name, variable) in &mut variables.0 {
        let bytes = values[name].as_str().unwrap().as_bytes().to_vec();
        variable.value = Arc::new(SecretBytes::new(bytes));
    }
    variables
}

/// What a template comes to: a text, or Flux's words for what is wrong.
fn evaluate(template: &str, variables: &Variables, strict: bool) -> Result<String, String> {
    let pieces = parse(template).map_err(|error| {
        match error.kind {
            Problem::Name => "unable to parse variable name",
            Problem::Brace => "missing closing brace",
            Problem::Substitution => "bad substitution",
            Problem::Argument => "unable to parse substitution within function",
            Problem::Depth => "no words of Flux",
        }
        .to_owned()
    })?;
    let expansion = expand(&pieces, variables, strict).map_err(|error| error.problem)?;
    if expansion.missing.is_empty() {
        return Ok(expansion.text);
    }
    let names: Vec<String> = expansion.missing.iter().map(|name| format!("{name:?}")).collect();
    Err(format!("variable not set (strict mode): {}", names.join(", ")))
}

#[test]
fn templates_come_to_what_they_come_to_in_flux() {
    let rows: Vec<Json> = serde_json::from_str(RECORDED).unwrap();
    assert!(rows.len() >= 250, "{}", rows.len());
    let variables = with_line_breaks();
    let mut wrong = Vec::new();
    for row in &rows {
        let template = row["template"].as_str().unwrap();
        for strict in [true, false] {
            let found = evaluate(template, &variables, strict);
            let recorded = &row[if strict { "strict" } else { "lenient" }];
            let agrees = match (&found, recorded.as_str()) {
                (Ok(found), Some(recorded)) => found == recorded,
                // Flux goes on with half a character, which no YAML can hold.
                (Err(problem), Some(recorded)) => {
                    recorded.contains('\u{fffd}') && problem.contains("cut inside")
                }
                // Flux names the first variable that is missing, we name all of them.
                (Err(problem), None) => {
                    let error = row["error"].as_str().unwrap();
                    let (_, first) = error.split_once(": ").unwrap_or_default();
                    !strict || problem == error || (!first.is_empty() && problem.contains(first))
                }
                (Ok(_), None) => false,
            };
            if !agrees {
                wrong.push(format!(
                    "{template:?} strict {strict}: {found:?} instead of {recorded} {}",
                    row["error"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn growth_has_limits() {
    let mut variables = Variables::new();
    variables
        .insert("long", &"x".repeat(1 << 20), Provenance::PLAIN)
        .unwrap();
    for (template, problem) in [
        (
            "${long//x/${long}}",
            "${long}: the value would become longer than 64 MiB, which is the limit",
        ),
        (
            &"${long}".repeat(65),
            "the object becomes longer than 64 MiB, which is the limit",
        ),
        (
            "${long#*y}",
            "${long}: a value of more than 4096 bytes cannot be trimmed",
        ),
    ] {
        let found = evaluate(template, &variables, true);
        assert_eq!(found, Err(problem.to_owned()));
    }
    let nested = "${e:-".repeat(100) + &"}".repeat(100);
    assert_eq!(parse(&nested).unwrap_err().kind, Problem::Depth);
}
