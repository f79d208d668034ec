//! A small HTTP/1.1 server on loopback that counts.

mod message;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use crate::tls::TestCa;
pub use message::{Reply, Request, Response};

/// Where every server answers with the counts of its requests as JSON; asking is not counted.
pub const COUNTS_PATH: &str = "/fakes/counts";

/// The names of a server that is asked at its own address.
const OWN_NAMES: &[&str] = &["localhost", "127.0.0.1"];

/// What answers the requests of a server.
pub(crate) type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server on loopback with threads of its own; gone when dropped. It can be used with and without an async
/// runtime around it.
pub struct Server {
    url: String,
    counts: Arc<Counts>,
    runtime: Option<Runtime>,
}

/// What came in.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    named: Mutex<BTreeMap<String, usize>>,
    violations: Mutex<Vec<String>>,
}

impl Server {
    /// Serves plain HTTP at a free port of 127.0.0.1.
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", None, handler)
    }

    /// Serves HTTPS with a certificate for `localhost` and 127.0.0.1; the URL has the name.
    pub fn start_tls(
        ca: &TestCa,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", Some(ca), handler)
    }

    /// Serves HTTPS with a certificate for other names; who asks has to be led here ([`crate::connect::Proxy`]).
    pub fn start_tls_as(
        ca: &TestCa,
        names: &[&str],
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with("127.0.0.1:0", Some((ca, names)), handler)
    }

    /// Serves at an address, `HOST:PORT`.
    pub fn start_at(
        address: &str,
        ca: Option<&TestCa>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with(address, ca.map(|ca| (ca, OWN_NAMES)), handler)
    }

    fn start_with(
        address: &str,
        tls: Option<(&TestCa, &[&str])>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (url, tls) = match tls {
            Some((ca, names)) => {
                let acceptor = TlsAcceptor::from(ca.server(names));
                (format!("https://localhost:{}", address.port()), Some(acceptor))
            }
            None => (format!("http://{address}"), None),
        };
        let counts = Arc::new(Counts::default());
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("fake")
            .enable_all()
            .build()?;
        let accepting = serve::accept(listener, tls, Arc::new(handler), Arc::clone(&counts));
        runtime.spawn(accepting);
        Ok(Self {
            url,
            counts,
            runtime: Some(runtime),
        })
    }

    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many connections were taken.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// How many requests came in.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// How many requests at most were being answered at the same time.
    pub fn most_busy(&self) -> usize {
        self.counts.most_busy.load(Ordering::SeqCst)
    }

    /// How many requests were answered under this name ([`Reply::named`]).
    pub fn count(&self, name: &str) -> usize {
        self.counts.named().get(name).copied().unwrap_or_default()
    }

    /// The requests that the real service would not take, so far; a test that expects some takes them, so
    /// that they do not fail it.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut *self.counts.violations())
    }
}

impl Counts {
    fn named(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violations(&self) -> MutexGuard<'_, Vec<String>> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let violations = self.take_violations();
        if !thread::panicking() {
            assert!(
                violations.is_empty(),
                "requests that the service would not take: {violations:#?}"
            );
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
