//! Where credentials come from: each source of the default chain, and a set that is given as a value.

use std::env;
use std::path::{Path, PathBuf};

use afterbay_fakes::aws::{AwsFake, CONTAINER_PATH, Scripted};
use afterbay_fakes::tls::TestCa;
use afterbay_keys::{AwsCredentials, KeyEnvironment, KeyOptions, KeyRing};
use afterbay_manifest::SecretBytes;
use tempfile::TempDir;

use crate::environment::{ask_at, run_child};
use crate::setup::{DATA_KEY, ROLE, SECRET, failure, fake, fill, key, opened, options, request};

const TOKEN: &str = "canary-token-of-the-cluster";

/// A fake that opens the ciphertext `one`.
fn opening() -> AwsFake {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    fake
}

/// A file in a scratch folder.
fn file(home: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test file in a scratch folder")]
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The identity that called `Decrypt`.
fn decrypted_by(fake: &AwsFake) -> String {
    let calls = fake.calls();
    let call = calls.iter().find(|call| call.action == "Decrypt").unwrap();
    call.identity.clone().unwrap()
}

#[tokio::test]
async fn a_token_of_the_cluster_becomes_a_role() {
    let fake = opening();
    fake.add_web_identity(TOKEN, ROLE);
    let home = TempDir::new().unwrap();
    let token = file(&home, "token", TOKEN);
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(&token)),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ROLE_SESSION_NAME", "pod"),
        ("AWS_ENDPOINT_URL", fake.url()),
    ];
    assert_eq!(ask_at(home.path(), None, &variables).await, "opened");
    assert_eq!(fake.count("AssumeRoleWithWebIdentity"), 1);
    assert_eq!(
        decrypted_by(&fake),
        "arn:aws:sts::123456789012:assumed-role/deployer/pod"
    );
}

#[tokio::test]
async fn a_token_that_sts_does_not_take_is_told_and_not_shown() {
    let fake = opening();
    let home = TempDir::new().unwrap();
    let token = file(&home, "token", TOKEN);
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(&token)),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL", fake.url()),
    ];
    let said = ask_at(home.path(), None, &variables).await;
    assert!(
        said.starts_with("AWS credentials in eu-west-1: ")
            && said.contains("No OpenIDConnect provider found"),
        "{said}"
    );
    assert!(!said.contains(TOKEN), "{said}");
    assert_eq!(fake.count("Decrypt"), 0);
}

#[tokio::test]
async fn a_container_has_a_role() {
    let fake = opening();
    fake.set_container(TOKEN, ROLE);
    let home = TempDir::new().unwrap();
    let token = file(&home, "token", TOKEN);
    let uri = format!("{}{CONTAINER_PATH}", fake.url());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", text(&token)),
        ("AWS_ENDPOINT_URL", fake.url()),
    ];
    assert_eq!(ask_at(home.path(), None, &variables).await, "opened");
    assert_eq!(fake.count("ContainerCredentials"), 1);
    assert_eq!(
        decrypted_by(&fake),
        "arn:aws:sts::123456789012:assumed-role/deployer/task"
    );
}

#[tokio::test]
async fn an_instance_has_a_role() {
    let fake = opening();
    fake.set_instance(ROLE);
    let home = TempDir::new().unwrap();
    let variables = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake.url()),
        ("AWS_ENDPOINT_URL", fake.url()),
    ];
    assert_eq!(ask_at(home.path(), None, &variables).await, "opened");
    assert!(fake.count("MetadataToken") > 0, "version 2 only");
    assert_eq!(
        decrypted_by(&fake),
        "arn:aws:sts::123456789012:assumed-role/deployer/i-0123456789abcdef0"
    );
}

#[tokio::test]
async fn a_profile_of_the_environment_may_assume_a_role() {
    let fake = opening();
    let home = TempDir::new().unwrap();
    let config = format!(
        "[profile base]\naws_access_key_id = AKIAPROD\naws_secret_access_key = canary\n\
         [profile prod]\nrole_arn = {ROLE}\nsource_profile = base\nrole_session_name = ann\n"
    );
    file(&home, ".aws/config", &config);
    let variables = [("AWS_PROFILE", "prod"), ("AWS_ENDPOINT_URL", fake.url())];
    assert_eq!(ask_at(home.path(), None, &variables).await, "opened");
    assert_eq!(fake.calls()[0].scope.split(' ').next(), Some("AKIAPROD"));
    assert_eq!(
        decrypted_by(&fake),
        "arn:aws:sts::123456789012:assumed-role/deployer/ann"
    );
}

#[tokio::test]
#[ignore = "the other half of the test below"]
async fn explicit_child() {
    let environment = KeyEnvironment::default();
    let mut options = KeyOptions {
        environment,
        ..options(&env::var("CHILD_KMS").unwrap())
    };
    if env::var_os("CHILD_WITHOUT").is_some() {
        options.kms.credentials = AwsCredentials::None;
    }
    let ring = KeyRing::new(options);
    let mut key = key(b"one");
    key.aws_profile = Some("prod".to_owned());
    let keys = ring.unwrap_all(vec![request(key.clone())]).await;
    let outcome = if opened(&keys, &key) {
        "opened".to_owned()
    } else {
        failure(&keys, &key)
    };
    let lines: Vec<String> = std::iter::once(outcome)
        .chain(ring.notes().iter().map(ToString::to_string))
        .collect();
    println!("<<<{}>>>", lines.join("\n"));
}

/// Everything that the chain would use is there, and none of it is asked.
#[tokio::test]
async fn an_explicit_set_leaves_the_environment_alone() {
    let (given, environment) = (opening(), opening());
    environment.set_container(TOKEN, ROLE);
    environment.set_instance(ROLE);
    let home = TempDir::new().unwrap();
    file(
        &home,
        ".aws/config",
        &format!(
            "[profile prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = canary\n\
                  endpoint_url = {}\n",
            environment.url()
        ),
    );
    let uri = format!("{}{CONTAINER_PATH}", environment.url());
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "canary"),
        ("AWS_PROFILE", "prod"),
        ("AWS_ENDPOINT_URL", environment.url()),
        ("AWS_ENDPOINT_URL_KMS", environment.url()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", environment.url()),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("CHILD_KMS", given.url()),
    ];
    let said = run_child("sources::explicit_child", home.path(), &variables).await;
    insta::assert_snapshot!(said, @r"
    opened
    profile prod, which an encrypted file names, was not used: the credentials were given
    ");
    assert_eq!(given.calls()[0].scope, "AKIATEST eu-west-1 kms");

    let without = [variables.as_slice(), &[("CHILD_WITHOUT", "1")]].concat();
    let said = run_child("sources::explicit_child", home.path(), &without).await;
    insta::assert_snapshot!(said, @"AWS KMS in eu-west-1: no credentials for AWS were given");
    assert_eq!(given.server().requests(), 1);
    assert_eq!(environment.server().connections(), 0);
}

#[tokio::test]
async fn a_wrong_secret_is_told() {
    let fake = opening();
    let mut options = options(fake.url());
    if let AwsCredentials::Fixed(fixed) = &mut options.kms.credentials {
        fixed.secret_access_key = SecretBytes::new(SECRET.as_bytes()[1..].to_vec());
    }
    let keys = KeyRing::new(options).unwrap_all(vec![request(key(b"one"))]).await;
    insta::assert_snapshot!(failure(&keys, &key(b"one")), @r"
    AWS KMS in eu-west-1: the credentials are not valid: The request signature we calculated does not match the signature you provided.
      hint: see which ones are in use with `aws sts get-caller-identity`
    ");
}

#[tokio::test]
async fn the_certificates_of_a_bundle_are_the_only_ones() {
    let ca = TestCa::new();
    let fake = AwsFake::start_at("127.0.0.1:0", Some(&ca)).unwrap();
    fill(&fake);
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let home = TempDir::new().unwrap();
    let right = file(&home, "right.pem", &ca.pem());
    let other = file(&home, "other.pem", &TestCa::new().pem());
    let none = file(
        &home,
        "none.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let mut said = Vec::new();
    for bundle in [right, other, none] {
        let mut options = options(fake.url());
        options.environment.ca_bundle = Some(bundle);
        let ring = KeyRing::new(options);
        let keys = ring.unwrap_all(vec![request(key(b"one"))]).await;
        said.push(if opened(&keys, &key(b"one")) {
            "opened".to_owned()
        } else {
            failure(&keys, &key(b"one")).replace(fake.url(), "URL")
        });
        said.extend(ring.notes().iter().map(ToString::to_string));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    opened
    AWS KMS in eu-west-1: no connection to URL: invalid peer certificate: BadSignature
      hint: see whether the endpoint is right and can be reached from here
    AWS KMS in eu-west-1: no connection to URL: invalid peer certificate: UnknownIssuer
      hint: see whether the endpoint is right and can be reached from here
    AWS_CA_BUNDLE: is not a list of certificates in PEM, so no certificate of an AWS endpoint is trusted
    ");
    assert_eq!(fake.count("Decrypt"), 1);
}
