//! AWS: KMS and STS behind real signatures, and the places that hand out credentials.
//!
//! One server is all of them, told apart as AWS's own clients do: `X-Amz-Target` is KMS, a form is STS,
//! `/latest/…` is the metadata service of an instance (version 2), `/container/…` is the one of a container.
//! As the real ones, KMS sees the region of a request only in its signature.

mod kms;
mod metadata;
mod scripted;
mod sigv4;
mod sts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::http::{Reply, Request, Response, Server};
use crate::tls::TestCa;
pub use scripted::Scripted;

/// Where a container asks for credentials, below the URL of the fake (`AWS_CONTAINER_CREDENTIALS_FULL_URI`).
pub const CONTAINER_PATH: &str = "/container/credentials";

/// KMS, STS and the metadata services at one address.
#[derive(Debug)]
pub struct AwsFake {
    server: Server,
    world: Arc<Mutex<World>>,
}

/// A signed request, or one that did not have to be.
#[derive(Debug, Clone)]
pub struct Call {
    /// `Decrypt`, `Encrypt`, `AssumeRole`, …
    pub action: String,
    /// JSON of KMS, or the form of STS as an object.
    pub body: Value,
    /// Access key id, region and service of the signature; empty without one.
    pub scope: String,
    /// The session token, when one was sent.
    pub token: Option<String>,
    /// ARN of who signed, when the signature is right.
    pub identity: Option<String>,
}

/// Whether a key can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can.
    Enabled,
    /// It was turned off.
    Disabled,
    /// It is going to be deleted.
    PendingDeletion,
}

/// What the fake knows.
#[derive(Debug, Default)]
struct World {
    /// Who may sign, by access key id.
    identities: BTreeMap<String, Identity>,
    keys: BTreeMap<String, Key>,
    roles: Vec<String>,
    /// Tokens of a cluster, and the role that each may assume.
    web_identities: BTreeMap<String, String>,
    /// What a container has to show, and the role it has.
    container: Option<(String, String)>,
    /// The role of the instance.
    instance: Option<String>,
    /// How many temporary credentials were handed out.
    sessions: usize,
    latency: Duration,
    /// Replies of KMS by ciphertext; the last one repeats.
    by_ciphertext: HashMap<Vec<u8>, VecDeque<Scripted>>,
    contexts: HashMap<Vec<u8>, BTreeMap<String, String>>,
    /// Replies by action, used up one by one.
    next: HashMap<String, VecDeque<Scripted>>,
    /// Replies by action, for good.
    always: HashMap<String, Scripted>,
    calls: Vec<Call>,
}

#[derive(Debug, Clone)]
struct Identity {
    arn: String,
    secret: String,
    token: Option<String>,
}

#[derive(Debug, Clone)]
struct Key {
    state: KeyState,
    /// Accounts that may use it.
    accounts: Vec<String>,
}

impl AwsFake {
    /// An AWS that knows nobody and has no keys, over plain HTTP on a free port.
    pub fn start() -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", None)
    }

    /// The same at an address, with TLS if there is an authority.
    pub fn start_at(address: &str, ca: Option<&TestCa>) -> io::Result<Self> {
        let world = Arc::new(Mutex::new(World::default()));
        let answering = Arc::clone(&world);
        let server = Server::start_at(address, ca, move |request| lock(&answering).answer(request))?;
        Ok(Self { server, world })
    }

    /// Its URL, for every service.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// What came in as HTTP.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// A user of an account, who signs with this secret.
    pub fn add_user(&self, access_key_id: &str, secret: &str, account: &str) {
        self.add_session(access_key_id, secret, None, account);
    }

    /// The same with a session token that has to come along.
    pub fn add_session(&self, access_key_id: &str, secret: &str, token: Option<&str>, account: &str) {
        let identity = Identity {
            arn: format!("arn:aws:iam::{account}:user/{access_key_id}"),
            secret: secret.to_owned(),
            token: token.map(str::to_owned),
        };
        self.lock().identities.insert(access_key_id.to_owned(), identity);
    }

    /// A key (`arn:aws:kms:REGION:ACCOUNT:key/ID`) that its own account may use.
    pub fn add_key(&self, arn: &str) {
        let key = Key {
            state: KeyState::Enabled,
            accounts: arn.split(':').nth(4).map(str::to_owned).into_iter().collect(),
        };
        self.lock().keys.insert(arn.to_owned(), key);
    }

    /// Lets another account use a key, as its policy would.
    pub fn share_key(&self, arn: &str, account: &str) {
        if let Some(key) = self.lock().keys.get_mut(arn) {
            key.accounts.push(account.to_owned());
        }
    }

    /// Turns a key off and on.
    pub fn set_key(&self, arn: &str, state: KeyState) {
        if let Some(key) = self.lock().keys.get_mut(arn) {
            key.state = state;
        }
    }

    /// A role that everybody whom the fake knows may assume.
    pub fn add_role(&self, arn: &str) {
        self.lock().roles.push(arn.to_owned());
    }

    /// A token of a cluster that may be traded for a role (`AssumeRoleWithWebIdentity`).
    pub fn add_web_identity(&self, token: &str, role: &str) {
        self.lock()
            .web_identities
            .insert(token.to_owned(), role.to_owned());
    }

    /// Gives the container a role, for who shows the token.
    pub fn set_container(&self, token: &str, role: &str) {
        self.lock().container = Some((token.to_owned(), role.to_owned()));
    }

    /// Gives the instance a role.
    pub fn set_instance(&self, role: &str) {
        self.lock().instance = Some(role.to_owned());
    }

    /// How long KMS takes for an answer.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// What KMS answers for a ciphertext, once it has found the key; the last reply repeats.
    pub fn on(&self, ciphertext: &[u8], replies: impl IntoIterator<Item = Scripted>) {
        let replies = replies.into_iter().collect();
        self.lock().by_ciphertext.insert(ciphertext.to_vec(), replies);
    }

    /// Makes a scripted ciphertext open with this encryption context only; without it, with none.
    pub fn bind(&self, ciphertext: &[u8], context: BTreeMap<String, String>) {
        self.lock().contexts.insert(ciphertext.to_vec(), context);
    }

    /// What the next calls of an action are answered, before everything else; then it is served again.
    pub fn next(&self, action: &str, replies: impl IntoIterator<Item = Scripted>) {
        let mut world = self.lock();
        world.next.entry(action.to_owned()).or_default().extend(replies);
    }

    /// What every call of an action is answered from now on.
    pub fn always(&self, action: &str, reply: Scripted) {
        self.lock().always.insert(action.to_owned(), reply);
    }

    /// The calls in the order in which they came, those with a wrong signature among them.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many calls of an action there were.
    pub fn count(&self, action: &str) -> usize {
        self.server.count(action)
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn answer(&mut self, request: &Request) -> Reply {
        if request.path.starts_with("/latest/") {
            return self.instance_metadata(request);
        }
        if request.path == CONTAINER_PATH {
            return self.container_credentials(request);
        }
        if (request.method.as_str(), request.path.as_str()) != ("POST", "/") {
            let what = format!("{} {}", request.method, request.path);
            return Reply::from(Response::new(404, "text/plain", "")).violation(what);
        }
        match request.header("x-amz-target") {
            Some(target) => {
                let target = target.to_owned();
                self.kms(&target, request)
            }
            None => self.sts(request),
        }
    }

    /// The reply that a test has scripted for an action, if any.
    fn scripted(&mut self, action: &str) -> Option<Scripted> {
        let next = self.next.get_mut(action).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(action).cloned())
    }

    /// Keeps a call and returns who signed it.
    fn record(
        &mut self,
        request: &Request,
        action: &str,
        body: Value,
        service: &str,
    ) -> Result<sigv4::Signed, sigv4::Refusal> {
        let signed = sigv4::verify(request, service, &self.identities);
        self.calls.push(Call {
            action: action.to_owned(),
            body,
            scope: sigv4::scope(request).unwrap_or_default(),
            token: request.header("x-amz-security-token").map(str::to_owned),
            identity: signed.as_ref().ok().map(|signed| signed.arn.clone()),
        });
        signed
    }

    /// New credentials of a role.
    fn session(&mut self, role: &str, session: &str) -> Session {
        self.sessions += 1;
        let number = self.sessions;
        let account = role.split(':').nth(4).unwrap_or_default();
        let name = role.rsplit('/').next().unwrap_or_default();
        let made = Session {
            access_key_id: format!("ASIAROLE{number:04}"),
            secret: format!("canary-role-secret-{number}"),
            token: format!("canary-role-token-{number}"),
        };
        let identity = Identity {
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            secret: made.secret.clone(),
            token: Some(made.token.clone()),
        };
        self.identities.insert(made.access_key_id.clone(), identity);
        made
    }
}

/// Temporary credentials.
struct Session {
    access_key_id: String,
    secret: String,
    token: String,
}

/// When temporary credentials end: never in a test.
const EXPIRATION: &str = "2999-01-01T00:00:00Z";
