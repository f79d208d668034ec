//! Credentials: looked up once for each client, and the roles that files name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use afterbay_manifest::Attempt;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Access;
use super::arn::RoleArn;
use super::client::Reached;
use super::failure::{self, Failure};
use super::retry::AnswersOnly;
use crate::options::KmsLimits;
use crate::outside_text::tame;

/// How long before they expire credentials are looked up again.
const MARGIN: Duration = Duration::from_mins(1);

const NO_CREDENTIALS_HINT: &str =
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached";

/// A provider that asks its source once and again only when the credentials expire.
#[derive(Debug, Clone)]
pub(crate) struct Cached(Arc<State>);

#[derive(Debug)]
struct State {
    source: Option<SharedCredentialsProvider>,
    credentials: Mutex<Option<Credentials>>,
}

impl Cached {
    pub(crate) fn new(source: Option<SharedCredentialsProvider>) -> Self {
        Self(Arc::new(State {
            source,
            credentials: Mutex::new(None),
        }))
    }

    pub(crate) fn shared(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone())
    }

    /// Looks the credentials up now, so that one message tells what is wrong with them and not one for
    /// each key.
    pub(crate) async fn check(&self, access: &Access, limits: &KmsLimits) -> Result<(), Attempt> {
        match timeout(limits.total, self.get()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(explain(&error, access, limits)),
            Err(_) => Err(Attempt {
                with: access.describe("AWS credentials"),
                reason: format!("no credentials came within {} s", limits.total.as_secs_f32()),
                hint: Some(NO_CREDENTIALS_HINT.to_owned()),
            }),
        }
    }

    async fn get(&self) -> provider::Result {
        let mut credentials = self.0.credentials.lock().await;
        if let Some(known) = credentials.as_ref().filter(|known| is_fresh(known)) {
            return Ok(known.clone());
        }
        let source = self
            .0
            .source
            .as_ref()
            .ok_or_else(CredentialsError::not_loaded_no_source)?;
        let found = source.provide_credentials().await?;
        *credentials = Some(found.clone());
        Ok(found)
    }
}

impl ProvideCredentials for Cached {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    credentials
        .expiry()
        .is_none_or(|expiry| SystemTime::now() + MARGIN < expiry)
}

/// A provider of the credentials of a role, as sops gets them.
pub(crate) fn assume(role: &RoleArn, base: &SdkConfig, session: String) -> SharedCredentialsProvider {
    let endpoint = Reached::default();
    let config = aws_sdk_sts::config::Builder::from(base)
        .retry_classifier(AnswersOnly)
        .interceptor(endpoint.clone())
        .build();
    SharedCredentialsProvider::new(AssumedRole {
        sts: aws_sdk_sts::Client::from_conf(config),
        arn: role.clone(),
        session,
        endpoint,
    })
}

#[derive(Debug)]
struct AssumedRole {
    sts: aws_sdk_sts::Client,
    arn: RoleArn,
    session: String,
    endpoint: Reached,
}

/// A call of STS that gave no credentials, with the endpoint it went to.
#[derive(Debug, thiserror::Error)]
#[error("the role could not be assumed")]
struct NotAssumed {
    endpoint: Reached,
    source: SdkError<AssumeRoleError>,
}

impl AssumedRole {
    async fn assume(&self) -> provider::Result {
        let answer = self
            .sts
            .assume_role()
            .role_arn(self.arn.as_str())
            .role_session_name(&self.session)
            .send()
            .await
            .map_err(|source| {
                CredentialsError::provider_error(NotAssumed {
                    endpoint: self.endpoint.clone(),
                    source,
                })
            })?;
        let found = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("the answer of STS holds no credentials"))?;
        Ok(Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            Some(found.session_token),
            SystemTime::try_from(found.expiration).ok(),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

/// What went wrong, from the source that knows most.
fn explain(error: &CredentialsError, access: &Access, limits: &KmsLimits) -> Attempt {
    if let Some(NotAssumed { endpoint, source }) = failure::find(error) {
        return failure::of_call(source, endpoint, limits).into_attempt(access.describe("AWS STS"));
    }
    let failure = match error {
        CredentialsError::CredentialsNotLoaded(_) if access.profile.is_some() => Failure {
            reason: "there is no such profile, or it has no credentials".to_owned(),
            hint: Some("the file names the profile; see `aws configure list-profiles`".to_owned()),
            is_outage: false,
        },
        error => of_chain(error),
    };
    failure.into_attempt(access.describe("AWS credentials"))
}

/// What the chain says, in our words where it says little.
pub(crate) fn of_chain(error: &CredentialsError) -> Failure {
    if let Some(error) = failure::find::<SdkError<AssumeRoleWithWebIdentityError>>(error)
        && let Some(refused) = error.as_service_error()
    {
        let said = [refused.code(), refused.message()]
            .into_iter()
            .flatten()
            .map(tame);
        let said: Vec<String> = said.collect();
        return Failure {
            reason: format!(
                "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE) may not assume its role: {}",
                said.join(": ")
            ),
            hint: Some(
                "let the trust policy of the role AWS_ROLE_ARN accept this service account \
                 (sts:AssumeRoleWithWebIdentity)"
                    .to_owned(),
            ),
            is_outage: false,
        };
    }
    let (reason, hint) = match error {
        CredentialsError::CredentialsNotLoaded(_) => (
            "no source of the default chain has credentials".to_owned(),
            Some(NO_CREDENTIALS_HINT),
        ),
        CredentialsError::ProviderTimedOut(_) => (
            "the source of credentials did not answer in time".to_owned(),
            Some(NO_CREDENTIALS_HINT),
        ),
        error => (failure::outside(error), None),
    };
    Failure {
        reason,
        hint: hint.map(str::to_owned),
        is_outage: false,
    }
}

#[cfg(test)]
mod tests;
