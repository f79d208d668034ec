//! Where SOPS looks for keys, by platform.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use afterbay_manifest::SecretBytes;

use super::{KeyEnvironment, Platform, SecretSource};

fn environment(platform: Platform, variables: &[(&str, &str)]) -> KeyEnvironment {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    KeyEnvironment::from_lookup(platform, |name| variables.get(name).map(OsString::from))
}

/// A platform, its variables, and the file or why there is none.
type Case = (
    Platform,
    &'static [(&'static str, &'static str)],
    Result<&'static str, &'static str>,
);

#[test]
fn finds_the_file_of_the_user() {
    let cases: [Case; 7] = [
        (
            Platform::Unix,
            &[("HOME", "/home/ann")],
            Ok("/home/ann/.config/sops/age/keys.txt"),
        ),
        (
            Platform::Unix,
            &[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "/cfg")],
            Ok("/cfg/sops/age/keys.txt"),
        ),
        (
            Platform::Unix,
            &[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "")],
            Ok("/home/ann/.config/sops/age/keys.txt"),
        ),
        (
            Platform::Unix,
            &[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "cfg")],
            Err("XDG_CONFIG_HOME is not an absolute path"),
        ),
        (
            Platform::MacOs,
            &[("HOME", "/Users/ann")],
            Ok("/Users/ann/Library/Application Support/sops/age/keys.txt"),
        ),
        (
            Platform::MacOs,
            &[("HOME", "/Users/ann"), ("XDG_CONFIG_HOME", "/cfg")],
            Ok("/cfg/sops/age/keys.txt"),
        ),
        (
            Platform::Unix,
            &[],
            Err("neither XDG_CONFIG_HOME nor HOME is set"),
        ),
    ];
    for (platform, variables, expected) in cases {
        let found = environment(platform, variables).user_key_file;
        assert_eq!(
            found,
            Some(expected.map(PathBuf::from)),
            "{platform:?} {variables:?}"
        );
    }
}

#[test]
fn takes_the_variables_of_sops() {
    let environment = environment(
        Platform::Unix,
        &[
            ("SOPS_AGE_KEY", "canary"),
            ("SOPS_AGE_KEY_FILE", "/keys"),
            ("SOPS_AGE_KEY_CMD", "print-key canary"),
            ("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "/ssh"),
            ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "print-ssh canary"),
            ("AGE_PASSPHRASE", "canary"),
            ("HOME", "/home/ann"),
        ],
    );
    assert_eq!(
        environment.age_key.as_ref().map(SecretBytes::expose_bytes),
        Some(b"canary".as_slice())
    );
    assert_eq!(environment.age_key_file.as_deref(), Some(Path::new("/keys")));
    let exposed = |secret: &Option<SecretBytes>| secret.as_ref().map(|secret| secret.expose_bytes().to_vec());
    assert_eq!(
        exposed(&environment.age_key_command).unwrap(),
        b"print-key canary"
    );
    assert_eq!(environment.age_ssh_key_file.as_deref(), Some(Path::new("/ssh")));
    assert_eq!(
        exposed(&environment.age_ssh_key_command).unwrap(),
        b"print-ssh canary"
    );
    assert!(matches!(
        &environment.age_passphrase,
        Some(SecretSource::Inline { name, content: value }) if name == "AGE_PASSPHRASE" && value.expose_bytes() == b"canary"
    ));
    let ssh_keys = ["/home/ann/.ssh/id_ed25519", "/home/ann/.ssh/id_rsa"].map(PathBuf::from);
    assert_eq!(environment.user_ssh_key_files, ssh_keys);
    assert!(!format!("{environment:#?}").contains("canary"));
}

#[test]
fn key_services_are_told_of() {
    let ignored = |variables: &[(&str, &str)]| {
        let environment = environment(Platform::Unix, variables);
        environment
            .ignored
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
    };
    let service = ("SOPS_KEYSERVICE", "unix:///run/keys.sock");
    assert_eq!(
        ignored(&[service, ("SOPS_ENABLE_LOCAL_KEYSERVICE", "false")]),
        ["SOPS_KEYSERVICE", "SOPS_ENABLE_LOCAL_KEYSERVICE"]
    );
    assert!(ignored(&[("SOPS_KEYSERVICE", ""), ("SOPS_ENABLE_LOCAL_KEYSERVICE", "true")]).is_empty());
}

#[test]
fn an_identity_in_place_of_its_path_is_told_of_and_not_shown() {
    for identity in [
        "AGE-SECRET-KEY-1CANARY",
        "age-secret-key-pq-1canary",
        "/tmp/AGE-PLUGIN-YUBIKEY-1CANARY",
    ] {
        let environment = environment(Platform::Unix, &[("SOPS_AGE_KEY_FILE", identity)]);
        assert_eq!(environment.age_key_file, None);
        assert!(
            environment.ignored[0]
                .1
                .starts_with("holds an identity where the path")
        );
        assert!(!format!("{environment:#?}").to_lowercase().contains("canary"));
    }
}

#[test]
fn variables_of_the_clouds_are_read_and_not_shown() {
    let environment = KeyEnvironment::from_lookup(Platform::Unix, |name| {
        let value = match name {
            "HOME" => "/home/user",
            "SOPS_GCP_KMS_ENDPOINT" => "https://user:canary@kms.example.com",
            "GOOGLE_CREDENTIALS" | "AZURE_CLIENT_SECRET" | "VAULT_TOKEN" => "canary",
            "VAULT_ADDR" => "",
            _ => return None,
        };
        Some(value.into())
    });
    let cloud = &environment.cloud;
    assert_eq!(cloud.vault_token_file, Some("/home/user/.vault-token".into()));
    let gcloud = "/home/user/.config/gcloud/application_default_credentials.json";
    assert_eq!(cloud.gcloud_file, Some(gcloud.into()));
    assert_eq!(cloud.vault_address, None);
    insta::assert_snapshot!(
        format!("{cloud:?}"),
        @r#"{"GOOGLE_CREDENTIALS", "SOPS_GCP_KMS_ENDPOINT", "AZURE_CLIENT_SECRET", "VAULT_TOKEN"}"#
    );
}

#[test]
fn an_empty_command_is_none() {
    let environment = environment(
        Platform::Unix,
        &[("SOPS_AGE_KEY_CMD", ""), ("AGE_PASSPHRASE", "")],
    );
    assert!(environment.age_key_command.is_none() && environment.age_passphrase.is_none());
    assert!(environment.user_ssh_key_files.is_empty());
}
