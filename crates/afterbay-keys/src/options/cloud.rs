//! What the operator chooses for Google Cloud, Azure and Vault.

use std::fmt;
use std::path::PathBuf;

use afterbay_manifest::SecretBytes;

use super::{Endpoint, KmsLimits};
use crate::cache::Identity;

/// How Google Cloud KMS is called.
#[derive(Debug, Default)]
pub struct GcpOptions {
    /// Where KMS is, instead of `SOPS_GCP_KMS_ENDPOINT` and Google's own.
    pub endpoint: Option<Endpoint>,
    /// Where credentials come from.
    pub credentials: GcpCredentials,
    /// How long, and how often.
    pub limits: KmsLimits,
}

/// Where credentials for Google Cloud come from.
#[derive(Debug, Default)]
pub enum GcpCredentials {
    /// As `sops` has it: `GOOGLE_CREDENTIALS`, `GOOGLE_OAUTH_ACCESS_TOKEN`, then application default
    /// credentials: `GOOGLE_APPLICATION_CREDENTIALS`, the file of gcloud, the metadata server.
    #[default]
    Environment,
    /// The key of a service account in JSON (Flux's `sops.gcp-kms`). No credentials of the environment are read, and
    /// no other type of credentials is taken: some name files to read and programs to run.
    ServiceAccount(SecretBytes),
    /// A token that is used as it is.
    AccessToken(SecretBytes),
    /// None: Google Cloud is not called.
    None,
}

impl GcpCredentials {
    /// Who asks with these credentials at an endpoint. The environment is the one of this process, whoever
    /// asks.
    pub(crate) fn identity(&self, endpoint: &str) -> Identity {
        let (kind, secret) = match self {
            Self::Environment => ("environment", &b""[..]),
            Self::ServiceAccount(json) => ("account", json.expose_bytes()),
            Self::AccessToken(token) => ("token", token.expose_bytes()),
            Self::None => ("none", &b""[..]),
        };
        Identity::of([kind.as_bytes(), secret, endpoint.as_bytes()])
    }
}

/// How Azure Key Vault is called.
#[derive(Debug, Default)]
pub struct AzureOptions {
    /// Vaults outside the domains of the cloud, or at private addresses, that files may name.
    pub vaults: Vec<Endpoint>,
    /// Where credentials come from.
    pub credentials: AzureCredentials,
    /// How long, and how often.
    pub limits: KmsLimits,
}

/// Where credentials for Azure come from.
#[derive(Debug, Default)]
pub enum AzureCredentials {
    /// The first that is configured of client secret, client certificate, workload identity; without any,
    /// the managed identity.
    #[default]
    Environment,
    /// These. Nothing of the environment is read, the login service included.
    Fixed(AzureIdentity),
    /// None: Azure is not called.
    None,
}

impl AzureCredentials {
    /// Who asks with these credentials.
    pub(crate) fn identity(&self) -> Identity {
        let identity = match self {
            Self::Environment => return Identity::of([&b"environment"[..]]),
            Self::None => return Identity::of([&b"none"[..]]),
            Self::Fixed(identity) => identity,
        };
        let authority = identity.authority.as_deref().unwrap_or_default();
        let (kind, tenant, client, proof) = match &identity.proof {
            AzureProof::ClientSecret {
                tenant,
                client,
                secret,
            } => ("secret", tenant.as_str(), client.as_str(), secret.expose_bytes()),
            AzureProof::ClientCertificate { tenant, client, pem } => (
                "certificate",
                tenant.as_str(),
                client.as_str(),
                pem.expose_bytes(),
            ),
            AzureProof::WorkloadIdentity {
                tenant,
                client,
                token_file,
            } => (
                "workload",
                tenant.as_str(),
                client.as_str(),
                token_file.as_os_str().as_encoded_bytes(),
            ),
            AzureProof::ManagedIdentity { client } => {
                ("managed", "", client.as_deref().unwrap_or_default(), &b""[..])
            }
        };
        let parts = [kind, authority, tenant, client].map(str::as_bytes);
        Identity::of(parts.into_iter().chain([proof]))
    }
}

/// An identity of Azure given as a value; [`AzureIdentity::from_flux`] reads it from a Secret of Flux.
#[derive(Debug)]
pub struct AzureIdentity {
    /// The login service (`https://login.microsoftonline.us/`), if it is not the one of the public cloud.
    pub authority: Option<String>,
    /// How it proves itself.
    pub proof: AzureProof,
}

/// How an identity proves itself.
pub enum AzureProof {
    /// A secret of an application.
    ClientSecret {
        /// Id or domain of the tenant.
        tenant: String,
        /// Id of the application.
        client: String,
        /// The secret.
        secret: SecretBytes,
    },
    /// A certificate of an application, with its private key, in PEM.
    ClientCertificate {
        /// Id or domain of the tenant.
        tenant: String,
        /// Id of the application.
        client: String,
        /// Certificate and private key.
        pem: SecretBytes,
    },
    /// A token of another issuer, read when it is needed: a workload identity.
    WorkloadIdentity {
        /// Id or domain of the tenant.
        tenant: String,
        /// Id of the application.
        client: String,
        /// The file with the token.
        token_file: PathBuf,
    },
    /// The identity of the machine this runs on.
    ManagedIdentity {
        /// Which of several; `None` for the one that the system assigned.
        client: Option<String>,
    },
}

impl fmt::Debug for AzureProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, client) = match self {
            Self::ClientSecret { client, .. } => ("ClientSecret", Some(client)),
            Self::ClientCertificate { client, .. } => ("ClientCertificate", Some(client)),
            Self::WorkloadIdentity { client, .. } => ("WorkloadIdentity", Some(client)),
            Self::ManagedIdentity { client } => ("ManagedIdentity", client.as_ref()),
        };
        f.debug_struct(name)
            .field("client", &client)
            .finish_non_exhaustive()
    }
}

/// How Vault or OpenBao is called.
#[derive(Debug, Default)]
pub struct VaultOptions {
    /// Addresses that files may name, besides `VAULT_ADDR` and `SOPS_HC_VAULT_ALLOWLIST`.
    pub addresses: Vec<Endpoint>,
    /// The namespace, instead of `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// Where the token comes from.
    pub credentials: VaultCredentials,
    /// How long, and how often.
    pub limits: KmsLimits,
}

/// Where Vault's token comes from.
#[derive(Debug, Default)]
pub enum VaultCredentials {
    /// `VAULT_TOKEN`, else the file that `vault login` writes.
    #[default]
    Environment,
    /// This one (Flux's `sops.vault-token`). No credentials of the environment are read; where Vault is
    /// stays the operator's to say.
    Token(SecretBytes),
    /// A file with the token.
    TokenFile(PathBuf),
    /// A login with the token of a Kubernetes service account.
    Kubernetes {
        /// The role to log in with.
        role: String,
        /// Where the method is mounted: `kubernetes`, unless it was put elsewhere.
        mount: String,
        /// The file with the token of the service account.
        token_file: PathBuf,
    },
    /// None: Vault is not called.
    None,
}

impl VaultCredentials {
    /// Who asks with these credentials in a namespace.
    pub(crate) fn identity(&self, namespace: &str) -> Identity {
        let (kind, parts): (&str, [&[u8]; 3]) = match self {
            Self::Environment => ("environment", [b"", b"", b""]),
            Self::Token(token) => ("token", [token.expose_bytes(), b"", b""]),
            Self::TokenFile(file) => ("file", [file.as_os_str().as_encoded_bytes(), b"", b""]),
            Self::Kubernetes {
                role,
                mount,
                token_file,
            } => (
                "kubernetes",
                [
                    role.as_bytes(),
                    mount.as_bytes(),
                    token_file.as_os_str().as_encoded_bytes(),
                ],
            ),
            Self::None => ("none", [b"", b"", b""]),
        };
        Identity::of([kind.as_bytes(), namespace.as_bytes()].into_iter().chain(parts))
    }
}
