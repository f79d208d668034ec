//! The rules held against what the real libraries say (`fixtures/health`).

use afterbay_manifest::{Gvk, Scrubber};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::*;

const CASES: &str = include_str!("../../../../fixtures/health/cases.json");
const VERDICTS: &str = include_str!("../../../../fixtures/health/verdicts.json");

/// Where this interpreter of CEL says something else than Flux's, each with its reason.
const DIFFERENT: [&str; 0] = [];

fn pairs() -> Vec<(Value, Value)> {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let verdicts: Vec<Value> = serde_json::from_str(VERDICTS).unwrap();
    assert_eq!(cases.len(), verdicts.len());
    cases.into_iter().zip(verdicts).collect()
}

/// The object with the age of the case.
fn object(case: &Value) -> Value {
    let mut object = case["object"].clone();
    if let Some(age) = case["age"].as_i64() {
        let created = OffsetDateTime::now_utc() - time::Duration::seconds(age);
        object["metadata"]["creationTimestamp"] = created.format(&Rfc3339).unwrap().into();
    }
    object
}

fn gvk(object: &Value) -> Gvk {
    let text = |key: &str| object[key].as_str().unwrap();
    Gvk::new(text("apiVersion"), text("kind"))
}

fn at(health: Health, now: OffsetDateTime) -> Health {
    match health.later {
        Some((time, later)) if time <= now => *later,
        _ => health,
    }
}

#[test]
fn every_verdict_is_that_of_kstatus_and_of_a_job_that_of_flux() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (case, verdict) in pairs().iter().filter(|(case, _)| case["expressions"].is_null()) {
        let object = object(case);
        let health = kstatus::compute(&gvk(&object), &object);
        let health = at(health, OffsetDateTime::now_utc());
        // A Job that is being deleted is not done, whatever Flux makes of it.
        let is_terminating = verdict["verdict"]["status"] == "Terminating";
        let expected = if verdict["flux"].is_null() || is_terminating {
            &verdict["verdict"]
        } else {
            &verdict["flux"]
        };
        let said = health.message.said(&Scrubber::default());
        let failed = expected["error"].is_string() || expected["status"] == "Unknown";
        let is_same = if failed {
            health.status == HealthStatus::Unknown
        } else {
            expected["status"] == health.status.to_string()
                && expected["message"].as_str().unwrap_or_default() == said
        };
        compared += 1;
        if !is_same {
            wrong.push(format!(
                "{}: {expected}, not {}: {said}",
                case["name"], health.status
            ));
        }
    }
    assert!(compared > 300, "{compared}");
    assert!(
        wrong.is_empty(),
        "{} of {compared}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_expression_says_what_it_says_in_flux() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (case, verdict) in pairs().iter().filter(|(case, _)| case["expressions"].is_object()) {
        let object = object(case);
        let entry = case["expressions"].clone();
        let text = |key: &str| entry[key].as_str().map(str::to_owned);
        let entry = HealthCheckExpr {
            api_version: "example.com/v1".to_owned(),
            kind: Some("Widget".to_owned()),
            current: text("current").unwrap(),
            in_progress: text("inProgress"),
            failed: text("failed"),
        };
        let ours = match HealthExpressions::compile(&[entry]) {
            Ok(rules) => judge(&gvk(&object), &object, &rules).status,
            Err(_) => HealthStatus::Unknown,
        };
        let expected = verdict["verdict"]["status"].as_str().unwrap_or("Unknown");
        let name = case["name"].as_str().unwrap();
        compared += 1;
        if (expected == ours.to_string()) == DIFFERENT.contains(&name) {
            wrong.push(format!("{name}: {expected}, not {ours}"));
        }
    }
    assert!(compared > 90, "{compared}");
    assert!(
        wrong.is_empty(),
        "{} of {compared}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_pod_without_a_node_fails_after_a_while_without_any_change() {
    let (case, _) = pairs()
        .into_iter()
        .find(|(case, _)| case["name"] == "Pod: unschedulable for a moment")
        .unwrap();
    let object = object(&case);
    let (time, later) = kstatus::compute(&gvk(&object), &object).later.unwrap();
    assert_eq!(later.status, HealthStatus::Failed);
    let left = (time - OffsetDateTime::now_utc()).whole_seconds();
    assert!((11..=13).contains(&left), "{left}");
}

#[test]
fn a_namespace_is_usable_once_it_is_active() {
    let judge = |object: &Value| {
        judge_in_stage(
            &Gvk::new("v1", "Namespace"),
            object,
            &HealthExpressions::default(),
        )
    };
    assert!(!judge(&serde_json::json!({ "status": {} })).is_current());
    assert!(judge(&serde_json::json!({ "status": { "phase": "Active" } })).is_current());
}

#[test]
fn values_are_read_only_where_a_rule_needs_more_than_metadata() {
    let rules = HealthCheckExpr {
        api_version: "v1".to_owned(),
        kind: Some("Secret".to_owned()),
        current: "has(data.token)".to_owned(),
        in_progress: None,
        failed: None,
    };
    let rules = HealthExpressions::compile(&[rules]).unwrap();
    let (secret, job) = (Gvk::new("v1", "Secret"), Gvk::new("batch/v1", "Job"));
    assert!(needs_metadata_only(&secret, &HealthExpressions::default()));
    assert!(!needs_metadata_only(&secret, &rules));
    assert!(!needs_metadata_only(&job, &rules));
}
