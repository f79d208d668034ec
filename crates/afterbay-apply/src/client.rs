//! The connection to one API server: kubeconfig, authentication, timeouts, retries.
//!
//! Requests are built here and sent through [`kube::Client::send`], the one call of `kube` that never
//! looks at a body. Its typed calls log what they cannot parse, and a Secret is among it; nothing in
//! this crate uses them. What a server answers stays in types without `Debug` until it was scrubbed.

mod hold;
mod identity;
mod request;
mod retry;
mod said;
mod watch;
mod wrote;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use kube::client::AuthError;
use kube::config::{KubeConfigOptions, KubeconfigError};
use thiserror::Error;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};
use wrote::Ledger;

pub(crate) use hold::Hold;
pub use identity::{ExecPlugins, Identity, KubeconfigSecret};
pub(crate) use request::{Method, Request, Response, query_value, segment};
pub(crate) use retry::{Cause, Failure, Status, is_bad_input};
pub(crate) use said::ServerText;
pub(crate) use watch::{Event, Watch};
pub use wrote::Wrote;

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The kubeconfig file; `None` reads `KUBECONFIG`, then `~/.kube/config`, then the service account of a Pod.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; `None` takes the current one.
    pub context: Option<String>,
    /// A Secret of that cluster with the kubeconfig of the cluster to reach; `None` reaches that cluster itself.
    pub kubeconfig_secret: Option<KubeconfigSecret>,
    /// As whom.
    pub identity: Identity,
    /// Whether programs are run that a named kubeconfig, or one in a Secret, wants run for credentials. What the user's own
    /// kubeconfig names, where none is given, is run as `kubectl` does.
    pub exec_plugins: ExecPlugins,
    /// How long everything done through this connection may take together.
    pub timeout: Duration,
    /// How long the server may take for one answer.
    pub request_timeout: Duration,
}

impl Default for ConnectOptions {
    /// The current context, five minutes in all, thirty seconds for one answer.
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            kubeconfig_secret: None,
            identity: Identity::Own,
            exec_plugins: ExecPlugins::Refused,
            timeout: Duration::from_mins(5),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Why there is no connection. Nothing has been sent yet.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read or does not have what was asked for.
    #[error("the kubeconfig{} cannot be used: {problem}", display_path(file.as_ref()))]
    Kubeconfig {
        /// The file, when one was named.
        file: Option<PathBuf>,
        /// What is wrong with it.
        problem: String,
    },
    /// The kubeconfig in a Secret cannot be read or does not have what was asked for.
    #[error("the kubeconfig in {secret} cannot be used: {problem}")]
    KubeconfigSecret {
        /// The Secret.
        secret: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A kubeconfig that somebody named wants a program run.
    #[error("the kubeconfig in {origin} wants the program {command:?} run for credentials")]
    ExecPlugin {
        /// Where it comes from.
        origin: String,
        /// The program.
        command: String,
    },
    /// The client cannot be made from it: certificates, credential plugin, proxy.
    #[error("no client can be made for {server}: {problem}")]
    Client {
        /// The server's address.
        server: String,
        /// What is wrong.
        problem: String,
    },
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } => {
                "name a kubeconfig and a context that `kubectl config get-contexts` lists"
            }
            Self::KubeconfigSecret { .. } => "name a Secret with a self-contained kubeconfig under `value`",
            Self::ExecPlugin { .. } => {
                "put a token or a certificate in, or let the program be run with --allow-exec-plugins"
            }
            Self::Client { .. } => {
                "check the certificates, the credential plugin and the proxy of this context"
            }
        }
    }
}

fn display_path(file: Option<&PathBuf>) -> String {
    file.map(|file| format!(" {}", file.display()))
        .unwrap_or_default()
}

/// A connection to one API server. Clones share it.
#[derive(Clone)]
pub struct Client {
    inner: kube::Client,
    server: String,
    request_timeout: Duration,
    deadline: Instant,
    /// Seconds by which the server's clock is ahead of ours, as of its last answer.
    ahead: Arc<AtomicI64>,
    /// Whether the server has answered anything yet.
    answered: Arc<AtomicBool>,
    /// What was written through this connection and its clones, since [`Client::counting`].
    ledger: Arc<Ledger>,
    /// What writes through this connection depend on.
    hold: Option<Hold>,
}

/// Reads the kubeconfig and prepares a connection.
///
/// The clock of [`ConnectOptions::timeout`] starts here; [`Client::within`] starts it anew. To reach a cluster whose
/// kubeconfig is in a Secret, that Secret is read.
pub async fn connect(options: &ConnectOptions) -> Result<Client, ConnectError> {
    let mut config = match &options.kubeconfig {
        Some(file) => identity::from_file(file, options).await?,
        None => load(options).await.map_err(|error| ConnectError::Kubeconfig {
            file: None,
            problem: kubeconfig_problem(&error),
        })?,
    };
    if let Some(secret) = &options.kubeconfig_secret {
        config = identity::from_secret(config, secret, options).await?;
    }
    options.identity.assume(&mut config);
    dial(config, options)
}

fn dial(mut config: kube::Config, options: &ConnectOptions) -> Result<Client, ConnectError> {
    // Retries are ours: they know the deadline, have jitter, and end before it.
    config.default_retry = false;
    config.connect_timeout = Some(options.request_timeout.min(Duration::from_secs(10)));
    let server = config.cluster_url.to_string();
    let namespace = config.default_namespace.clone();
    let inner = kube::Client::try_from(config).map_err(|error| ConnectError::Client {
        server: server.clone(),
        problem: client_problem(&error),
    })?;
    tracing::debug!(server, namespace, "client ready");
    Ok(Client {
        inner,
        server,
        request_timeout: options.request_timeout,
        deadline: Instant::now() + options.timeout,
        ahead: Arc::default(),
        answered: Arc::default(),
        ledger: Arc::default(),
        hold: None,
    })
}

/// Not [`kube::Config::infer`]: it lets environment variables replace the server and the user.
async fn load(options: &ConnectOptions) -> Result<kube::Config, KubeconfigError> {
    let choice = KubeConfigOptions {
        context: options.context.clone(),
        ..KubeConfigOptions::default()
    };
    match kube::Config::from_kubeconfig(&choice).await {
        Err(error) if options.context.is_none() => kube::Config::incluster().map_err(|_| error),
        outcome => outcome,
    }
}

/// What is wrong with a kubeconfig. The YAML reader's own text quotes the lines around the fault, and a
/// token may stand in them.
fn kubeconfig_problem(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(location) => format!("it is no kubeconfig (line {})", location.line()),
            None => "it is no kubeconfig".to_owned(),
        },
        other => chain(other),
    }
}

/// What went wrong on the way to the server. A credential plugin's output is left out: it may hold a token.
fn client_problem(error: &kube::Error) -> String {
    match error {
        kube::Error::Service(cause) => match cause.downcast_ref::<AuthError>() {
            Some(cause) => plugin_problem(cause),
            None => chain(cause.as_ref()),
        },
        kube::Error::HyperError(cause) => chain(cause),
        kube::Error::Auth(cause) => plugin_problem(cause),
        kube::Error::InferKubeconfig(cause) => kubeconfig_problem(cause),
        other => chain(other),
    }
}

fn plugin_problem(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { cmd, out } => {
            format!(
                "the credential plugin {cmd:?} failed with {}; run it by hand to see why",
                out.status
            )
        }
        AuthError::AuthExecParse(_) => "the credential plugin did not print an ExecCredential".to_owned(),
        other => chain(other),
    }
}

impl Client {
    /// The namespace of the context; `default` when it names none.
    pub fn default_namespace(&self) -> &str {
        self.inner.default_namespace()
    }

    /// The server's address, as messages name it.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The same connection with its clock started anew.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            ..self.clone()
        }
    }

    /// When everything done through this connection has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sends a request until it is answered, retrying what a second attempt may mend.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let response = retry::send(self, request).await?;
        self.note_date(&response);
        Ok(response)
    }

    /// Sends a request once, for an answer that is of use for a moment only.
    pub(crate) async fn send_once(&self, request: &Request, limit: Duration) -> Result<Response, Failure> {
        let response = timeout(limit, retry::once(self, request))
            .await
            .unwrap_or(Err(Failure::Slow { after: limit }))?;
        self.note_date(&response);
        Ok(response)
    }

    /// Opens a watch. The time for one answer is the time until it begins.
    pub(crate) async fn watch(&self, request: &Request) -> Result<Watch, Failure> {
        watch::open(self, request).await
    }

    /// The same connection with its count of writes started anew.
    pub(crate) fn counting(&self) -> Self {
        Self {
            ledger: Arc::default(),
            ..self.clone()
        }
    }

    /// What was written since [`Client::counting`].
    pub(crate) fn wrote(&self) -> Wrote {
        self.ledger.wrote()
    }

    /// The same connection, whose writes wait while the hold cannot be relied on.
    pub(crate) fn while_held(&self, hold: Hold) -> Self {
        Self {
            hold: Some(hold),
            ..self.clone()
        }
    }

    fn note_date(&self, response: &Response) {
        if let Some(date) = response.date {
            let ahead = (date - OffsetDateTime::now_utc()).whole_seconds();
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    /// Notes that the server is there, whatever it answered.
    fn note_answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// The server's clock, to the second.
    pub(crate) fn server_now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::seconds(self.ahead.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) fn from_service(inner: kube::Client, timeout: Duration) -> Self {
        Self {
            inner,
            server: "http://server.test/".to_owned(),
            request_timeout: timeout,
            deadline: Instant::now() + timeout,
            ahead: Arc::default(),
            answered: Arc::default(),
            ledger: Arc::default(),
            hold: None,
        }
    }
}

/// An error with its causes, outermost first, without saying the same twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
