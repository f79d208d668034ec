//! Google Cloud KMS: one REST call, with the checksums that the service offers.

mod answer;
mod credentials;
mod resource;

use std::sync::Arc;

use afterbay_manifest::{Attempt, DataKey, GcpKmsKey, SecretBytes};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::cache::Identity;
use crate::guarded::{Answer, Call, Failure, Guarded, Place, TokenCell};
use crate::note::KeyNote;
use crate::options::KeyOptions;
use resource::CryptoKey;

/// Google's own endpoint, unless another universe is asked for.
const UNIVERSE: &str = "googleapis.com";

/// Largest ciphertext that is sent, in bytes: the plaintext has at most 64 KiB, and a data key has 32 bytes.
const MAX_CIPHERTEXT: usize = 8 << 10;

/// The flag that names an endpoint.
const FLAG: &str = "--gcp-kms-endpoint";

/// Google Cloud KMS for a run.
pub(crate) struct GcpKms {
    options: Arc<KeyOptions>,
    client: OnceCell<Result<Client, Failure>>,
    token: TokenCell,
}

struct Client {
    http: Guarded,
    endpoint: Url,
    credentials: credentials::Credentials,
}

impl GcpKms {
    pub(crate) fn new(options: Arc<KeyOptions>) -> Self {
        Self {
            options,
            client: OnceCell::new(),
            token: TokenCell::default(),
        }
    }

    /// Who asks for a key, if its name is well-formed.
    pub(crate) fn identity(&self, key: &GcpKmsKey) -> Result<Identity, Attempt> {
        let refused = |failure: Failure| failure.into_attempt("GCP KMS");
        CryptoKey::parse(&key.resource_id).map_err(refused)?;
        let endpoint = endpoint(&self.options).map_err(refused)?;
        Ok(self.options.gcp.credentials.identity(endpoint.as_str()))
    }

    /// Whether the service, or its credentials, were found to be out of reach.
    pub(crate) fn is_away(&self) -> bool {
        match self.client.get() {
            Some(Ok(client)) => Place::of(&client.endpoint).is_some_and(|place| client.http.is_away(&place)),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// Asks KMS for the data key; what the file names is checked before.
    pub(crate) async fn unwrap(&self, key: &GcpKmsKey) -> (Result<DataKey, Attempt>, Vec<KeyNote>) {
        let name = match CryptoKey::parse(&key.resource_id).and_then(|name| check(&key.ciphertext, name)) {
            Ok(name) => name,
            Err(failure) => return (Err(failure.into_attempt("GCP KMS")), Vec::new()),
        };
        let client = self
            .client
            .get_or_init(async || Client::new(&self.options).await)
            .await;
        match client {
            Ok(client) => {
                let place = Place::of(&client.endpoint).map(|place| place.to_string());
                let with = format!("GCP KMS at {}", place.unwrap_or_default());
                let opened = client.decrypt(&name, &key.ciphertext, &self.token).await;
                let notes = Guarded::note(&client.endpoint).into_iter().collect();
                (opened.map_err(|failure| failure.into_attempt(with)), notes)
            }
            Err(failure) => (Err(failure.clone().into_attempt("GCP KMS")), Vec::new()),
        }
    }
}

fn check(ciphertext: &[u8], name: CryptoKey) -> Result<CryptoKey, Failure> {
    if ciphertext.is_empty() || ciphertext.len() > MAX_CIPHERTEXT {
        let reason = format!(
            "the ciphertext has {} bytes, and a data key has 1 to {MAX_CIPHERTEXT}",
            ciphertext.len()
        );
        return Err(Failure::new(reason, ""));
    }
    Ok(name)
}

/// The answer to `decrypt`. <https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted {
    /// Base64; left out when there are no bytes.
    #[serde(default)]
    plaintext: Zeroizing<String>,
    /// An `int64`, which JSON of Google writes as text.
    plaintext_crc32c: Option<String>,
}

impl Client {
    async fn new(options: &KeyOptions) -> Result<Self, Failure> {
        let endpoint = endpoint(options)?;
        let limits = options.gcp.limits.clone();
        let named = Place::of(&endpoint).into_iter().collect();
        // First, because it sets up the cryptography that the library of credentials needs, too.
        let http = Guarded::new(named, None, &options.environment, limits)?;
        let credentials = credentials::Credentials::find(options).await?;
        Ok(Self {
            http,
            endpoint,
            credentials,
        })
    }

    async fn decrypt(
        &self,
        name: &CryptoKey,
        ciphertext: &[u8],
        tokens: &TokenCell,
    ) -> Result<DataKey, Failure> {
        let token = tokens
            .get(async || self.credentials.token(self.http.limits()).await)
            .await?;
        let body = json!({
            "ciphertext": BASE64_STANDARD.encode(ciphertext),
            "ciphertextCrc32c": crc32c::crc32c(ciphertext).to_string(),
        });
        let call = Call::new(Method::POST, self.url(name))
            .secret_header(AUTHORIZATION, "Bearer ", &token.secret)?
            .body("application/json", body.to_string().into_bytes());
        let answer = self
            .http
            .send(&call)
            .await
            .map_err(|trouble| trouble.explain(FLAG))?;
        if !answer.is_success() {
            return Err(answer::refusal(&answer, &self.place(), self.http.limits()));
        }
        self.opened(&answer)
    }

    /// The data key of an answer whose checksum is right.
    fn opened(&self, answer: &Answer) -> Result<DataKey, Failure> {
        let not_understood = || Failure::not_understood(&self.place(), answer.status);
        let decrypted: Decrypted = serde_json::from_slice(&answer.body).map_err(|_| not_understood())?;
        let key = BASE64_STANDARD
            .decode(decrypted.plaintext.as_bytes())
            .map(SecretBytes::new)
            .map_err(|_| not_understood())?;
        let damaged = decrypted
            .plaintext_crc32c
            .is_some_and(|sum| sum != crc32c::crc32c(key.expose_bytes()).to_string());
        if damaged {
            return Err(Failure::new(
                "the checksum of the answer is not that of the key in it",
                "something on the way changes the answer; try again",
            ));
        }
        if key.is_empty() {
            return Err(Failure::new("the answer holds no key", ""));
        }
        Ok(DataKey::new(key))
    }

    /// `POST /v1/NAME:decrypt`. The name is of letters, digits, `-`, `_`, `.` and `:`, so nothing in it is escaped.
    fn url(&self, name: &CryptoKey) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!(
            "{}/v1/{name}:decrypt",
            self.endpoint.path().trim_end_matches('/')
        ));
        url
    }

    fn place(&self) -> String {
        Place::of(&self.endpoint).map_or_else(String::new, |place| place.to_string())
    }
}

/// The endpoint that the operator chose: by option, by the variables of sops, or none.
fn endpoint(options: &KeyOptions) -> Result<Url, Failure> {
    let cloud = &options.environment.cloud;
    let text = match (
        &options.gcp.endpoint,
        &cloud.gcp_kms_endpoint,
        &cloud.gcp_universe_domain,
    ) {
        (Some(endpoint), _, _) => endpoint.as_str().to_owned(),
        // The Go client takes HOST:PORT, too.
        (None, Some(text), _) if text.contains("://") => text.clone(),
        (None, Some(text), _) => format!("https://{text}"),
        (None, None, Some(domain)) => format!("https://cloudkms.{domain}"),
        (None, None, None) => format!("https://cloudkms.{UNIVERSE}"),
    };
    let refused = || {
        Failure::new(
            "the endpoint is no URL of HTTP",
            "put SOPS_GCP_KMS_ENDPOINT or SOPS_GCP_KMS_UNIVERSE_DOMAIN right: https://HOST",
        )
    };
    crate::options::Endpoint::parse(&text).map_err(|_| refused())?;
    Url::parse(&text).map_err(|_| refused())
}
