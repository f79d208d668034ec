//! A set before a server that may be listed, or may not: what is asked, and what is said.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use crate::scripted::{self, Memory, Reply, Server, status};
use crate::{ApplyOptions, Check, Inventory, observe};

const COUNT: usize = 9;

fn secret(number: usize, value: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": format!("s{number}"), "namespace": "shop" }, "data": { "k": value },
    })
}

fn path(number: usize) -> String {
    format!("/api/v1/namespaces/shop/secrets/s{number}")
}

/// A server with these Secrets in it as our last apply left them.
async fn server(may_list: bool) -> Server {
    let mut memory = Memory::default();
    for number in 0..COUNT {
        let mut live = secret(number, "b25l");
        live["metadata"]["uid"] = json!(format!("uid-{number}"));
        live["metadata"]["resourceVersion"] = json!("1");
        live["metadata"]["managedFields"] = json!([{
            "manager": "afterbay", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": { "f:data": { "f:k": {} } },
        }]);
        memory.objects.insert(path(number), live);
    }
    let memory = Mutex::new(memory);
    Server::start(move |request, body, _| {
        let versions = json!({ "kind": "APIVersions", "versions": ["v1"] });
        match request {
            "GET /api" => Reply::Json(200, versions),
            "GET /apis" => Reply::Json(200, json!({ "kind": "APIGroupList", "groups": [] })),
            "GET /api/v1" => Reply::Json(
                200,
                json!({ "kind": "APIResourceList", "resources": [
                    { "name": "secrets", "kind": "Secret", "namespaced": true, "verbs": ["patch"] },
                ] }),
            ),
            _ if request.starts_with("GET") && request.contains("/secrets?") && !may_list => {
                Reply::Json(403, status(403, "Forbidden", "no list"))
            }
            // Two pages.
            _ if request.contains("/secrets?limit=500&continue=") => page(&memory, COUNT / 2..COUNT, ""),
            _ if request.contains("/secrets?limit=500") => page(&memory, 0..COUNT / 2, "more"),
            _ => memory.lock().unwrap().answer(request, body),
        }
    })
    .await
}

fn page(memory: &Mutex<Memory>, numbers: std::ops::Range<usize>, next: &str) -> Reply {
    let memory = memory.lock().unwrap();
    let items: Vec<_> = numbers
        .map(|number| memory.objects[&path(number)].clone())
        .collect();
    Reply::Json(200, json!({ "metadata": { "continue": next }, "items": items }))
}

/// What is asked about the set, of which one Secret differs, beside discovery; what is warned of, and what changes.
async fn asked(server: &Server, check: Check) -> (Vec<String>, Vec<String>, Vec<String>) {
    let objects: Vec<_> = (0..COUNT)
        .map(|number| secret(number, if number == 3 { "dHdv" } else { "b25l" }))
        .collect();
    let options = ApplyOptions {
        check,
        ..ApplyOptions::default()
    };
    let live = observe(
        &server.client(Duration::from_secs(20)),
        &scripted::set(&objects, 'a'),
        &Inventory::none(),
        &options,
        &mut |_, _| (),
    )
    .await
    .unwrap();
    let changed: Vec<_> = live
        .findings
        .iter()
        .filter(|finding| finding.verdict.as_ref().is_ok_and(crate::live::Verdict::is_write))
        .map(|finding| finding.subject.object.name.clone())
        .collect();
    let requests = server
        .requests()
        .into_iter()
        .filter(|request| request.contains("/secrets"));
    let mut requests: Vec<_> = requests
        .map(|request| request.replace("/api/v1/namespaces/shop/secrets", ""))
        .collect();
    requests.sort();
    (requests, live.warnings, changed)
}

const DRY_RUN: &str = "PATCH /s3?fieldManager=afterbay&fieldValidation=Strict&dryRun=All";

#[tokio::test]
async fn one_list_and_a_dry_run_of_what_changes() {
    let server = server(true).await;
    let (requests, warnings, changed) = asked(&server, Check::ManagedFields).await;
    assert_eq!(changed, ["s3"]);
    assert_eq!(
        requests,
        ["GET ?limit=500", "GET ?limit=500&continue=more", DRY_RUN]
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[tokio::test]
async fn where_lists_are_denied_each_is_read_and_the_report_says_so() {
    let server = server(false).await;
    let (requests, warnings, changed) = asked(&server, Check::ManagedFields).await;
    assert_eq!(changed, ["s3"]);
    assert_eq!(requests.len(), 1 + COUNT + 1, "{requests:?}");
    assert_eq!(requests.last().unwrap(), DRY_RUN);
    insta::assert_snapshot!(warnings.join("\n"), @"secrets in namespace shop may not be listed, so 9 objects were read one by one (9 requests instead of 1); allow the verb list to save them");
}

#[tokio::test]
async fn the_server_is_asked_about_each_where_that_is_wanted() {
    for may_list in [true, false] {
        let server = server(may_list).await;
        let (requests, warnings, _) = asked(&server, Check::Server).await;
        let dry_runs = requests.iter().filter(|request| request.contains("dryRun=All"));
        assert_eq!(dry_runs.count(), COUNT, "{requests:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
