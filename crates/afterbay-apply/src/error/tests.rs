//! Refusals of a real API server (Kubernetes 1.34.2), as people read them.

use std::time::Duration;

use afterbay_manifest::Scrubber;
use serde_json::{Value, json};

use super::*;
use crate::client::{Client, Failure};
use crate::scripted::object;

fn client() -> Client {
    let config = kube::Config::new("http://server.test/".parse().unwrap());
    Client::from_service(kube::Client::try_from(config).unwrap(), Duration::from_secs(1))
}

fn said(quotes: Quotes, body: &Value) -> ApplyError {
    let json =
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "namespace": "apps" } });
    let object = object(6, &json);
    let subject = crate::desired::subject(&object, object.reference());
    let status = serde_json::from_value(body.clone()).unwrap();
    let scrubber = Scrubber::new([b"hunter2hunter2".to_vec()]);
    refused(&client(), &subject, quotes, Failure::Status(status), &scrubber)
}

fn text(body: &Value) -> String {
    let error = said(Quotes::Drop, body);
    format!("{error}\n  {}", error.hint())
}

#[tokio::test]
async fn namespace_missing() {
    insta::assert_snapshot!(text(&json!({
        "message": "namespaces \"apps\" not found", "reason": "NotFound",
        "details": { "name": "apps", "kind": "namespaces" }, "code": 404,
    })), @r#"
    app.yaml:7:1: Secret/apps/db: namespace "apps" does not exist
      create the namespace, or add a Namespace object to the revision
    "#);
}

#[tokio::test]
async fn namespace_terminating() {
    insta::assert_snapshot!(text(&json!({
        "message": "secrets \"db\" is forbidden: unable to create new content in namespace apps because it is being terminated",
        "reason": "Forbidden",
        "details": { "name": "db", "kind": "secrets", "causes": [
            { "reason": "NamespaceTerminating", "message": "namespace apps is being terminated", "field": "metadata.namespace" },
        ] },
        "code": 403,
    })), @r#"
    app.yaml:7:1: Secret/apps/db: namespace "apps" is being deleted
      wait until the namespace is gone, then run again
    "#);
}

#[tokio::test]
async fn rbac_denies() {
    insta::assert_snapshot!(text(&json!({
        "message": "secrets \"s\" is forbidden: User \"weak\" cannot patch resource \"secrets\" in API group \"\" in the namespace \"default\"",
        "reason": "Forbidden", "details": { "name": "s", "kind": "secrets" }, "code": 403,
    })), @r#"
    app.yaml:7:1: Secret/apps/db: forbidden: secrets "s" is forbidden: User "weak" cannot patch resource "secrets" in API group "" in the namespace "default"
      grant the permission named above to this identity
    "#);
}

#[tokio::test]
async fn conflicts_name_field_and_owner() {
    insta::assert_snapshot!(text(&json!({
        "message": "Apply failed with 2 conflicts: conflicts with \"kubectl-create\" using v1:\n- .data.a\n- .type",
        "reason": "Conflict",
        "details": { "causes": [
            { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-create\" using v1", "field": ".type" },
            { "reason": "FieldManagerConflict", "message": "conflict with \"kubectl-create\" using v1", "field": ".data.a" },
        ] },
        "code": 409,
    })), @r#"
    app.yaml:7:1: Secret/apps/db: .data.a is owned by "kubectl-create" using v1; .type is owned by "kubectl-create" using v1
      remove the field from the revision, let its owner give it up, or take it with --override-manager NAME or --force-conflicts
    "#);
}

fn immutable() -> Value {
    json!({
        "message": "Secret \"a\" is invalid: type: Invalid value: \"kubernetes.io/tls\": field is immutable",
        "reason": "Invalid",
        "details": { "name": "a", "kind": "Secret", "causes": [
            { "reason": "FieldValueInvalid", "message": "Invalid value: \"kubernetes.io/tls\": field is immutable", "field": "type" },
        ] },
        "code": 422,
    })
}

#[tokio::test]
async fn immutable_field() {
    insta::assert_snapshot!(text(&immutable()), @r"
    app.yaml:7:1: Secret/apps/db: cannot be changed in place: type: Invalid value: …: field is immutable
      keep the value, or delete the object so that it is created anew, which --force does
    ");
}

#[tokio::test]
async fn a_plain_object_may_be_quoted() {
    insta::assert_snapshot!(
        said(Quotes::Keep, &immutable()),
        @r#"app.yaml:7:1: Secret/apps/db: cannot be changed in place: type: Invalid value: "kubernetes.io/tls": field is immutable"#
    );
}

#[tokio::test]
async fn what_the_server_cannot_read() {
    insta::assert_snapshot!(text(&json!({
        "message": "failed to create typed patch object (apps/db; /v1, Kind=Secret): .data.k: expected string, got &value.valueUnstructured{Value:12345}",
        "code": 500,
    })), @r"
    app.yaml:7:1: Secret/apps/db: invalid: failed to create typed patch object (apps/db; /v1, Kind=Secret): .data.k: expected string, got &value.valueUnstructured{Value:…}
      correct the object in the revision
    ");
}

#[tokio::test]
async fn an_admission_policy_that_prints_the_value_does_not_spread_it() {
    // A ValidatingAdmissionPolicy with `messageExpression: "'value is ' + object.data.k"`.
    for form in [
        "hunter2hunter2",
        "aHVudGVyMmh1bnRlcjI=",
        "68756e7465723268756e74657232",
    ] {
        let message = format!(
            "secrets \"db\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: value is {form}"
        );
        let error = said(
            Quotes::Drop,
            &json!({ "message": message, "reason": "Forbidden", "code": 403 }),
        );
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(form), "{text}");
            assert!(text.contains("[REDACTED]"), "{text}");
        }
        let error = said(
            Quotes::Drop,
            &json!({ "message": message, "reason": "Invalid", "code": 422 }),
        );
        assert!(!error.to_string().contains(form), "{error}");
    }
}

#[tokio::test]
async fn credentials_are_refused_once_for_all() {
    let error = said(
        Quotes::Drop,
        &json!({ "message": "Unauthorized", "reason": "Unauthorized", "code": 401 }),
    );
    insta::assert_snapshot!(error, @"http://server.test/ does not accept these credentials: Unauthorized");
    assert!(error.is_connection());
}

#[tokio::test]
async fn errors_are_in_the_order_of_the_files() {
    let at = |line: u32, error: fn(Box<Subject>) -> ApplyError| {
        let json = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" } });
        let object = object(line, &json);
        error(Box::new(crate::desired::subject(&object, object.reference())))
    };
    let errors = ApplyErrors::new([
        at(9, |subject| ApplyError::OwnLabel { subject }),
        at(2, |subject| ApplyError::Forbidden {
            subject,
            message: "no".to_owned(),
        }),
        at(9, |subject| ApplyError::OwnLabel { subject }),
        ApplyError::OutOfTime {
            server: "s".to_owned(),
        },
    ]);
    insta::assert_snapshot!(errors, @r"
    the time for this run is over while waiting for s
    app.yaml:3:1: Secret/db: forbidden: no
    app.yaml:10:1: Secret/db: sets the label applyset.kubernetes.io/part-of, which says whose an object is
    ");
}

#[tokio::test]
async fn immutable_is_what_a_field_says_outside_its_value() {
    let invalid = |causes: &[(&str, &str)]| {
        let causes: Vec<Value> = causes
            .iter()
            .map(|(reason, message)| json!({ "reason": reason, "message": message, "field": "spec" }))
            .collect();
        let body = json!({ "message": "is immutable", "reason": "Invalid", "details": { "causes": causes }, "code": 422 });
        matches!(said(Quotes::Keep, &body), ApplyError::Immutable { .. })
    };
    let (value, forbidden) = ("FieldValueInvalid", "FieldValueForbidden");
    for (reason, message) in [
        (value, "Invalid value: \"a\": field is immutable"),
        (value, "Invalid value: null: may not change once set"),
        (value, "Invalid value: {\"a\":[\"}\"]}: cannot change roleRef"),
        (value, "Invalid value: \"string\": Value is immutable"),
        (
            forbidden,
            "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        ),
        (forbidden, "Forbidden: may not be changed in an update."),
        (
            forbidden,
            "Forbidden: spec is immutable after creation except resources.requests",
        ),
        (forbidden, "Forbidden: field is immutable when `immutable` is set"),
    ] {
        assert!(invalid(&[(reason, message)]), "{message}");
    }
    for causes in [
        // The value says it, not the server.
        &[(
            value,
            "Invalid value: \"x: field is immutable\": must be a number",
        )][..],
        &[(value, "Invalid value: [\"is immutable\"]: must not be set")],
        &[(
            value,
            "Invalid value: 99999: must be between 1 and 65535, inclusive",
        )],
        // Another reason beside it.
        &[
            (value, "Invalid value: \"a\": field is immutable"),
            (
                value,
                "Invalid value: 99999: must be between 1 and 65535, inclusive",
            ),
        ],
        // Not about a field: a policy or a webhook in its own words.
        &[("", "this set is immutable")],
        &[("FieldValueRequired", "Required value: is immutable")],
        &[],
    ] {
        assert!(!invalid(causes), "{causes:?}");
    }
}
