//! What is asked while waiting, and what is made of the answers, against a server whose answers are written down.

use std::sync::Mutex;
use std::time::Duration;

use afterbay_manifest::{Gvk, ObjectRef, Scrubber};
use serde_json::{Value, json};

use super::*;
use crate::discovery::{Resource, Scope};
use crate::error::Subject;
use crate::health::{self, HealthExpressions, HealthStatus};
use crate::scripted::{Reply, Server, status};

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);
const LIST: &str = "GET /apis/example.com/v1/namespaces/web/widgets?limit=250";

fn awaited(name: &str) -> Awaited {
    let gvk = Gvk::new("example.com/v1", "Widget");
    Awaited {
        subject: Subject {
            object: ObjectRef {
                gvk: gvk.clone(),
                namespace: Some("web".to_owned()),
                name: name.to_owned(),
            },
            origin: None,
        },
        resource: Resource {
            gvk,
            plural: "widgets".to_owned(),
            scope: Scope::Namespaced,
        },
        is_ours: false,
        may_be_gone: false,
        health: None,
    }
}

/// An item of a list, which names no kind, or the object of an event.
fn widget(name: &str, ready: &str) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "web", "resourceVersion": "7" },
        "status": { "conditions": [{ "type": "Ready", "status": ready, "message": format!("{name} is {ready}") }] },
    })
}

fn list(items: &[Value]) -> Reply {
    Reply::Json(
        200,
        json!({ "metadata": { "resourceVersion": "5" }, "items": items }),
    )
}

fn event(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn stalled(name: &str) -> Value {
    let mut object = widget(name, "False");
    object["status"]["conditions"][0] =
        json!({ "type": "Stalled", "status": "True", "message": "no hunter2hunter2" });
    object
}

/// Waits for these objects, and tells how it ended, how they are, and what was heard on the way.
async fn wait(server: &Server, patience: Duration, names: &[&str]) -> String {
    let scrubber = Scrubber::new([b"hunter2hunter2".to_vec()]);
    let client = server.client(patience);
    let watching = Watching {
        client: &client,
        scrubber: &scrubber,
        expressions: &HealthExpressions::default(),
        part_of: Some("applyset-id"),
        judge: health::judge,
    };
    let mut objects: Vec<Awaited> = names.iter().map(|name| awaited(name)).collect();
    let mut lines = Vec::new();
    let mut heard = |heard: Heard<'_>| match heard {
        Heard::Changed { one, current } => {
            let (status, message) = one.told(&scrubber);
            lines.push(format!("{status}: {message} ({current})"));
        }
        Heard::ByName(resource, _) => lines.push(format!("{} by name", resource.plural)),
    };
    let ending = match watching.wait(&mut objects, &mut heard).await {
        Ending::Healthy => "healthy".to_owned(),
        Ending::Failed => "failed".to_owned(),
        Ending::Late => "late".to_owned(),
        Ending::Lost(place, failure) => watching
            .error_of_loss(&objects[place].subject, failure)
            .to_string(),
    };
    lines.push(ending);
    lines.extend(objects.iter().map(|one| {
        let (status, message) = one.told(&scrubber);
        format!("{} {status}: {message}", one.subject.object.name)
    }));
    lines.join("\n")
}

#[tokio::test]
async fn two_objects_of_a_kind_cost_one_list_and_one_watch() {
    let server = Server::start(|request, _, _| {
        if request.contains("watch=true") {
            return Reply::Lines(vec![
                (SOON, event("MODIFIED", &widget("other", "False"))),
                (SOON, event("MODIFIED", &widget("a", "Unknown"))),
                (SOON, event("MODIFIED", &widget("a", "Unknown"))),
                (SOON, event("MODIFIED", &widget("a", "True"))),
            ]);
        }
        list(&[
            widget("a", "False"),
            widget("b", "True"),
            widget("other", "False"),
        ])
    })
    .await;
    insta::assert_snapshot!(wait(&server, PATIENCE, &["a", "b"]).await, @r"
    InProgress: a is False (0)
    InProgress: a is Unknown (1)
    Current: Resource is Ready (2)
    healthy
    a Current: Resource is Ready
    b Current: Resource is Ready
    ");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[0], LIST);
    assert_eq!(
        requests[1],
        "GET /apis/example.com/v1/namespaces/web/widgets?watch=true&allowWatchBookmarks=true&timeoutSeconds=60&resourceVersion=5"
    );
}

#[tokio::test]
async fn what_is_healthy_already_costs_a_list_and_of_one_object_only_that_is_asked() {
    let server = Server::start(|_, _, _| list(&[widget("a", "True")])).await;
    let told = wait(&server, PATIENCE, &["a"]).await;
    assert_eq!(told, "healthy\na Current: Resource is Ready");
    assert_eq!(
        server.requests(),
        [format!("{LIST}&fieldSelector=metadata.name%3Da")]
    );
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_its_bookmark_and_one_that_is_too_old_is_listed_anew() {
    let server = Server::start(|request, _, before| match before {
        1 => Reply::Lines(vec![(
            SOON,
            event("BOOKMARK", &json!({ "metadata": { "resourceVersion": "31" } })),
        )]),
        2 => {
            assert!(request.contains("resourceVersion=31"), "{request}");
            let expired = status(410, "Expired", "too old resource version");
            Reply::Lines(vec![(NOW, event("ERROR", &expired))])
        }
        3 => list(&[widget("a", "True")]),
        // As the server writes an empty list of metadata.
        _ => Reply::Json(
            200,
            json!({ "metadata": { "resourceVersion": "5" }, "items": null }),
        ),
    })
    .await;
    insta::assert_snapshot!(wait(&server, PATIENCE, &["a"]).await, @r"
    NotFound: it is not in the cluster (0)
    Current: Resource is Ready (1)
    healthy
    a Current: Resource is Ready
    ");
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn what_goes_by_itself_once_it_is_done_is_done_when_it_is_gone() {
    let server = Server::start(|_, _, _| list(&[])).await;
    for (may_be_gone, is_healthy) in [(false, false), (true, true)] {
        let client = server.client(Duration::from_millis(700));
        let watching = Watching {
            client: &client,
            scrubber: &Scrubber::default(),
            expressions: &HealthExpressions::default(),
            part_of: None,
            judge: health::judge,
        };
        let mut one = awaited("a");
        one.may_be_gone = may_be_gone;
        let ending = watching.wait(&mut [one], &mut |_| ()).await;
        assert_eq!(matches!(ending, Ending::Healthy), is_healthy);
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_waited_for() {
    let server = Server::start(|_, _, before| match before {
        0 => list(&[widget("a", "False")]),
        1..=3 => Reply::Reset,
        4 => Reply::Json(503, status(503, "ServiceUnavailable", "starting")),
        _ => list(&[widget("a", "True")]),
    })
    .await;
    let told = wait(&server, PATIENCE, &["a"]).await;
    assert!(told.contains("\nhealthy\n"), "{told}");
}

#[tokio::test]
async fn a_failure_ends_the_wait_once_all_are_known() {
    let server = Server::start(|request, _, _| {
        if request.contains("watch=true") {
            return Reply::Lines(vec![
                (SOON, event("MODIFIED", &stalled("b"))),
                (PATIENCE, json!({})),
            ]);
        }
        list(&[widget("a", "False"), widget("b", "False"), widget("c", "True")])
    })
    .await;
    insta::assert_snapshot!(wait(&server, PATIENCE, &["a", "b", "c"]).await, @r"
    InProgress: a is False (0)
    InProgress: b is False (0)
    Failed: no [REDACTED] (1)
    failed
    a InProgress: a is False
    b Failed: no [REDACTED]
    c Current: Resource is Ready
    ");
    // Known from the beginning: the others are still told.
    let server = Server::start(|_, _, _| list(&[stalled("a"), widget("b", "True")])).await;
    let told = wait(&server, PATIENCE, &["a", "b"]).await;
    assert!(
        told.contains("\nfailed\n") && told.ends_with("b Current: Resource is Ready"),
        "{told}"
    );
}

#[tokio::test]
async fn the_time_ends_a_wait_and_every_object_is_told() {
    let server = Server::start(|request, _, _| {
        if request.contains("watch=true") {
            return Reply::Hang;
        }
        list(&[widget("a", "False")])
    })
    .await;
    let began = tokio::time::Instant::now();
    insta::assert_snapshot!(wait(&server, Duration::from_millis(700), &["a", "b"]).await, @r"
    InProgress: a is False (0)
    NotFound: it is not in the cluster (0)
    late
    a InProgress: a is False
    b NotFound: it is not in the cluster
    ");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn who_may_not_list_reads_by_name() {
    let server = Server::start(|request, _, before| {
        if request.contains('?') {
            return Reply::Json(403, status(403, "Forbidden", "no"));
        }
        Reply::Json(200, widget("a", if before > 1 { "True" } else { "False" }))
    })
    .await;
    insta::assert_snapshot!(wait(&server, PATIENCE, &["a"]).await, @r"
    widgets by name
    InProgress: a is False (0)
    Current: Resource is Ready (1)
    healthy
    a Current: Resource is Ready
    ");
    let server = Server::start(|_, _, _| Reply::Json(403, status(403, "Forbidden", "not you"))).await;
    insta::assert_snapshot!(wait(&server, PATIENCE, &["a"]).await, @r"
    widgets by name
    Widget.example.com/web/a: forbidden: not you
    a Unknown: the server has not told yet
    ");
}

#[tokio::test]
async fn what_is_ours_is_asked_for_by_its_label_and_secrets_without_their_values() {
    let secret = |name: &str| {
        let mut one = awaited(name);
        one.subject.object.gvk = Gvk::new("v1", "Secret");
        one.resource = Resource {
            gvk: Gvk::new("v1", "Secret"),
            plural: "secrets".to_owned(),
            scope: Scope::Namespaced,
        };
        one.is_ours = true;
        one
    };
    let deleted = Mutex::new(false);
    let server = Server::start(move |request, _, _| {
        assert!(
            request.contains("labelSelector=applyset.kubernetes.io/part-of%3Dapplyset-id"),
            "{request}"
        );
        let mut items = vec![widget("a", "True"), widget("b", "True")];
        let mut deleted = deleted.lock().unwrap();
        if !*deleted {
            items[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        if request.contains("watch=true") {
            *deleted = true;
            return Reply::Lines(vec![(SOON, event("DELETED", &items.remove(0)))]);
        }
        list(&items)
    })
    .await;
    let client = server.client(Duration::from_secs(1));
    let watching = Watching {
        client: &client,
        scrubber: &Scrubber::default(),
        expressions: &HealthExpressions::default(),
        part_of: Some("applyset-id"),
        judge: health::judge,
    };
    let mut objects = [secret("a"), secret("b")];
    let mut statuses = Vec::new();
    watching
        .wait(&mut objects, &mut |heard| {
            if let Heard::Changed { one, .. } = heard {
                statuses.push(one.health.as_ref().unwrap().status);
            }
        })
        .await;
    assert_eq!(statuses, [HealthStatus::Terminating, HealthStatus::NotFound]);
}
