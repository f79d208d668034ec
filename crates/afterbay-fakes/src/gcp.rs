//! Google Cloud KMS over REST, with Google's token endpoint and metadata server.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::http::{Reply, Request, Response, Server};
use crate::jwt::PublicKey;
use crate::script::Script;
use crate::sealed;
use crate::tls::TestCa;

/// A token that the service takes from the start.
pub const TOKEN: &str = "canary-gcp-token";

/// The refresh token that the token endpoint takes.
pub const REFRESH_TOKEN: &str = "canary-gcp-refresh-token";

/// The subject token that the token endpoint exchanges.
pub const SUBJECT_TOKEN: &str = "canary-gcp-subject-token";

/// Name of a service account whose key [`GcpKms::trust`] makes known.
pub const SERVICE_ACCOUNT: &str = "sops@shop-prod.iam.gserviceaccount.com";

const CLOUD_SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/cloudkms",
    "https://www.googleapis.com/auth/cloud-platform",
];

/// The fake; gone when dropped.
#[derive(Debug)]
pub struct GcpKms {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    account: Mutex<Option<PublicKey>>,
}

impl GcpKms {
    /// Starts it over plain HTTP.
    pub fn start() -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", None)
    }

    /// Starts it at an address, perhaps over TLS.
    pub fn start_at(address: &str, ca: Option<&TestCa>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = Server::start_at(address, ca, move |request| answering.answer(request))?;
        Ok(Self { server, state })
    }

    /// The server under it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its URL: of KMS, and of the token endpoint with `/token` and `/sts` behind it.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Its address as `GCE_METADATA_HOST` has it.
    pub fn metadata_host(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    /// Encrypts as the service does and returns the ciphertext.
    pub fn seal(&self, key: &str, plaintext: &[u8]) -> Vec<u8> {
        sealed::seal(key, plaintext)
    }

    /// Makes the next answers to `decrypt` these.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.add(replies);
    }

    /// Makes the private key (PEM, 2048 bits) that of [`SERVICE_ACCOUNT`].
    pub fn trust(&self, private_key: &str) {
        let mut account = self.state.account.lock().unwrap_or_else(PoisonError::into_inner);
        *account = Some(PublicKey::of_private(private_key));
    }

    /// An error as Google writes it.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let body = json!({ "error": { "code": status, "message": message, "status": code } });
        Reply::from(Response::json(status, &body))
    }
}

impl State {
    fn answer(&self, request: &Request) -> Reply {
        let name = request.path.strip_prefix("/v1/").unwrap_or_default();
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/token") => self.token(request).named("token"),
            ("POST", "/sts") => exchange(request).named("sts"),
            ("GET", path) if path.starts_with("/computeMetadata/v1/") => metadata(request).named("metadata"),
            ("POST", _) if name.ends_with(":encrypt") => self.encrypt(request, name).named("encrypt"),
            ("POST", _) if name.ends_with(":decrypt") => match self.script.next() {
                Some(reply) => reply.named("decrypt"),
                None => self.decrypt(request, name).named("decrypt"),
            },
            (method, path) => {
                GcpKms::error(404, "NOT_FOUND", "no such method").violation(format!("{method} {path}"))
            }
        }
    }

    /// A token of the service's own, or one that a service account signed for itself.
    fn may(&self, request: &Request) -> Result<(), String> {
        let token = request.bearer().ok_or("no bearer token")?;
        if token == TOKEN {
            return Ok(());
        }
        let claims = self.claims(token)?;
        let scopes = claims["scope"].as_str().unwrap_or_default();
        let is_for_kms = scopes.split(' ').any(|scope| CLOUD_SCOPES.contains(&scope));
        let is_audience = claims["aud"]
            .as_str()
            .is_some_and(|aud| aud.starts_with("https://cloudkms."));
        (is_for_kms || is_audience)
            .then_some(())
            .ok_or(format!("a token for {claims}"))
    }

    fn claims(&self, token: &str) -> Result<Value, String> {
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let key = account.as_ref().ok_or("a token that nobody gave")?;
        let (_, claims) = key.verify(token)?;
        if claims["iss"] != SERVICE_ACCOUNT {
            return Err(format!("the token is of {}", claims["iss"]));
        }
        Ok(claims)
    }

    fn encrypt(&self, request: &Request, name: &str) -> Reply {
        let key = name.trim_end_matches(":encrypt");
        if let Err(reason) = self.may(request) {
            return unauthenticated(&reason);
        }
        let plaintext = request.json().ok().and_then(|body| bytes(&body, "plaintext"));
        let Some(plaintext) = plaintext.filter(|_| is_key_name(key)) else {
            return GcpKms::error(400, "INVALID_ARGUMENT", "no plaintext").violation("encrypt");
        };
        let ciphertext = sealed::seal(key, &plaintext);
        let body = json!({
            "name": format!("{key}/cryptoKeyVersions/1"),
            "ciphertext": BASE64_STANDARD.encode(&ciphertext),
            "ciphertextCrc32c": crc32c::crc32c(&ciphertext).to_string(),
            "protectionLevel": "SOFTWARE",
        });
        Response::json(200, &body).into()
    }

    fn decrypt(&self, request: &Request, name: &str) -> Reply {
        let key = name.trim_end_matches(":decrypt");
        if let Err(reason) = self.may(request) {
            return unauthenticated(&reason);
        }
        let body = request.json().unwrap_or_default();
        let Some(ciphertext) = bytes(&body, "ciphertext") else {
            return GcpKms::error(400, "INVALID_ARGUMENT", "no ciphertext").violation("decrypt");
        };
        if !is_key_name(key) {
            return GcpKms::error(400, "INVALID_ARGUMENT", "the name of the key is none").violation(key);
        }
        let sum = body["ciphertextCrc32c"].as_str().map(str::to_owned);
        if sum.is_some_and(|sum| sum != crc32c::crc32c(&ciphertext).to_string()) {
            return GcpKms::error(400, "INVALID_ARGUMENT", "the checksum is wrong").violation("checksum");
        }
        match sealed::open(key, &ciphertext) {
            Some(plaintext) => {
                let body = json!({
                    "plaintext": BASE64_STANDARD.encode(&plaintext),
                    "plaintextCrc32c": crc32c::crc32c(&plaintext).to_string(),
                    "usedPrimary": true,
                    "protectionLevel": "SOFTWARE",
                });
                Response::json(200, &body).into()
            }
            None => GcpKms::error(
                400,
                "INVALID_ARGUMENT",
                "Decryption failed: the ciphertext is invalid.",
            ),
        }
    }

    /// A refresh token of a user (a form or, as Google's library for Rust sends it, JSON), or the assertion of
    /// a service account.
    fn token(&self, request: &Request) -> Reply {
        let form = match request.json() {
            Ok(Value::Object(body)) => body
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
                .collect(),
            _ => request.form(),
        };
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_granted = match field("grant_type") {
            "refresh_token" => field("refresh_token") == REFRESH_TOKEN && !field("client_id").is_empty(),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
                self.claims(field("assertion")).is_ok_and(|claims| {
                    claims["aud"] == format!("http://{}/token", request.header("host").unwrap_or_default())
                })
            }
            _ => false,
        };
        if is_granted {
            return granted();
        }
        Response::json(
            400,
            &json!({ "error": "invalid_grant", "error_description": "Bad Request" }),
        )
        .into()
    }
}

/// Workload identity federation. <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>
fn exchange(request: &Request) -> Reply {
    let form = request.form();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let is_right = field("grant_type") == "urn:ietf:params:oauth:grant-type:token-exchange"
        && field("subject_token") == SUBJECT_TOKEN
        && field("audience").starts_with("//iam.googleapis.com/");
    if !is_right {
        return Response::json(400, &json!({ "error": "invalid_grant" })).into();
    }
    Response::json(
        200,
        &json!({
            "access_token": TOKEN,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        }),
    )
    .into()
}

/// <https://cloud.google.com/compute/docs/metadata/overview>
fn metadata(request: &Request) -> Reply {
    if request.header("metadata-flavor") != Some("Google") {
        return Reply::from(Response::new(403, "text/plain", "")).violation("no Metadata-Flavor");
    }
    let reply = |response: Response| Reply::from(response.header("metadata-flavor", "Google"));
    match request.path.as_str() {
        "/computeMetadata/v1/instance/service-accounts/default/token" => reply(Response::json(
            200,
            &json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" }),
        )),
        "/computeMetadata/v1/universe/universe-domain" => {
            reply(Response::new(200, "text/plain", "googleapis.com"))
        }
        "/computeMetadata/v1/project/project-id" => reply(Response::new(200, "text/plain", "shop-prod")),
        _ => reply(Response::new(404, "text/plain", "")),
    }
}

fn granted() -> Reply {
    let body = json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" });
    Response::json(200, &body).into()
}

fn unauthenticated(reason: &str) -> Reply {
    let message = format!("Request had invalid authentication credentials: {reason}");
    GcpKms::error(401, "UNAUTHENTICATED", &message)
}

fn bytes(body: &Value, field: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(body[field].as_str()?).ok()
}

fn is_key_name(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    matches!(
        parts.as_slice(),
        ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]
    )
}
