//! Vault and OpenBao: the transit engine that a file names, at an address that the operator named.

mod address;
mod answer;
mod credentials;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use afterbay_manifest::{Attempt, DataKey, SecretBytes, VaultKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::HeaderName;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::cache::Identity;
use crate::guarded::{Answer, Call, Failure, Guarded, TokenCell};
use crate::key_file;
use crate::note::KeyNote;
use crate::options::KeyOptions;
use crate::outside_text::tame;
use address::{Address, Addresses};
use credentials::Credentials;

/// Longest ciphertext that is sent, in bytes.
const MAX_CIPHERTEXT: usize = 8 << 10;

/// The flag that names an address.
const FLAG: &str = "--vault-address";

/// Vault for a run.
pub(crate) struct Vault {
    options: Arc<KeyOptions>,
    client: OnceCell<Result<Client, Failure>>,
}

struct Client {
    http: Guarded,
    addresses: Addresses,
    credentials: Credentials,
    namespace: Option<String>,
    /// A token for each address.
    tokens: Mutex<HashMap<Address, Arc<TokenCell>>>,
}

/// The answer to `decrypt`. <https://openbao.org/api-docs/secret/transit/#decrypt-data>
#[derive(Deserialize)]
struct Decrypted {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    /// Base64.
    plaintext: Zeroizing<String>,
}

/// What a file asks for, checked.
struct Asked {
    address: Address,
    url: Url,
    ciphertext: String,
}

impl Vault {
    pub(crate) fn new(options: Arc<KeyOptions>) -> Self {
        Self {
            options,
            client: OnceCell::new(),
        }
    }

    /// Who asks for a key, if what its file names is well-formed.
    pub(crate) fn identity(&self, key: &VaultKey) -> Result<Identity, Attempt> {
        Asked::parse(key).map_err(|failure| failure.into_attempt("Vault"))?;
        let namespace = self.options.vault.namespace.as_ref();
        let namespace = namespace.or(self.options.environment.cloud.vault_namespace.as_ref());
        let namespace = namespace.map_or("", String::as_str);
        Ok(self.options.vault.credentials.identity(namespace))
    }

    /// Whether the server of a key was found to be out of reach.
    pub(crate) fn is_away(&self, key: &VaultKey) -> bool {
        match (self.client.get(), Asked::parse(key)) {
            (Some(Ok(client)), Ok(asked)) => client.http.is_away(asked.address.place()),
            (Some(Err(_)), Ok(_)) => true,
            _ => false,
        }
    }

    /// Asks Vault for the data key; what the file names is checked before.
    pub(crate) async fn unwrap(&self, key: &VaultKey) -> (Result<DataKey, Attempt>, Vec<KeyNote>) {
        let asked = match Asked::parse(key) {
            Ok(asked) => asked,
            Err(failure) => return (Err(failure.into_attempt("Vault")), Vec::new()),
        };
        let with = format!("Vault at {}", asked.address);
        let client = self
            .client
            .get_or_init(async || Client::new(&self.options).await)
            .await;
        match client {
            Ok(client) => {
                let opened = client.unwrap(&asked).await;
                let mut notes: Vec<KeyNote> = client.credentials.notes();
                notes.extend(Guarded::note(&asked.url).filter(|_| opened.is_ok()));
                (opened.map_err(|failure| failure.into_attempt(with)), notes)
            }
            Err(failure) => (Err(failure.clone().into_attempt(with)), Vec::new()),
        }
    }
}

impl Asked {
    fn parse(key: &VaultKey) -> Result<Self, Failure> {
        let address = Address::parse(&key.vault_address).ok_or_else(|| {
            Failure::new(
                "the address is refused: it is not of the form https://HOST:PORT",
                "",
            )
        })?;
        let engine = key.engine_path.trim_matches('/');
        let engine_fits = engine.len() <= 512 && engine.split('/').all(is_segment);
        if !engine_fits || !is_segment(&key.key_name) {
            return Err(Failure::new(
                "the path of the engine or the name of the key holds characters that Vault does not allow there",
                "",
            ));
        }
        let is_ciphertext = (1..=MAX_CIPHERTEXT).contains(&key.ciphertext.len())
            && key.ciphertext.bytes().all(|c| c.is_ascii_graphic());
        if !is_ciphertext {
            return Err(Failure::new("the ciphertext is not of the form vault:v1:…", ""));
        }
        let url = address.url(&format!("{engine}/decrypt/{}", key.key_name));
        Ok(Self {
            address,
            url,
            ciphertext: key.ciphertext.clone(),
        })
    }
}

/// A part of a path that means nothing but itself.
fn is_segment(text: &str) -> bool {
    let fits = text
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'+' | b'=' | b'@' | b':'));
    (1..=128).contains(&text.len()) && fits && text != "." && text != ".."
}

impl Client {
    async fn new(options: &KeyOptions) -> Result<Self, Failure> {
        let cloud = &options.environment.cloud;
        let addresses = Addresses::of(options)?;
        let authorities = match &cloud.vault_ca_file {
            Some(file) => {
                let name = tame(&file.display().to_string());
                let file = file.clone();
                let read = spawn_blocking(move || key_file::read(&file)).await;
                let read = read.unwrap_or_else(|_| Err("was not read to its end".to_owned()));
                let file =
                    read.map_err(|reason| Failure::new(format!("VAULT_CACERT ({name}): {reason}"), ""))?;
                Some(file.content)
            }
            None => None,
        };
        let authorities = authorities.as_ref().map(|pem| pem.as_slice());
        let limits = options.vault.limits.clone();
        let namespace = options
            .vault
            .namespace
            .clone()
            .or_else(|| cloud.vault_namespace.clone());
        Ok(Self {
            http: Guarded::new(addresses.places(), authorities, &options.environment, limits)?,
            addresses,
            credentials: Credentials::find(options),
            namespace,
            tokens: Mutex::default(),
        })
    }

    async fn unwrap(&self, asked: &Asked) -> Result<DataKey, Failure> {
        if !self.addresses.admit(&asked.address) {
            return Err(self.addresses.refusal(&asked.address, FLAG));
        }
        let token = self
            .tokens(&asked.address)
            .get(async || self.credentials.token(self, &asked.address).await)
            .await?;
        let body = json!({ "ciphertext": asked.ciphertext });
        let call = self
            .call(Method::PUT, asked.url.clone(), body.to_string().into_bytes())?
            .secret_header(HeaderName::from_static("x-vault-token"), "", &token.secret)?;
        let answer = self.send(&call).await?;
        let place = asked.address.to_string();
        if !answer.is_success() {
            return Err(answer::refusal(&answer, &place, self.http.limits()));
        }
        let decrypted = serde_json::from_slice::<Decrypted>(&answer.body).ok();
        let key = decrypted.and_then(|answer| BASE64_STANDARD.decode(answer.data.plaintext.as_bytes()).ok());
        match key.map(SecretBytes::new) {
            Some(key) if !key.is_empty() => Ok(DataKey::new(key)),
            Some(_) => Err(Failure::new("the answer holds no key", "")),
            None => Err(Failure::not_understood(&place, answer.status)),
        }
    }

    /// A request as Vault wants it, without a token.
    fn call(&self, method: Method, url: Url, body: impl Into<Zeroizing<Vec<u8>>>) -> Result<Call, Failure> {
        let call = Call::new(method, url)
            .header(HeaderName::from_static("x-vault-request"), "true")
            .body("application/json", body);
        let Some(namespace) = &self.namespace else {
            return Ok(call);
        };
        call.text_header(HeaderName::from_static("x-vault-namespace"), namespace)
            .ok_or_else(|| {
                Failure::new(
                    "the namespace holds a control character",
                    "put VAULT_NAMESPACE right",
                )
            })
    }

    async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        self.http
            .send(call)
            .await
            .map_err(|trouble| trouble.explain(FLAG))
    }

    fn tokens(&self, address: &Address) -> Arc<TokenCell> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(address.clone()).or_default())
    }
}
