//! Fakes of the key services of clouds, each with one key, and the environment in which the real sops and the product
//! both find them.

use std::path::PathBuf;
use std::process::Command;

use afterbay_fakes::aws::AwsFake;
use afterbay_fakes::azure::{self, Azure};
use afterbay_fakes::connect::Proxy;
use afterbay_fakes::gcp::{self, GcpKms};
use afterbay_fakes::tls::TestCa;
use serde_json::json;

use crate::{Scenario, program};

/// Environment variables: name and value.
pub type Variables = Vec<(String, String)>;

/// AWS KMS with a key, a role that may use it, and the user `test`.
#[derive(Debug)]
pub struct AwsCloud {
    /// The fake, which takes real signatures only.
    pub fake: AwsFake,
}

/// Google Cloud KMS with a service account.
#[derive(Debug)]
pub struct GcpCloud {
    /// The fake.
    pub fake: GcpKms,
    /// The credentials of the service account: what `GOOGLE_CREDENTIALS` holds.
    pub account: String,
}

/// Azure Key Vault and its login service. Clients believe that they talk to the real names over TLS: a proxy leads them
/// here, and a test authority vouches for it.
#[derive(Debug)]
pub struct AzureCloud {
    /// The fake.
    pub fake: Azure,
    /// What leads clients to it.
    pub proxy: Proxy,
    authority: PathBuf,
}

impl AwsCloud {
    /// The ARN of the key.
    pub const KEY: &str = "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";
    /// The ARN of the role.
    pub const ROLE: &str = "arn:aws:iam::000000000000:role/deployer";

    /// Starts it.
    pub fn start() -> anyhow::Result<Self> {
        let fake = AwsFake::start()?;
        fake.add_user("test", "test", "000000000000");
        fake.add_key(Self::KEY);
        fake.add_role(Self::ROLE);
        Ok(Self { fake })
    }

    /// As the user, at the address of the fake.
    pub fn variables(&self) -> Variables {
        variables(&[
            ("AWS_ENDPOINT_URL", self.fake.url()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
    }
}

impl GcpCloud {
    /// The resource name of the key.
    pub const KEY: &str = "projects/shop-prod/locations/europe-west1/keyRings/sops/cryptoKeys/sops-key";

    /// Starts it; the key of the service account is made by `openssl`.
    pub fn start() -> anyhow::Result<Self> {
        let fake = GcpKms::start()?;
        let private_key = program::run(Command::new("openssl").args([
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
        ]))?
        .success()?;
        fake.trust(&private_key);
        let account = json!({
            "type": "service_account",
            "project_id": "shop-prod",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": gcp::SERVICE_ACCOUNT,
            "client_id": "1",
            "token_uri": format!("{}/token", fake.url()),
        })
        .to_string();
        Ok(Self { fake, account })
    }

    /// As the service account, at the address of the fake.
    pub fn variables(&self) -> Variables {
        variables(&[
            ("SOPS_GCP_KMS_ENDPOINT", self.fake.url()),
            ("SOPS_GCP_KMS_CLIENT_TYPE", "rest"),
            ("GOOGLE_CREDENTIALS", &self.account),
        ])
    }
}

impl AzureCloud {
    /// Starts it; the certificate of the authority goes to the folder of the scenario.
    pub fn start(scenario: &Scenario) -> anyhow::Result<Self> {
        let ca = TestCa::new();
        let fake = Azure::start_tls(&ca)?;
        let proxy = Proxy::start(&azure::NAMES.map(|name| (name, fake.server())))?;
        Ok(Self {
            fake,
            proxy,
            authority: scenario.write("ca.pem", ca.pem())?,
        })
    }

    /// The URL of the key.
    pub fn key(&self) -> String {
        format!("https://shop.vault.azure.net/keys/sops-key/{}", azure::VERSION)
    }

    /// The way to the fake, and whom one is; what proves it is [`Self::variables`]' to add.
    pub fn way(&self) -> Variables {
        variables(&[
            ("HTTPS_PROXY", self.proxy.url()),
            ("SSL_CERT_FILE", &self.authority.to_string_lossy()),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
            ("AZURE_TENANT_ID", azure::TENANT),
            ("AZURE_CLIENT_ID", azure::CLIENT),
        ])
    }

    /// As the client, by its secret.
    pub fn variables(&self) -> Variables {
        let mut all = self.way();
        all.extend(variables(&[("AZURE_CLIENT_SECRET", azure::CLIENT_SECRET)]));
        all
    }
}

fn variables(of: &[(&str, &str)]) -> Variables {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
