//! Where the token comes from. Google's own library asks for it; here is only decided which way.

use std::path::{Path, PathBuf};

use afterbay_manifest::SecretBytes;
use google_cloud_auth::build_errors;
use google_cloud_auth::credentials::service_account::AccessSpecifier;
use google_cloud_auth::credentials::{
    AccessTokenCredentials, external_account, external_account_authorized_user, impersonated, mds,
    service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::guarded::{Failure, Token, root_cause, sources};
use crate::key_file;
use crate::options::{GcpCredentials, KeyOptions, KmsLimits};
use crate::outside_text::tame;

/// All that a call of KMS needs.
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";

/// The scope of identities that are exchanged for others, which Google's libraries use.
const WIDE_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long a token of the library is taken as it is; the library renews it in time.
const TRUSTED_SECONDS: u64 = 300;

/// What messages call the last source.
const METADATA_SERVER: &str = "the metadata server";

const HINT: &str = "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, \
                    or run where a service account is attached";

/// What tokens come from.
pub(super) enum Credentials {
    /// The library, and what messages call the source.
    Library(AccessTokenCredentials, String),
    /// A token that was given.
    Given(Vec<u8>),
}

impl Credentials {
    /// The source that the options name; only with [`GcpCredentials::Environment`] is anything else read.
    pub(super) async fn find(options: &KeyOptions) -> Result<Self, Failure> {
        match &options.gcp.credentials {
            GcpCredentials::ServiceAccount(json) => {
                let json = parse(json.expose_bytes(), "the key that was given")?;
                if json.get("type").and_then(Value::as_str) != Some("service_account") {
                    return Err(Failure::new(
                        "the credentials that were given are not the key of a service account",
                        "give a key in JSON whose type is service_account",
                    ));
                }
                from_json(json, "the key that was given")
            }
            GcpCredentials::AccessToken(token) => Ok(given(token)),
            GcpCredentials::None => Err(Failure::no_credentials("Google Cloud")),
            GcpCredentials::Environment => Self::of_environment(options).await,
        }
    }

    /// The order of sops, and then that of application default credentials.
    async fn of_environment(options: &KeyOptions) -> Result<Self, Failure> {
        let cloud = &options.environment.cloud;
        if let Some(value) = &cloud.google_credentials {
            let text = value.expose_bytes();
            let source = "GOOGLE_CREDENTIALS";
            if text.trim_ascii_start().starts_with(b"{") {
                return from_json(parse(text, source)?, source);
            }
            let path = PathBuf::from(String::from_utf8_lossy(text).into_owned());
            return from_file(path, source).await;
        }
        if let Some(token) = &cloud.google_access_token {
            return Ok(given(token));
        }
        if let Some(path) = &cloud.google_credentials_file {
            return from_file(path.clone(), "GOOGLE_APPLICATION_CREDENTIALS").await;
        }
        if let Some(path) = cloud.gcloud_file.as_ref().filter(|path| path.is_file()) {
            return from_file(path.clone(), &path.display().to_string()).await;
        }
        let built = mds::Builder::default()
            .with_scopes([WIDE_SCOPE])
            .build_access_token_credentials();
        let source = METADATA_SERVER;
        Ok(Self::Library(
            built.map_err(|error| refused(source, &error))?,
            source.to_owned(),
        ))
    }

    /// A token now.
    pub(super) async fn token(&self, limits: &KmsLimits) -> Result<Token, Failure> {
        // Where there is a metadata server, it is near.
        let patience = match self {
            Self::Library(_, source) if source == METADATA_SERVER => limits.connect,
            _ => limits.total,
        };
        let (credentials, source) = match self {
            Self::Given(token) => {
                return Ok(Token {
                    secret: SecretBytes::new(token.clone()),
                    expires: None,
                });
            }
            Self::Library(credentials, source) => (credentials, source),
        };
        match timeout(patience, credentials.access_token()).await {
            Ok(Ok(token)) => Ok(Token::lasting(
                SecretBytes::new(token.token.into_bytes()),
                TRUSTED_SECONDS,
            )),
            Ok(Err(error)) => Err(no_token(source, &error)),
            Err(_) => Err(Failure::new(
                format!("no token came from {source} within {} s", patience.as_secs_f32()),
                HINT,
            )),
        }
    }
}

fn given(token: &SecretBytes) -> Credentials {
    Credentials::Given(token.expose_bytes().trim_ascii().to_vec())
}

async fn from_file(path: PathBuf, source: &str) -> Result<Credentials, Failure> {
    let name = format!("{source} ({})", tame(&path.display().to_string()));
    let name = if Path::new(source) == path {
        source.to_owned()
    } else {
        name
    };
    let read = spawn_blocking(move || key_file::read(&path)).await;
    let file = read
        .map_err(|_| Failure::new(format!("{name} was not read to its end"), ""))?
        .map_err(|reason| Failure::new(format!("{name}: {reason}"), HINT))?;
    from_json(parse(&file.content, &name)?, &name)
}

fn parse(text: &[u8], source: &str) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|_| Failure::new(format!("{source}: not credentials in JSON"), HINT))
}

/// The builder for the type of credentials.
fn from_json(json: Value, source: &str) -> Result<Credentials, Failure> {
    let kind = json
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let built = match kind.as_str() {
        "service_account" => service_account::Builder::new(json)
            .with_access_specifier(AccessSpecifier::from_scopes([SCOPE]))
            .build_access_token_credentials(),
        "authorized_user" => user_account::Builder::new(json).build_access_token_credentials(),
        "external_account" => external_account::Builder::new(json)
            .with_scopes([WIDE_SCOPE])
            .build_access_token_credentials(),
        "external_account_authorized_user" => {
            external_account_authorized_user::Builder::new(json).build_access_token_credentials()
        }
        "impersonated_service_account" => impersonated::Builder::new(json)
            .with_scopes([WIDE_SCOPE])
            .build_access_token_credentials(),
        "" => {
            return Err(Failure::new(
                format!("{source}: the credentials have no type"),
                HINT,
            ));
        }
        kind => {
            return Err(Failure::new(
                format!(
                    "{source}: credentials of the type {} are not supported",
                    tame(kind)
                ),
                HINT,
            ));
        }
    };
    let credentials = built.map_err(|error| refused(source, &error))?;
    Ok(Credentials::Library(credentials, source.to_owned()))
}

/// Credentials that the library does not take. Its texts name fields, never values.
fn refused(source: &str, error: &build_errors::Error) -> Failure {
    let reason = if error.is_missing_field() {
        "a field is missing in the credentials"
    } else if error.is_not_supported() {
        "credentials of this form are not supported"
    } else {
        "the credentials are damaged"
    };
    Failure::new(format!("{source}: {reason}"), HINT)
}

/// No token: what the library says, to its end.
fn no_token(source: &str, error: &CredentialsError) -> Failure {
    if source == METADATA_SERVER {
        // The library tells that it may work later, over and over; why it did not now stands below all that.
        let reason = format!(
            "there are no credentials: no variable and no file of gcloud has any, and {source} gave no token: {}",
            root_cause(error)
        );
        return Failure::new(reason, HINT);
    }
    let texts = sources(error).map(ToString::to_string).collect::<Vec<_>>();
    let said = tame(&texts.join(": "));
    Failure::new(format!("no token from {source}: {said}"), HINT)
}
