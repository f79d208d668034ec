//! Azure Key Vault: which vault a file asks for, what it wants for a token, and what it says.

mod answer;
mod assertion;
mod challenge;
mod cloud;
mod credentials;
mod flux;
mod key;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use afterbay_manifest::{Attempt, AzureKeyVaultKey, DataKey, SecretBytes};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::cache::Identity;
use crate::guarded::{Call, Failure, Guarded, Place, TokenCell};
use crate::note::KeyNote;
use crate::options::KeyOptions;
use credentials::Credentials;
pub use flux::AzureIdentityError;
use key::VaultKey;

/// What the operator names vaults with.
const FLAG: &str = "--azure-key-vault";

/// Azure Key Vault for a run.
pub(crate) struct AzureKeyVault {
    options: Arc<KeyOptions>,
    client: OnceCell<Result<Client, Failure>>,
}

/// What a vault wants a token for, asked once.
type Asked = OnceCell<Result<String, Failure>>;

struct Client {
    http: Guarded,
    credentials: Credentials,
    /// Vaults that a file may name besides those of the cloud.
    listed: Vec<Place>,
    /// What each vault wants a token for.
    resources: Mutex<HashMap<Place, Arc<Asked>>>,
    /// A token for each of these.
    tokens: Mutex<HashMap<String, Arc<TokenCell>>>,
}

/// The answer to `decrypt`. <https://learn.microsoft.com/en-us/rest/api/keyvault/keys/decrypt/decrypt>
#[derive(Deserialize)]
struct Decrypted {
    /// Base64url without padding.
    value: Zeroizing<String>,
}

impl AzureKeyVault {
    pub(crate) fn new(options: Arc<KeyOptions>) -> Self {
        Self {
            options,
            client: OnceCell::new(),
        }
    }

    /// Who asks for a key, if what its file names is well-formed.
    pub(crate) fn identity(&self, key: &AzureKeyVaultKey) -> Result<Identity, Attempt> {
        VaultKey::parse(key).map_err(|failure| failure.into_attempt("Azure Key Vault"))?;
        Ok(self.options.azure.credentials.identity())
    }

    /// Whether the vault of a key, or the credentials, were found to be out of reach.
    pub(crate) fn is_away(&self, key: &AzureKeyVaultKey) -> bool {
        match (self.client.get(), VaultKey::parse(key)) {
            (Some(Ok(client)), Ok(key)) => client.http.is_away(&key.place),
            (Some(Err(_)), Ok(_)) => true,
            _ => false,
        }
    }

    /// Asks the vault for the data key; what the file names is checked before.
    pub(crate) async fn unwrap(&self, key: &AzureKeyVaultKey) -> (Result<DataKey, Attempt>, Vec<KeyNote>) {
        let with = "Azure Key Vault";
        let key = match VaultKey::parse(key) {
            Ok(key) => key,
            Err(failure) => return (Err(failure.into_attempt(with)), Vec::new()),
        };
        let with = format!("{with} at {}", key.place);
        let client = self
            .client
            .get_or_init(async || Client::new(&self.options).await)
            .await;
        match client {
            Ok(client) => {
                let opened = client.unwrap(&key).await;
                let mut notes: Vec<KeyNote> = client.credentials.notes().to_vec();
                notes.extend(Guarded::note(&key.url).filter(|_| opened.is_ok()));
                (opened.map_err(|failure| failure.into_attempt(with)), notes)
            }
            Err(failure) => (Err(failure.clone().into_attempt(with)), Vec::new()),
        }
    }
}

impl Client {
    async fn new(options: &KeyOptions) -> Result<Self, Failure> {
        let credentials = Credentials::find(options).await?;
        let listed: Vec<Place> = options
            .azure
            .vaults
            .iter()
            .filter_map(Place::of_endpoint)
            .collect();
        let named = listed.iter().cloned().chain(credentials.own_places()).collect();
        let limits = options.azure.limits.clone();
        Ok(Self {
            http: Guarded::new(named, None, &options.environment, limits)?,
            credentials,
            listed,
            resources: Mutex::default(),
            tokens: Mutex::default(),
        })
    }

    async fn unwrap(&self, key: &VaultKey) -> Result<DataKey, Failure> {
        let suffix = self.admit(&key.place)?;
        let resource = self.resource(key, suffix).await?;
        let token = shared(&self.tokens, &resource)
            .get(async || self.credentials.token(&self.http, &resource).await)
            .await?;
        let body = json!({
            "alg": "RSA-OAEP-256",
            "value": BASE64_URL_SAFE_NO_PAD.encode(&key.ciphertext),
        });
        let call = Call::new(Method::POST, key.url.clone())
            .secret_header(AUTHORIZATION, "Bearer ", &token.secret)?
            .body("application/json", body.to_string().into_bytes());
        let answer = self
            .http
            .send(&call)
            .await
            .map_err(|trouble| trouble.explain(FLAG))?;
        let place = key.place.to_string();
        if !answer.is_success() {
            return Err(answer::refusal(&answer, &place, self.http.limits()));
        }
        let opened = serde_json::from_slice::<Decrypted>(&answer.body).ok();
        let opened = opened.and_then(|answer| {
            BASE64_URL_SAFE_NO_PAD
                .decode(answer.value.trim_end_matches('='))
                .ok()
        });
        match opened.map(SecretBytes::new) {
            Some(key) if !key.is_empty() => Ok(DataKey::new(key)),
            Some(_) => Err(Failure::new("the answer holds no key", "")),
            None => Err(Failure::not_understood(&place, answer.status)),
        }
    }

    /// Whether a token may go to a vault: one of the cloud's, whose suffix is returned, or one that the
    /// operator named.
    fn admit(&self, place: &Place) -> Result<Option<&'static str>, Failure> {
        if self.listed.contains(place) {
            return Ok(None);
        }
        if let Some(suffix) = self.credentials.cloud().suffix_of(place) {
            return Ok(Some(suffix));
        }
        let hint = format!(
            "if the vault is to be trusted, name it with {FLAG} {place}; for another cloud set AZURE_AUTHORITY_HOST"
        );
        Err(Failure::new(
            format!(
                "{place} is no vault of {}, so it gets no token",
                self.credentials.cloud()
            ),
            hint,
        ))
    }

    /// What the vault wants a token for, by the challenge with which it answers a request without one.
    async fn resource(&self, key: &VaultKey, suffix: Option<&'static str>) -> Result<String, Failure> {
        let asked = shared(&self.resources, &key.place);
        let ask = async || {
            let call = Call::new(Method::POST, key.url.clone());
            let answer = self
                .http
                .send(&call)
                .await
                .map_err(|trouble| trouble.explain(FLAG))?;
            let place = key.place.to_string();
            if answer.status != 401 {
                return Err(answer::refusal(&answer, &place, self.http.limits()));
            }
            let header = answer
                .header(&WWW_AUTHENTICATE)
                .ok_or_else(|| Failure::not_understood(&place, answer.status))?;
            challenge::resource(header, &key.place, suffix)
        };
        asked.get_or_init(ask).await.clone()
    }
}

/// The entry of a map that many share.
fn shared<K: Clone + Eq + std::hash::Hash, V: Default>(map: &Mutex<HashMap<K, Arc<V>>>, key: &K) -> Arc<V> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(key.clone()).or_default())
}
