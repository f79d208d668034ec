//! Google Cloud KMS: every source of credentials, checksums, and what each answer becomes.

use std::time::{Duration, Instant};

use afterbay_fakes::gcp::{self, GcpKms};
use afterbay_fakes::http::{Reply, Response};
use afterbay_keys::{CloudEnvironment, KeyRing};
use serde_json::json;

use crate::setup::{DATA_KEY, GCP_KEY, PRIVATE_KEY, gcp as key, options, outcome, outcomes, secret, write};

/// An environment with a token, whose KMS is the fake.
fn environment(fake: &GcpKms) -> CloudEnvironment {
    CloudEnvironment {
        gcp_kms_endpoint: Some(fake.url().to_owned()),
        google_access_token: Some(secret(gcp::TOKEN)),
        ..CloudEnvironment::default()
    }
}

#[tokio::test]
async fn opens_a_key_and_asks_once() {
    let fake = GcpKms::start().unwrap();
    let key = key(GCP_KEY, fake.seal(GCP_KEY, DATA_KEY));
    let ring = KeyRing::new(options(environment(&fake)));
    let keys = vec![key; 20];
    assert!(outcomes(&ring, &keys).await.iter().all(|told| told == "opened"));
    assert_eq!(fake.server().count("decrypt"), 1);
    assert!(ring.notes().is_empty());
}

#[tokio::test]
async fn a_version_in_the_name_is_that_key() {
    let fake = GcpKms::start().unwrap();
    let name = format!("{GCP_KEY}/cryptoKeyVersions/3");
    let key = key(&name, fake.seal(GCP_KEY, DATA_KEY));
    let ring = KeyRing::new(options(environment(&fake)));
    assert_eq!(outcome(&ring, &key).await, "opened");
}

#[tokio::test]
async fn every_source_of_credentials_opens() {
    let fake = GcpKms::start().unwrap();
    fake.trust(PRIVATE_KEY);
    let folder = tempfile::tempdir().unwrap();
    let account = json!({
        "type": "service_account",
        "project_id": "shop-prod",
        "private_key_id": "1",
        "private_key": PRIVATE_KEY,
        "client_email": gcp::SERVICE_ACCOUNT,
        "token_uri": format!("{}/token", fake.url()),
    })
    .to_string();
    let user = json!({
        "type": "authorized_user",
        "client_id": "client",
        "client_secret": "canary-client-secret",
        "refresh_token": gcp::REFRESH_TOKEN,
        "token_uri": format!("{}/token", fake.url()),
    })
    .to_string();
    let subject = folder.path().join("subject");
    write(&subject, gcp::SUBJECT_TOKEN);
    let federated = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/sts", fake.url()),
        "credential_source": { "file": subject },
    })
    .to_string();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text);
        path
    };
    let base = || CloudEnvironment {
        google_access_token: None,
        ..environment(&fake)
    };
    let sources = [
        (
            "GOOGLE_CREDENTIALS, JSON",
            CloudEnvironment {
                google_credentials: Some(secret(&account)),
                ..base()
            },
        ),
        (
            "GOOGLE_CREDENTIALS, path",
            CloudEnvironment {
                google_credentials: Some(secret(file("account", &account).to_str().unwrap())),
                ..base()
            },
        ),
        (
            "GOOGLE_APPLICATION_CREDENTIALS",
            CloudEnvironment {
                google_credentials_file: Some(file("user", &user)),
                ..base()
            },
        ),
        (
            "workload identity federation",
            CloudEnvironment {
                google_credentials_file: Some(file("external", &federated)),
                ..base()
            },
        ),
        (
            "gcloud's file",
            CloudEnvironment {
                gcloud_file: Some(file("gcloud", &user)),
                ..base()
            },
        ),
    ];
    for (number, (source, cloud)) in sources.into_iter().enumerate() {
        let key = key(GCP_KEY, fake.seal(GCP_KEY, DATA_KEY));
        let ring = KeyRing::new(options(cloud));
        assert_eq!(outcome(&ring, &key).await, "opened", "{source}");
        assert_eq!(fake.server().count("decrypt"), number + 1, "{source}");
    }
    assert_eq!((fake.server().count("token"), fake.server().count("sts")), (2, 1));
}

#[tokio::test]
async fn credentials_that_are_none_are_told_before_anything_is_sent() {
    let fake = GcpKms::start().unwrap();
    let told = async |cloud: CloudEnvironment| {
        let key = key(GCP_KEY, fake.seal(GCP_KEY, DATA_KEY));
        outcome(&KeyRing::new(options(cloud)), &key).await
    };
    let with = |text: &str| CloudEnvironment {
        google_credentials: Some(secret(text)),
        ..environment(&fake)
    };
    insta::assert_snapshot!(told(with(r#"{"type": "service_account", "private_key": "canary"}"#)).await, @"GCP KMS: GOOGLE_CREDENTIALS: the credentials are damaged | run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached");
    insta::assert_snapshot!(told(with(r#"{"type": "gdch_service_account"}"#)).await, @"GCP KMS: GOOGLE_CREDENTIALS: credentials of the type gdch_service_account are not supported | run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached");
    insta::assert_snapshot!(told(with("{canary")).await, @"GCP KMS: GOOGLE_CREDENTIALS: not credentials in JSON | run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached");
    insta::assert_snapshot!(told(with("/nonexistent/account.json")).await, @"GCP KMS: GOOGLE_CREDENTIALS (/nonexistent/account.json): no such file | run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached");
    insta::assert_snapshot!(told(with(r#"{"refresh_token": "canary"}"#)).await, @"GCP KMS: GOOGLE_CREDENTIALS: the credentials have no type | run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached");
    assert_eq!(fake.server().requests(), 0);
}

#[tokio::test]
async fn each_refusal_has_a_reason_and_a_way_out() {
    let fake = GcpKms::start().unwrap();
    let disabled = json!({ "error": { "code": 403, "status": "PERMISSION_DENIED", "message": "API has not been used",
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED" }] } });
    let ring = KeyRing::new(options(environment(&fake)));
    let told = async |reply: Reply| {
        fake.script([reply]);
        outcome(&ring, &key(GCP_KEY, fake.seal(GCP_KEY, DATA_KEY))).await
    };
    insta::assert_snapshot!(told(GcpKms::error(403, "PERMISSION_DENIED", "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied")).await, @"GCP KMS at http://127.0.0.1:PORT: access denied: Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied | grant the identity in use the role roles/cloudkms.cryptoKeyDecrypter on the key");
    insta::assert_snapshot!(told(Response::json(403, &disabled).into()).await, @"GCP KMS at http://127.0.0.1:PORT: Cloud KMS is not enabled in the project: API has not been used | enable it with `gcloud services enable cloudkms.googleapis.com`");
    insta::assert_snapshot!(told(GcpKms::error(404, "NOT_FOUND", "CryptoKey not found.")).await, @"GCP KMS at http://127.0.0.1:PORT: there is no such key: CryptoKey not found. | see whether project, location, key ring and key are right");
    insta::assert_snapshot!(told(GcpKms::error(400, "FAILED_PRECONDITION", "key is not enabled, current state is: DISABLED.")).await, @"GCP KMS at http://127.0.0.1:PORT: the key, or the version that the file was encrypted with, is disabled or destroyed: key is not enabled, current state is: DISABLED. | enable the version, or add another key with `sops updatekeys`");
    insta::assert_snapshot!(told(GcpKms::error(401, "UNAUTHENTICATED", "expired")).await, @"GCP KMS at http://127.0.0.1:PORT: the credentials are not valid: expired | log in again with `gcloud auth application-default login`, or see whether the token has expired");
    insta::assert_snapshot!(told(GcpKms::error(418, "TEAPOT", "line\nbreak\u{1b}[31m\u{202e}")).await, @"GCP KMS at http://127.0.0.1:PORT: status 418 (TEAPOT): line break [31m");
    insta::assert_snapshot!(told(Response::new(200, "text/html", "<html>").into()).await, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 200 and nothing that can be read | see whether the endpoint is right");
    insta::assert_snapshot!(told(Response::new(404, "text/html", "<html>").into()).await, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 404 and nothing that can be read | see whether the endpoint is right");
    insta::assert_snapshot!(told(Response::json(200, &json!({ "plaintext": "AAEC", "plaintextCrc32c": "1" })).into()).await, @"GCP KMS at http://127.0.0.1:PORT: the checksum of the answer is not that of the key in it | something on the way changes the answer; try again");
    insta::assert_snapshot!(told(Response::json(200, &json!({})).into()).await, @"GCP KMS at http://127.0.0.1:PORT: the answer holds no key");
    insta::assert_snapshot!(told(Response::new(200, "application/json", vec![b' '; 100_000]).into()).await, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT sent more than such an answer has | see whether the endpoint is right");
    let foreign = fake.seal(
        "projects/shop-prod/locations/global/keyRings/sops/cryptoKeys/other",
        DATA_KEY,
    );
    insta::assert_snapshot!(outcome(&ring, &key(GCP_KEY, foreign)).await, @"GCP KMS at http://127.0.0.1:PORT: KMS does not accept the ciphertext: Decryption failed: the ciphertext is invalid. | the file was altered, or was encrypted with another key");
    assert_eq!(fake.server().count("decrypt"), 12);
}

#[tokio::test]
async fn only_throttling_and_5xx_are_tried_again() {
    let fake = GcpKms::start().unwrap();
    let slower = || GcpKms::error(429, "RESOURCE_EXHAUSTED", "Quota exceeded");
    let broken = || GcpKms::error(503, "UNAVAILABLE", "try again");
    let ring = KeyRing::new(options(environment(&fake)));
    let seal = || key(GCP_KEY, fake.seal(GCP_KEY, DATA_KEY));
    fake.script([slower(), broken()]);
    assert_eq!(outcome(&ring, &seal()).await, "opened");
    assert_eq!(fake.server().count("decrypt"), 3);
    fake.script([slower(), slower(), slower()]);
    insta::assert_snapshot!(outcome(&ring, &seal()).await, @"GCP KMS at http://127.0.0.1:PORT: throttled, 3 attempts at most: Quota exceeded | try again later, or unwrap fewer keys at the same time");
    fake.script([broken(), broken(), broken()]);
    insta::assert_snapshot!(outcome(&ring, &seal()).await, @"GCP KMS at http://127.0.0.1:PORT: status 503, 3 attempts at most: try again | try again later");
    assert_eq!(fake.server().count("decrypt"), 9);
}

#[tokio::test]
async fn silence_ends_in_time_and_is_not_waited_for_twice() {
    let fake = GcpKms::start().unwrap();
    let mut options = options(environment(&fake));
    options.gcp.limits.attempt = Duration::from_millis(200);
    let ring = KeyRing::new(options);
    fake.script([Reply::silence()]);
    let started = Instant::now();
    insta::assert_snapshot!(outcome(&ring, &key(GCP_KEY, b"one".to_vec())).await, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT did not answer in time (0.2 s an attempt, 20 s in all) | see whether the network is slow or something drops the packets");
    insta::assert_snapshot!(outcome(&ring, &key(GCP_KEY, b"two".to_vec())).await, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT did not answer in time (0.2 s an attempt, 20 s in all), and was not asked again in this run | see whether the network is slow or something drops the packets");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(fake.server().count("decrypt"), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told() {
    let cloud = CloudEnvironment {
        gcp_kms_endpoint: Some("http://127.0.0.1:1".to_owned()),
        google_access_token: Some(secret(gcp::TOKEN)),
        ..CloudEnvironment::default()
    };
    let ring = KeyRing::new(options(cloud));
    insta::assert_snapshot!(outcome(&ring, &key(GCP_KEY, b"one".to_vec())).await, @"GCP KMS at http://127.0.0.1:PORT: no connection to http://127.0.0.1:PORT: connection refused | see whether the endpoint is right and can be reached from here");
}
