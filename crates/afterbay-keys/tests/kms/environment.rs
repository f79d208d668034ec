//! The SDK's default chain, in a process of its own with an environment of its own.

use std::env;
use std::path::Path;
use std::process::Command;

use afterbay_fakes::aws::Scripted;
use afterbay_keys::{KeyEnvironment, KeyOptions, KeyRing};
use afterbay_manifest::SecretBytes;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task;

use crate::setup::{DATA_KEY, ROLE, failure, fake, key, opened, options, request};

/// Asks for the ciphertext `one` in a child with nothing but these variables, and returns what it says.
async fn ask(profile: Option<&str>, variables: &[(&str, &str)]) -> String {
    let home = TempDir::new().unwrap();
    ask_at(home.path(), profile, variables).await
}

pub(crate) async fn ask_at(home: &Path, profile: Option<&str>, variables: &[(&str, &str)]) -> String {
    let profile = profile.map(|profile| ("CHILD_PROFILE", profile));
    let variables: Vec<(&str, &str)> = variables.iter().copied().chain(profile).collect();
    run_child("environment::child", home, &variables).await
}

/// Runs an ignored test in a process of its own and returns what it prints between its marks.
pub(crate) async fn run_child(test: &str, home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env_clear()
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied());
    let output = task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let start = said.find("<<<").unwrap_or_else(|| panic!("{said}")) + 3;
    let said = &said[start..said.find(">>>").unwrap()];
    said.replace(&home.display().to_string(), "HOME")
}

#[tokio::test]
#[ignore = "the other half of the tests below"]
async fn child() {
    let mut key = key(b"one");
    key.aws_profile = env::var("CHILD_PROFILE").ok();
    key.role = env::var("CHILD_ROLE").ok();
    let ring = KeyRing::new(KeyOptions::new(KeyEnvironment::from_process()));
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

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENV"),
    ("AWS_SECRET_ACCESS_KEY", "canary"),
];

#[tokio::test]
async fn takes_credentials_and_endpoint_from_the_environment() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"] {
        let variables = [KEYS[0], KEYS[1], (variable, fake.url())];
        assert_eq!(ask(None, &variables).await, "opened");
    }
    assert_eq!(fake.count("Decrypt"), 2);
    assert_eq!(fake.calls()[0].scope, "AKIAENV eu-west-1 kms");
}

#[tokio::test]
async fn the_region_of_the_arn_wins() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let variables = [
        KEYS[0],
        KEYS[1],
        ("AWS_ENDPOINT_URL", fake.url()),
        ("AWS_REGION", "us-east-1"),
    ];
    assert_eq!(ask(None, &variables).await, "opened");
    assert_eq!(fake.calls()[0].scope, "AKIAENV eu-west-1 kms");
}

#[tokio::test]
async fn no_credentials_are_told() {
    let fake = fake();
    insta::assert_snapshot!(ask(None, &[("AWS_ENDPOINT_URL", fake.url())]).await, @r"
    AWS credentials in eu-west-1: no source of the default chain has credentials
      hint: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached
    ");
    assert_eq!(fake.server().connections(), 0);
}

/// A home with a shared configuration.
fn home(text: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test configuration in a scratch folder"
    )]
    std::fs::write(home.path().join(".aws/config"), text).unwrap();
    home
}

#[tokio::test]
async fn a_profile_of_the_file_comes_before_the_environment() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let home = home(
        "[profile prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = canary\n\
         [profile other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = canary\n",
    );
    let variables = [
        KEYS[0],
        KEYS[1],
        ("AWS_ENDPOINT_URL", fake.url()),
        ("AWS_PROFILE", "other"),
    ];
    let said = ask_at(home.path(), Some("prod"), &variables).await;
    let with_role = [variables.as_slice(), &[("CHILD_ROLE", ROLE)]].concat();
    assert!(
        ask_at(home.path(), Some("prod"), &with_role)
            .await
            .starts_with("opened\n")
    );
    let scopes: Vec<String> = fake.calls().into_iter().map(|call| call.scope).collect();
    assert_eq!(
        scopes[1..],
        ["AKIAPROD eu-west-1 sts", "ASIAROLE0001 eu-west-1 kms"]
    );
    insta::assert_snapshot!(said, @r"
    opened
    profile prod was used, as an encrypted file asks
    ");
    assert_eq!(fake.calls()[0].scope, "AKIAPROD eu-west-1 kms");
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_told() {
    let fake = fake();
    let home = home("[profile prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = canary\n");
    let variables = [KEYS[0], KEYS[1], ("AWS_ENDPOINT_URL", fake.url())];
    insta::assert_snapshot!(ask_at(home.path(), Some("missing"), &variables).await, @r"
    AWS credentials in eu-west-1, profile missing: there is no such profile, or it has no credentials
      hint: the file names the profile; see `aws configure list-profiles`
    ");
    assert_eq!(fake.server().connections(), 0);
}

#[tokio::test]
async fn what_a_credential_process_writes_is_not_repeated() {
    let fake = fake();
    let home = home(
        "[profile prod]\ncredential_process = /bin/sh -c 'echo canary-out; echo canary-err >&2; exit 1'\n",
    );
    let said = ask_at(home.path(), Some("prod"), &[("AWS_ENDPOINT_URL", fake.url())]).await;
    assert!(
        !said.contains("canary-out") && !said.contains("canary-err"),
        "{said}"
    );
    assert_eq!(fake.server().connections(), 0);
}

#[tokio::test]
async fn a_broken_shared_configuration_is_not_quoted() {
    let fake = fake();
    let home = home("[profile prod]\ncanary canary canary\n");
    let said = ask_at(home.path(), Some("prod"), &[("AWS_ENDPOINT_URL", fake.url())]).await;
    assert!(!said.contains("canary"), "{said}");
}

/// A proxy that notes what it is asked to connect to, and refuses.
async fn proxy() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let line = String::from_utf8_lossy(&head[..length])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            send.send(line).unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
        }
    });
    (address, receive)
}

#[tokio::test]
async fn each_partition_has_its_own_hosts_and_the_proxy_is_used() {
    let (address, mut asked) = proxy().await;
    for (partition, region, host) in [
        ("aws", "eu-west-1", "kms.eu-west-1.amazonaws.com"),
        ("aws", "us-east-1", "kms.us-east-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "kms.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "kms.us-gov-west-1.amazonaws.com"),
    ] {
        let mut options = options("http://unused");
        options.kms.endpoint = None;
        options.environment.https_proxy = Some(SecretBytes::new(address.clone().into_bytes()));
        let mut key = key(b"one");
        key.arn = format!("arn:{partition}:kms:{region}:000000000000:key/a");
        let keys = KeyRing::new(options).unwrap_all(vec![request(key.clone())]).await;
        assert_eq!(
            asked.recv().await.unwrap(),
            format!("CONNECT {host}:443 HTTP/1.1")
        );
        let failure = failure(&keys, &key);
        assert!(
            failure.contains(&format!("no connection to https://{host}: ")),
            "{failure}"
        );
    }
    assert!(
        asked.try_recv().is_err(),
        "a refused connection is not tried again"
    );
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_told_and_not_quoted() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let mut options = options(fake.url());
    options.environment.https_proxy = Some(SecretBytes::new(b"http://ann:canary@ho st".to_vec()));
    options.environment.ca_bundle = Some("/nothing/ca.pem".into());
    let ring = KeyRing::new(options);
    assert!(opened(
        &ring.unwrap_all(vec![request(key(b"one"))]).await,
        &key(b"one")
    ));
    let notes: Vec<String> = ring.notes().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @r"
    AWS_CA_BUNDLE: cannot be read, so no certificate of an AWS endpoint is trusted
    HTTPS_PROXY: is not the URL of a proxy
    ");
}

#[tokio::test]
#[ignore = "the other half of the test below"]
async fn tracing_child() {
    tracing_subscriber::fmt()
        .with_env_filter("trace")
        .with_writer(std::io::stdout)
        .init();
    let mut asked = key(b"one");
    asked.role = Some(ROLE.to_owned());
    let ring = KeyRing::new(KeyOptions::new(KeyEnvironment::from_process()));
    let keys = ring.unwrap_all(vec![request(asked.clone())]).await;
    assert!(opened(&keys, &asked));
    println!("<<<opened>>>");
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let fake = fake();
    fake.add_session(
        "AKIASESSION",
        "canary",
        Some("canary-session-token"),
        "000000000000",
    );
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let url = fake.url().to_owned();
    let run = move || {
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "environment::tracing_child",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIASESSION")
            .env("AWS_SECRET_ACCESS_KEY", "canary")
            .env("AWS_SESSION_TOKEN", "canary-session-token")
            .env("AWS_ENDPOINT_URL", url)
            .output()
            .unwrap()
    };
    let output = task::spawn_blocking(run).await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("<<<opened>>>") && text.contains("TRACE"), "{text}");
    for secret in ["canary", "AAECAwQF", "0, 1, 2, 3, 4"] {
        let leak = text.lines().find(|line| line.contains(secret));
        assert!(leak.is_none(), "{secret} in the log: {leak:?}");
    }
}
