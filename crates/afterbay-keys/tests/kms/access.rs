//! What a file may ask for: keys by ARN, roles, profiles.

use afterbay_fakes::aws::Scripted;
use afterbay_keys::{Allow, KeyRing};

use tokio::net::TcpListener;

use crate::setup::{DATA_KEY, ROLE, failure, fake, key, opened, options, request, ring};

#[tokio::test]
async fn hostile_arns_cause_no_request() {
    let fake = fake();
    let hostile = [
        "",
        "arn:aws:kms:eu-west-1.evil.example.com#:000000000000:key/a",
        "arn:aws:kms:x@evil.example.com/a-b-1:000000000000:key/a",
        "arn:aws:kms:evil.example.com/:000000000000:key/a",
        "arn:aws:kms:eu-west-1\r\nHost evil:000000000000:key/a",
        "arn:aws-evil:kms:eu-west-1:000000000000:key/a",
        "arn:aws:kms:cn-north-1:000000000000:key/a",
        "arn:aws:kms:eu-west-1:0:key/a",
        "arn:aws:s3:eu-west-1:000000000000:key/a",
        "arn:aws:kms:eu-west-1:000000000000:key/a\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
    ];
    let mut lines = Vec::new();
    for arn in hostile {
        let mut key = key(b"one");
        key.arn = arn.to_owned();
        let keys = ring(&fake).unwrap_all(vec![request(key.clone())]).await;
        lines.push(failure(&keys, &key));
    }
    assert_eq!(fake.server().connections(), 0);
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS: the ARN is refused: it is not of the form arn:aws:kms:REGION:ACCOUNT:key/ID
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its region is not one of its partition
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its region is not one of its partition
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its region is not one of its partition
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its region is not one of its partition
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its partition is not one of AWS (aws, aws-cn, aws-us-gov, aws-iso, …)
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its region is not one of its partition
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its account is not a number of 12 digits
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: it is not of the form arn:aws:kms:REGION:ACCOUNT:key/ID
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: its key id holds characters that AWS does not allow there
      hint: restore the entry that sops wrote
    AWS KMS: the ARN is refused: it is not of the form arn:aws:kms:REGION:ACCOUNT:key/ID
      hint: restore the entry that sops wrote
    ");
}

#[tokio::test]
async fn oversized_ciphertexts_cause_no_request() {
    let fake = fake();
    for size in [0, 6145] {
        let key = key(&vec![1; size]);
        let keys = ring(&fake).unwrap_all(vec![request(key.clone())]).await;
        assert!(failure(&keys, &key).contains(&format!("the ciphertext has {size} bytes")));
    }
    assert_eq!(fake.server().connections(), 0);
}

#[tokio::test]
async fn assumes_a_role_once_and_says_so() {
    let fake = fake();
    let requests = [b"one", b"two"].map(|ciphertext| {
        fake.on(ciphertext, [Scripted::key(DATA_KEY)]);
        let mut key = key(ciphertext);
        key.role = Some(ROLE.to_owned());
        key
    });
    let ring = ring(&fake);
    let keys = ring
        .unwrap_all(requests.iter().cloned().map(request).collect())
        .await;
    assert!(requests.iter().all(|key| opened(&keys, key)));
    let calls = fake.calls();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0].action, "AssumeRole");
    assert_eq!(calls[0].scope, "AKIATEST eu-west-1 sts");
    assert_eq!(calls[0].body["RoleArn"], ROLE);
    // sops drops the hyphen of the host name.
    assert_eq!(calls[0].body["RoleSessionName"], "sops@buildhost.example.com");
    for call in &calls[1..] {
        assert_eq!(call.scope, "ASIAROLE0001 eu-west-1 kms");
        assert_eq!(call.token.as_deref(), Some("canary-role-token-1"));
    }
    let notes: Vec<String> = ring.notes().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(notes.join("\n"), @"role arn:aws:iam::123456789012:role/deployer was assumed, as an encrypted file asks");
}

#[tokio::test]
async fn a_refused_role_is_asked_for_once() {
    let fake = fake();
    fake.always(
        "AssumeRole",
        Scripted::error(
            403,
            "AccessDenied",
            "User: ann is not authorized to perform: sts:AssumeRole",
        ),
    );
    let mut asked = key(b"one");
    asked.role = Some(ROLE.to_owned());
    let mut other = key(b"two");
    other.role = Some(ROLE.to_owned());
    let keys = ring(&fake)
        .unwrap_all(vec![request(asked.clone()), request(other.clone())])
        .await;
    insta::assert_snapshot!(failure(&keys, &asked), @r"
    AWS STS in eu-west-1, role arn:aws:iam::123456789012:role/deployer: access denied: User: ann is not authorized to perform: sts:AssumeRole
      hint: allow the identity in use to call sts:AssumeRole on the role
    ");
    assert_eq!(failure(&keys, &asked), failure(&keys, &other));
    assert_eq!(fake.count("AssumeRole"), 1);
    assert_eq!(fake.count("Decrypt"), 0);
}

#[tokio::test]
async fn an_sts_that_is_down_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut asked = key(b"one");
    asked.role = Some(ROLE.to_owned());
    let ring = KeyRing::new(options(&url));
    let keys = ring.unwrap_all(vec![request(asked.clone())]).await;
    insta::assert_snapshot!(failure(&keys, &asked).replace(&url, "URL"), @r"
    AWS STS in eu-west-1, role arn:aws:iam::123456789012:role/deployer: no connection to URL: connection refused
      hint: see whether the endpoint is right and can be reached from here
    ");
    assert!(ring.notes().is_empty(), "the role was not used");
}

#[tokio::test]
async fn an_endpoint_without_tls_is_reported() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let ring = KeyRing::new(options(&fake.url().replace("127.0.0.1", "0.0.0.0")));
    assert!(opened(
        &ring.unwrap_all(vec![request(key(b"one"))]).await,
        &key(b"one")
    ));
    let notes = ring.notes();
    assert!(notes.len() == 1 && notes[0].is_warning(), "{notes:?}");
    assert!(
        notes[0]
            .to_string()
            .starts_with("data keys travel without encryption to and from http://0.0.0.0:")
    );
}

#[tokio::test]
async fn roles_and_profiles_can_be_turned_off_or_limited() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    let mut with_role = key(b"one");
    with_role.role = Some(ROLE.to_owned());
    let mut with_profile = key(b"one");
    with_profile.aws_profile = Some("prod".to_owned());
    let mut lines = Vec::new();
    for allow in [Allow::None, Allow::Only(vec!["other".to_owned()])] {
        let mut options = options(fake.url());
        options.kms.allow_role = allow.clone();
        options.kms.allow_profile = allow;
        let ring = KeyRing::new(options);
        let keys = ring
            .unwrap_all(vec![request(with_role.clone()), request(with_profile.clone())])
            .await;
        lines.extend([failure(&keys, &with_role), failure(&keys, &with_profile)]);
        assert!(ring.notes().is_empty());
    }
    assert_eq!(fake.server().connections(), 0);
    insta::assert_snapshot!(lines[..2].join("\n"), @r"
    AWS KMS in eu-west-1: the file names the role arn:aws:iam::123456789012:role/deployer, which is not allowed
      hint: allow it with --allow-role arn:aws:iam::123456789012:role/deployer, if the file is to be trusted
    AWS KMS in eu-west-1: the file names the aws_profile prod, which is not allowed
      hint: allow it with --allow-profile prod, if the file is to be trusted
    ");
    assert_eq!(lines[..2], lines[2..]);

    let mut options = options(fake.url());
    options.kms.allow_role = Allow::Only(vec![ROLE.to_owned()]);
    let keys = KeyRing::new(options)
        .unwrap_all(vec![request(with_role.clone())])
        .await;
    assert!(opened(&keys, &with_role));
}

#[tokio::test]
async fn hostile_roles_and_profiles_cause_no_request() {
    let fake = fake();
    let mut lines = Vec::new();
    for role in [
        "deployer",
        "arn:aws:iam::1:role/a",
        "arn:aws-cn:iam::123456789012:role/a",
        "\u{1b}[2J",
    ] {
        let mut key = key(b"one");
        key.role = Some(role.to_owned());
        let keys = ring(&fake).unwrap_all(vec![request(key.clone())]).await;
        lines.push(failure(&keys, &key));
    }
    for profile in ["a\nb", "a]\ncredential_process=evil", &"x".repeat(129)] {
        let mut key = key(b"one");
        key.aws_profile = Some(profile.to_owned());
        let keys = ring(&fake).unwrap_all(vec![request(key.clone())]).await;
        lines.push(failure(&keys, &key));
    }
    assert_eq!(fake.server().connections(), 0);
    insta::assert_snapshot!(lines.join("\n"), @r"
    AWS KMS in eu-west-1: the ARN of the role is refused: it is not of the form arn:aws:iam::ACCOUNT:role/NAME
      hint: restore the entry that sops wrote
    AWS KMS in eu-west-1: the ARN of the role is refused: its account is not a number of 12 digits
      hint: restore the entry that sops wrote
    AWS KMS in eu-west-1: the ARN of the role is refused: its partition is not the one of the key
      hint: restore the entry that sops wrote
    AWS KMS in eu-west-1: the ARN of the role is refused: it is not of the form arn:aws:iam::ACCOUNT:role/NAME
      hint: restore the entry that sops wrote
    AWS KMS in eu-west-1: the aws_profile holds characters that no profile name has
    AWS KMS in eu-west-1: the aws_profile holds characters that no profile name has
    AWS KMS in eu-west-1: the aws_profile has more than 128 bytes
    ");
}

#[tokio::test]
async fn no_secret_shows() {
    let fake = fake();
    fake.on(b"one", [Scripted::key(DATA_KEY)]);
    fake.on(b"two", [Scripted::error(400, "AccessDeniedException", "")]);
    let mut with_role = key(b"one");
    with_role.role = Some(ROLE.to_owned());
    let ring = ring(&fake);
    let keys = ring
        .unwrap_all(vec![
            request(with_role),
            request(key(b"one")),
            request(key(b"two")),
        ])
        .await;
    let shown = format!(
        "{ring:#?} {keys:#?} {:#?} {:#?}",
        ring.notes(),
        options(fake.url())
    );
    for canary in ["canary", "Y2FuYXJ5", "0, 1, 2, 3", "AAECAw", "00010203"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}
