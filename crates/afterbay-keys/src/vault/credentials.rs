//! Where the token comes from. It is read when the first address that was named is asked.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use afterbay_manifest::SecretBytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::address::Address;
use super::{Client, answer, is_segment};
use crate::guarded::{Failure, Token};
use crate::key_file;
use crate::note::KeyNote;
use crate::options::{KeyOptions, VaultCredentials};
use crate::outside_text::tame;

const HINT: &str = "run `vault login`, set VAULT_TOKEN, or name a role with --vault-kubernetes-role";

/// The source of the token.
pub(super) struct Credentials {
    source: Source,
    notes: Mutex<Vec<KeyNote>>,
}

enum Source {
    Given(Vec<u8>),
    File(PathBuf),
    Kubernetes {
        role: String,
        mount: String,
        token_file: PathBuf,
    },
    None,
}

/// <https://openbao.org/api-docs/auth/kubernetes/#login>
#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Zeroizing<String>,
    /// Seconds; zero for a token that does not end.
    #[serde(default)]
    lease_duration: u64,
}

impl Credentials {
    /// The source that the options name; only with [`VaultCredentials::Environment`] is anything else read.
    pub(super) fn find(options: &KeyOptions) -> Self {
        let cloud = &options.environment.cloud;
        let source = match &options.vault.credentials {
            VaultCredentials::Token(token) => Source::Given(token.expose_bytes().trim_ascii().to_vec()),
            VaultCredentials::None => Source::None,
            VaultCredentials::TokenFile(file) => Source::File(file.clone()),
            VaultCredentials::Kubernetes {
                role,
                mount,
                token_file,
            } => Source::Kubernetes {
                role: role.clone(),
                mount: mount.clone(),
                token_file: token_file.clone(),
            },
            VaultCredentials::Environment => match (&cloud.vault_token, &cloud.vault_token_file) {
                (Some(token), _) => Source::Given(token.expose_bytes().trim_ascii().to_vec()),
                (None, Some(file)) if file.is_file() => Source::File(file.clone()),
                _ => Source::None,
            },
        };
        Self {
            source,
            notes: Mutex::default(),
        }
    }

    /// What there is to say about files that were read.
    pub(super) fn notes(&self) -> Vec<KeyNote> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A token for an address that was named.
    pub(super) async fn token(&self, client: &Client, address: &Address) -> Result<Token, Failure> {
        match &self.source {
            Source::Given(token) => Ok(lasting(token)),
            Source::File(file) => {
                let token = self.read(file).await?;
                let token = token.trim_ascii();
                if token.is_empty() {
                    let name = tame(&file.display().to_string());
                    return Err(Failure::new(format!("the token file {name} is empty"), HINT));
                }
                Ok(lasting(token))
            }
            Source::Kubernetes {
                role,
                mount,
                token_file,
            } => {
                let jwt = self.read(token_file).await?;
                login(client, address, role, mount, jwt.trim_ascii()).await
            }
            Source::None => Err(Failure::new("there is no token", HINT)),
        }
    }

    async fn read(&self, file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let name = tame(&file.display().to_string());
        let file = file.to_owned();
        let read = spawn_blocking(move || key_file::read(&file)).await;
        let read = read.unwrap_or_else(|_| Err("was not read to its end".to_owned()));
        let file = read.map_err(|reason| Failure::new(format!("the token file {name}: {reason}"), HINT))?;
        if let Some(note) = file.note {
            self.notes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(note);
        }
        Ok(file.content)
    }
}

fn lasting(token: &[u8]) -> Token {
    Token {
        secret: SecretBytes::new(token.to_vec()),
        expires: None,
    }
}

/// A login with the token of a service account, which goes to the same addresses as Vault's own.
async fn login(
    client: &Client,
    address: &Address,
    role: &str,
    mount: &str,
    jwt: &[u8],
) -> Result<Token, Failure> {
    let mount = mount.trim_matches('/');
    if !mount.split('/').all(is_segment) {
        return Err(Failure::new(
            "the mount of the Kubernetes method is no path",
            "put --vault-kubernetes-mount right",
        ));
    }
    let jwt = std::str::from_utf8(jwt)
        .map_err(|_| Failure::new("the token of the service account is not text", ""))?;
    let body = Zeroizing::new(json!({ "role": role, "jwt": jwt }).to_string().into_bytes());
    let call = client.call(Method::POST, address.url(&format!("auth/{mount}/login")), body)?;
    let answer = client.send(&call).await?;
    if !answer.is_success() {
        let mut failure = answer::refusal(&answer, &address.to_string(), client.http.limits());
        failure.reason = format!("no login as role {}: {}", tame(role), failure.reason);
        failure.hint =
            Some("see whether the role is bound to this service account and its namespace".to_owned());
        return Err(failure);
    }
    let login: Login = serde_json::from_slice(&answer.body)
        .map_err(|_| Failure::not_understood(&address.to_string(), answer.status))?;
    let secret = SecretBytes::new(login.auth.client_token.as_bytes().to_vec());
    Ok(match login.auth.lease_duration {
        0 => Token {
            secret,
            expires: None,
        },
        seconds => Token::lasting(secret, seconds),
    })
}
