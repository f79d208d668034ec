//! The HTTP client: what it trusts, whom it tells the credentials, and what its failures mean.

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Once};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, NoProxy, Proxy, RequestBuilder, Response, Url};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::error::{SourceError, Withheld};
use crate::foreign_text::foreign_text;
use crate::options::{Credentials, HttpOptions, PlainHttp, Proxies, Redirects, SourceOptions, Timeouts};
use crate::session::Session;

/// Who we are. Some servers answer only to names that begin like Git's.
const USER_AGENT: &str = concat!("git/2.0 (afterbay ", env!("CARGO_PKG_VERSION"), ")");

/// The most bytes of an error page that are looked at.
const MOST_ERROR_PAGE: usize = 4096;

/// The hosts of [`is_loopback`], as a list for `no_proxy`.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Talks to one remote for one fetch.
pub(crate) struct Client {
    inner: reqwest::Client,
    /// Basic authentication, and the origin it is for.
    authorization: Option<HeaderValue>,
    origin: Url,
    timeouts: Timeouts,
    redirects: Redirects,
    runtime: Handle,
    pub(crate) session: Arc<Session>,
}

impl Client {
    /// Sets the client up. It has to be called inside a tokio runtime.
    pub(crate) fn new(
        options: &SourceOptions,
        url: &Url,
        session: &Arc<Session>,
    ) -> Result<Self, SourceError> {
        let credentials = options.credentials.as_ref().or(options.remote.userinfo());
        let authorization = credentials.map(|credentials| {
            check_confidential(url, options.http.plain_http, session)?;
            basic(credentials)
        });
        Ok(Self {
            inner: build(&options.http, &options.timeouts)?,
            authorization: authorization.transpose()?,
            origin: url.clone(),
            timeouts: options.timeouts.clone(),
            redirects: options.http.redirects.clone(),
            runtime: Handle::current(),
            session: Arc::clone(session),
        })
    }

    /// A request with credentials, if they are for that host.
    pub(crate) fn authorize(&self, url: &Url, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(authorization) if same_origin(url, &self.origin) => {
                request.header(AUTHORIZATION, authorization.clone())
            }
            _ => request,
        }
    }

    /// Which redirects are followed.
    pub(crate) fn redirects(&self) -> &Redirects {
        &self.redirects
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.inner.get(url)
    }

    pub(crate) fn post(&self, url: Url) -> RequestBuilder {
        self.inner.post(url)
    }

    /// Waits, on a blocking thread, for the next thing a server does.
    pub(crate) fn wait<T>(
        &self,
        url: &Url,
        what: &'static str,
        io: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, SourceError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.session.stopped() => Err(SourceError::Canceled),
                outcome = tokio::time::timeout(self.timeouts.idle, io) => match outcome {
                    Ok(outcome) => outcome.map_err(|error| classify(url, error, self.timeouts.connect)),
                    Err(_) => Err(SourceError::Timeout { remote: repository(url), what, after: self.timeouts.idle }),
                },
            }
        })
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, SourceError> {
        self.session.count_request();
        self.wait(url, "waiting for an answer", request.send())
    }

    /// The error for an answer that is not a success.
    pub(crate) fn refusal(&self, url: &Url, mut response: Response) -> SourceError {
        let remote = repository(url);
        let status = response.status().as_u16();
        match status {
            401 if self.authorization.is_none() => SourceError::AuthenticationRequired {
                remote,
                withheld: Withheld::NoneGiven,
            },
            401 if !same_origin(url, &self.origin) => SourceError::AuthenticationRequired {
                remote,
                withheld: Withheld::OtherHost,
            },
            401 => SourceError::AuthenticationFailed { remote },
            403 => SourceError::AccessDenied {
                remote,
                message: self.error_page(url, &mut response),
            },
            404 | 410 => SourceError::NotFound { remote, status },
            _ => SourceError::HttpStatus {
                remote,
                status,
                message: self.error_page(url, &mut response),
            },
        }
    }

    /// The beginning of an error page, if it is plain text.
    fn error_page(&self, url: &Url, response: &mut Response) -> String {
        let content_type = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.starts_with("text/plain")) {
            return String::new();
        }
        let mut page = Vec::new();
        while page.len() < MOST_ERROR_PAGE {
            match self.wait(url, "waiting for an error page", response.chunk()) {
                Ok(Some(chunk)) => page.extend_from_slice(&chunk),
                _ => break,
            }
        }
        page.truncate(MOST_ERROR_PAGE);
        foreign_text(&page)
    }
}

/// What a request is about, as the user knows it, without a query: the one of a file may hold a token, and the one a redirect
/// leads to is often a signature that opens the file to whoever reads it.
pub(crate) fn repository(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let text = shown.as_str();
    let tails = ["/info/refs", "/git-upload-pack"];
    tails
        .iter()
        .find_map(|tail| text.strip_suffix(tail))
        .unwrap_or(text)
        .to_owned()
}

/// Whether scheme, host and port are the same.
pub(crate) fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme() == right.scheme()
        && left.host() == right.host()
        && left.port_or_known_default() == right.port_or_known_default()
}

fn check_confidential(url: &Url, plain_http: PlainHttp, session: &Session) -> Result<(), SourceError> {
    if url.scheme() == "https" || is_loopback(url) || plain_http == PlainHttp::AnyHost {
        return Ok(());
    }
    Err(SourceError::InsecureCredentials {
        remote: session.remote.clone(),
    })
}

/// Whether the host is this machine, whatever a name server says.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn basic(credentials: &Credentials) -> Result<HeaderValue, SourceError> {
    let invalid = |reason| SourceError::InvalidCredentials { reason };
    if credentials.username.contains(':') {
        return Err(invalid("the user name holds a colon"));
    }
    let password = credentials.password.expose_bytes();
    if password
        .iter()
        .chain(credentials.username.as_bytes())
        .any(u8::is_ascii_control)
    {
        return Err(invalid("they hold a line end or another control character"));
    }
    let mut pair = Zeroizing::new(Vec::with_capacity(
        credentials.username.len() + 1 + password.len(),
    ));
    pair.extend_from_slice(credentials.username.as_bytes());
    pair.push(b':');
    pair.extend_from_slice(password);
    let text = Zeroizing::new(format!(
        "Basic {}",
        Zeroizing::new(STANDARD.encode(&*pair)).as_str()
    ));
    let mut value = HeaderValue::from_str(&text).map_err(|_| invalid("they do not fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn build(options: &HttpOptions, timeouts: &Timeouts) -> Result<reqwest::Client, SourceError> {
    static PROVIDER: Once = Once::new();
    // The client asks for the process's provider. If the program has installed one already, that holds.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .user_agent(USER_AGENT)
        .referer(false)
        .connect_timeout(timeouts.connect)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(bundle) = &options.ca_bundle {
        let certificates = Certificate::from_pem_bundle(bundle)
            .map_err(|error| setup("the CA bundle is not PEM certificates", error))?;
        if certificates.is_empty() {
            return Err(SourceError::HttpClient {
                reason: "the CA bundle holds no certificate",
                source: None,
            });
        }
        builder = builder.tls_certs_only(certificates);
    }
    for proxy in proxies(&options.proxies)? {
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| setup("it does not accept its settings", error))
}

fn proxies(proxies: &Proxies) -> Result<Vec<Proxy>, SourceError> {
    // This machine is never reached through another: a proxy would be told the credentials that go there in clear text.
    let exempt = format!("{LOOPBACK},{}", proxies.exempt.as_deref().unwrap_or_default());
    let http = proxies.http.as_ref().map(|url| Proxy::http(url.expose_url()));
    let https = proxies.https.as_ref().map(|url| Proxy::https(url.expose_url()));
    let made = http.into_iter().chain(https);
    made.map(|proxy| {
        Ok(proxy
            .map_err(|error| setup("the URL of a proxy is not valid", error))?
            .no_proxy(NoProxy::from_string(&exempt)))
    })
    .collect()
}

fn setup(reason: &'static str, error: reqwest::Error) -> SourceError {
    SourceError::HttpClient {
        reason,
        source: Some(error.without_url()),
    }
}

/// What a failure of the client means to the user.
fn classify(url: &Url, error: reqwest::Error, connect: Duration) -> SourceError {
    let remote = repository(url);
    let source = error.without_url();
    if source.is_timeout() {
        return SourceError::Timeout {
            remote,
            what: "connecting",
            after: connect,
        };
    }
    if let Some(tls) = causes(&source).find_map(tls_reason) {
        return SourceError::Tls { remote, reason: tls };
    }
    if causes(&source).any(|cause| cause.to_string().contains("dns error")) {
        return SourceError::UnknownHost { remote, source };
    }
    if source.is_connect() {
        return SourceError::Unreachable { remote, source };
    }
    SourceError::Interrupted { remote, source }
}

/// An error and all that caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| Error::source(*cause))
}

/// What the TLS library says, however many IO errors it is wrapped into.
fn tls_reason(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(foreign_text(tls.to_string().as_bytes()));
    }
    tls_reason(cause.downcast_ref::<std::io::Error>()?.get_ref()?)
}

#[cfg(test)]
mod tests {
    //! Who is told the credentials.

    use afterbay_manifest::SecretBytes;
    use reqwest::Url;

    use super::{basic, is_loopback, repository, same_origin};
    use crate::error::SourceError;
    use crate::options::Credentials;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn loopback_is_told_by_the_address() {
        for local in [
            "http://localhost/x",
            "http://127.0.0.1:8080/x",
            "http://127.9.9.9/x",
            "http://[::1]/x",
        ] {
            assert!(is_loopback(&url(local)), "{local}");
        }
        for other in [
            "http://localhost.example.com/x",
            "http://127.0.0.1.example.com/x",
            "http://10.0.0.1/x",
        ] {
            assert!(!is_loopback(&url(other)), "{other}");
        }
    }

    #[test]
    fn what_a_request_is_about_is_shown_without_its_query() {
        for (asked, shown) in [
            (
                "https://git.example.com/a.git/info/refs?service=git-upload-pack",
                "https://git.example.com/a.git",
            ),
            (
                "https://git.example.com/a.git/git-upload-pack",
                "https://git.example.com/a.git",
            ),
            (
                "https://files.example.com/x.yaml?signature=secret#secret",
                "https://files.example.com/x.yaml",
            ),
        ] {
            assert_eq!(repository(&url(asked)), shown);
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = url("https://git.example.com/a");
        assert!(same_origin(&origin, &url("https://GIT.example.com:443/b")));
        for other in [
            "http://git.example.com/a",
            "https://git.example.com:444/a",
            "https://example.com/a",
        ] {
            assert!(!same_origin(&origin, &url(other)), "{other}");
        }
    }

    #[test]
    fn a_header_is_made_of_what_fits() {
        let made = |username: &str, password: &[u8]| {
            basic(&Credentials {
                username: username.to_owned(),
                password: SecretBytes::new(password.to_vec()),
            })
        };
        // RFC 7617, section 2.
        let header = made("Aladdin", b"open sesame").unwrap();
        assert_eq!(header.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(header.is_sensitive());
        for (username, password) in [("a:b", &b"x"[..]), ("a", b"x\n"), ("a\r", b"x"), ("a", b"\0")] {
            assert!(matches!(
                made(username, password),
                Err(SourceError::InvalidCredentials { .. })
            ));
        }
    }
}
