//! Credentials that are given as values: nothing of the environment is mixed in.

use std::path::PathBuf;

use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::gcp::{self, GcpKms};
use afterbay_fakes::vault::{self, Vault};
use afterbay_keys::{
    AzureCredentials, AzureIdentity, CloudEnvironment, Endpoint, GcpCredentials, KeyRing, VaultCredentials,
};
use serde_json::json;

use crate::setup::{
    DATA_KEY, GCP_KEY, PRIVATE_KEY, azure as azure_key, gcp as gcp_key, options, outcome, secret,
    vault as vault_key,
};

/// Credentials of the environment that would open everything.
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

#[tokio::test]
async fn a_given_set_opens_by_itself() {
    let (gcp, azure, vault) = (
        GcpKms::start().unwrap(),
        Azure::start().unwrap(),
        Vault::start().unwrap(),
    );
    gcp.trust(PRIVATE_KEY);
    let mut options = options(CloudEnvironment::default());
    options.gcp.endpoint = Some(Endpoint::parse(gcp.url()).unwrap());
    let account = json!({
        "type": "service_account",
        "project_id": "shop-prod",
        "private_key_id": "1",
        "private_key": PRIVATE_KEY,
        "client_email": gcp::SERVICE_ACCOUNT,
    });
    options.gcp.credentials = GcpCredentials::ServiceAccount(secret(&account.to_string()));
    options.vault.addresses = vec![Endpoint::parse(vault.url()).unwrap()];
    options.vault.credentials = VaultCredentials::Token(secret(vault::TOKEN));
    // The login service of an identity that was given may not be just anywhere, so this one is named.
    options.azure.vaults = vec![Endpoint::parse(azure.url()).unwrap()];
    let identity = json!({
        "tenantId": azure::TENANT,
        "clientId": azure::CLIENT,
        "clientSecret": azure::CLIENT_SECRET,
        "authorityHost": azure.url(),
    });
    let identity = AzureIdentity::from_flux(identity.to_string().as_bytes()).unwrap();
    options.azure.credentials = AzureCredentials::Fixed(identity);
    let ring = KeyRing::new(options);
    for key in [
        gcp_key(GCP_KEY, gcp.seal(GCP_KEY, DATA_KEY)),
        azure_key(azure.url(), azure::VERSION, azure.seal("sops-key", DATA_KEY)),
        vault_key(vault.url(), vault.seal("transit", "sops-key", DATA_KEY)),
    ] {
        assert_eq!(outcome(&ring, &key).await, "opened");
    }
}

#[tokio::test]
async fn a_given_set_that_fails_is_not_helped_by_the_environment() {
    let (gcp, azure, vault) = (
        GcpKms::start().unwrap(),
        Azure::start().unwrap(),
        Vault::start().unwrap(),
    );
    let mut options = options(environment());
    options.gcp.endpoint = Some(Endpoint::parse(gcp.url()).unwrap());
    options.azure.vaults = vec![Endpoint::parse(azure.url()).unwrap()];
    options.vault.addresses = vec![Endpoint::parse(vault.url()).unwrap()];
    // Types that would read a file or run a program.
    let external = json!({ "type": "external_account", "credential_source": { "executable": { "command": "/bin/canary" } } });
    options.gcp.credentials = GcpCredentials::ServiceAccount(secret(&external.to_string()));
    let identity = format!(
        "tenantId: {}\nclientId: {}\nclientSecret: canary-wrong\nauthorityHost: {}\n",
        azure::TENANT,
        azure::CLIENT,
        azure.url()
    );
    options.azure.credentials =
        AzureCredentials::Fixed(AzureIdentity::from_flux(identity.as_bytes()).unwrap());
    options.vault.credentials = VaultCredentials::TokenFile(PathBuf::from("/nonexistent/token"));
    let ring = KeyRing::new(options);
    insta::assert_snapshot!(outcome(&ring, &gcp_key(GCP_KEY, gcp.seal(GCP_KEY, DATA_KEY))).await, @"GCP KMS: the credentials that were given are not the key of a service account | give a key in JSON whose type is service_account");
    insta::assert_snapshot!(outcome(&ring, &azure_key(azure.url(), azure::VERSION, azure.seal("sops-key", DATA_KEY))).await, @"Azure Key Vault at http://127.0.0.1:PORT: no token for the client secret of 66666666-7777-8888-9999-000000000000: AADSTS7000215: Invalid client secret provided. | see whether tenant, client and secret are right and have not expired");
    insta::assert_snapshot!(outcome(&ring, &vault_key(vault.url(), vault.seal("transit", "sops-key", DATA_KEY))).await, @"Vault at http://127.0.0.1:PORT: the token file /nonexistent/token: no such file | run `vault login`, set VAULT_TOKEN, or name a role with --vault-kubernetes-role");
    assert_eq!((gcp.server().requests(), vault.server().requests()), (0, 0));
    assert_eq!(azure.server().count("decrypt"), 0);
}

#[tokio::test]
async fn a_login_service_that_a_stranger_gave_is_not_asked_inside() {
    let azure = Azure::start().unwrap();
    let identity = |authority: &str| {
        let text = format!("tenantId: t\nclientId: c\nclientSecret: canary\nauthorityHost: {authority}\n");
        AzureCredentials::Fixed(AzureIdentity::from_flux(text.as_bytes()).unwrap())
    };
    let other = Azure::start().unwrap();
    let mut options = options(environment());
    options.azure.vaults = vec![Endpoint::parse(azure.url()).unwrap()];
    options.azure.credentials = identity(other.url());
    let told = outcome(
        &KeyRing::new(options),
        &azure_key(azure.url(), azure::VERSION, vec![1; 256]),
    )
    .await;
    insta::assert_snapshot!(told, @"Azure Key Vault at http://127.0.0.1:PORT: no token for the client secret of c: http://127.0.0.1:PORT has no TLS, and nobody named it | set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a managed or workload identity is attached");
    assert_eq!(other.server().connections(), 0);
}
