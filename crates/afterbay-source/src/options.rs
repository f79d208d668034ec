//! What a fetch is told by its caller. Nothing is taken from the environment.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use afterbay_manifest::{Scrubber, SecretBytes};
use zeroize::Zeroizing;

use crate::allowed::AllowedRemote;
use crate::progress::OnFetchEvent;
use crate::reference::Reference;
use crate::url::RemoteUrl;

const MIB: u64 = 1024 * 1024;

/// Everything a fetch needs to know.
#[derive(Clone)]
pub struct SourceOptions {
    /// Which repository.
    pub remote: RemoteUrl,
    /// Which revision of it.
    pub reference: Reference,
    /// Who to be, for `http` and `https`. Wins over credentials in the URL.
    pub credentials: Option<Arc<Credentials>>,
    /// Where objects are kept between fetches. Repositories on this machine need none.
    pub cache: CacheDir,
    /// How much is accepted.
    pub limits: Limits,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How to speak HTTP.
    pub http: HttpOptions,
    /// What else may be fetched for a build of the revision; nothing without it.
    pub allowed_remotes: Vec<AllowedRemote>,
    /// Who hears how it goes.
    pub on_event: Option<OnFetchEvent>,
}

impl SourceOptions {
    /// The defaults for a remote: its `HEAD`, no credentials, no cache.
    pub fn new(remote: RemoteUrl) -> Self {
        Self {
            remote,
            reference: Reference::default(),
            credentials: None,
            cache: CacheDir::Disabled,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            http: HttpOptions::default(),
            allowed_remotes: Vec::new(),
            on_event: None,
        }
    }
}

impl fmt::Debug for SourceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions")
            .field("remote", &self.remote)
            .field("reference", &self.reference)
            .field("credentials", &self.credentials)
            .field("cache", &self.cache)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("http", &self.http)
            .field("allowed_remotes", &self.allowed_remotes)
            .finish_non_exhaustive()
    }
}

/// A user name and password or access token for HTTP basic authentication (RFC 7617).
pub struct Credentials {
    /// The user name. Servers that take tokens usually accept any.
    pub username: String,
    /// The password or token, as UTF-8 without a line end.
    pub password: SecretBytes,
}

impl SourceOptions {
    /// Takes the credentials of the fetch out of what a server says, which may repeat the header they came in.
    pub(crate) fn scrubber(&self) -> Scrubber {
        let Some(credentials) = self.credentials.as_ref().or(self.remote.userinfo()) else {
            return Scrubber::default();
        };
        let password = credentials.password.expose_bytes().to_vec();
        let pair = [credentials.username.as_bytes(), b":", &password].concat();
        Scrubber::new([password, pair])
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([REDACTED])")
    }
}

/// Where objects live between fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheDir {
    /// Below this directory, usually `$XDG_CACHE_HOME/afterbay`, in `git/<hash of the URL>`.
    Path(PathBuf),
    /// In a private directory that is removed when the fetch ends.
    Disabled,
}

/// The most that is accepted from a repository. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One file.
    pub file_bytes: u64,
    /// Files, links, submodules and directories of the tree together.
    pub entries: usize,
    /// All files of the tree together.
    pub tree_bytes: u64,
    /// A path from the top of the tree.
    pub path_bytes: usize,
    /// Directories inside one another.
    pub path_depth: usize,
    /// What a server sends in one fetch, before inflating.
    pub received_bytes: u64,
    /// What a server's pack inflates to, all deltas applied.
    pub inflated_bytes: u64,
}

impl Default for Limits {
    /// Room for a large configuration repository: 8 MiB a file, 100,000 entries, 256 MiB a tree.
    fn default() -> Self {
        Self {
            file_bytes: 8 * MIB,
            entries: 100_000,
            tree_bytes: 256 * MIB,
            path_bytes: 4096,
            path_depth: 128,
            received_bytes: 256 * MIB,
            inflated_bytes: 1024 * MIB,
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, its TLS handshake included.
    pub connect: Duration,
    /// For the next byte of a server that has the request.
    pub idle: Duration,
    /// For the whole fetch.
    pub total: Duration,
    /// For another process that uses the same cache.
    pub cache: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(10),
            cache: Duration::from_mins(2),
        }
    }
}

/// How to speak HTTP.
#[derive(Debug, Clone, Default)]
pub struct HttpOptions {
    /// PEM certificates to trust instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Proxies. The environment is not looked at: a caller that wants its variables passes them here.
    pub proxies: Proxies,
    /// Where credentials may travel without TLS.
    pub plain_http: PlainHttp,
    /// Which redirects are followed.
    pub redirects: Redirects,
}

/// Which redirects of a first request are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Redirects {
    /// To any host; credentials stay behind. The repository was named by the operator.
    #[default]
    Anywhere,
    /// To what the operator allowed. The address was named by a file.
    Within(Vec<AllowedRemote>),
}

/// Where credentials may travel without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainHttp {
    /// To this machine only.
    #[default]
    LoopbackOnly,
    /// To any host. Anyone on the way can read them.
    AnyHost,
}

/// The proxies for outgoing requests, as in the usual environment variables.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `http` URLs (`http_proxy`).
    pub http: Option<ProxyUrl>,
    /// For `https` URLs (`https_proxy`).
    pub https: Option<ProxyUrl>,
    /// Hosts that are reached directly, comma-separated (`no_proxy`).
    pub exempt: Option<String>,
}

/// The URL of a proxy, which may hold a password and is therefore never printed.
#[derive(Clone)]
pub struct ProxyUrl(Zeroizing<String>);

impl ProxyUrl {
    /// Takes the URL over; it is checked when the fetch starts.
    pub fn new(url: String) -> Self {
        Self(Zeroizing::new(url))
    }

    /// The URL with its password, for the HTTP client.
    pub(crate) fn expose_url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl([REDACTED])")
    }
}
