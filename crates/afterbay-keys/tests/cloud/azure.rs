//! Azure Key Vault: the challenge, every identity, and what each answer becomes.

use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::http::{Reply, Response};
use afterbay_keys::{CloudEnvironment, Endpoint, KeyOptions, KeyRing};
use serde_json::json;

use crate::setup::{
    CERTIFICATE, DATA_KEY, PRIVATE_KEY, azure as key, options as bare, outcome, outcomes, secret, write,
};

/// Options with this identity, whose vault is the fake.
fn options(fake: &Azure, cloud: CloudEnvironment) -> KeyOptions {
    let mut options = bare(CloudEnvironment {
        azure_authority: Some(fake.url().to_owned()),
        ..cloud
    });
    options.azure.vaults = vec![Endpoint::parse(fake.url()).unwrap()];
    options
}

fn application() -> CloudEnvironment {
    CloudEnvironment {
        azure_tenant: Some(azure::TENANT.to_owned()),
        azure_client: Some(azure::CLIENT.to_owned()),
        ..CloudEnvironment::default()
    }
}

fn with_secret() -> CloudEnvironment {
    CloudEnvironment {
        azure_client_secret: Some(secret(azure::CLIENT_SECRET)),
        ..application()
    }
}

#[tokio::test]
async fn opens_keys_with_one_challenge_and_one_token() {
    let fake = Azure::start().unwrap();
    let ring = KeyRing::new(options(&fake, with_secret()));
    let mut keys: Vec<_> = (0..10)
        .map(|_| key(fake.url(), azure::VERSION, fake.seal("sops-key", DATA_KEY)))
        .collect();
    // An empty version is the newest.
    keys.push(key(fake.url(), "", fake.seal("sops-key", DATA_KEY)));
    assert!(outcomes(&ring, &keys).await.iter().all(|told| told == "opened"));
    let count = |name: &str| fake.server().count(name);
    assert_eq!((count("challenge"), count("token"), count("decrypt")), (1, 1, 11));
    assert!(ring.notes().is_empty());
}

#[tokio::test]
async fn every_identity_opens() {
    let fake = Azure::start().unwrap();
    let pem = format!("{CERTIFICATE}{PRIVATE_KEY}");
    fake.trust(&pem);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        write(&path, text);
        Some(path)
    };
    let machine = || CloudEnvironment {
        azure_metadata_endpoint: Some(fake.url().to_owned()),
        ..CloudEnvironment::default()
    };
    let identities = [
        ("client secret", with_secret(), "token"),
        (
            "client certificate",
            CloudEnvironment {
                azure_certificate_file: file("certificate", &pem),
                ..application()
            },
            "token",
        ),
        (
            "workload identity",
            CloudEnvironment {
                azure_federated_token_file: file("federated", &format!("{}\n", azure::FEDERATED_TOKEN)),
                ..application()
            },
            "token",
        ),
        ("managed identity", machine(), "machine"),
        (
            "managed identity of the user's",
            CloudEnvironment {
                azure_client: Some(azure::CLIENT.to_owned()),
                ..machine()
            },
            "machine",
        ),
        (
            "identity of a service",
            CloudEnvironment {
                azure_identity_endpoint: Some(format!("{}/msi/token", fake.url())),
                azure_identity_header: Some(secret(azure::IDENTITY_HEADER)),
                ..CloudEnvironment::default()
            },
            "service",
        ),
    ];
    for (identity, cloud, endpoint) in identities {
        let before = fake.server().count(endpoint);
        let ring = KeyRing::new(options(&fake, cloud));
        let key = key(fake.url(), azure::VERSION, fake.seal("sops-key", DATA_KEY));
        assert_eq!(outcome(&ring, &key).await, "opened", "{identity}");
        assert_eq!(fake.server().count(endpoint), before + 1, "{identity}");
    }
}

#[tokio::test]
async fn an_identity_that_is_none_is_told_once() {
    let fake = Azure::start().unwrap();
    let told = async |cloud: CloudEnvironment| {
        let key = || key(fake.url(), azure::VERSION, fake.seal("sops-key", DATA_KEY));
        let told = outcomes(&KeyRing::new(options(&fake, cloud)), &[key(), key()]).await;
        assert_eq!(told[0], told[1]);
        told[0].clone()
    };
    let wrong = CloudEnvironment {
        azure_client_secret: Some(secret("canary")),
        ..application()
    };
    insta::assert_snapshot!(told(wrong).await, @"Azure Key Vault at http://127.0.0.1:PORT: no token for the client secret of 66666666-7777-8888-9999-000000000000: AADSTS7000215: Invalid client secret provided. | see whether tenant, client and secret are right and have not expired");
    assert_eq!(fake.server().count("token"), 1);
    let unknown = CloudEnvironment {
        azure_client: Some("nobody".to_owned()),
        ..with_secret()
    };
    insta::assert_snapshot!(told(unknown).await, @"Azure Key Vault at http://127.0.0.1:PORT: no token for the client secret of nobody: AADSTS700016: Application was not found in the directory. | see whether tenant, client and secret are right and have not expired");
    let path = CloudEnvironment {
        azure_tenant: Some("../x".to_owned()),
        ..with_secret()
    };
    insta::assert_snapshot!(told(path).await, @"Azure Key Vault at http://127.0.0.1:PORT: the tenant is neither an id nor a domain | put AZURE_TENANT_ID right");
    let missing = CloudEnvironment {
        azure_federated_token_file: Some("/nonexistent/token".into()),
        ..application()
    };
    insta::assert_snapshot!(told(missing).await, @"Azure Key Vault at http://127.0.0.1:PORT: the token of the workload identity (/nonexistent/token): no such file | set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a managed or workload identity is attached");
    let away = CloudEnvironment {
        azure_metadata_endpoint: Some("http://127.0.0.1:1".to_owned()),
        ..CloudEnvironment::default()
    };
    insta::assert_snapshot!(told(away).await, @"Azure Key Vault at http://127.0.0.1:PORT: no token for the managed identity of this machine: no connection to http://127.0.0.1:PORT: connection refused | set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a managed or workload identity is attached");
    fake.script_tokens([Response::new(200, "text/html", "<html>").into()]);
    insta::assert_snapshot!(told(with_secret()).await, @"Azure Key Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 200 and nothing that can be read | see whether the endpoint is right");
    assert_eq!(fake.server().count("decrypt"), 0);
}

#[tokio::test]
async fn each_refusal_has_a_reason_and_a_way_out() {
    let fake = Azure::start().unwrap();
    let ring = KeyRing::new(options(&fake, with_secret()));
    let told = async |reply: Reply| {
        fake.script([reply]);
        outcome(
            &ring,
            &key(fake.url(), azure::VERSION, fake.seal("sops-key", DATA_KEY)),
        )
        .await
    };
    insta::assert_snapshot!(told(Azure::error(403, "Forbidden", "Caller is not authorized to perform action on resource.", "ForbiddenByRbac")).await, @"Azure Key Vault at http://127.0.0.1:PORT: access denied: Caller is not authorized to perform action on resource. | grant the identity in use the role Key Vault Crypto User, or the key permission decrypt");
    insta::assert_snapshot!(told(Azure::error(403, "Forbidden", "Client address is not authorized", "ForbiddenByFirewall")).await, @"Azure Key Vault at http://127.0.0.1:PORT: the firewall of the vault refuses this machine: Client address is not authorized | allow its network in the vault, or run where it is allowed");
    insta::assert_snapshot!(told(Azure::error(403, "Forbidden", "Operation decrypt is not allowed on a disabled key.", "KeyDisabled")).await, @"Azure Key Vault at http://127.0.0.1:PORT: the key is disabled: Operation decrypt is not allowed on a disabled key. | enable the version that the file names, or add another key with `sops updatekeys`");
    insta::assert_snapshot!(told(Azure::error(401, "Unauthorized", "AKV10032: Invalid issuer.", "")).await, @"Azure Key Vault at http://127.0.0.1:PORT: the vault does not accept the token: AKV10032: Invalid issuer. | see whether the identity in use is of the tenant that the vault belongs to");
    insta::assert_snapshot!(told(Azure::error(404, "KeyNotFound", "A key with (name/id) sops-key was not found", "")).await, @"Azure Key Vault at http://127.0.0.1:PORT: there is no such key, or no such version of it: A key with (name/id) sops-key was not found | see whether the vault, the name and the version are right, and the key was not deleted");
    insta::assert_snapshot!(told(Response::new(404, "text/html", "<html>").into()).await, @"Azure Key Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 404 and nothing that can be read | see whether the endpoint is right");
    insta::assert_snapshot!(told(Response::json(200, &json!({ "value": "%%" })).into()).await, @"Azure Key Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT answered with status 200 and nothing that can be read | see whether the endpoint is right");
    insta::assert_snapshot!(told(Response::json(200, &json!({ "value": "" })).into()).await, @"Azure Key Vault at http://127.0.0.1:PORT: the answer holds no key");
    let slower = || {
        Azure::error(
            429,
            "Throttled",
            "Request was not processed because too many requests were received.",
            "",
        )
    };
    fake.script([slower(), slower()]);
    insta::assert_snapshot!(told(slower()).await, @"Azure Key Vault at http://127.0.0.1:PORT: throttled, 3 attempts at most: Request was not processed because too many requests were received. | try again later, or unwrap fewer keys at the same time");
    insta::assert_snapshot!(outcome(&ring, &key(fake.url(), azure::VERSION, vec![0; 256])).await, @"Azure Key Vault at http://127.0.0.1:PORT: the vault does not accept the ciphertext: The parameter is incorrect. | the file was altered, or was encrypted with another version of the key");
    insta::assert_snapshot!(outcome(&ring, &key(fake.url(), "ffff", vec![0; 256])).await, @"Azure Key Vault at http://127.0.0.1:PORT: there is no such key, or no such version of it: A key with that version was not found in this key vault. | see whether the vault, the name and the version are right, and the key was not deleted");
}
