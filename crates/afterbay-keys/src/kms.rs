//! AWS KMS: which key a file asks for, with whose credentials, and what the service says.

mod arn;
mod client;
mod credentials;
mod failure;
mod http;
mod retry;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use afterbay_manifest::{Attempt, AwsKmsKey, DataKey};
use aws_sdk_kms::config::SharedHttpClient;
use tokio::sync::OnceCell;

use crate::cache::Identity;
use crate::note::KeyNote;
use crate::options::{Allow, AwsCredentials, Endpoint, KeyOptions};
use crate::outside_text::tame;
use arn::{KeyArn, RoleArn};
use client::Client;

/// Largest ciphertext that KMS takes, in bytes.
const MAX_CIPHERTEXT: usize = 6144;

/// What to do about names in a file that AWS cannot have.
const RESTORE_HINT: &str = "restore the entry that sops wrote";

/// Longest profile name that is looked up, in bytes.
const MAX_PROFILE: usize = 128;

/// The KMS clients of a run.
pub(crate) struct Kms {
    options: Arc<KeyOptions>,
    http: OnceLock<(SharedHttpClient, Vec<KeyNote>)>,
    clients: Mutex<HashMap<Access, SharedClient>>,
}

/// A client, or why there is none; made when the first key needs it and kept for the run either way.
type SharedClient = Arc<OnceCell<Result<Client, Attempt>>>;

/// What a client is made for. Keys with equal access share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Access {
    region: String,
    profile: Option<String>,
    /// A profile that a file names, where the credentials were given as a value.
    unused_profile: Option<String>,
    role: Option<RoleArn>,
}

impl Kms {
    pub(crate) fn new(options: Arc<KeyOptions>) -> Self {
        Self {
            options,
            http: OnceLock::new(),
            clients: Mutex::default(),
        }
    }

    /// Asks KMS for the data key; everything that a file names is checked before. Returns what the report
    /// should say, too.
    pub(crate) async fn unwrap(&self, key: &AwsKmsKey) -> (Result<DataKey, Attempt>, Vec<KeyNote>) {
        let access = match self.access(key) {
            Ok(access) => access,
            Err(attempt) => return (Err(attempt), Vec::new()),
        };
        let (http, http_notes) = self.http.get_or_init(|| http::client(&self.options.environment));
        let cell = self.client(&access);
        let made = cell
            .get_or_init(async || Client::connect(&access, &self.options, http.clone()).await)
            .await;
        match made {
            Ok(client) => {
                let opened = client.decrypt(key).await;
                let notes = access
                    .notes()
                    .chain(client.note())
                    .chain(http_notes.iter().cloned());
                (opened, notes.collect())
            }
            Err(attempt) => (Err(attempt.clone()), http_notes.clone()),
        }
    }

    /// Who asks for a key, if what its file asks for is well-formed and allowed.
    pub(crate) fn identity(&self, key: &AwsKmsKey) -> Result<Identity, Attempt> {
        let access = self.access(key)?;
        let kms = &self.options.kms;
        let endpoint = kms.endpoint.as_ref().map_or("", Endpoint::as_str);
        let role = access.role.as_ref().map_or("", RoleArn::as_str);
        let profile = access.profile.as_deref().unwrap_or_default();
        let place = [endpoint, &access.region, role, profile].map(str::as_bytes);
        Ok(kms.credentials.identity(&place))
    }

    /// Whether the service for a key, or its credentials, were found to be out of reach.
    pub(crate) fn is_away(&self, key: &AwsKmsKey) -> bool {
        let Ok(access) = self.access(key) else {
            return false;
        };
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get(&access).and_then(|cell| cell.get()) {
            Some(Ok(client)) => client.is_away(),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// The access that a file asks for, if it is well-formed and allowed.
    fn access(&self, key: &AwsKmsKey) -> Result<Access, Attempt> {
        let arn = KeyArn::parse(&key.arn).map_err(|error| {
            refused(
                "AWS KMS",
                format!("the ARN is refused: {error}"),
                Some(RESTORE_HINT.to_owned()),
            )
        })?;
        let with = format!("AWS KMS in {}", arn.region);
        let kms = &self.options.kms;
        if matches!(kms.credentials, AwsCredentials::None) {
            return Err(refused(
                &with,
                "no credentials for AWS were given".to_owned(),
                None,
            ));
        }
        let profile = key.aws_profile.as_deref().filter(|profile| !profile.is_empty());
        if let Some(profile) = profile {
            check_profile(profile).map_err(|reason| refused(&with, reason.to_owned(), None))?;
            check_allowed(
                &with,
                "aws_profile",
                "--allow-profile",
                profile,
                &kms.allow_profile,
            )?;
        }
        let role = key.role.as_deref().filter(|role| !role.is_empty());
        if let Some(role) = role {
            check_allowed(&with, "role", "--allow-role", role, &kms.allow_role)?;
        }
        let role = role
            .map(|role| RoleArn::parse(role, &arn.partition))
            .transpose()
            .map_err(|error| {
                refused(
                    &with,
                    format!("the ARN of the role is refused: {error}"),
                    Some(RESTORE_HINT.to_owned()),
                )
            })?;
        if key.ciphertext.is_empty() || key.ciphertext.len() > MAX_CIPHERTEXT {
            let reason = format!(
                "the ciphertext has {} bytes, and KMS takes 1 to {MAX_CIPHERTEXT}",
                key.ciphertext.len()
            );
            return Err(refused(&with, reason, None));
        }
        let profile = profile.map(str::to_owned);
        let (profile, unused_profile) = match kms.credentials {
            AwsCredentials::Chain => (profile, None),
            AwsCredentials::Fixed(_) | AwsCredentials::None => (None, profile),
        };
        Ok(Access {
            region: arn.region,
            profile,
            unused_profile,
            role,
        })
    }

    fn client(&self, access: &Access) -> SharedClient {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(clients.entry(access.clone()).or_default())
    }
}

impl Access {
    /// The service as attempts name it.
    fn describe(&self, service: &str) -> String {
        let mut text = format!("{service} in {}", self.region);
        if let Some(profile) = &self.profile {
            text.push_str(", profile ");
            text.push_str(&tame(profile));
        }
        if let Some(role) = &self.role {
            text.push_str(", role ");
            text.push_str(role.as_str());
        }
        text
    }

    fn notes(&self) -> impl Iterator<Item = KeyNote> {
        let role = self.role.as_ref().map(|role| KeyNote::RoleUsed {
            role: role.as_str().to_owned(),
        });
        let profile = self.profile.as_ref().map(|profile| KeyNote::ProfileUsed {
            profile: profile.clone(),
        });
        let unused = self
            .unused_profile
            .as_ref()
            .map(|profile| KeyNote::ProfileNotUsed {
                profile: profile.clone(),
            });
        role.into_iter().chain(profile).chain(unused)
    }
}

fn refused(with: &str, reason: String, hint: Option<String>) -> Attempt {
    Attempt {
        with: with.to_owned(),
        reason,
        hint,
    }
}

fn check_allowed(with: &str, field: &str, flag: &str, value: &str, allow: &Allow) -> Result<(), Attempt> {
    if allow.admits(value) {
        return Ok(());
    }
    let value = tame(value);
    let reason = format!("the file names the {field} {value}, which is not allowed");
    Err(refused(
        with,
        reason,
        Some(format!(
            "allow it with {flag} {value}, if the file is to be trusted"
        )),
    ))
}

/// Profiles are names of sections; the shared configuration decides what they mean.
fn check_profile(profile: &str) -> Result<(), &'static str> {
    if profile.len() > MAX_PROFILE {
        Err("the aws_profile has more than 128 bytes")
    } else if profile.chars().any(|c| c.is_control() || matches!(c, '[' | ']')) {
        Err("the aws_profile holds characters that no profile name has")
    } else {
        Ok(())
    }
}
