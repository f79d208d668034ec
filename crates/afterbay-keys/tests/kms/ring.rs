//! How many calls there are: bounded, paced, remembered, and none to who is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterbay_fakes::aws::{AwsFake, KeyState, Scripted};
use afterbay_keys::{
    AwsCredentials, CacheLimits, DataKeyCache, FixedCredentials, KeyMetrics, KeyOptions, KeyRing, Rate,
};
use afterbay_manifest::{AwsKmsKey, KeyKind, KeyRequest, SecretBytes, WrappedKey};
use tokio::net::TcpListener;

use crate::setup::{ARN, DATA_KEY, ROLE, failure, fake, key, opened, options, request, ring};

fn numbered(fake: &AwsFake, count: u16) -> Vec<AwsKmsKey> {
    let number = |number: u16| {
        let ciphertext = number.to_be_bytes();
        fake.on(&ciphertext, [Scripted::key(DATA_KEY)]);
        key(&ciphertext)
    };
    (0..count).map(number).collect()
}

fn requests(keys: &[AwsKmsKey]) -> Vec<KeyRequest> {
    keys.iter().cloned().map(request).collect()
}

fn cache() -> Arc<DataKeyCache> {
    Arc::new(DataKeyCache::new(CacheLimits {
        ttl: Duration::from_mins(10),
        entries: 10_000,
    }))
}

fn with_cache(fake: &AwsFake, cache: &Arc<DataKeyCache>) -> KeyOptions {
    KeyOptions {
        cache: Arc::clone(cache),
        ..options(fake.url())
    }
}

#[tokio::test]
async fn a_thousand_keys_are_asked_for_side_by_side_and_then_known() {
    let fake = fake();
    fake.set_latency(Duration::from_millis(20));
    let keys = numbered(&fake, 1000);
    let cache = cache();
    let start = Instant::now();
    let cold = KeyRing::new(with_cache(&fake, &cache));
    let outcome = cold.unwrap_all(requests(&keys)).await;
    println!(
        "1000 keys behind 20 ms: {:?}, at most {} at once",
        start.elapsed(),
        fake.server().most_busy()
    );
    assert!(keys.iter().all(|key| opened(&outcome, key)));
    assert_eq!(fake.count("Decrypt"), 1000);
    assert!(
        (17..=64).contains(&fake.server().most_busy()),
        "{}",
        fake.server().most_busy()
    );
    assert!(fake.server().connections() <= 64, "connections are kept");

    let warm = KeyRing::new(with_cache(&fake, &cache));
    let outcome = warm.unwrap_all(requests(&keys)).await;
    assert!(keys.iter().all(|key| opened(&outcome, key)));
    assert_eq!(fake.count("Decrypt"), 1000, "none was asked for again");
    let saved = KeyMetrics {
        calls: 0,
        hits: 1000,
        misses: 0,
        saved: 1000,
    };
    assert_eq!(warm.metrics(), saved);
    assert_eq!((cache.metrics().hits, cache.metrics().misses), (1000, 1000));
}

#[tokio::test]
async fn without_a_cache_every_run_asks() {
    let fake = fake();
    let keys = numbered(&fake, 2);
    let ring = ring(&fake);
    for _ in 0..2 {
        ring.unwrap_all(requests(&keys)).await;
    }
    assert_eq!(fake.count("Decrypt"), 4);
    let metrics = KeyMetrics {
        calls: 4,
        ..KeyMetrics::default()
    };
    assert_eq!(ring.metrics(), metrics);
}

#[tokio::test]
async fn keys_that_requests_share_are_calls_saved() {
    let fake = fake();
    let keys = numbered(&fake, 1);
    let other = WrappedKey::AwsKms(key(b"other"));
    let mut wider = request(keys[0].clone());
    wider.groups[0].push(other);
    let ring = ring(&fake);
    ring.unwrap_all(vec![request(keys[0].clone()), wider]).await;
    assert_eq!(fake.count("Decrypt"), 1);
    let metrics = KeyMetrics {
        calls: 1,
        saved: 1,
        ..KeyMetrics::default()
    };
    assert_eq!(ring.metrics(), metrics);
}

/// What one identity was given, no other is: not with other credentials, not with another role, not from another
/// endpoint.
#[tokio::test]
async fn a_cache_is_parted_by_identity() {
    let (fake, elsewhere) = (fake(), fake());
    fake.add_user("AKIAOTHER", "canary", "000000000000");
    let (keys, cache) = (numbered(&fake, 1), cache());
    let there = numbered(&elsewhere, 1);
    let ask = async |options: KeyOptions, key: &AwsKmsKey| {
        let keys = KeyRing::new(options).unwrap_all(vec![request(key.clone())]).await;
        assert!(opened(&keys, key), "{}", failure(&keys, key));
    };
    ask(with_cache(&fake, &cache), &keys[0]).await;
    ask(with_cache(&fake, &cache), &keys[0]).await;
    assert_eq!(fake.count("Decrypt"), 1);

    let mut other = with_cache(&fake, &cache);
    other.kms.credentials = AwsCredentials::Fixed(FixedCredentials {
        access_key_id: "AKIAOTHER".to_owned(),
        secret_access_key: SecretBytes::new(b"canary".to_vec()),
        session_token: None,
    });
    ask(other, &keys[0]).await;
    assert_eq!(fake.count("Decrypt"), 2);

    let mut with_role = keys[0].clone();
    with_role.role = Some(ROLE.to_owned());
    ask(with_cache(&fake, &cache), &with_role).await;
    assert_eq!(fake.count("Decrypt"), 3);

    ask(with_cache(&elsewhere, &cache), &there[0]).await;
    assert_eq!(elsewhere.count("Decrypt"), 1);

    // A file that asks for what is not allowed is not served from the cache either.
    let mut strict = with_cache(&fake, &cache);
    strict.kms.allow_role = afterbay_keys::Allow::None;
    let keys = KeyRing::new(strict)
        .unwrap_all(vec![request(with_role.clone())])
        .await;
    assert!(failure(&keys, &with_role).contains("which is not allowed"));
}

#[tokio::test]
async fn failures_are_not_remembered_and_lives_end() {
    let fake = fake();
    let keys = numbered(&fake, 1);
    let cache = Arc::new(DataKeyCache::new(CacheLimits {
        ttl: Duration::from_millis(300),
        entries: 10,
    }));
    let ask = async || {
        let ring = KeyRing::new(with_cache(&fake, &cache));
        opened(&ring.unwrap_all(requests(&keys)).await, &keys[0])
    };
    fake.set_key(ARN, KeyState::Disabled);
    assert!(!ask().await);
    fake.set_key(ARN, KeyState::Enabled);
    assert!(ask().await && ask().await);
    assert_eq!(fake.count("Decrypt"), 2);
    tokio::time::sleep(Duration::from_millis(350)).await;
    cache.forget_expired();
    assert_eq!(cache.metrics().entries, 0);
    assert!(ask().await);
    assert_eq!(fake.count("Decrypt"), 3);
}

#[tokio::test]
async fn a_service_is_asked_no_faster_than_its_rate() {
    let fake = fake();
    let keys = numbered(&fake, 30);
    let options = KeyOptions {
        rate: Rate {
            per_second: 50,
            burst: 10,
        },
        ..options(fake.url())
    };
    let start = Instant::now();
    let outcome = KeyRing::new(options).unwrap_all(requests(&keys)).await;
    assert!(keys.iter().all(|key| opened(&outcome, key)));
    // 10 at once, 20 more at 50 a second.
    assert!(
        start.elapsed() >= Duration::from_millis(390),
        "{:?}",
        start.elapsed()
    );
}

/// The key of one region is away: of all files that have a key of each, only the first waits for it.
#[tokio::test]
async fn a_region_that_is_away_is_asked_once_and_then_last() {
    let fake = fake();
    let away = "arn:aws:kms:us-east-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";
    fake.add_key(away);
    let mut options = options(fake.url());
    options.concurrency = 1;
    options.kms.limits.attempt = Duration::from_millis(300);
    let both = |number: u8| {
        let mut first = key(&[number, 1]);
        first.arn = away.to_owned();
        let second = key(&[number, 2]);
        fake.on(&first.ciphertext, [Scripted::silence()]);
        fake.on(&second.ciphertext, [Scripted::key(DATA_KEY)]);
        [first, second]
    };
    let pairs: Vec<[AwsKmsKey; 2]> = (0..5).map(both).collect();
    let requests = pairs.iter().map(|pair| {
        let keys = pair.iter().cloned().map(WrappedKey::AwsKms).collect();
        KeyRequest::any_of("secret.yaml".to_owned(), keys)
    });
    let ring = KeyRing::new(options);
    let keys = ring.unwrap_all(requests.collect()).await;
    assert!(pairs.iter().all(|[_, second]| opened(&keys, second)));
    let asked: Vec<String> = fake.calls().into_iter().map(|call| call.scope).collect();
    let far = asked.iter().filter(|scope| scope.contains("us-east-1")).count();
    assert_eq!((far, asked.len()), (1, 6), "{asked:?}");
    let untried = pairs
        .iter()
        .filter(|[first, _]| keys.outcome(&WrappedKey::AwsKms(first.clone())).is_none());
    assert_eq!(untried.count(), 4);
}

#[tokio::test]
async fn the_order_of_the_operator_comes_before_the_cost() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    for (order, calls) in [(vec![], 0), (vec![KeyKind::AwsKms], 1)] {
        let mut options = options(fake.url());
        options.age.identities.push(afterbay_keys::SecretSource::File(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/alice.agekey").into(),
        ));
        options.decryption_order = order.into();
        let mut request = request(key(b"one"));
        request.groups[0].push(WrappedKey::Age {
            recipient: "age1x".to_owned(),
            enc: include_str!("../data/to-alice.age").to_owned(),
        });
        let keys = KeyRing::new(options).unwrap_all(vec![request.clone()]).await;
        assert!(keys.first_open(&request).is_ok());
        assert_eq!(fake.count("Decrypt"), calls);
    }
}

#[tokio::test]
async fn words_that_are_no_kind_are_told() {
    let mut options = options("http://127.0.0.1:1");
    options.decryption_order = "age,\u{1b}[2Jfoo".parse().unwrap();
    options.environment.ignored = vec![("SOPS_KEYSERVICE", "is not supported")];
    let notes: Vec<String> = KeyRing::new(options)
        .notes()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(notes.join("\n"), @r"
    SOPS_KEYSERVICE: is not supported
    decryption order: `[2Jfoo` is no kind of key; the kinds are kms, gcp_kms, hckms, azure_kv, hc_vault, pgp, age
    ");
}

/// What the fake checks by itself, without a script.
#[tokio::test]
async fn region_account_and_state_are_those_of_the_key() {
    let fake = fake();
    let mut lines = Vec::new();
    let mut ask = async |arn: &str| {
        let mut asked = key(b"one");
        asked.arn = arn.to_owned();
        let keys = ring(&fake).unwrap_all(vec![request(asked.clone())]).await;
        lines.push(failure(&keys, &asked));
    };
    ask("arn:aws:kms:us-east-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48").await;
    fake.add_key("arn:aws:kms:eu-west-1:111111111111:key/other");
    ask("arn:aws:kms:eu-west-1:111111111111:key/other").await;
    fake.set_key(ARN, KeyState::PendingDeletion);
    ask(ARN).await;
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in us-east-1: there is no such key: Key 'arn:aws:kms:us-east-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48' does not exist
      hint: see whether account, region and key id are right
    AWS KMS in eu-west-1: access denied: User: arn:aws:iam::000000000000:user/AKIATEST is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:111111111111:key/other because no resource-based policy allows the kms:Decrypt action
      hint: allow the identity in use to call kms:Decrypt on the key
    AWS KMS in eu-west-1: the state of the key does not allow it: arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48 is pending deletion.
      hint: if it waits for its deletion, `aws kms cancel-key-deletion` and `aws kms enable-key` bring it back; or add another key with `sops updatekeys`
    ");
}

#[tokio::test]
async fn broken_answers_and_lost_connections_are_named() {
    let fake = fake();
    fake.on(b"broken", [Scripted::body(200, "{\"Plaintext\": \"AAEC")]);
    fake.on(b"no-base64", [Scripted::body(200, "{\"Plaintext\": \"*\"}")]);
    fake.on(b"lost", [Scripted::hangup()]);
    let mut lines = Vec::new();
    for ciphertext in [&b"broken"[..], b"no-base64", b"lost"] {
        let keys = ring(&fake).unwrap_all(vec![request(key(ciphertext))]).await;
        lines.push(failure(&keys, &key(ciphertext)).replace(fake.url(), "URL"));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in eu-west-1: URL answered with status 200 and nothing that can be read
      hint: see whether the endpoint is right
    AWS KMS in eu-west-1: URL answered with status 200 and nothing that can be read
      hint: see whether the endpoint is right
    AWS KMS in eu-west-1: no connection to URL: connection closed before message completed
      hint: see whether the endpoint is right and can be reached from here
    ");
}

/// One hostile file per row: what it names, and that nothing was asked for it, by the chain or by KMS.
#[tokio::test]
async fn what_a_hostile_file_names_causes_no_request() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = trap.local_addr().unwrap().to_string();
    let fake = fake();
    let rows: [(&str, AwsKmsKey); 6] = [
        ("arn with a host", {
            let mut key = key(b"one");
            key.arn = format!("arn:aws:kms:eu-west-1@{host}/:000000000000:key/a");
            key
        }),
        ("arn of another service", {
            let mut key = key(b"one");
            key.arn = "arn:aws:s3:eu-west-1:000000000000:key/a".to_owned();
            key
        }),
        ("role of another partition", {
            let mut key = key(b"one");
            key.role = Some("arn:aws-cn:iam::123456789012:role/a".to_owned());
            key
        }),
        ("role that is not allowed", {
            let mut key = key(b"one");
            key.role = Some(ROLE.to_owned());
            key
        }),
        ("profile that is a section", {
            let mut key = key(b"one");
            key.aws_profile = Some("a]\n[profile b".to_owned());
            key
        }),
        ("profile that is not allowed", {
            let mut key = key(b"one");
            key.aws_profile = Some("prod".to_owned());
            key
        }),
    ];
    let mut table = Vec::new();
    for (what, key) in rows {
        let mut options = options(fake.url());
        options.kms.allow_role = afterbay_keys::Allow::None;
        options.kms.allow_profile = afterbay_keys::Allow::None;
        if what == "role of another partition" {
            options.kms.allow_role = afterbay_keys::Allow::Any;
        }
        let ring = KeyRing::new(options);
        let keys = ring.unwrap_all(vec![request(key.clone())]).await;
        assert!(!opened(&keys, &key));
        let calls = ring.metrics().calls;
        let trapped = tokio::time::timeout(Duration::from_millis(20), trap.accept())
            .await
            .is_ok();
        table.push(format!(
            "{what}: {} requests, {calls} calls, trapped: {trapped}",
            fake.server().connections()
        ));
    }
    insta::assert_snapshot!(table.join("\n"), @r"
    arn with a host: 0 requests, 0 calls, trapped: false
    arn of another service: 0 requests, 0 calls, trapped: false
    role of another partition: 0 requests, 0 calls, trapped: false
    role that is not allowed: 0 requests, 0 calls, trapped: false
    profile that is a section: 0 requests, 0 calls, trapped: false
    profile that is not allowed: 0 requests, 0 calls, trapped: false
    ");
}
