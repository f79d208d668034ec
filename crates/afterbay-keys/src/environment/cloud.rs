//! What the environment says about Google Cloud, Azure and Vault.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use afterbay_manifest::SecretBytes;

/// gcloud's file of application default credentials below the home folder, as Google's libraries have it.
const GCLOUD_FILE: &str = ".config/gcloud/application_default_credentials.json";

/// Vault's file of the last login below the home folder.
const VAULT_TOKEN_FILE: &str = ".vault-token";

/// Variables of the cloud providers. Empty by default.
#[derive(Default)]
pub struct CloudEnvironment {
    /// `GOOGLE_CREDENTIALS`: credentials in JSON, or the path of a file of them.
    pub google_credentials: Option<SecretBytes>,
    /// `GOOGLE_OAUTH_ACCESS_TOKEN`: a token that is used as it is.
    pub google_access_token: Option<SecretBytes>,
    /// `GOOGLE_APPLICATION_CREDENTIALS`: a file of credentials.
    pub google_credentials_file: Option<PathBuf>,
    /// The file that `gcloud auth application-default login` writes, which need not exist.
    pub gcloud_file: Option<PathBuf>,
    /// `SOPS_GCP_KMS_ENDPOINT`: where Google Cloud KMS is.
    pub gcp_kms_endpoint: Option<String>,
    /// `SOPS_GCP_KMS_UNIVERSE_DOMAIN`: the domain of a sovereign cloud.
    pub gcp_universe_domain: Option<String>,
    /// `AZURE_TENANT_ID`
    pub azure_tenant: Option<String>,
    /// `AZURE_CLIENT_ID`
    pub azure_client: Option<String>,
    /// `AZURE_CLIENT_SECRET`
    pub azure_client_secret: Option<SecretBytes>,
    /// `AZURE_CLIENT_CERTIFICATE_PATH`: certificate and private key in PEM.
    pub azure_certificate_file: Option<PathBuf>,
    /// `AZURE_FEDERATED_TOKEN_FILE`: the token of a workload identity.
    pub azure_federated_token_file: Option<PathBuf>,
    /// `AZURE_AUTHORITY_HOST`: the login service, which also says which cloud it is.
    pub azure_authority: Option<String>,
    /// `IDENTITY_ENDPOINT`: the managed identity of App Service and its kin.
    pub azure_identity_endpoint: Option<String>,
    /// `IDENTITY_HEADER`: what that endpoint wants to be shown.
    pub azure_identity_header: Option<SecretBytes>,
    /// `AZURE_POD_IDENTITY_AUTHORITY_HOST`: the metadata service instead of 169.254.169.254.
    pub azure_metadata_endpoint: Option<String>,
    /// `VAULT_ADDR`
    pub vault_address: Option<String>,
    /// `VAULT_TOKEN`
    pub vault_token: Option<SecretBytes>,
    /// The file that `vault login` writes, which need not exist.
    pub vault_token_file: Option<PathBuf>,
    /// `VAULT_NAMESPACE`
    pub vault_namespace: Option<String>,
    /// `VAULT_CACERT`: the certificates that Vault's is checked with, instead of the machine's.
    pub vault_ca_file: Option<PathBuf>,
    /// `SOPS_HC_VAULT_ALLOWLIST`: addresses of Vault that files may name.
    pub vault_allowlist: Option<String>,
}

impl CloudEnvironment {
    /// Reads variables through `lookup`; an empty one is not set.
    pub(super) fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| set(name).map(PathBuf::from);
        let secret = |name: &str| set(name).map(|value| SecretBytes::new(value.into_encoded_bytes()));
        let at_home = |file: &str| path("HOME").map(|home| home.join(file));
        Self {
            google_credentials: secret("GOOGLE_CREDENTIALS"),
            google_access_token: secret("GOOGLE_OAUTH_ACCESS_TOKEN"),
            google_credentials_file: path("GOOGLE_APPLICATION_CREDENTIALS"),
            gcloud_file: at_home(GCLOUD_FILE),
            gcp_kms_endpoint: text("SOPS_GCP_KMS_ENDPOINT"),
            gcp_universe_domain: text("SOPS_GCP_KMS_UNIVERSE_DOMAIN"),
            azure_tenant: text("AZURE_TENANT_ID"),
            azure_client: text("AZURE_CLIENT_ID"),
            azure_client_secret: secret("AZURE_CLIENT_SECRET"),
            azure_certificate_file: path("AZURE_CLIENT_CERTIFICATE_PATH"),
            azure_federated_token_file: path("AZURE_FEDERATED_TOKEN_FILE"),
            azure_authority: text("AZURE_AUTHORITY_HOST"),
            azure_identity_endpoint: text("IDENTITY_ENDPOINT"),
            azure_identity_header: secret("IDENTITY_HEADER"),
            azure_metadata_endpoint: text("AZURE_POD_IDENTITY_AUTHORITY_HOST"),
            vault_address: text("VAULT_ADDR"),
            vault_token: secret("VAULT_TOKEN"),
            vault_token_file: at_home(VAULT_TOKEN_FILE),
            vault_namespace: text("VAULT_NAMESPACE"),
            vault_ca_file: path("VAULT_CACERT"),
            vault_allowlist: text("SOPS_HC_VAULT_ALLOWLIST"),
        }
    }
}

impl fmt::Debug for CloudEnvironment {
    /// Only names: an endpoint may hold a password, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = [
            ("GOOGLE_CREDENTIALS", self.google_credentials.is_some()),
            ("GOOGLE_OAUTH_ACCESS_TOKEN", self.google_access_token.is_some()),
            (
                "GOOGLE_APPLICATION_CREDENTIALS",
                self.google_credentials_file.is_some(),
            ),
            ("SOPS_GCP_KMS_ENDPOINT", self.gcp_kms_endpoint.is_some()),
            ("SOPS_GCP_KMS_UNIVERSE_DOMAIN", self.gcp_universe_domain.is_some()),
            ("AZURE_TENANT_ID", self.azure_tenant.is_some()),
            ("AZURE_CLIENT_ID", self.azure_client.is_some()),
            ("AZURE_CLIENT_SECRET", self.azure_client_secret.is_some()),
            (
                "AZURE_CLIENT_CERTIFICATE_PATH",
                self.azure_certificate_file.is_some(),
            ),
            (
                "AZURE_FEDERATED_TOKEN_FILE",
                self.azure_federated_token_file.is_some(),
            ),
            ("AZURE_AUTHORITY_HOST", self.azure_authority.is_some()),
            ("IDENTITY_ENDPOINT", self.azure_identity_endpoint.is_some()),
            ("IDENTITY_HEADER", self.azure_identity_header.is_some()),
            (
                "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                self.azure_metadata_endpoint.is_some(),
            ),
            ("VAULT_ADDR", self.vault_address.is_some()),
            ("VAULT_TOKEN", self.vault_token.is_some()),
            ("VAULT_NAMESPACE", self.vault_namespace.is_some()),
            ("VAULT_CACERT", self.vault_ca_file.is_some()),
            ("SOPS_HC_VAULT_ALLOWLIST", self.vault_allowlist.is_some()),
        ];
        let names = set.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}
