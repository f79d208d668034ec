//! One KMS client: a region, a profile, a role.

use std::sync::{Arc, OnceLock};

use afterbay_manifest::{Attempt, AwsKmsKey, DataKey, SecretBytes};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kms::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_kms::config::{ConfigBag, Intercept, RuntimeComponents, SharedHttpClient};
use aws_sdk_kms::error::{BoxError, SdkError};
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;

use super::Access;
use super::credentials::{self, Cached};
use super::failure::{self, Failure};
use super::retry::AnswersOnly;
use crate::note::KeyNote;
use crate::options::{AwsCredentials, KeyOptions, KmsLimits, KmsOptions};
use crate::outside_text::tame;

/// A client whose credentials have been seen to work.
pub(crate) struct Client {
    access: Access,
    kms: aws_sdk_kms::Client,
    endpoint: Reached,
    limits: KmsLimits,
    /// Set when the service could not be reached: the keys that are left need not wait for it again.
    outage: OnceLock<Attempt>,
}

/// Where the requests of a client went, for messages; the SDK knows several ways to choose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached(Arc<OnceLock<String>>);

impl Client {
    /// Finds the configuration and the credentials for an access. An attempt says why there are none.
    pub(crate) async fn connect(
        access: &Access,
        options: &KeyOptions,
        http: SharedHttpClient,
    ) -> Result<Self, Attempt> {
        let limits = options.kms.limits.clone();
        let config = configuration(access, &options.kms, http).await;
        let mut provider = Cached::new(config.credentials_provider());
        if let Some(role) = &access.role {
            let base = config
                .into_builder()
                .credentials_provider(provider.shared())
                .build();
            provider = Cached::new(Some(credentials::assume(
                role,
                &base,
                options.environment.session_name(),
            )));
            provider.check(access, &limits).await?;
            return Ok(Self::new(access, &base, &provider, limits));
        }
        provider.check(access, &limits).await?;
        Ok(Self::new(access, &config, &provider, limits))
    }

    fn new(access: &Access, config: &SdkConfig, provider: &Cached, limits: KmsLimits) -> Self {
        let endpoint = Reached::default();
        let config = aws_sdk_kms::config::Builder::from(config)
            .credentials_provider(provider.shared())
            .retry_classifier(AnswersOnly)
            .interceptor(endpoint.clone())
            .build();
        Self {
            access: access.clone(),
            kms: aws_sdk_kms::Client::from_conf(config),
            endpoint,
            limits,
            outage: OnceLock::new(),
        }
    }

    /// Sends the one request, unless the service was found to be away.
    pub(crate) async fn decrypt(&self, key: &AwsKmsKey) -> Result<DataKey, Attempt> {
        if let Some(outage) = self.outage.get() {
            return Err(outage.clone());
        }
        let context = (!key.context.is_empty()).then(|| key.context.clone().into_iter().collect());
        let answer = self
            .kms
            .decrypt()
            .key_id(&key.arn)
            .ciphertext_blob(Blob::new(key.ciphertext.clone()))
            .set_encryption_context(context)
            .send()
            .await;
        let with = self.access.describe("AWS KMS");
        match answer {
            Ok(output) => match output.plaintext.map(Blob::into_inner) {
                Some(bytes) if !bytes.is_empty() => Ok(DataKey::new(SecretBytes::new(bytes))),
                _ => Err(Attempt {
                    with,
                    reason: "the answer holds no key".to_owned(),
                    hint: None,
                }),
            },
            Err(error) => {
                let mut attempt = self.failed(failure::of_call(&error, &self.endpoint, &self.limits), with);
                if is_invalid_ciphertext(&error) {
                    attempt.hint = Some(invalid_hint(key));
                }
                Err(attempt)
            }
        }
    }

    /// Whether the service was found to be away.
    pub(crate) fn is_away(&self) -> bool {
        self.outage.get().is_some()
    }

    /// What is to be said about the way to the service.
    pub(crate) fn note(&self) -> Option<KeyNote> {
        let endpoint = self.endpoint.name();
        let host = endpoint.strip_prefix("http://")?;
        let local = ["localhost", "127.", "[::1]"]
            .iter()
            .any(|start| host.starts_with(start));
        (!local).then(|| KeyNote::WithoutTls {
            endpoint: endpoint.to_owned(),
        })
    }

    fn failed(&self, failure: Failure, with: String) -> Attempt {
        let is_outage = failure.is_outage;
        let attempt = failure.into_attempt(with);
        if is_outage {
            let mut later = attempt.clone();
            later.reason.push_str(", and was not asked again in this run");
            // The first outage is as good as any other.
            let _ = self.outage.set(later);
        }
        attempt
    }
}

impl Reached {
    /// Scheme and host of the last request, or the service's name when there was none.
    pub(crate) fn name(&self) -> &str {
        self.0.get().map_or("the service", String::as_str)
    }
}

impl Intercept for Reached {
    fn name(&self) -> &'static str {
        "endpoint"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri = context.request().uri();
        let end = uri.find("://").map_or(0, |at| at + 3);
        let end = uri[end..].find('/').map_or(uri.len(), |at| end + at);
        self.0.get_or_init(|| uri[..end].to_owned());
        Ok(())
    }
}

fn is_invalid_ciphertext(error: &SdkError<DecryptError>) -> bool {
    error
        .as_service_error()
        .is_some_and(DecryptError::is_invalid_ciphertext_exception)
}

/// KMS does not tell whether it is the ciphertext or the context, so what was sent is shown. It is no secret: it stands in the
/// file, and AWS logs it.
fn invalid_hint(key: &AwsKmsKey) -> String {
    let context: Vec<String> = key
        .context
        .iter()
        .map(|(name, value)| format!("{}={}", tame(name), tame(value)))
        .collect();
    let context = if context.is_empty() {
        "without an encryption context".to_owned()
    } else {
        format!("with the encryption context {}", context.join(", "))
    };
    format!("it was asked {context}; restore the entry that sops wrote, if that or its enc was altered")
}

/// The SDK's configuration for an access. With credentials that were given as a value it is made of the options
/// alone; the SDK reads environment and files only when its chain is asked for.
async fn configuration(access: &Access, options: &KmsOptions, http: SharedHttpClient) -> SdkConfig {
    match &options.credentials {
        AwsCredentials::Chain => from_chain(access, options, http).await,
        AwsCredentials::Fixed(fixed) => {
            let credentials = SharedCredentialsProvider::new(fixed.to_sdk());
            from_values(access, options, http, Some(credentials))
        }
        AwsCredentials::None => from_values(access, options, http, None),
    }
}

fn from_values(
    access: &Access,
    options: &KmsOptions,
    http: SharedHttpClient,
    credentials: Option<SharedCredentialsProvider>,
) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(access.region.clone()))
        .http_client(http)
        .timeout_config(timeouts(options))
        .retry_config(retries(options));
    builder.set_credentials_provider(credentials);
    builder.set_endpoint_url(options.endpoint.as_ref().map(|url| url.as_str().to_owned()));
    builder.build()
}

async fn from_chain(access: &Access, options: &KmsOptions, http: SharedHttpClient) -> SdkConfig {
    let region = Region::new(access.region.clone());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone())
        .timeout_config(timeouts(options))
        .retry_config(retries(options));
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint.as_str());
    }
    // A profile that a file names comes before the environment, as in the Go SDK that sops is built on.
    if let Some(profile) = &access.profile {
        let config = ProviderConfig::default()
            .with_region(Some(region))
            .with_http_client(http);
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&config)
            .profile_name(profile)
            .build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    loader.load().await
}

fn timeouts(options: &KmsOptions) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(options.limits.connect)
        .operation_attempt_timeout(options.limits.attempt)
        .operation_timeout(options.limits.total)
        .build()
}

/// The SDK's standard mode doubles the wait and draws it at random.
fn retries(options: &KmsOptions) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(options.limits.attempts.max(1))
        .with_initial_backoff(options.limits.first_wait)
        .with_max_backoff(options.limits.attempt)
}
