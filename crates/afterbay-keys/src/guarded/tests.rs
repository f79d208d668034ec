//! Where the client goes, and where not.

use std::time::Duration;

use afterbay_fakes::http::{Reply, Response, Server};

use super::*;

fn limits() -> KmsLimits {
    KmsLimits {
        attempt: Duration::from_secs(5),
        first_wait: Duration::from_millis(10),
        ..KmsLimits::default()
    }
}

fn server() -> Server {
    Server::start(|_| Reply::from(Response::new(200, "text/plain", "hello"))).unwrap()
}

fn guarded(named: &[&str]) -> Guarded {
    let places = named
        .iter()
        .filter_map(|text| Place::of(&Url::parse(text).unwrap()))
        .collect();
    Guarded::new(places, None, &KeyEnvironment::default(), limits()).unwrap()
}

async fn get(guarded: &Guarded, url: &str) -> Result<Answer, Trouble> {
    guarded
        .send(&Call::new(Method::GET, Url::parse(url).unwrap()))
        .await
}

#[tokio::test]
async fn a_place_inside_is_reached_only_by_those_who_named_it() {
    let server = server();
    let port = server.url().rsplit(':').next().unwrap();
    let open = guarded(&[server.url()]);
    assert_eq!(
        get(&open, server.url()).await.map(|answer| answer.status),
        Ok(200)
    );

    let before = server.connections();
    let closed = guarded(&["https://other.example.com"]);
    for url in [
        server.url().to_owned(),
        format!("https://127.0.0.1:{port}"),
        format!("https://0x7f.1:{port}"),
        format!("https://2130706433:{port}"),
        format!("https://[::1]:{port}"),
        format!("https://[::ffff:127.0.0.1]:{port}"),
        format!("https://0.0.0.0:{port}"),
        // A name is looked up, and what it stands for is looked at before anything is connected.
        format!("https://localhost:{port}"),
        "https://169.254.169.254/metadata".to_owned(),
        "https://10.0.0.1".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let told = get(&closed, &url).await.map(|answer| answer.status);
        let refused = matches!(
            told,
            Err(Trouble::Private { .. } | Trouble::Plain { .. } | Trouble::NoPlace)
        );
        assert!(refused, "{url}: {told:?}");
    }
    assert_eq!(server.connections(), before);
}

#[tokio::test]
async fn another_port_of_a_named_host_is_another_place() {
    let server = server();
    let closed = guarded(&["http://127.0.0.1:1"]);
    assert!(matches!(
        get(&closed, server.url()).await,
        Err(Trouble::Plain { .. })
    ));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_does_not_end_is_cut_off() {
    let long =
        Server::start(|_| Reply::from(Response::new(200, "text/plain", vec![b'x'; MOST_BYTES + 1]))).unwrap();
    let open = guarded(&[long.url()]);
    assert!(matches!(
        get(&open, long.url()).await,
        Err(Trouble::TooLong { .. })
    ));
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_to() {
    let server =
        Server::start(|_| Reply::from(Response::new(429, "text/plain", "").header("retry-after", "3600")))
            .unwrap();
    let open = guarded(&[server.url()]);
    // Longer than the time that is left: the answer is returned instead of waiting.
    assert_eq!(
        get(&open, server.url()).await.map(|answer| answer.status),
        Ok(429)
    );
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_header_with_a_line_end_is_refused_and_not_repeated() {
    let call = Call::new(Method::GET, Url::parse("https://a").unwrap());
    let secret = SecretBytes::new(b"canary\r\nX: y".to_vec());
    let failure = call
        .secret_header(reqwest::header::AUTHORIZATION, "Bearer ", &secret)
        .err()
        .unwrap();
    assert!(!format!("{failure:?}").contains("canary"));
}
