//! The ring over local keys; the network has its own tests in `tests/kms`.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::Duration;

use afterbay_manifest::{AwsKmsKey, KeyKind, KeyRequest, PgpKey, SecretBytes, UnsupportedKey, WrappedKey};

use super::KeyRing;
use crate::environment::KeyEnvironment;
use crate::options::{KeyOptions, SecretSource};

const DATA_KEY: &[u8] = include_bytes!("../../tests/data/data-key.bin");

fn to_alice() -> WrappedKey {
    WrappedKey::Age {
        recipient: "age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4".to_owned(),
        enc: include_str!("../../tests/data/to-alice.age").to_owned(),
    }
}

fn to_bob() -> WrappedKey {
    WrappedKey::Age {
        recipient: "age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7".to_owned(),
        enc: include_str!("../../tests/data/to-bob.age").to_owned(),
    }
}

fn huawei() -> WrappedKey {
    WrappedKey::Unsupported(UnsupportedKey {
        kind: KeyKind::HuaweiKms,
        id: "tr-west-1:85D77543".to_owned(),
        reason: "Huawei Cloud KMS is not supported".to_owned(),
    })
}

fn eyaml() -> WrappedKey {
    WrappedKey::Pkcs7 {
        encrypted_key: include_bytes!("../../tests/data/content-key-32.rsa").to_vec(),
        key_length: 32,
    }
}

fn request(alternatives: Vec<WrappedKey>) -> KeyRequest {
    KeyRequest::any_of("secret.yaml".to_owned(), alternatives)
}

fn ring() -> KeyRing {
    KeyRing::new(options())
}

fn options() -> KeyOptions {
    let identity = include_bytes!("../../tests/data/alice.agekey").to_vec();
    let pem = include_bytes!("../../tests/data/rsa-pkcs1.pem").to_vec();
    let mut options = KeyOptions::new(KeyEnvironment {
        age_key: Some(SecretBytes::new(identity)),
        ..KeyEnvironment::default()
    });
    options.rsa_keys.push(SecretSource::Inline {
        name: "private_key.pkcs7.pem".to_owned(),
        content: SecretBytes::new(pem),
    });
    options
}

#[tokio::test]
async fn opens_keys_of_each_local_kind() {
    let requests = vec![request(vec![to_alice()]), request(vec![eyaml()])];
    let keys = ring().unwrap_all(requests.clone()).await;
    for request in &requests {
        assert_eq!(keys.first_open(request).unwrap()[0].expose_bytes(), DATA_KEY);
    }
}

#[tokio::test]
async fn opens_openpgp_messages() {
    let mut messages = fixtures::pgp::MESSAGES.iter();
    let message = messages.find(|message| message.name == "to-cv25519.asc").unwrap();
    let mut options = options();
    options
        .pgp
        .keys
        .push(SecretSource::File(message.key_file("cv25519")));
    let request = request(vec![WrappedKey::Pgp(PgpKey {
        fingerprint: "85D77543B3D624B63CEA9E6DBC17301B491B3F21".to_owned(),
        message: message.bytes.to_vec(),
    })]);
    let keys = KeyRing::new(options).unwrap_all(vec![request.clone()]).await;
    let opened = keys.first_open(&request).unwrap()[0].expose_bytes();
    assert_eq!(opened, fixtures::pgp::CONTENT);
}

#[tokio::test]
async fn tells_of_each_data_key_opened_or_not() {
    let requests = vec![
        request(vec![to_alice()]),
        request(vec![huawei()]),
        request(vec![eyaml()]),
    ];
    let mut told = Vec::new();
    ring()
        .unwrap_each(requests, &mut |done, total| told.push((done, total)))
        .await;
    assert_eq!(told, [(1, 3), (2, 3), (3, 3)]);
}

#[tokio::test]
async fn stops_at_the_first_key_that_opens() {
    let both = request(vec![huawei(), to_bob(), to_alice()]);
    let keys = ring().unwrap_all(vec![both.clone()]).await;
    assert_eq!(keys.first_open(&both).unwrap()[0].expose_bytes(), DATA_KEY);
    assert!(keys.outcome(&to_bob()).unwrap().is_err(), "tried before alice");
    assert!(
        keys.outcome(&huawei()).is_none(),
        "not tried, because alice's opened"
    );
}

#[tokio::test]
async fn keeps_every_failure_with_its_key() {
    let hopeless = request(vec![huawei(), to_bob()]);
    let keys = ring()
        .unwrap_all(vec![hopeless.clone(), request(vec![to_alice()])])
        .await;
    assert!(
        keys.outcome(&to_alice()).unwrap().is_ok(),
        "one failure does not stop the others"
    );
    insta::assert_debug_snapshot!(keys.first_open(&hopeless).unwrap_err(), @r#"
    [
        KeyFailure {
            key: "hckms tr-west-1:85D77543",
            attempts: [
                Attempt {
                    with: "hckms",
                    reason: "Huawei Cloud KMS is not supported",
                    hint: Some(
                        "add another key with `sops updatekeys`",
                    ),
                },
            ],
        },
        KeyFailure {
            key: "age age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7",
            attempts: [
                Attempt {
                    with: "SOPS_AGE_KEY",
                    reason: "none of its identities fits: age1wps4hpv5a4r2xzauvz36f7u4yclaqetkxsr8n3wsyr02rkhwmfds7yelh4",
                    hint: Some(
                        "the identity of age1urjjzqqu6cg0nyhpf4ryxljm8jtqsn5kxmyx0dcuza50286zac0sgf86n7 is needed",
                    ),
                },
            ],
        },
    ]
    "#);
}

#[tokio::test]
async fn a_request_without_keys_is_no_failure_of_others() {
    let keys = ring()
        .unwrap_all(vec![request(Vec::new()), request(vec![to_alice()])])
        .await;
    assert!(keys.outcome(&to_alice()).unwrap().is_ok());
    assert!(keys.first_open(&request(Vec::new())).unwrap_err().is_empty());
}

#[tokio::test]
async fn a_hostile_recipient_stays_on_its_line() {
    let key = WrappedKey::Unsupported(UnsupportedKey {
        kind: KeyKind::Vault,
        id: format!("https://vault/\x1b[2J\n{}", "x".repeat(5000)),
        reason: String::new(),
    });
    let keys = ring().unwrap_all(vec![request(vec![key.clone()])]).await;
    let failure = keys.outcome(&key).unwrap().unwrap_err();
    assert!(
        failure.key.starts_with("hc_vault https://vault/ [2J xxx"),
        "{}",
        failure.key
    );
    assert!(failure.key.chars().count() < 400);
}

#[tokio::test]
async fn works_with_any_bound() {
    for concurrency in [0, 1, 64] {
        let ring = KeyRing::new(KeyOptions {
            concurrency,
            ..options()
        });
        let requests = vec![
            request(vec![to_alice()]),
            request(vec![eyaml()]),
            request(vec![to_bob()]),
        ];
        let keys = tokio::time::timeout(Duration::from_mins(1), ring.unwrap_all(requests))
            .await
            .unwrap();
        assert!(keys.outcome(&to_alice()).unwrap().is_ok());
        assert!(keys.outcome(&to_bob()).unwrap().is_err());
    }
}

#[tokio::test]
async fn can_run_on_any_thread() {
    let ring = ring();
    let keys = tokio::spawn(async move { ring.unwrap_all(vec![request(vec![to_alice()])]).await });
    assert!(keys.await.unwrap().outcome(&to_alice()).unwrap().is_ok());
}

#[tokio::test]
async fn a_descriptor_is_read_once() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer
        .write_all(include_bytes!("../../tests/data/alice.agekey"))
        .unwrap();
    drop(writer);
    let mut options = KeyOptions::new(KeyEnvironment::default());
    let descriptor = format!("/dev/fd/{}", reader.as_raw_fd());
    options.age.identities.push(SecretSource::File(descriptor.into()));
    let ring = KeyRing::new(options);
    for _ in 0..2 {
        let keys = ring
            .unwrap_all(vec![request(vec![to_alice()]), request(vec![to_bob()])])
            .await;
        assert!(keys.outcome(&to_alice()).unwrap().is_ok());
    }
    assert!(ring.notes().is_empty());
}

#[tokio::test]
async fn an_explicit_set_asks_nobody() {
    let kms = WrappedKey::AwsKms(AwsKmsKey {
        arn: "arn:aws:kms:eu-west-1:123456789012:key/1".to_owned(),
        role: None,
        context: BTreeMap::new(),
        aws_profile: None,
        ciphertext: vec![1],
    });
    let ring = KeyRing::new(KeyOptions::explicit());
    let keys = ring
        .unwrap_all(vec![request(vec![to_alice()]), request(vec![kms.clone()])])
        .await;
    let reasons = [to_alice(), kms].map(|key| {
        let failure = keys.outcome(&key).unwrap().unwrap_err();
        let attempts = failure.attempts.iter();
        attempts
            .map(|attempt| format!("{}: {}", attempt.with, attempt.reason))
            .collect::<Vec<_>>()
            .join(", ")
    });
    insta::assert_snapshot!(reasons.join("\n"), @r"
    age: no identity was offered
    AWS KMS in eu-west-1: no credentials for AWS were given
    ");
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let ring = ring();
    let keys = ring
        .unwrap_all(vec![request(vec![to_alice()]), request(vec![to_bob()])])
        .await;
    let shown = format!("{ring:#?} {keys:#?} {:#?} {:#?}", options(), ring.notes());
    let identity = include_str!("../../tests/data/alice.agekey")
        .lines()
        .last()
        .unwrap();
    let pem_line = include_str!("../../tests/data/rsa-pkcs1.pem")
        .lines()
        .nth(5)
        .unwrap();
    for canary in [
        identity,
        "AGE-SECRET-KEY",
        pem_line,
        "PRIVATE KEY",
        "0, 1, 2, 3",
        "0001020304",
    ] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}
