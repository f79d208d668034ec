//! Files that strangers wrote, one row each, and the requests that were *not* made: fakes count.

use std::fmt::Write;

use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::gcp::{self, GcpKms};
use afterbay_fakes::http::{Reply, Response, Server};
use afterbay_fakes::vault::{self, Vault};
use afterbay_keys::{CloudEnvironment, Endpoint, KeyOptions, KeyRing};
use afterbay_manifest::WrappedKey;

use crate::setup::{
    DATA_KEY, GCP_KEY, azure as azure_key, gcp as gcp_key, options, outcome, secret, vault as vault_key,
};

/// A server that nobody named and that takes everything.
fn stranger() -> Server {
    Server::start(|_| Reply::from(Response::new(200, "application/json", "{}"))).unwrap()
}

/// Credentials of every provider.
fn environment() -> CloudEnvironment {
    CloudEnvironment {
        google_access_token: Some(secret(gcp::TOKEN)),
        azure_tenant: Some(azure::TENANT.to_owned()),
        azure_client: Some(azure::CLIENT.to_owned()),
        azure_client_secret: Some(secret(azure::CLIENT_SECRET)),
        vault_token: Some(secret(vault::TOKEN)),
        ..CloudEnvironment::default()
    }
}

fn rows(stranger: &str) -> Vec<(&'static str, WrappedKey)> {
    let port = stranger.rsplit(':').next().unwrap();
    let azure = |url: String| azure_key(&url, azure::VERSION, vec![1; 256]);
    let vault = |url: String| vault_key(&url, "vault:v1:AAAA".to_owned());
    vec![
        (
            "GCP: a path that leads elsewhere",
            gcp_key(
                "projects/../../x/locations/global/keyRings/a/cryptoKeys/b",
                vec![1],
            ),
        ),
        (
            "GCP: a host in the name",
            gcp_key(
                &GCP_KEY.replace("shop-prod", &format!("127.0.0.1:{port}")),
                vec![1],
            ),
        ),
        ("Azure: another host", azure(stranger.to_owned())),
        (
            "Azure: a host that ends like a vault",
            azure(format!("https://shop.vault.azure.net.127.0.0.1.nip.io:{port}")),
        ),
        (
            "Azure: a user that looks like a vault",
            azure(format!("http://shop.vault.azure.net@127.0.0.1:{port}")),
        ),
        (
            "Azure: another port",
            azure(format!("https://shop.vault.azure.net:{port}")),
        ),
        (
            "Azure: the metadata service",
            azure("http://169.254.169.254".to_owned()),
        ),
        (
            "Azure: a vault of another cloud",
            azure("https://shop.vault.azure.cn".to_owned()),
        ),
        ("Vault: another host", vault(stranger.to_owned())),
        (
            "Vault: a user that looks like the server",
            vault(format!("http://vault.example.com:8200@127.0.0.1:{port}")),
        ),
        (
            "Vault: a host that begins like the server",
            vault("https://vault.example.com:8200.evil.example".to_owned()),
        ),
        (
            "Vault: plain HTTP to the server",
            vault("http://vault.example.com:8200".to_owned()),
        ),
        ("Vault: a path out of the engine", {
            let WrappedKey::Vault(mut key) = vault("https://vault.example.com:8200".to_owned()) else {
                unreachable!()
            };
            key.engine_path = "../sys/raw".to_owned();
            WrappedKey::Vault(key)
        }),
    ]
}

#[tokio::test]
async fn a_file_does_not_choose_who_is_asked() {
    let stranger = stranger();
    let cloud = CloudEnvironment {
        vault_address: Some("https://vault.example.com:8200".to_owned()),
        // What `sops` would read as "everywhere".
        vault_allowlist: Some("all".to_owned()),
        ..environment()
    };
    let ring = KeyRing::new(options(cloud));
    let mut table = String::new();
    for (name, key) in rows(stranger.url()) {
        let told = outcome(&ring, &key).await;
        let port = stranger.url().rsplit(':').next().unwrap();
        writeln!(table, "{name}\n    {}", told.replace(port, "PORT")).unwrap();
    }
    assert_eq!((stranger.connections(), stranger.requests()), (0, 0));
    insta::assert_snapshot!(table, @r"
    GCP: a path that leads elsewhere
        GCP KMS: the resource id is refused: it is not of the form projects/…/locations/…/keyRings/…/cryptoKeys/…
    GCP: a host in the name
        GCP KMS: the resource id is refused: its project is none
    Azure: another host
        Azure Key Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT is no vault of the public cloud of Azure, so it gets no token | if the vault is to be trusted, name it with --azure-key-vault http://127.0.0.1:PORT; for another cloud set AZURE_AUTHORITY_HOST
    Azure: a host that ends like a vault
        Azure Key Vault at https://shop.vault.azure.net.127.0.0.1.nip.io:PORT: https://shop.vault.azure.net.127.0.0.1.nip.io:PORT is no vault of the public cloud of Azure, so it gets no token | if the vault is to be trusted, name it with --azure-key-vault https://shop.vault.azure.net.127.0.0.1.nip.io:PORT; for another cloud set AZURE_AUTHORITY_HOST
    Azure: a user that looks like a vault
        Azure Key Vault: the vault URL is refused: it is not of the form https://NAME.vault.azure.net
    Azure: another port
        Azure Key Vault at https://shop.vault.azure.net:PORT: https://shop.vault.azure.net:PORT is no vault of the public cloud of Azure, so it gets no token | if the vault is to be trusted, name it with --azure-key-vault https://shop.vault.azure.net:PORT; for another cloud set AZURE_AUTHORITY_HOST
    Azure: the metadata service
        Azure Key Vault at http://169.254.169.254: http://169.254.169.254 is no vault of the public cloud of Azure, so it gets no token | if the vault is to be trusted, name it with --azure-key-vault http://169.254.169.254; for another cloud set AZURE_AUTHORITY_HOST
    Azure: a vault of another cloud
        Azure Key Vault at https://shop.vault.azure.cn: https://shop.vault.azure.cn is no vault of the public cloud of Azure, so it gets no token | if the vault is to be trusted, name it with --azure-key-vault https://shop.vault.azure.cn; for another cloud set AZURE_AUTHORITY_HOST
    Vault: another host
        Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT is not an address that was named, so it does not get the token | if the address is to be trusted, name it with --vault-address http://127.0.0.1:PORT or VAULT_ADDR
    Vault: a user that looks like the server
        Vault: the address is refused: it is not of the form https://HOST:PORT
    Vault: a host that begins like the server
        Vault: the address is refused: it is not of the form https://HOST:PORT
    Vault: plain HTTP to the server
        Vault at http://vault.example.com:8200: http://vault.example.com:8200 is not an address that was named, so it does not get the token | if the address is to be trusted, name it with --vault-address http://vault.example.com:8200 or VAULT_ADDR
    Vault: a path out of the engine
        Vault: the path of the engine or the name of the key holds characters that Vault does not allow there
    ");
}

/// Every provider at a server that sends its clients to another one.
#[tokio::test]
async fn redirects_are_not_followed() {
    let target = stranger();
    let to = format!("{}/x", target.url());
    let redirect = move |status| Reply::from(Response::new(status, "text/plain", "").header("location", &to));

    let gcp = GcpKms::start().unwrap();
    gcp.script([redirect(307)]);
    let azure = Azure::start().unwrap();
    azure.script([redirect(308)]);
    let vault = Vault::start().unwrap();
    vault.script([redirect(307)]);
    let cloud = CloudEnvironment {
        gcp_kms_endpoint: Some(gcp.url().to_owned()),
        azure_authority: Some(azure.url().to_owned()),
        vault_address: Some(vault.url().to_owned()),
        ..environment()
    };
    let mut options: KeyOptions = options(cloud);
    options.azure.vaults = vec![Endpoint::parse(azure.url()).unwrap()];
    let ring = KeyRing::new(options);
    let gcp_told = outcome(&ring, &gcp_key(GCP_KEY, gcp.seal(GCP_KEY, DATA_KEY))).await;
    insta::assert_snapshot!(gcp_told, @"GCP KMS at http://127.0.0.1:PORT: http://127.0.0.1:PORT redirects (status 307), which is not followed | name the server that answers itself");
    let azure_told = outcome(
        &ring,
        &azure_key(azure.url(), azure::VERSION, azure.seal("sops-key", DATA_KEY)),
    )
    .await;
    insta::assert_snapshot!(azure_told, @"Azure Key Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT redirects (status 308), which is not followed | name the server that answers itself");
    let vault_told = outcome(
        &ring,
        &vault_key(vault.url(), vault.seal("transit", "sops-key", DATA_KEY)),
    )
    .await;
    insta::assert_snapshot!(vault_told, @"Vault at http://127.0.0.1:PORT: http://127.0.0.1:PORT redirects (status 307), which is not followed | name the server that answers itself");
    assert_eq!((target.connections(), target.requests()), (0, 0));
}

/// A vault that was named, and that wants a token it could use elsewhere.
#[tokio::test]
async fn a_challenge_for_another_resource_gets_no_token() {
    let fake = Azure::start().unwrap();
    let cloud = CloudEnvironment {
        azure_authority: Some(fake.url().to_owned()),
        ..environment()
    };
    for resource in [
        "https://management.azure.com",
        "https://vault.azure.net",
        "https://graph.microsoft.com/.default",
    ] {
        fake.want(resource);
        let mut options = options(CloudEnvironment {
            azure_authority: cloud.azure_authority.clone(),
            ..environment()
        });
        options.azure.vaults = vec![Endpoint::parse(fake.url()).unwrap()];
        let told = outcome(
            &KeyRing::new(options),
            &azure_key(fake.url(), azure::VERSION, vec![1; 256]),
        )
        .await;
        assert!(told.contains("which is not its own"), "{told}");
    }
    assert_eq!(
        (fake.server().count("challenge"), fake.server().count("token")),
        (3, 0)
    );
    assert_eq!(fake.server().count("decrypt"), 0);
}
