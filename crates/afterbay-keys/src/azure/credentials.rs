//! Who asks, and how the token is got: the documented flows of OAuth 2 on our own client.
//!
//! Not `azure_identity`: its client certificates want OpenSSL, and it brings a second base64.

use std::path::{Path, PathBuf};

use afterbay_manifest::SecretBytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::answer;
use super::assertion::Certificate;
use super::cloud::Cloud;
use crate::guarded::{Answer, Call, Failure, Guarded, Place, Token};
use crate::key_file;
use crate::note::KeyNote;
use crate::options::{AzureCredentials, AzureProof, KeyOptions};
use crate::outside_text::tame;

/// Where a machine of Azure asks for its identity.
const METADATA: &str = "http://169.254.169.254";

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const HINT: &str = "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a managed or \
                    workload identity is attached";

/// The identity of a run.
pub(super) struct Credentials {
    cloud: Cloud,
    /// Whether the operator chose the login service, so that it may be anywhere.
    is_own: bool,
    proof: Proof,
    notes: Vec<KeyNote>,
}

/// How the identity is proved, with what belongs to it at hand.
enum Proof {
    Secret {
        tenant: String,
        client: String,
        secret: Vec<u8>,
    },
    Certificate {
        tenant: String,
        client: String,
        certificate: Box<Certificate>,
    },
    TokenFile {
        tenant: String,
        client: String,
        file: PathBuf,
    },
    /// The metadata service of a machine.
    Machine { endpoint: Url, client: Option<String> },
    /// The endpoint of App Service and its kin, and what it wants to be shown.
    Service {
        endpoint: Url,
        header: Vec<u8>,
        client: Option<String>,
    },
}

/// A token. <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
#[derive(Deserialize)]
struct Granted {
    access_token: Zeroizing<String>,
    /// Seconds, which managed identities write as text.
    #[serde(default)]
    expires_in: Value,
    /// The time in seconds since 1970 instead, which App Service gives.
    #[serde(default)]
    expires_on: Value,
}

impl Credentials {
    /// The identity that the options name; only with [`AzureCredentials::Environment`] is anything else read.
    pub(super) async fn find(options: &KeyOptions) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let (authority, proof, is_own) = match &options.azure.credentials {
            AzureCredentials::Fixed(identity) => (
                identity.authority.as_deref(),
                fixed(&identity.proof, &mut notes).await?,
                false,
            ),
            AzureCredentials::None => return Err(Failure::no_credentials("Azure")),
            AzureCredentials::Environment => {
                let authority = options.environment.cloud.azure_authority.as_deref();
                (authority, of_environment(options, &mut notes).await?, true)
            }
        };
        Ok(Self {
            cloud: Cloud::of(authority)?,
            is_own,
            proof,
            notes,
        })
    }

    pub(super) fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    pub(super) fn notes(&self) -> &[KeyNote] {
        &self.notes
    }

    /// Places of the identity's own, which may be anywhere: the operator's login service, and the one that
    /// the machine has for its identity.
    pub(super) fn own_places(&self) -> Vec<Place> {
        let authority = Place::of(&self.cloud.authority).filter(|_| self.is_own);
        let endpoint = match &self.proof {
            Proof::Machine { endpoint, .. } | Proof::Service { endpoint, .. } => Place::of(endpoint),
            _ => None,
        };
        authority.into_iter().chain(endpoint).collect()
    }

    /// A token for a resource.
    pub(super) async fn token(&self, http: &Guarded, resource: &str) -> Result<Token, Failure> {
        let (call, source) = self.call(resource).await?;
        let answer = http.send(&call).await.map_err(|trouble| {
            let mut failure = trouble.explain("AZURE_AUTHORITY_HOST=");
            failure.reason = format!("no token for {source}: {}", failure.reason);
            failure.hint = Some(HINT.to_owned());
            failure
        })?;
        granted(&answer).ok_or_else(|| {
            let place = match &self.proof {
                Proof::Machine { endpoint, .. } | Proof::Service { endpoint, .. } => endpoint,
                _ => &self.cloud.authority,
            };
            let place = Place::of(place).map_or_else(String::new, |place| place.to_string());
            answer::no_token(&answer, &place, &source, http.limits())
        })
    }

    /// The request for a token, and whose it is.
    async fn call(&self, resource: &str) -> Result<(Call, String), Failure> {
        match &self.proof {
            Proof::Secret {
                tenant,
                client,
                secret,
            } => {
                let mut form = Form::new(client, resource);
                form.push("client_secret", secret);
                Ok((
                    form.call(self.token_url(tenant)),
                    format!("the client secret of {}", tame(client)),
                ))
            }
            Proof::Certificate {
                tenant,
                client,
                certificate,
            } => {
                let url = self.token_url(tenant);
                let assertion = certificate.assertion(client, url.as_str()).ok_or_else(|| {
                    Failure::new("the assertion of the client certificate cannot be signed", "")
                })?;
                let mut form = Form::new(client, resource);
                form.push("client_assertion_type", ASSERTION_TYPE.as_bytes());
                form.push("client_assertion", assertion.as_bytes());
                Ok((
                    form.call(url),
                    format!("the client certificate of {}", tame(client)),
                ))
            }
            Proof::TokenFile { tenant, client, file } => {
                let (token, _) = read(file, "the token of the workload identity").await?;
                let mut form = Form::new(client, resource);
                form.push("client_assertion_type", ASSERTION_TYPE.as_bytes());
                form.push("client_assertion", token.trim_ascii());
                Ok((
                    form.call(self.token_url(tenant)),
                    format!("the workload identity {}", tame(client)),
                ))
            }
            Proof::Machine { endpoint, client } => {
                let mut url = endpoint.clone();
                url.set_path("/metadata/identity/oauth2/token");
                identity_query(&mut url, "2018-02-01", resource, client.as_deref());
                let call = Call::new(Method::GET, url).header(HeaderName::from_static("metadata"), "true");
                Ok((call, "the managed identity of this machine".to_owned()))
            }
            Proof::Service {
                endpoint,
                header,
                client,
            } => {
                let mut url = endpoint.clone();
                identity_query(&mut url, "2019-08-01", resource, client.as_deref());
                let header = SecretBytes::new(header.clone());
                let call = Call::new(Method::GET, url).secret_header(
                    HeaderName::from_static("x-identity-header"),
                    "",
                    &header,
                )?;
                Ok((call, "the managed identity of this service".to_owned()))
            }
        }
    }

    fn token_url(&self, tenant: &str) -> Url {
        let mut url = self.cloud.authority.clone();
        url.set_path(&format!("/{tenant}/oauth2/v2.0/token"));
        url
    }
}

fn identity_query(url: &mut Url, version: &str, resource: &str, client: Option<&str>) {
    let mut query = url.query_pairs_mut();
    query
        .append_pair("api-version", version)
        .append_pair("resource", resource);
    if let Some(client) = client {
        query.append_pair("client_id", client);
    }
}

/// A form with a secret in it, in memory that is wiped.
struct Form(Zeroizing<Vec<u8>>);

impl Form {
    fn new(client: &str, resource: &str) -> Self {
        // Room for everything: a buffer that grows leaves copies behind that nobody wipes.
        let mut form = Self(Zeroizing::new(Vec::with_capacity(64 << 10)));
        form.push("grant_type", b"client_credentials");
        form.push("client_id", client.as_bytes());
        form.push("scope", format!("{resource}/.default").as_bytes());
        form
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        for &byte in value {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => self.0.push(byte),
                _ => {
                    let digit = |nibble: u8| HEX[usize::from(nibble & 15)];
                    self.0.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
                }
            }
        }
    }

    fn call(self, url: Url) -> Call {
        Call::new(Method::POST, url).body("application/x-www-form-urlencoded", self.0)
    }
}

/// What was granted, if anything was.
fn granted(answer: &Answer) -> Option<Token> {
    if !answer.is_success() {
        return None;
    }
    let granted: Granted = serde_json::from_slice(&answer.body).ok()?;
    if HeaderValue::from_str(&granted.access_token).is_err() || granted.access_token.is_empty() {
        return None;
    }
    let secret = SecretBytes::new(granted.access_token.as_bytes().to_vec());
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let seconds = number(&granted.expires_in)
        .or_else(|| number(&granted.expires_on).map(|end| end.saturating_sub(now.as_secs())));
    Some(Token::lasting(secret, seconds.unwrap_or(300).min(86_400)))
}

async fn fixed(proof: &AzureProof, notes: &mut Vec<KeyNote>) -> Result<Proof, Failure> {
    Ok(match proof {
        AzureProof::ClientSecret {
            tenant,
            client,
            secret,
        } => Proof::Secret {
            tenant: checked_tenant(tenant)?,
            client: client.clone(),
            secret: secret.expose_bytes().to_vec(),
        },
        AzureProof::ClientCertificate { tenant, client, pem } => Proof::Certificate {
            tenant: checked_tenant(tenant)?,
            client: client.clone(),
            certificate: Box::new(certificate(
                pem.expose_bytes(),
                "the client certificate that was given",
            )?),
        },
        AzureProof::WorkloadIdentity {
            tenant,
            client,
            token_file,
        } => {
            let (_, note) = read(token_file, "the token of the workload identity").await?;
            notes.extend(note);
            Proof::TokenFile {
                tenant: checked_tenant(tenant)?,
                client: client.clone(),
                file: token_file.clone(),
            }
        }
        AzureProof::ManagedIdentity { client } => Proof::Machine {
            endpoint: url(METADATA, "the metadata service")?,
            client: client.clone(),
        },
    })
}

/// The order of Azure's own libraries, without their developer tools: what is configured first is used,
/// and nothing else is tried when it fails.
async fn of_environment(options: &KeyOptions, notes: &mut Vec<KeyNote>) -> Result<Proof, Failure> {
    let cloud = &options.environment.cloud;
    let client = cloud.azure_client.clone();
    if let (Some(tenant), Some(client)) = (&cloud.azure_tenant, &client) {
        let tenant = checked_tenant(tenant)?;
        let client = client.clone();
        if let Some(secret) = &cloud.azure_client_secret {
            let secret = secret.expose_bytes().to_vec();
            return Ok(Proof::Secret {
                tenant,
                client,
                secret,
            });
        }
        if let Some(file) = &cloud.azure_certificate_file {
            let (pem, note) = read(file, "AZURE_CLIENT_CERTIFICATE_PATH").await?;
            notes.extend(note);
            let certificate = Box::new(certificate(&pem, "AZURE_CLIENT_CERTIFICATE_PATH")?);
            return Ok(Proof::Certificate {
                tenant,
                client,
                certificate,
            });
        }
        if let Some(file) = cloud.azure_federated_token_file.clone() {
            return Ok(Proof::TokenFile { tenant, client, file });
        }
    }
    if let (Some(endpoint), Some(header)) = (&cloud.azure_identity_endpoint, &cloud.azure_identity_header) {
        return Ok(Proof::Service {
            endpoint: url(endpoint, "IDENTITY_ENDPOINT")?,
            header: header.expose_bytes().to_vec(),
            client,
        });
    }
    let endpoint = cloud.azure_metadata_endpoint.as_deref().unwrap_or(METADATA);
    Ok(Proof::Machine {
        endpoint: url(endpoint, "AZURE_POD_IDENTITY_AUTHORITY_HOST")?,
        client,
    })
}

fn certificate(pem: &[u8], source: &str) -> Result<Certificate, Failure> {
    Certificate::parse(pem).map_err(|reason| {
        Failure::new(
            format!("{source} {reason}"),
            "PEM of both is made of a .pfx by `openssl pkcs12 -in FILE.pfx -nodes`",
        )
    })
}

/// A tenant becomes part of a path: an id or a domain.
fn checked_tenant(tenant: &str) -> Result<String, Failure> {
    let fits = (1..=253).contains(&tenant.len())
        && tenant
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.'))
        && !tenant.starts_with('.');
    fits.then(|| tenant.to_owned()).ok_or_else(|| {
        Failure::new(
            "the tenant is neither an id nor a domain",
            "put AZURE_TENANT_ID right",
        )
    })
}

fn url(text: &str, source: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| Place::of(url).is_some());
    url.ok_or_else(|| Failure::new(format!("{source} is no URL of HTTP"), ""))
}

async fn read(file: &Path, what: &str) -> Result<(Zeroizing<Vec<u8>>, Option<KeyNote>), Failure> {
    let name = tame(&file.display().to_string());
    let file = file.to_owned();
    let read = spawn_blocking(move || key_file::read(&file)).await;
    let read = read.unwrap_or_else(|_| Err("was not read to its end".to_owned()));
    let file = read.map_err(|reason| Failure::new(format!("{what} ({name}): {reason}"), HINT))?;
    Ok((file.content, file.note))
}
