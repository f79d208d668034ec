//! Failures of the transport, with a server that misbehaves on purpose.

use std::time::Duration;

use afterbay_manifest::Scrubber;
use serde_json::json;

use super::*;
use crate::scripted::{Reply, Server, status};
use kube::config::Kubeconfig;

const ENOUGH: Duration = Duration::from_secs(20);

fn problem(failure: Failure) -> String {
    match failure {
        Failure::Status(status) => {
            let message = status.message.said(&Scrubber::default());
            format!("status {}: {message}", status.code)
        }
        Failure::Unreachable { problem } => format!("unreachable: {problem}"),
        Failure::Slow { .. } => "slow".to_owned(),
        Failure::Deadline => "deadline".to_owned(),
        Failure::Malformed { problem } => format!("malformed: {problem}"),
    }
}

#[tokio::test]
async fn a_server_that_is_busy_or_drops_the_connection_is_asked_again() {
    let server = Server::start(|_, _, before| match before {
        0 => Reply::Json(503, status(503, "ServiceUnavailable", "starting")),
        1 => Reply::Reset,
        2 => Reply::Json(502, json!("<html>bad gateway</html>")),
        _ => Reply::Json(200, json!({ "answer": 42 })),
    })
    .await;
    let response = server
        .client(ENOUGH)
        .send(&Request::get("/x"))
        .await
        .ok()
        .unwrap();
    assert_eq!(response.json::<serde_json::Value>().ok().unwrap()["answer"], 42);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let server = Server::start(|_, _, before| match before {
        0 => Reply::With(
            429,
            "Retry-After",
            "1",
            status(429, "TooManyRequests", "slow down"),
        ),
        _ => Reply::Json(200, json!({})),
    })
    .await;
    let start = std::time::Instant::now();
    assert!(server.client(ENOUGH).send(&Request::get("/x")).await.is_ok());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let server = Server::start(|_, _, _| Reply::Json(403, status(403, "Forbidden", "no"))).await;
    let failure = server
        .client(ENOUGH)
        .send(&Request::get("/x"))
        .await
        .err()
        .unwrap();
    assert_eq!(problem(failure), "status 403: no");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_silent_server_ends_with_the_time_of_the_run() {
    let server = Server::start(|_, _, _| Reply::Hang).await;
    let client = server.client(Duration::from_millis(300));
    let failure = client.send(&Request::get("/x")).await.err().unwrap();
    assert_eq!(problem(failure), "deadline");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_not_repeated_in_the_error() {
    let server = Server::start(|_, _, _| Reply::Json(200, json!("hunter2"))).await;
    let response = server
        .client(ENOUGH)
        .send(&Request::get("/x"))
        .await
        .ok()
        .unwrap();
    let failure = response.json::<serde_json::Value>().err().unwrap();
    assert_eq!(
        problem(failure),
        "malformed: not the expected JSON (line 1, column 1)"
    );
}

#[tokio::test]
async fn nobody_listens() {
    let server = Server::start(|_, _, _| Reply::Reset).await;
    let client = server.client(Duration::from_millis(250));
    drop(server);
    tokio::task::yield_now().await;
    let failure = client.send(&Request::get("/x")).await.err().unwrap();
    assert!(problem(failure).starts_with("unreachable: "));
}

#[test]
fn a_broken_kubeconfig_is_not_quoted() {
    let error =
        Kubeconfig::from_yaml("users:\n- name: u\n  user: {token: hunter2hunter2, token: [}\n").unwrap_err();
    let text = kubeconfig_problem(&error);
    assert!(text.starts_with("it is no kubeconfig"), "{text}");
    assert!(!text.contains("hunter2"));
}

#[tokio::test]
async fn a_missing_kubeconfig_is_named() {
    let options = ConnectOptions {
        kubeconfig: Some("does/not/exist".into()),
        ..ConnectOptions::default()
    };
    let error = connect(&options).await.err().unwrap();
    insta::assert_snapshot!(
        error,
        @r#"the kubeconfig does/not/exist cannot be used: failed to read kubeconfig from '"does/not/exist"': No such file or directory (os error 2)"#
    );
}
