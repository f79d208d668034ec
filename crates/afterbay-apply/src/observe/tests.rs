//! One object before a server that refuses it, or that has something to say.

use std::sync::Mutex;
use std::time::Duration;

use afterbay_manifest::{Gvk, Scrubber};
use serde_json::{Value, json};

use super::*;
use crate::discovery::{Resource, Scope};
use crate::scripted::{self, Memory, Reply, Server, status};
use crate::{Conflicts, Force};

const PATH: &str = "/api/v1/namespaces/default/secrets/db";

fn secret(annotations: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "annotations": annotations },
        "data": { "kept": "b25l" },
    })
}

fn refusal() -> Reply {
    Reply::Json(
        422,
        status(422, "Invalid", "type: Invalid value: \"x\": field is immutable"),
    )
}

/// A server with this object in it that answers applies so.
async fn server(live: Option<Value>, apply: impl Fn() -> Option<Reply> + Send + Sync + 'static) -> Server {
    let mut memory = Memory::default();
    memory.objects.extend(live.map(|live| (PATH.to_owned(), live)));
    let memory = Mutex::new(memory);
    Server::start(move |request, body, _| {
        let is_apply = request.starts_with("PATCH") && request.contains("fieldValidation");
        let reply = is_apply.then(&apply).flatten();
        reply.unwrap_or_else(|| memory.lock().unwrap().answer(request, body))
    })
    .await
}

async fn judged(server: &Server, object: &Value) -> Result<Judged, ApplyError> {
    judged_with(server, object, &ApplyOptions::default()).await
}

async fn judged_with(server: &Server, object: &Value, options: &ApplyOptions) -> Result<Judged, ApplyError> {
    let object = scripted::object(0, object);
    let resource = Resource {
        gvk: Gvk::new("v1", "Secret"),
        plural: "secrets".to_owned(),
        scope: Scope::Namespaced,
    };
    let address = Address {
        resource,
        object: ObjectRef {
            namespace: Some("default".to_owned()),
            ..object.reference().clone()
        },
        references: None,
    };
    let client = server.client(Duration::from_secs(20));
    assert_eq!(options.conflicts, Conflicts::Report);
    let judge = Judge {
        client: &client,
        options,
        scrubber: &Scrubber::default(),
        part_of: Some("ours"),
        recreates: true,
        shapes: Shapes::default(),
    };
    judge
        .judge(
            &object,
            &desired::subject(&object, &address.object),
            &address,
            None,
        )
        .await
}

fn live(annotations: &Value, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "db", "uid": "u", "resourceVersion": "1", "annotations": annotations, "labels": labels },
        "data": { "kept": "b25l" },
    })
}

#[tokio::test]
async fn an_object_that_is_to_be_left_alone_is_left_alone_when_the_server_refuses_it_too() {
    let once = json!({ "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent" });
    let disabled = json!({ "kustomize.toolkit.fluxcd.io/reconcile": "disabled" });
    let ignore = json!({ "kustomize.toolkit.fluxcd.io/ssa": "Ignore" });
    for (ours, theirs) in [
        (&once, &json!({})),
        (&json!({}), &disabled),
        (&json!({}), &ignore),
    ] {
        for refused in [true, false] {
            let server = server(Some(live(theirs, &json!({}))), move || refused.then(refusal)).await;
            let verdict = judged(&server, &secret(ours)).await.map(|judged| judged.verdict);
            assert!(
                matches!(&verdict, Ok(Verdict::Skip { uid: Some(uid), .. }) if uid == "u"),
                "{ours} {theirs} {refused}: {verdict:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_there_yet_is_refused_whatever_it_says() {
    let once = json!({ "kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent" });
    let server = server(None, || Some(refusal())).await;
    let error = judged(&server, &secret(&once)).await.err().unwrap();
    assert!(matches!(error, ApplyError::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn an_object_of_another_set_is_named_as_such_when_the_server_refuses_it_too() {
    let labels = json!({ "applyset.kubernetes.io/part-of": "theirs\u{1b}[2J" });
    for refused in [true, false] {
        let server = server(Some(live(&json!({}), &labels)), move || refused.then(refusal)).await;
        let error = judged(&server, &secret(&json!({}))).await.err().unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/default/db: belongs to another ApplySet (theirs [2J)");
        }
    }
}

#[tokio::test]
async fn a_refusal_of_what_may_be_changed_stays_one() {
    let server = server(Some(live(&json!({}), &json!({}))), || Some(refusal())).await;
    let error = judged(&server, &secret(&json!({}))).await.err().unwrap();
    insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/default/db: invalid: type: Invalid value: …: field is immutable");
}

/// A live Secret in which our `stringData` left a key behind.
fn with_leftover() -> Value {
    let mut live = live(&json!({}), &json!({ "applyset.kubernetes.io/part-of": "ours" }));
    live["data"]["left"] = json!("b25l");
    live["metadata"]["managedFields"] = json!([{
        "manager": "afterbay", "operation": "Apply", "fieldsV1": { "f:stringData": { "f:left": {} } },
    }]);
    live
}

#[tokio::test]
async fn the_removal_of_a_leftover_is_dry_run_before_anything_is_written() {
    let server = server(Some(with_leftover()), || None).await;
    let judged = judged(&server, &secret(&json!({}))).await.ok().unwrap();
    assert!(
        matches!(&judged.verdict, Verdict::Configure { leftovers, .. } if *leftovers == ["left"]),
        "{:?}",
        judged.verdict
    );
    let writes: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("PATCH"))
        .collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(
        writes.iter().all(|request| request.contains("dryRun=All")),
        "{writes:?}"
    );
}

#[tokio::test]
async fn a_removal_that_the_server_refuses_is_refused_with_the_rest() {
    let memory = Mutex::new(Memory::default());
    memory
        .lock()
        .unwrap()
        .objects
        .insert(PATH.to_owned(), with_leftover());
    let server = Server::start(move |request, body, _| {
        if request.starts_with("PATCH") && !request.contains("fieldValidation") {
            return Reply::Json(403, status(403, "Forbidden", "no removal"));
        }
        memory.lock().unwrap().answer(request, body)
    })
    .await;
    let error = judged(&server, &secret(&json!({}))).await.err().unwrap();
    insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/default/db: forbidden: no removal");
}

#[tokio::test]
async fn a_warning_about_a_secret_quotes_no_value() {
    let server = Server::start(|_, _, _| {
        let text = r#"299 - "type: Invalid value: \"x1\": is odd""#;
        Reply::With(201, "Warning", text, json!({}))
    })
    .await;
    let judged = judged(&server, &secret(&json!({}))).await.ok().unwrap();
    insta::assert_snapshot!(judged.warnings.join("\n"), @"app.yaml:1:1: Secret/default/db: type: Invalid value: …: is odd");
}

/// A live Secret that `kubectl apply` wrote.
fn of_kubectl() -> Value {
    let mut live = live(
        &json!({ "kubectl.kubernetes.io/last-applied-configuration": "{}" }),
        &json!({}),
    );
    live["metadata"]["managedFields"] = json!([{
        "manager": "kubectl-client-side-apply", "operation": "Update",
        "fieldsV1": { "f:data": { "f:kept": {}, "f:gone": {} } },
    }]);
    live
}

fn conflict(managers: &[&str]) -> Reply {
    let mut body = status(409, "Conflict", "Apply failed");
    let causes = managers.iter().map(|manager| {
        json!({ "reason": "FieldManagerConflict", "field": ".data.kept",
                "message": format!("conflict with \"{manager}\" using v1") })
    });
    body["details"] = json!({ "causes": causes.collect::<Vec<_>>() });
    Reply::Json(409, body)
}

/// A server that answers every apply without force so.
async fn in_conflict(managers: &'static [&'static str]) -> Server {
    let memory = Mutex::new(Memory::default());
    memory
        .lock()
        .unwrap()
        .objects
        .insert(PATH.to_owned(), of_kubectl());
    Server::start(move |request, body, _| {
        let is_apply = request.contains("fieldValidation") && !request.contains("force=true");
        if is_apply && !managers.is_empty() {
            return conflict(managers);
        }
        memory.lock().unwrap().answer(request, body)
    })
    .await
}

#[tokio::test]
async fn what_kubectl_owns_is_taken_over_and_said() {
    for managers in [&[][..], &["kubectl-client-side-apply"]] {
        let server = in_conflict(managers).await;
        let judged = judged(&server, &secret(&json!({}))).await.ok().unwrap();
        let Verdict::Configure {
            takes_over, fields, ..
        } = &judged.verdict
        else {
            panic!("{:?}", judged.verdict);
        };
        assert_eq!(
            takes_over[..],
            [
                "kubectl-client-side-apply",
                "kubectl.kubernetes.io/last-applied-configuration"
            ]
        );
        assert!(fields.contains(&"data.gone".to_owned()), "{fields:?}");
        let requests = server.requests();
        let writes: Vec<_> = requests
            .iter()
            .filter(|request| !request.starts_with("GET"))
            .collect();
        assert!(
            writes.iter().all(|request| request.contains("dryRun=All")),
            "{writes:?}"
        );
    }
}

#[tokio::test]
async fn what_others_own_stays_a_conflict_and_names_only_them() {
    let server = in_conflict(&["kubectl-client-side-apply", "somebody"]).await;
    let error = judged(&server, &secret(&json!({}))).await.err().unwrap();
    insta::assert_snapshot!(error, @r#"app.yaml:1:1: Secret/default/db: .data.kept is owned by "somebody" using v1"#);
    let options = ApplyOptions {
        take_over: vec!["somebody".to_owned()],
        ..ApplyOptions::default()
    };
    let error = judged_with(&server, &secret(&json!({})), &options)
        .await
        .err()
        .unwrap();
    insta::assert_snapshot!(error, @r#"app.yaml:1:1: Secret/default/db: .data.kept is owned by "kubectl-client-side-apply" using v1; .data.kept is owned by "somebody" using v1"#);
}

#[tokio::test]
async fn one_control_of_the_two_places_is_enough() {
    let labels = json!({ "kustomize.toolkit.fluxcd.io/reconcile": "enabled" });
    let annotations = json!({ "kustomize.toolkit.fluxcd.io/reconcile": "Disabled" });
    let server = server(Some(live(&annotations, &labels)), || None).await;
    let verdict = judged(&server, &secret(&json!({})))
        .await
        .map(|judged| judged.verdict);
    assert!(matches!(&verdict, Ok(Verdict::Skip { .. })), "{verdict:?}");
}

fn immutable() -> Reply {
    let mut body = status(422, "Invalid", "type: Invalid value: \"x\": field is immutable");
    body["details"] = json!({ "causes": [{
        "reason": "FieldValueInvalid", "field": "type", "message": "Invalid value: \"x\": field is immutable",
    }] });
    Reply::Json(422, body)
}

/// A server that cannot change the live Secret in place and answers its creation so.
async fn unchangeable(live: Value, create: impl Fn() -> Option<Reply> + Send + Sync + 'static) -> Server {
    let memory = Mutex::new(Memory::default());
    memory.lock().unwrap().objects.insert(PATH.to_owned(), live);
    Server::start(move |request, body, _| {
        if request.starts_with("PATCH") && memory.lock().unwrap().objects.contains_key(PATH) {
            return immutable();
        }
        let reply = request.starts_with("POST").then(&create).flatten();
        reply.unwrap_or_else(|| memory.lock().unwrap().answer(request, body))
    })
    .await
}

fn forcing() -> ApplyOptions {
    ApplyOptions {
        force: Force::Recreate,
        ..ApplyOptions::default()
    }
}

fn creations(server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests.filter(|request| request.starts_with("POST")).collect()
}

#[tokio::test]
async fn what_cannot_be_changed_is_recreated_where_that_is_asked_for_and_would_succeed() {
    let none = json!({});
    let control = json!({ "kustomize.toolkit.fluxcd.io/force": "Enabled" });
    for (options, desired, theirs) in [
        (forcing(), &none, &none),
        (ApplyOptions::default(), &control, &none),
        (ApplyOptions::default(), &none, &control),
    ] {
        let server = unchangeable(live(theirs, &none), || None).await;
        let judged = judged_with(&server, &secret(desired), &options)
            .await
            .ok()
            .unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{:?}", judged.verdict), @r#"Recreate { uid: "u", fields: ["type: Invalid value: …: field is immutable"] }"#);
        }
        let creations = creations(&server);
        assert_eq!(creations.len(), 1);
        assert!(creations[0].contains("dryRun=All") && creations[0].contains("fieldValidation=Strict"));
    }
}

#[tokio::test]
async fn nobody_asked_for_it() {
    let off = json!({ "kustomize.toolkit.fluxcd.io/force": "disabled" });
    let server = unchangeable(live(&json!({}), &json!({})), || None).await;
    let error = judged(&server, &secret(&off)).await.err().unwrap();
    insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/default/db: cannot be changed in place: type: Invalid value: …: field is immutable");
    assert!(creations(&server).is_empty());
}

#[tokio::test]
async fn a_part_of_our_own_installation_is_never_deleted_to_be_created_anew() {
    let own = json!({ "app.kubernetes.io/part-of": "afterbay" });
    let server = unchangeable(live(&json!({}), &own), || None).await;
    let error = judged_with(&server, &secret(&json!({})), &forcing())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ApplyError::Immutable { .. }), "{error}");
}

#[tokio::test]
async fn what_would_not_be_created_is_not_deleted() {
    let refused = || Some(Reply::Json(403, status(403, "Forbidden", "no such type here")));
    let server = unchangeable(live(&json!({}), &json!({})), refused).await;
    let error = judged_with(&server, &secret(&json!({})), &forcing())
        .await
        .err()
        .unwrap();
    insta::assert_snapshot!(error, @"app.yaml:1:1: Secret/default/db: forbidden: no such type here");
    // A conflict that is not about the name proves nothing.
    let other = || Some(Reply::Json(409, status(409, "Conflict", "try again")));
    let server = unchangeable(live(&json!({}), &json!({})), other).await;
    assert!(
        judged_with(&server, &secret(&json!({})), &forcing())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_invalid_object_is_not_even_asked_about() {
    let server = server(Some(live(&json!({}), &json!({}))), || Some(refusal())).await;
    let error = judged_with(&server, &secret(&json!({})), &forcing())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, ApplyError::Invalid { .. }), "{error}");
    assert!(creations(&server).is_empty());
}
