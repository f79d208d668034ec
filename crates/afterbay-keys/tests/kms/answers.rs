//! One request for each ciphertext, and what each answer becomes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use afterbay_fakes::aws::Scripted;
use afterbay_keys::{KeyRing, SecretSource};
use afterbay_manifest::{KeyRequest, WrappedKey};
use tokio::net::TcpListener;

use crate::setup::{ARN, DATA_KEY, failure, fake, key, opened, options, request, ring};

#[tokio::test]
async fn opens_a_key_with_its_context() {
    let fake = fake();
    let context = BTreeMap::from([
        ("env".to_owned(), "prod".to_owned()),
        ("app".to_owned(), "db".to_owned()),
    ]);
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    fake.bind(b"one", context.clone());
    let mut key = key(b"one");
    key.context = context;
    let ring = ring(&fake);
    let keys = ring.unwrap_all(vec![request(key.clone())]).await;
    assert!(opened(&keys, &key));
    let call = &fake.calls()[0];
    assert_eq!(call.body["KeyId"], ARN);
    assert_eq!(call.scope, "AKIATEST eu-west-1 kms");
    assert_eq!(call.token, None);
    assert!(ring.notes().is_empty());
}

#[tokio::test]
async fn a_wrong_context_is_told() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    fake.bind(b"one", BTreeMap::from([("env".to_owned(), "prod".to_owned())]));
    let keys = ring(&fake).unwrap_all(vec![request(key(b"one"))]).await;
    insta::assert_snapshot!(failure(&keys, &key(b"one")), @r"
    AWS KMS in eu-west-1: KMS does not accept the ciphertext
      hint: it was asked without an encryption context; restore the entry that sops wrote, if that or its enc was altered
    ");
    assert_eq!(fake.count("Decrypt"), 1);
}

#[tokio::test]
async fn asks_once_for_each_ciphertext() {
    let fake = fake();
    for ciphertext in [b"one", b"two"] {
        fake.on(
            ciphertext,
            [Scripted::key(DATA_KEY).after(Duration::from_millis(50))],
        );
    }
    let mut requests: Vec<KeyRequest> = (0..20).map(|_| request(key(b"one"))).collect();
    requests.push(request(key(b"two")));
    // Another set of keys with the same key is another request, and still the same key.
    let mut both = request(key(b"one"));
    both.groups[0].push(WrappedKey::AwsKms(key(b"two")));
    requests.push(both);
    let keys = ring(&fake).unwrap_all(requests).await;
    assert!(opened(&keys, &key(b"one")) && opened(&keys, &key(b"two")));
    assert_eq!(fake.count("Decrypt"), 2);
}

#[tokio::test]
async fn asks_for_as_many_at_once_as_allowed() {
    for concurrency in [1, 3] {
        let fake = fake();
        let mut options = options(fake.url());
        options.concurrency = concurrency;
        let requests = (0..9_u8)
            .map(|number| {
                fake.on(
                    &[number],
                    [Scripted::key(DATA_KEY).after(Duration::from_millis(40))],
                );
                request(key(&[number]))
            })
            .collect();
        let keys = KeyRing::new(options).unwrap_all(requests).await;
        assert!((0..9_u8).all(|number| opened(&keys, &key(&[number]))));
        assert!(
            fake.server().most_busy() <= concurrency,
            "{}",
            fake.server().most_busy()
        );
        assert!(concurrency == 1 || fake.server().most_busy() > 1);
    }
}

#[tokio::test]
async fn local_keys_come_before_kms() {
    let fake = fake();
    let mut options = options(fake.url());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/alice.agekey");
    options.age.identities.push(SecretSource::File(path.into()));
    let ring = KeyRing::new(options);
    let age = |enc: &str| WrappedKey::Age {
        recipient: "age1x".to_owned(),
        enc: enc.to_owned(),
    };
    let to_alice = age(include_str!("../data/to-alice.age"));
    let to_bob = age(include_str!("../data/to-bob.age"));
    let mut request = request(key(b"one"));
    request.groups[0].push(to_alice.clone());
    let keys = ring.unwrap_all(vec![request.clone()]).await;
    assert_eq!(keys.first_open(&request).unwrap()[0].expose_bytes(), DATA_KEY);
    assert_eq!(fake.server().connections(), 0);

    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    request.groups[0][1] = to_bob.clone();
    let keys = ring.unwrap_all(vec![request]).await;
    assert!(opened(&keys, &key(b"one")));
    assert!(keys.outcome(&to_bob).unwrap().is_err());
}

#[tokio::test]
async fn tells_what_kms_says() {
    let fake = fake();
    let cases = [
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/ann is not authorized to perform: kms:Decrypt",
        ),
        (
            "DisabledException",
            "arn:aws:kms:eu-west-1:000000000000:key/612d is disabled.",
        ),
        ("KMSInvalidStateException", "the key is pending deletion."),
        ("InvalidCiphertextException", ""),
        (
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK",
        ),
        ("NotFoundException", "Key 'arn:aws:kms:…' does not exist"),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        ),
        ("KeyUnavailableException", ""),
        ("SomethingNewException", "\x1b[2Jtext\nwith \u{202e}controls"),
    ];
    let mut lines = Vec::new();
    for (code, message) in cases {
        fake.on(code.as_bytes(), [Scripted::error(400, code, message)]);
        let keys = ring(&fake).unwrap_all(vec![request(key(code.as_bytes()))]).await;
        lines.push(failure(&keys, &key(code.as_bytes())));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in eu-west-1: access denied: User: arn:aws:iam::1:user/ann is not authorized to perform: kms:Decrypt
      hint: allow the identity in use to call kms:Decrypt on the key
    AWS KMS in eu-west-1: the key is disabled: arn:aws:kms:eu-west-1:000000000000:key/612d is disabled.
      hint: enable the key, or add another one with `sops updatekeys`
    AWS KMS in eu-west-1: the state of the key does not allow it: the key is pending deletion.
      hint: if it waits for its deletion, `aws kms cancel-key-deletion` and `aws kms enable-key` bring it back; or add another key with `sops updatekeys`
    AWS KMS in eu-west-1: KMS does not accept the ciphertext
      hint: it was asked without an encryption context; restore the entry that sops wrote, if that or its enc was altered
    AWS KMS in eu-west-1: the ciphertext was made with another key: The key ID in the request does not identify a CMK
      hint: the arn of the entry was altered; restore it
    AWS KMS in eu-west-1: there is no such key: Key 'arn:aws:kms:…' does not exist
      hint: see whether account, region and key id are right
    AWS KMS in eu-west-1: the credentials have expired: The security token included in the request is expired
      hint: log in again, for example with `aws sso login`
    AWS KMS in eu-west-1: the credentials are not valid: The security token included in the request is invalid.
      hint: see which ones are in use with `aws sts get-caller-identity`
    AWS KMS in eu-west-1: the credentials are not valid: The request signature we calculated does not match
      hint: see which ones are in use with `aws sts get-caller-identity`
    AWS KMS in eu-west-1: KeyUnavailableException
    AWS KMS in eu-west-1: SomethingNewException: [2Jtext with controls
    ");
    assert_eq!(fake.count("Decrypt"), cases.len(), "none of these is tried again");
}

#[tokio::test]
async fn a_long_message_is_cut() {
    let fake = fake();
    fake.on(
        b"one",
        [Scripted::error(
            400,
            "AccessDeniedException",
            &"spam ".repeat(5000),
        )],
    );
    let keys = ring(&fake).unwrap_all(vec![request(key(b"one"))]).await;
    assert!(failure(&keys, &key(b"one")).len() < 600);
}

#[tokio::test]
async fn tries_throttling_and_server_errors_again() {
    let fake = fake();
    let slower = || Scripted::error(400, "ThrottlingException", "Rate exceeded");
    let broken = |status| Scripted::error(status, "KMSInternalException", "");
    fake.on(b"throttled", [slower(), slower(), Scripted::key(DATA_KEY)]);
    fake.on(b"broken", [broken(500), broken(503), Scripted::key(DATA_KEY)]);
    let keys = ring(&fake)
        .unwrap_all(vec![request(key(b"throttled")), request(key(b"broken"))])
        .await;
    assert!(opened(&keys, &key(b"throttled")) && opened(&keys, &key(b"broken")));
    assert_eq!(fake.count("Decrypt"), 6);
}

#[tokio::test]
async fn gives_up_after_the_last_attempt() {
    let fake = fake();
    fake.on(
        b"throttled",
        [Scripted::error(400, "ThrottlingException", "Rate exceeded")],
    );
    fake.on(
        b"broken",
        [Scripted::error(500, "KMSInternalException", "try later")],
    );
    fake.on(b"gateway", [Scripted::body(502, "<html>Bad gateway</html>")]);
    let mut lines = Vec::new();
    for ciphertext in [&b"throttled"[..], b"broken", b"gateway"] {
        let keys = ring(&fake).unwrap_all(vec![request(key(ciphertext))]).await;
        lines.push(failure(&keys, &key(ciphertext)));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in eu-west-1: throttled, 3 attempts at most: Rate exceeded
      hint: try again later, or unwrap fewer keys at the same time
    AWS KMS in eu-west-1: status 500 (KMSInternalException), 3 attempts at most: try later
      hint: try again later
    AWS KMS in eu-west-1: status 502, 3 attempts at most
      hint: try again later
    ");
    assert_eq!(fake.count("Decrypt"), 9);
}

#[tokio::test]
async fn names_what_is_no_kms() {
    let fake = fake();
    fake.on(b"html", [Scripted::body(404, "<html>Not found</html>")]);
    fake.on(b"ok", [Scripted::body(200, "<html>Welcome</html>")]);
    fake.on(b"empty", [Scripted::key(b"")]);
    let mut lines = Vec::new();
    for ciphertext in [&b"html"[..], b"ok", b"empty"] {
        let keys = ring(&fake).unwrap_all(vec![request(key(ciphertext))]).await;
        lines.push(failure(&keys, &key(ciphertext)).replace(fake.url(), "URL"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in eu-west-1: status 404 without an error code
      hint: see whether the endpoint is right
    AWS KMS in eu-west-1: URL answered with status 200 and nothing that can be read
      hint: see whether the endpoint is right
    AWS KMS in eu-west-1: the answer holds no key
    ");
}

#[tokio::test]
async fn a_slow_service_is_waited_for_once() {
    let fake = fake();
    let mut options = options(fake.url());
    options.kms.limits.attempt = Duration::from_millis(300);
    options.concurrency = 1;
    let requests = (0..5_u8)
        .map(|number| {
            fake.on(&[number], [Scripted::silence()]);
            request(key(&[number]))
        })
        .collect();
    let keys = KeyRing::new(options).unwrap_all(requests).await;
    assert_eq!(fake.count("Decrypt"), 1);
    insta::assert_snapshot!(failure(&keys, &key(&[0])).replace(fake.url(), "URL"), @r"
    AWS KMS in eu-west-1: URL did not answer in time (0.3 s an attempt, 20 s in all)
      hint: see whether the network is slow or something drops the packets
    ");
    insta::assert_snapshot!(failure(&keys, &key(&[4])).replace(fake.url(), "URL"), @r"
    AWS KMS in eu-west-1: URL did not answer in time (0.3 s an attempt, 20 s in all), and was not asked again in this run
      hint: see whether the network is slow or something drops the packets
    ");
}

#[tokio::test]
async fn a_deadline_ends_the_retries() {
    let fake = fake();
    let mut options = options(fake.url());
    options.kms.limits.attempts = 1000;
    options.kms.limits.total = Duration::from_secs(2);
    fake.on(b"one", [Scripted::error(500, "KMSInternalException", "")]);
    let start = Instant::now();
    let keys = KeyRing::new(options).unwrap_all(vec![request(key(b"one"))]).await;
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(failure(&keys, &key(b"one")).contains("did not answer in time"));
    assert!(fake.count("Decrypt") > 1);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut options = options(&url);
    options.concurrency = 1;
    let keys = KeyRing::new(options)
        .unwrap_all(vec![request(key(b"one")), request(key(b"two"))])
        .await;
    insta::assert_snapshot!(failure(&keys, &key(b"one")).replace(&url, "URL"), @r"
    AWS KMS in eu-west-1: no connection to URL: connection refused
      hint: see whether the endpoint is right and can be reached from here
    ");
    insta::assert_snapshot!(failure(&keys, &key(b"two")).replace(&url, "URL"), @r"
    AWS KMS in eu-west-1: no connection to URL: connection refused, and was not asked again in this run
      hint: see whether the endpoint is right and can be reached from here
    ");
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let fake = fake();
    fake.on(b"bad", [Scripted::error(400, "DisabledException", "")]);
    fake.on(b"good", [Scripted::key(DATA_KEY)]);
    let keys = ring(&fake)
        .unwrap_all(vec![request(key(b"bad")), request(key(b"good"))])
        .await;
    assert!(!opened(&keys, &key(b"bad")) && opened(&keys, &key(b"good")));
}
