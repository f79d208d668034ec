//! Transit of Vault, with the login of Kubernetes. Real OpenBao is used where it can be; this one counts.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::http::{Reply, Request, Response, Server};
use crate::script::Script;
use crate::sealed;
use crate::tls::TestCa;

/// The token that the server takes.
pub const TOKEN: &str = "canary-vault-token";

/// The token of a service account that it takes, and the role it is for.
pub const SERVICE_ACCOUNT_TOKEN: &str = "canary-service-account-token";
/// The role of [`SERVICE_ACCOUNT_TOKEN`].
pub const ROLE: &str = "afterbay";

/// The fake; gone when dropped.
#[derive(Debug)]
pub struct Vault {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    namespace: Mutex<Option<String>>,
    script: Script,
}

impl Vault {
    /// Starts it over plain HTTP.
    pub fn start() -> io::Result<Self> {
        Self::start_with(None)
    }

    /// Starts it over TLS, as `localhost`.
    pub fn start_tls(ca: &TestCa) -> io::Result<Self> {
        Self::start_with(Some(ca))
    }

    fn start_with(ca: Option<&TestCa>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = Server::start_at("127.0.0.1:0", ca, move |request| answering.answer(request))?;
        Ok(Self { server, state })
    }

    /// The server under it.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Encrypts as the service does and returns the ciphertext.
    pub fn seal(&self, engine: &str, key: &str, plaintext: &[u8]) -> String {
        let sealed = sealed::seal(&format!("{engine}/decrypt/{key}"), plaintext);
        format!("vault:v1:{}", BASE64_STANDARD.encode(sealed))
    }

    /// Takes requests of this namespace only.
    pub fn require_namespace(&self, namespace: &str) {
        *self
            .state
            .namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(namespace.to_owned());
    }

    /// Makes the next answers to `decrypt` these.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.add(replies);
    }

    /// An error as Vault writes it.
    pub fn error(status: u16, message: &str) -> Reply {
        Reply::from(Response::json(status, &json!({ "errors": [message] })))
    }
}

impl State {
    fn answer(&self, request: &Request) -> Reply {
        let namespace = self
            .namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if request.header("x-vault-namespace").map(str::to_owned) != namespace {
            return Vault::error(403, "permission denied");
        }
        if request.header("x-vault-request") != Some("true") {
            return Vault::error(412, "no X-Vault-Request").violation("no X-Vault-Request");
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST" | "PUT", "/v1/auth/kubernetes/login") => login(request).named("login"),
            ("POST" | "PUT", path) if path.contains("/decrypt/") => match self.script.next() {
                Some(reply) => reply.named("decrypt"),
                None => Self::decrypt(request, path).named("decrypt"),
            },
            (method, path) => Vault::error(404, "no handler for route").violation(format!("{method} {path}")),
        }
    }

    fn decrypt(request: &Request, path: &str) -> Reply {
        if request.header("x-vault-token") != Some(TOKEN) {
            return Vault::error(
                403,
                "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
            );
        }
        let body = request.json().unwrap_or_default();
        let is_strict = body
            .as_object()
            .is_some_and(|body| body.keys().all(|key| key == "ciphertext"));
        let text = body["ciphertext"]
            .as_str()
            .and_then(|text| text.strip_prefix("vault:v1:"));
        let sealed = text
            .and_then(|text| BASE64_STANDARD.decode(text).ok())
            .unwrap_or_default();
        let opened = sealed::open(path.trim_start_matches("/v1/"), &sealed);
        match opened {
            _ if !is_strict => Vault::error(400, "body").violation(format!("body {body}")),
            Some(plaintext) => {
                let body = json!({
                    "request_id": "1",
                    "renewable": false,
                    "data": { "plaintext": BASE64_STANDARD.encode(plaintext) },
                });
                Response::json(200, &body).into()
            }
            None => Vault::error(400, "invalid ciphertext: unable to decrypt"),
        }
    }
}

fn login(request: &Request) -> Reply {
    let body = request.json().unwrap_or_default();
    if request.header("x-vault-token").is_some() {
        return Vault::error(400, "a token at a login").violation("a token at a login");
    }
    if body != json!({ "role": ROLE, "jwt": SERVICE_ACCOUNT_TOKEN }) {
        return Vault::error(403, "permission denied");
    }
    let body = json!({ "auth": { "client_token": TOKEN, "lease_duration": 3600, "renewable": true } });
    Response::json(200, &body).into()
}
