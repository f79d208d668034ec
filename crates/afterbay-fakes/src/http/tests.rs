//! The server itself, asked over plain sockets and over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

fn greet(request: &Request) -> Reply {
    match request.path.as_str() {
        "/silence" => Reply::silence(),
        "/hangup" => Reply::hangup(),
        "/slow" => Reply::from(Response::new(200, "text/plain", "slow")).after(Duration::from_millis(100)),
        "/wrong" => Reply::from(Response::new(400, "text/plain", "no")).violation("a path that is none"),
        _ => {
            let name = request.form().get("name").cloned().unwrap_or_default();
            Reply::from(Response::new(200, "text/plain", format!("hello {name}"))).named("greet")
        }
    }
}

fn ask(mut stream: impl Read + Write, path: &str, body: &str) -> String {
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn connect(server: &Server) -> TcpStream {
    let port = server.url().rsplit(':').next().unwrap();
    TcpStream::connect(format!("127.0.0.1:{port}")).unwrap()
}

#[test]
fn answers_and_counts() {
    let server = Server::start(greet).unwrap();
    let answer = ask(connect(&server), "/", "name=a%20b+c");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello a b c"),
        "{answer}"
    );
    let start = Instant::now();
    assert!(ask(connect(&server), "/slow", "").ends_with("slow"));
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(ask(connect(&server), "/hangup", ""), "");
    assert_eq!((server.connections(), server.requests()), (3, 3));
    assert_eq!((server.count("greet"), server.count("other")), (1, 0));
    assert!(ask(connect(&server), COUNTS_PATH, "").ends_with("{\"greet\":1}"));
    assert_eq!(server.requests(), 3);
}

#[test]
fn silence_lasts() {
    let server = Server::start(greet).unwrap();
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream
        .write_all(b"GET /silence HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(stream.read(&mut [0]).is_err());
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_violation_fails_the_test_unless_it_is_taken() {
    let wrong = || {
        let server = Server::start(greet).unwrap();
        ask(connect(&server), "/wrong", "");
        server
    };
    assert_eq!(wrong().take_violations(), ["a path that is none"]);
    let dropped = std::panic::catch_unwind(|| drop(wrong()));
    assert!(dropped.is_err());
}

#[test]
fn https_is_for_those_who_trust_the_authority() {
    let ca = TestCa::new();
    let server = Server::start_tls(&ca, greet).unwrap();
    assert!(server.url().starts_with("https://localhost:"));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap())
        .unwrap();
    let client = |roots| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    };
    let answer = ask(StreamOwned::new(client(roots), connect(&server)), "/", "name=tls");
    assert!(answer.ends_with("hello tls"), "{answer}");
    let mut stranger = StreamOwned::new(client(RootCertStore::empty()), connect(&server));
    assert!(stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
}
