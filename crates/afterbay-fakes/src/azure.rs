//! Azure Key Vault with its challenge, the login service, and the identities of machines and services.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::http::{Reply, Request, Response, Server};
use crate::jwt::PublicKey;
use crate::script::Script;
use crate::sealed;
use crate::tls::TestCa;

/// The tenant.
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The application.
pub const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// Its secret; it has characters that a form escapes.
pub const CLIENT_SECRET: &str = "canary~secret+&=/% x";
/// The token of the workload identity.
pub const FEDERATED_TOKEN: &str = "canary-federated-token";
/// What the endpoint of a service wants to be shown.
pub const IDENTITY_HEADER: &str = "canary-identity-header";
/// The version of every key.
pub const VERSION: &str = "0123456789abcdef0123456789abcdef";

const TOKEN: &str = "canary-azure-token";
/// Length of what an RSA key of 2048 bits gives.
const KEY_BYTES: usize = 256;
/// The longest plaintext: what is left of it, with its length in front.
const MAX_PLAINTEXT: usize = KEY_BYTES - 28 - 1;

/// Names of the public cloud that the fake has a certificate for.
pub const NAMES: [&str; 2] = ["login.microsoftonline.com", "shop.vault.azure.net"];

/// The fake: all services behind one address. Gone when dropped.
#[derive(Debug)]
pub struct Azure {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// What the vault wants a token for.
    resource: Mutex<String>,
    script: Script,
    token_script: Script,
    certificate: Mutex<Option<(PublicKey, Vec<u8>)>>,
}

impl Azure {
    /// Starts it over plain HTTP; the vault's resource is its own host.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(State::new("https://127.0.0.1"));
        let answering = Arc::clone(&state);
        let server = Server::start(move |request| answering.answer(request))?;
        Ok(Self { server, state })
    }

    /// Starts it over TLS under the real [`NAMES`]; clients are led here by [`crate::connect::Proxy`].
    pub fn start_tls(ca: &TestCa) -> io::Result<Self> {
        let state = Arc::new(State::new("https://vault.azure.net"));
        let answering = Arc::clone(&state);
        let server = Server::start_tls_as(ca, &NAMES, move |request| answering.answer(request))?;
        Ok(Self { server, state })
    }

    /// The server under it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its URL, of everything.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Encrypts as the service does and returns the ciphertext.
    pub fn seal(&self, key: &str, plaintext: &[u8]) -> Vec<u8> {
        seal(key, plaintext)
    }

    /// Makes the vault want a token for something else.
    pub fn want(&self, resource: &str) {
        resource.clone_into(&mut self.state.resource.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes the next answers to `decrypt` with a token these.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.add(replies);
    }

    /// Makes the next answers to requests for tokens these.
    pub fn script_tokens(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.token_script.add(replies);
    }

    /// Makes a certificate (PEM, with its private key of 2048 bits) one of [`CLIENT`].
    pub fn trust(&self, pem: &str) {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM");
        let known = (PublicKey::of_private(pem), certificate.to_vec());
        *self
            .state
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// An error as Key Vault writes it.
    pub fn error(status: u16, code: &str, message: &str, inner: &str) -> Reply {
        let body = json!({ "error": { "code": code, "message": message, "innererror": { "code": inner } } });
        Reply::from(Response::json(status, &body))
    }

    /// An error as the login service writes it.
    pub fn login_error(status: u16, code: &str, description: &str) -> Reply {
        let body = json!({ "error": code, "error_description": description });
        Reply::from(Response::json(status, &body))
    }
}

impl State {
    fn new(resource: &str) -> Self {
        Self {
            resource: Mutex::new(resource.to_owned()),
            script: Script::default(),
            token_script: Script::default(),
            certificate: Mutex::default(),
        }
    }

    fn resource(&self) -> String {
        self.resource
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn answer(&self, request: &Request) -> Reply {
        let path: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        let method = request.method.as_str();
        match (method, path.as_slice()) {
            ("POST" | "GET", ["keys", ..]) if request.bearer().is_none() => {
                self.challenge(request).named("challenge")
            }
            ("GET", ["keys", key, ..]) => self.key(request, key).named("key"),
            ("POST", ["keys", key, version, "encrypt"]) => {
                self.operate(request, key, version, true).named("encrypt")
            }
            ("POST", ["keys", key, version, "decrypt"]) => match self.script.next() {
                Some(reply) => reply.named("decrypt"),
                None => self.operate(request, key, version, false).named("decrypt"),
            },
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => match self.token_script.next() {
                Some(reply) => reply.named("token"),
                None => self.token(request, tenant).named("token"),
            },
            ("GET", ["common", "discovery", "instance"]) => discovery(request).named("discovery"),
            ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
                configuration(request, tenant).named("discovery")
            }
            ("GET", ["metadata", "identity", "oauth2", "token"]) => machine(request).named("machine"),
            ("GET", ["msi", "token"]) => service(request).named("service"),
            _ => Azure::error(404, "NotFound", "no such resource", "")
                .violation(format!("{method} {}", request.path)),
        }
    }

    /// Who comes without a token is told what for, and has to send nothing yet.
    fn challenge(&self, request: &Request) -> Reply {
        let header = format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"{}\"",
            self.resource()
        );
        let body = json!({ "error": { "code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token." } });
        let reply = Reply::from(Response::json(401, &body).header("www-authenticate", &header));
        if request.body.is_empty() {
            reply
        } else {
            reply.violation("a body without a token")
        }
    }

    fn may(&self, request: &Request) -> Result<(), Reply> {
        if request.bearer() == Some(&format!("{TOKEN} {}", self.resource()).replace(' ', "-for-")) {
            return Ok(());
        }
        Err(Azure::error(
            401,
            "Unauthorized",
            "AKV10022: Invalid audience.",
            "",
        ))
    }

    fn key(&self, request: &Request, key: &str) -> Reply {
        match self.may(request) {
            Ok(()) => {
                let host = request.header("host").unwrap_or_default();
                let kid = format!("https://{host}/keys/{key}/{VERSION}");
                Response::json(
                    200,
                    &json!({ "key": { "kid": kid, "kty": "RSA", "key_ops": ["encrypt", "decrypt"], "n": "AQAB", "e": "AQAB" }, "attributes": { "enabled": true } }),
                )
                .into()
            }
            Err(reply) => reply,
        }
    }

    fn operate(&self, request: &Request, key: &str, version: &str, encrypts: bool) -> Reply {
        if let Err(reply) = self.may(request) {
            return reply;
        }
        if !request.parameters().contains_key("api-version") {
            return Azure::error(400, "BadParameter", "api-version", "").violation("no api-version");
        }
        if !matches!(version, "" | VERSION) {
            return Azure::error(
                404,
                "KeyNotFound",
                "A key with that version was not found in this key vault.",
                "",
            );
        }
        let body = request.json().unwrap_or_default();
        let value = body["value"]
            .as_str()
            .and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let value = value.filter(|_| body["alg"] == "RSA-OAEP-256");
        let Some(value) = value else {
            return Azure::error(400, "BadParameter", "alg or value", "").violation(format!("body {body}"));
        };
        let result = if encrypts {
            Some(seal(key, &value))
        } else {
            open(key, &value)
        };
        let host = request.header("host").unwrap_or_default();
        match result {
            Some(result) => Response::json(
                200,
                &json!({ "kid": format!("https://{host}/keys/{key}/{VERSION}"), "value": BASE64_URL_SAFE_NO_PAD.encode(result) }),
            )
            .into(),
            None => Azure::error(400, "BadParameter", "The parameter is incorrect.", ""),
        }
    }

    /// <https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
    fn token(&self, request: &Request, tenant: &str) -> Reply {
        let form = request.form();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let resource = field("scope")
            .split(' ')
            .find_map(|scope| scope.strip_suffix("/.default"));
        let resource = resource.unwrap_or_default().to_owned();
        if field("grant_type") != "client_credentials" || resource.is_empty() {
            return Azure::login_error(400, "invalid_request", "AADSTS900144")
                .violation(format!("form {form:?}"));
        }
        if tenant != TENANT || field("client_id") != CLIENT {
            return Azure::login_error(
                400,
                "unauthorized_client",
                "AADSTS700016: Application was not found in the directory.",
            );
        }
        let assertion = field("client_assertion");
        let audience = format!(
            "://{}{}",
            request.header("host").unwrap_or_default(),
            request.path
        );
        let is_proved = match field("client_assertion_type") {
            "" => field("client_secret") == CLIENT_SECRET,
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" => {
                assertion == FEDERATED_TOKEN || self.is_signed(assertion, &audience)
            }
            _ => false,
        };
        if is_proved {
            return granted(&resource, &json!(3599));
        }
        Azure::login_error(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided.",
        )
    }

    fn is_signed(&self, assertion: &str, audience: &str) -> bool {
        let known = self.certificate.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((key, certificate)) = known.as_ref() else {
            return false;
        };
        let digest = rustls::crypto::ring::default_provider()
            .cipher_suites
            .iter()
            .find_map(|suite| {
                suite
                    .tls13()
                    .filter(|suite| suite.common.hash_provider.output_len() == 32)
            })
            .map(|suite| suite.common.hash_provider.hash(certificate));
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest.expect("SHA-256"));
        key.verify(assertion).is_ok_and(|(header, claims)| {
            let aud = claims["aud"].as_str().unwrap_or_default();
            header["x5t#S256"] == thumbprint
                && header["alg"] == "PS256"
                && aud.ends_with(audience)
                && claims["iss"] == CLIENT
                && claims["sub"] == CLIENT
                && claims["jti"].is_string()
        })
    }
}

/// <https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
fn machine(request: &Request) -> Reply {
    let parameters = request.parameters();
    if request.header("metadata") != Some("true") || !parameters.contains_key("api-version") {
        return Azure::login_error(400, "invalid_request", "Required metadata header not specified")
            .violation("machine");
    }
    match parameters.get("client_id").map(String::as_str) {
        None | Some(CLIENT) => granted(
            &parameters.get("resource").cloned().unwrap_or_default(),
            &json!("86399"),
        ),
        Some(_) => Azure::login_error(400, "invalid_request", "Identity not found"),
    }
}

fn service(request: &Request) -> Reply {
    let parameters = request.parameters();
    if request.header("x-identity-header") != Some(IDENTITY_HEADER) {
        return Reply::from(Response::new(403, "text/plain", ""));
    }
    granted(
        &parameters.get("resource").cloned().unwrap_or_default(),
        &json!("3599"),
    )
}

/// As long as with RSA: the plaintext with its length in front, filled up with zeros.
fn seal(key: &str, plaintext: &[u8]) -> Vec<u8> {
    let length = u8::try_from(plaintext.len()).expect("a short plaintext");
    let mut block = [&[length], plaintext].concat();
    block.resize(1 + MAX_PLAINTEXT, 0);
    sealed::seal(key, &block)
}

fn open(key: &str, ciphertext: &[u8]) -> Option<Vec<u8>> {
    let block = sealed::open(key, ciphertext)?;
    let (length, rest) = block.split_first()?;
    Some(rest.get(..usize::from(*length))?.to_vec())
}

fn granted(resource: &str, expires_in: &Value) -> Reply {
    let token = format!("{TOKEN}-for-{resource}");
    let body = json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token });
    Response::json(200, &body).into()
}

fn discovery(_: &Request) -> Reply {
    let hosts = ["login.microsoftonline.com", "login.windows.net"];
    Response::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("https://login.microsoftonline.com/{TENANT}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{ "preferred_network": hosts[0], "preferred_cache": hosts[1], "aliases": hosts }],
        }),
    )
    .into()
}

fn configuration(_: &Request, tenant: &str) -> Reply {
    let base = format!("https://login.microsoftonline.com/{tenant}");
    Response::json(
        200,
        &json!({
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "issuer": format!("{base}/v2.0"),
        }),
    )
    .into()
}
