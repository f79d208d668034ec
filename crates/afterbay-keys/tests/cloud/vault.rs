//! Vault: every source of the token, and what each answer becomes. Opening for real is proved with OpenBao,
//! end to end.

use afterbay_fakes::http::{Reply, Response};
use afterbay_fakes::tls::TestCa;
use afterbay_fakes::vault::{self, Vault};
use afterbay_keys::{CloudEnvironment, Endpoint, KeyNote, KeyRing, VaultCredentials};

use crate::setup::{DATA_KEY, options, outcome, outcomes, secret, vault as key, write};

fn environment(fake: &Vault) -> CloudEnvironment {
    CloudEnvironment {
        vault_address: Some(fake.url().to_owned()),
        vault_token: Some(secret(vault::TOKEN)),
        ..CloudEnvironment::default()
    }
}

#[tokio::test]
async fn every_source_of_the_token_opens() {
    let fake = Vault::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text);
        path
    };
    let token_file = file("token", &format!("{}\n", vault::TOKEN));
    let seal = || key(fake.url(), fake.seal("transit", "sops-key", DATA_KEY));
    assert_eq!(
        outcome(&KeyRing::new(options(environment(&fake))), &seal()).await,
        "opened"
    );

    let of_login = CloudEnvironment {
        vault_token: None,
        vault_token_file: Some(token_file.clone()),
        ..environment(&fake)
    };
    let ring = KeyRing::new(options(of_login));
    assert_eq!(outcome(&ring, &seal()).await, "opened");
    assert!(
        matches!(ring.notes().as_slice(), [KeyNote::ReadableByOthers { path, .. }] if *path == token_file)
    );

    let mut by_flag = options(CloudEnvironment {
        vault_token: Some(secret("canary-other")),
        ..environment(&fake)
    });
    by_flag.vault.credentials = VaultCredentials::TokenFile(token_file);
    assert_eq!(outcome(&KeyRing::new(by_flag), &seal()).await, "opened");

    let mut kubernetes = options(CloudEnvironment::default());
    kubernetes.vault.addresses = vec![Endpoint::parse(fake.url()).unwrap()];
    kubernetes.vault.credentials = VaultCredentials::Kubernetes {
        role: vault::ROLE.to_owned(),
        mount: "kubernetes".to_owned(),
        token_file: file("jwt", vault::SERVICE_ACCOUNT_TOKEN),
    };
    let ring = KeyRing::new(kubernetes);
    assert_eq!(outcomes(&ring, &[seal(), seal()]).await, ["opened", "opened"]);
    assert_eq!(fake.server().count("login"), 1);
}

#[tokio::test]
async fn a_namespace_and_certificates_of_its_own_are_used() {
    let ca = TestCa::new();
    let fake = Vault::start_tls(&ca).unwrap();
    fake.require_namespace("team/a");
    let file = tempfile::NamedTempFile::new().unwrap();
    write(file.path(), &ca.pem());
    let cloud = |namespace: Option<&str>, ca: bool| CloudEnvironment {
        vault_namespace: namespace.map(str::to_owned),
        vault_ca_file: ca.then(|| file.path().to_owned()),
        ..environment(&fake)
    };
    let seal = || key(fake.url(), fake.seal("transit", "sops-key", DATA_KEY));
    assert_eq!(
        outcome(&KeyRing::new(options(cloud(Some("team/a"), true))), &seal()).await,
        "opened"
    );
    let told = outcome(&KeyRing::new(options(cloud(None, true))), &seal()).await;
    assert!(told.contains("access denied: permission denied"), "{told}");
    let told = outcome(&KeyRing::new(options(cloud(Some("team/a"), false))), &seal()).await;
    assert!(
        told.contains("no connection to https://localhost:") && told.contains("certificate"),
        "{told}"
    );
}

#[tokio::test]
async fn each_refusal_has_a_reason_and_a_way_out() {
    let fake = Vault::start().unwrap();
    let ring = KeyRing::new(options(environment(&fake)));
    let told = async |reply: Reply| {
        fake.script([reply]);
        outcome(
            &ring,
            &key(fake.url(), fake.seal("transit", "sops-key", DATA_KEY)),
        )
        .await
    };
    insta::assert_snapshot!(told(Vault::error(403, "1 error occurred:\n\t* permission denied\n\n")).await, @"Vault at http://127.0.0.1:PORT: access denied: 1 error occurred: * permission denied | see whether the token is valid (`vault token lookup`), may update the decrypt path of the key, and is of this namespace");
    insta::assert_snapshot!(told(Vault::error(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")).await, @"Vault at http://127.0.0.1:PORT: the token is not valid: 2 errors occurred: * permission denied * invalid token | log in again with `vault login`, or renew VAULT_TOKEN");
    insta::assert_snapshot!(told(Vault::error(400, "encryption key not found")).await, @"Vault at http://127.0.0.1:PORT: there is no such key: encryption key not found | see whether engine and key name are right");
    insta::assert_snapshot!(told(Vault::error(400, "ciphertext or signature version is disallowed by policy (too old)")).await, @"Vault at http://127.0.0.1:PORT: the version of the key that made the ciphertext is no longer allowed: ciphertext or signature version is disallowed by policy (too old) | lower min_decryption_version of the key, or run `sops updatekeys`");
    insta::assert_snapshot!(told(Vault::error(400, "invalid ciphertext: unable to decrypt")).await, @"Vault at http://127.0.0.1:PORT: Vault does not accept the ciphertext: invalid ciphertext: unable to decrypt | the file was altered, or was encrypted with another key");
    insta::assert_snapshot!(told(Vault::error(404, "no handler for route \"x/decrypt/y\". route entry not found.")).await, @r#"Vault at http://127.0.0.1:PORT: there is no such key or engine: no handler for route "x/decrypt/y". route entry not found. | see whether address, namespace, engine and key name are right"#);
    insta::assert_snapshot!(told(Response::new(200, "text/html", "<html>").into()).await, @"Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 200 and nothing that can be read | see whether the endpoint is right");
    let sealed = || Vault::error(503, "Vault is sealed");
    fake.script([sealed(), sealed()]);
    insta::assert_snapshot!(told(sealed()).await, @"Vault at http://127.0.0.1:PORT: Vault is sealed: Vault is sealed | unseal it");
    let none = CloudEnvironment {
        vault_token: None,
        ..environment(&fake)
    };
    insta::assert_snapshot!(outcome(&KeyRing::new(options(none)), &key(fake.url(), "vault:v1:a".to_owned())).await, @"Vault at http://127.0.0.1:PORT: there is no token | run `vault login`, set VAULT_TOKEN, or name a role with --vault-kubernetes-role");
    let mut stranger = options(environment(&fake));
    let jwt = tempfile::NamedTempFile::new().unwrap();
    write(jwt.path(), "canary-wrong");
    stranger.vault.credentials = VaultCredentials::Kubernetes {
        role: "stranger".to_owned(),
        mount: "kubernetes".to_owned(),
        token_file: jwt.path().to_owned(),
    };
    insta::assert_snapshot!(outcome(&KeyRing::new(stranger), &key(fake.url(), "vault:v1:a".to_owned())).await, @"Vault at http://127.0.0.1:PORT: no login as role stranger: access denied: permission denied | see whether the role is bound to this service account and its namespace");
}
