//! The program: a line of JSON, a server, and an end with whoever started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use afterbay_fakes::http::COUNTS_PATH;
use serde_json::Value;

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_afterbay-fakes"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn post(url: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: fake\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Ends the standard input and returns whether all was well, and standard error.
fn end(mut child: Child) -> (bool, String) {
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn serves_and_ends() {
    let (child, told) = start(&["aws", "--latency", "1"]);
    let url = told["url"].as_str().unwrap();
    assert!(post(url, COUNTS_PATH).ends_with("\r\n\r\n{}"));
    assert_eq!(end(child), (true, String::new()));
}

#[test]
fn a_violation_is_told_at_the_end() {
    let (child, told) = start(&["aws"]);
    assert!(post(told["url"].as_str().unwrap(), "/evil").starts_with("HTTP/1.1 404"));
    let (success, said) = end(child);
    assert!(!success && said.contains("POST /evil"), "{said}");
}

#[test]
fn an_authority_comes_with_tls() {
    let (child, told) = start(&["aws", "--tls"]);
    assert!(told["url"].as_str().unwrap().starts_with("https://localhost:"));
    assert!(
        told["ca"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    assert!(end(child).0);
}
