//! Which workloads are rolled out, for what, and under which key.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterbay_manifest::{Gvk, ObjectRef, SecretBytes};
use serde_json::{Value, json};

use super::*;
use crate::desired::{self, Definitions};
use crate::discovery::{Kinds, Resource, Scope};
use crate::scripted::{self, Memory, Server};

fn kinds() -> Kinds {
    let resource = |api_version: &str, kind: &str, plural: &str| Resource {
        gvk: Gvk::new(api_version, kind),
        plural: plural.to_owned(),
        scope: Scope::Namespaced,
    };
    Kinds::of([
        resource("v1", "Secret", "secrets"),
        resource("v1", "ConfigMap", "configmaps"),
        resource("apps/v1", "Deployment", "deployments"),
        resource("batch/v1", "Job", "jobs"),
        resource("example.com/v1", "Rollout", "rollouts"),
    ])
}

fn key(text: &str) -> FingerprintKey {
    FingerprintKey::new(SecretBytes::new(text.as_bytes().to_vec())).unwrap()
}

/// What each workload is rolled out for, and the warnings.
fn found(
    objects: &[Value],
    rollout: RolloutOnChange,
    key: &FingerprintKey,
) -> (Vec<(usize, References)>, Vec<String>) {
    let objects: Vec<Object> = (0..)
        .zip(objects)
        .map(|(index, json)| scripted::object(index, json))
        .collect();
    let addresses: Vec<Address> = objects
        .iter()
        .map(|object| desired::address(object, &kinds(), &Definitions::default(), "shop").unwrap())
        .collect();
    let placed: Vec<_> = objects.iter().zip(addresses.iter().map(Some)).collect();
    let options = ApplyOptions {
        rollout,
        ..ApplyOptions::default()
    };
    let workloads = Workloads::of(&placed, &options);
    (workloads.references(&placed, key), workloads.warnings)
}

fn fingerprint(objects: &[Value]) -> String {
    let (found, _) = found(objects, RolloutOnChange::All, &key("the key of this test"));
    found
        .first()
        .map(|(_, references)| references.fingerprint.clone())
        .unwrap_or_default()
}

fn secret(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": data })
}

fn map(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

fn workload(kind: &str, annotation: Option<&str>, pod: &Value) -> Value {
    let api_version = match kind {
        "Deployment" => "apps/v1",
        "Job" => "batch/v1",
        _ => "example.com/v1",
    };
    let mut workload = json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": "web" },
        "spec": { "template": { "spec": pod } },
    });
    if let Some(text) = annotation {
        workload["metadata"]["annotations"] = json!({ "afterbay.dev/rollout-on-change": text });
    }
    workload
}

fn all_of(name: &str) -> Value {
    json!({ "containers": [{ "name": "web", "envFrom": [{ "secretRef": { "name": name } }] }] })
}

#[test]
fn every_way_to_refer_is_seen_and_no_other() {
    let pod = json!({
        "imagePullSecrets": [{ "name": "pull" }],
        "initContainers": [{ "name": "i", "env": [
            { "name": "A", "valueFrom": { "secretKeyRef": { "name": "s-env", "key": "a" } } },
            { "name": "B", "valueFrom": { "secretKeyRef": { "name": "s-env", "key": "b" } } },
            { "name": "C", "value": "plain" },
        ] }],
        "containers": [{ "name": "c",
            "env": [{ "name": "D", "valueFrom": { "configMapKeyRef": { "name": "m-env", "key": "d" } } }],
            "envFrom": [{ "secretRef": { "name": "s-all" } }, { "configMapRef": { "name": "m-all" } }],
        }],
        "volumes": [
            { "name": "1", "secret": { "secretName": "s-volume" } },
            { "name": "2", "secret": { "secretName": "s-items", "items": [{ "key": "tls.key", "path": "k" }] } },
            { "name": "3", "configMap": { "name": "m-volume" } },
            { "name": "4", "projected": { "sources": [
                { "secret": { "name": "s-projected" } },
                { "configMap": { "name": "m-projected", "items": [{ "key": "e", "path": "e" }] } },
            ] } },
            { "name": "5", "azureFile": { "secretName": "mount" } },
            // Once with all of it.
            { "name": "6", "configMap": { "name": "m-env" } },
        ],
    });
    let found = references::of(&scripted::object(0, &workload("Deployment", None, &pod)));
    let told: Vec<String> = found
        .iter()
        .map(|((kind, name), uses)| match uses {
            Uses::All => format!("{kind}/{name}"),
            Uses::Keys(keys) => {
                format!(
                    "{kind}/{name} {}",
                    keys.iter().cloned().collect::<Vec<_>>().join(",")
                )
            }
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    ConfigMap/m-all
    ConfigMap/m-env
    ConfigMap/m-projected e
    ConfigMap/m-volume
    Secret/s-all
    Secret/s-env a,b
    Secret/s-items tls.key
    Secret/s-projected
    Secret/s-volume
    ");
}

#[test]
fn another_content_is_another_fingerprint_and_the_same_is_the_same() {
    let web = || workload("Deployment", None, &all_of("db"));
    let one = fingerprint(&[web(), secret("db", &json!({ "a": "aHVudGVyMg==", "b": "eA==" }))]);
    assert_eq!(one.len(), DIGITS);
    // Neither the order of keys nor what is in the set besides counts.
    let same = [
        secret("other", &json!({ "a": "Yg==" })),
        secret("db", &json!({ "b": "eA==", "a": "aHVudGVyMg==" })),
        web(),
    ];
    assert_eq!(fingerprint(&same), one);
    for other in [
        json!({ "a": "aHVudGVyMw==", "b": "eA==" }),
        json!({ "a": "aHVudGVyMg==" }),
        json!({ "a": "aHVudGVyMg==", "c": "eA==" }),
    ] {
        assert_ne!(fingerprint(&[web(), secret("db", &other)]), one);
    }
    let objects = [web(), secret("db", &json!({ "a": "aHVudGVyMg==", "b": "eA==" }))];
    let (under_other, _) = found(&objects, RolloutOnChange::All, &key("another key than that"));
    assert_ne!(under_other[0].1.fingerprint, one);
}

#[test]
fn only_the_entries_that_are_read_count() {
    let pod = json!({ "containers": [{ "name": "c", "env": [
        { "name": "A", "valueFrom": { "secretKeyRef": { "name": "db", "key": "a" } } },
    ] }] });
    let of = |data: &Value| fingerprint(&[workload("Deployment", None, &pod), secret("db", data)]);
    let one = of(&json!({ "a": "eA==", "b": "eA==" }));
    assert_eq!(of(&json!({ "a": "eA==", "b": "eQ==" })), one);
    assert_ne!(of(&json!({ "a": "eQ==", "b": "eA==" })), one);
}

#[test]
fn a_source_of_another_namespace_or_outside_the_set_is_none() {
    let mut far = secret("db", &json!({ "a": "eA==" }));
    far["metadata"]["namespace"] = json!("far");
    assert_eq!(
        fingerprint(&[workload("Deployment", None, &all_of("db")), far]),
        ""
    );
    assert_eq!(fingerprint(&[workload("Deployment", None, &all_of("db"))]), "");
}

#[test]
fn a_source_that_is_not_applied_or_says_so_restarts_nobody() {
    for (key, value) in [
        ("afterbay.dev/rollout-on-change", "false"),
        ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"),
        ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ] {
        let mut source = map("settings", &json!({ "a": "x" }));
        source["metadata"]["annotations"] = json!({ key: value });
        let pod = json!({ "containers": [], "volumes": [{ "configMap": { "name": "settings" } }] });
        assert_eq!(
            fingerprint(&[workload("Deployment", None, &pod), source]),
            "",
            "{key}"
        );
    }
}

#[test]
fn the_policy_and_the_object_decide_who_takes_part() {
    use RolloutOnChange::{All, Annotated, Never};
    for (kind, annotation, policy, expected) in [
        ("Deployment", None, Never, false),
        ("Deployment", Some("true"), Never, false),
        ("Deployment", None, Annotated, false),
        ("Deployment", Some("true"), Annotated, true),
        ("Deployment", Some("True"), Annotated, true),
        ("Deployment", None, All, true),
        ("Deployment", Some("false"), All, false),
        // A kind whose schema nobody knows might not take the annotation.
        ("Rollout", None, All, false),
        ("Rollout", Some("true"), Annotated, true),
        ("Job", None, All, false),
        ("Job", Some("true"), All, false),
    ] {
        let objects = [
            workload(kind, annotation, &all_of("db")),
            secret("db", &json!({ "a": "eA==" })),
        ];
        let (found, _) = found(&objects, policy, &key("the key of this test"));
        assert_eq!(!found.is_empty(), expected, "{kind} {annotation:?} {policy:?}");
    }
    let odd = [
        workload("Job", Some("true"), &all_of("db")),
        workload("Deployment", Some("yes"), &all_of("db")),
        secret("db", &json!({ "a": "eA==" })),
    ];
    let (_, warnings) = found(&odd, All, &key("the key of this test"));
    insta::assert_snapshot!(warnings.join("\n"), @r"
    app.yaml:1:1: Job.batch/web: afterbay.dev/rollout-on-change does nothing for it: the template of a Job cannot change
    app.yaml:2:1: Deployment.apps/web: the annotation afterbay.dev/rollout-on-change is neither `true` nor `false`, and counts for nothing
    ");
}

#[test]
fn the_annotation_goes_on_the_template_and_breaks_nothing_that_is_no_template() {
    let references = References {
        sources: Vec::new(),
        fingerprint: "ab".to_owned(),
    };
    for (mut body, expected) in [
        (
            json!({ "spec": { "template": { "metadata": { "annotations": null } } } }),
            json!({ "spec": { "template": { "metadata": { "annotations": { ANNOTATION: "ab" } } } } }),
        ),
        (
            json!({ "spec": { "template": "text" } }),
            json!({ "spec": { "template": "text" } }),
        ),
    ] {
        annotate(&mut body, &references);
        assert_eq!(body, expected);
    }
}

#[test]
fn a_workload_waits_for_what_it_is_rolled_out_for() {
    let object = |namespace: &str| ObjectRef {
        gvk: Gvk::new("v1", "Secret"),
        namespace: Some(namespace.to_owned()),
        name: "db".to_owned(),
    };
    let references = References {
        sources: vec![object("shop")],
        fingerprint: String::new(),
    };
    let failed = |namespace| {
        [Subject {
            object: object(namespace),
            origin: None,
        }]
    };
    assert_eq!(awaited(&references, &failed("shop")), Some(&object("shop")));
    assert_eq!(awaited(&references, &failed("far")), None);
}

#[tokio::test]
async fn of_two_runs_that_make_a_key_the_first_keeps_its_own_and_the_second_takes_it() {
    let memory = Arc::new(Mutex::new(Memory::default()));
    let shared = Arc::clone(&memory);
    let server = Server::start(move |request, body, _| shared.lock().unwrap().answer(request, body)).await;
    let client = server.client(Duration::from_secs(10));
    let mut first = RolloutKey::read(&client, "shop").await.unwrap();
    let mut second = RolloutKey::read(&client, "shop").await.unwrap();
    assert!(first.note().is_some());
    assert_ne!(first.key.references(b"x"), second.key.references(b"x"));
    assert!(!first.store(&client).await.unwrap());
    assert!(second.store(&client).await.unwrap());
    let later = RolloutKey::read(&client, "shop").await.unwrap();
    assert!(later.note().is_none());
    for key in [&second, &later] {
        assert_eq!(key.key.references(b"x"), first.key.references(b"x"));
    }
    let writes = server
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("POST"));
    assert_eq!(writes.count(), 2);

    // What somebody else put there is no key.
    memory.lock().unwrap().objects.values_mut().for_each(|secret| {
        secret["data"]["key"] = json!("aHVudGVyMg==");
    });
    let error = RolloutKey::read(&client, "shop").await.err().unwrap().to_string();
    insta::assert_snapshot!(error, @"the key by which workloads are rolled out, Secret shop/afterbay-rollout-key: it is no Secret of type afterbay.dev/rollout-key with 32 bytes under `key`");
}
