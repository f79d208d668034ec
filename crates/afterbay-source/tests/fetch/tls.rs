//! HTTPS.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use afterbay_source::{HttpOptions, SourceError, SourceOptions};

use crate::support::{Answer, Repository, Request, Server, ServerOptions, credentials, options, run};

/// The server side of one TLS connection.
pub(crate) fn server_connection(chain: &str, key: &str) -> rustls::ServerConnection {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    rustls::ServerConnection::new(Arc::new(config)).expect("a connection")
}

const CA: &str = include_str!("tls/ca.pem");
const CHAIN: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");

fn server(repository: &Repository, options: ServerOptions) -> Server {
    Server::start(
        repository.root(),
        ServerOptions {
            tls: Some((CHAIN, KEY)),
            ..options
        },
    )
}

fn trusting(options: SourceOptions) -> SourceOptions {
    let http = HttpOptions {
        ca_bundle: Some(CA.as_bytes().to_vec()),
        ..HttpOptions::default()
    };
    SourceOptions { http, ..options }
}

#[test]
fn trusts_the_authority_it_is_given() {
    let repository = Repository::sample();
    let login = Some("me:Pa55".to_owned());
    let server = server(
        &repository,
        ServerOptions {
            login,
            ..ServerOptions::default()
        },
    );
    let options = trusting(options(&server.url(), "main"));
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options
    });
    assert_eq!(fetched.commit(), repository.id("HEAD"));
}

#[test]
fn trusts_nobody_else() {
    let repository = Repository::sample();
    let server = server(&repository, ServerOptions::default());
    let fetched = run(&options(&server.url(), "main"));
    assert!(
        matches!(fetched.error(), SourceError::Tls { .. }),
        "{:?}",
        fetched.error()
    );
    insta::assert_snapshot!(fetched.message().replace(&server.authority(), "HOST"), @"
    https://HOST/repo/.git: the tls connection is refused: invalid peer certificate: UnknownIssuer
    hint: if the certificate is your organization's own, give its authority by --git-ca-file
    ");
    assert!(server.take_requests().is_empty(), "nothing was said to it");
}

#[test]
fn a_certificate_is_for_its_names_only() {
    let repository = Repository::sample();
    let server = server(&repository, ServerOptions::default());
    // The same server by an address that the certificate does not hold.
    let elsewhere = server.url().replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let fetched = run(&trusting(options(&elsewhere, "main")));
    assert!(
        matches!(fetched.error(), SourceError::Tls { .. }),
        "{:?}",
        fetched.error()
    );
}

#[test]
fn a_redirect_does_not_leave_https() {
    let repository = Repository::sample();
    let plain = Server::start(repository.root(), ServerOptions::default());
    let base = plain.url();
    let script = move |_: &Request| {
        let location = format!("{base}/info/refs?service=git-upload-pack");
        Some(Answer::Reply(
            301,
            vec![("Location".to_owned(), location)],
            Vec::new(),
        ))
    };
    let server = server(
        &repository,
        ServerOptions {
            script: Some(Arc::new(script)),
            ..ServerOptions::default()
        },
    );
    let fetched = run(&trusting(options(&server.url(), "main")));
    assert!(
        fetched.message().contains("is refused: it leaves https"),
        "{}",
        fetched.message()
    );
    assert!(plain.take_requests().is_empty());
}

#[test]
fn a_bundle_without_certificates_is_an_error() {
    for bundle in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let mut options = options("https://127.0.0.1:1/repo", "main");
        options.http.ca_bundle = Some(bundle.as_bytes().to_vec());
        let fetched = run(&options);
        assert!(
            matches!(fetched.error(), SourceError::HttpClient { .. }),
            "{bundle:?}: {:?}",
            fetched.error()
        );
    }
}
