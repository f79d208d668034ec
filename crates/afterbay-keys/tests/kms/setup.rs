//! Options, keys and requests of these tests, and outcomes as text.

use std::collections::BTreeMap;
use std::time::Duration;

use afterbay_fakes::aws::AwsFake;
use afterbay_keys::{
    AwsCredentials, Endpoint, FixedCredentials, KeyEnvironment, KeyOptions, KeyRing, KmsLimits,
};
use afterbay_manifest::{Attempt, AwsKmsKey, DataKeys, KeyRequest, SecretBytes, WrappedKey};

/// The data key of the fixtures: the bytes 0 to 31.
pub(crate) const DATA_KEY: &[u8] = include_bytes!("../data/data-key.bin");
pub(crate) const ARN: &str = "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";
/// The secret of the user that the options are.
pub(crate) const SECRET: &str = "canary-secret-key";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/deployer";

/// An AWS with one key, one role, and the users that the tests are; scripted ciphertexts do the rest.
pub(crate) fn fake() -> AwsFake {
    let fake = AwsFake::start().unwrap();
    fill(&fake);
    fake
}

/// Makes a fake the AWS of these tests.
pub(crate) fn fill(fake: &AwsFake) {
    for (id, secret) in [
        ("AKIATEST", SECRET),
        ("AKIAENV", "canary"),
        ("AKIAPROD", "canary"),
    ] {
        fake.add_user(id, secret, "000000000000");
    }
    fake.add_key(ARN);
    fake.add_role(ROLE);
    fake.share_key(ARN, "123456789012");
}

/// Options that reach the fake with credentials of their own and lose no time.
pub(crate) fn options(url: &str) -> KeyOptions {
    let mut options = KeyOptions::new(KeyEnvironment {
        host_name: "build-host.example.com".to_owned(),
        ..KeyEnvironment::default()
    });
    options.kms.endpoint = Some(Endpoint::parse(url).unwrap());
    options.kms.credentials = AwsCredentials::Fixed(FixedCredentials {
        access_key_id: "AKIATEST".to_owned(),
        secret_access_key: SecretBytes::new(SECRET.as_bytes().to_vec()),
        session_token: None,
    });
    options.kms.limits = KmsLimits {
        connect: Duration::from_secs(5),
        attempt: Duration::from_secs(5),
        total: Duration::from_secs(20),
        attempts: 3,
        first_wait: Duration::from_millis(10),
    };
    options
}

pub(crate) fn ring(fake: &AwsFake) -> KeyRing {
    KeyRing::new(options(fake.url()))
}

pub(crate) fn key(ciphertext: &[u8]) -> AwsKmsKey {
    AwsKmsKey {
        arn: ARN.to_owned(),
        role: None,
        context: BTreeMap::new(),
        aws_profile: None,
        ciphertext: ciphertext.to_vec(),
    }
}

pub(crate) fn request(key: AwsKmsKey) -> KeyRequest {
    KeyRequest::any_of("secret.yaml".to_owned(), vec![WrappedKey::AwsKms(key)])
}

/// Whether the data key came out.
pub(crate) fn opened(keys: &DataKeys, key: &AwsKmsKey) -> bool {
    match keys.outcome(&WrappedKey::AwsKms(key.clone())) {
        Some(Ok(candidates)) => candidates.len() == 1 && candidates[0].expose_bytes() == DATA_KEY,
        _ => false,
    }
}

/// The failure as an error list prints it.
pub(crate) fn failure(keys: &DataKeys, key: &AwsKmsKey) -> String {
    let failure = keys
        .outcome(&WrappedKey::AwsKms(key.clone()))
        .unwrap()
        .unwrap_err();
    failure.attempts.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) fn line(attempt: &Attempt) -> String {
    let hint = attempt
        .hint
        .as_ref()
        .map(|hint| format!("\n  hint: {hint}"))
        .unwrap_or_default();
    format!("{}: {}{hint}", attempt.with, attempt.reason)
}
