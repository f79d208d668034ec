//! The HTTP client that Google Cloud, Azure and Vault share. It goes only where it may.
//!
//! Part of an address comes from a file, which a stranger may have written. So no redirect is followed; a
//! host that the operator did not name is reached over HTTPS only, and only if every address that its
//! name stands for is public. Names are resolved once and the connection goes to the addresses that were
//! looked at, so a name server cannot change its mind in between. Answers are cut off at a size that no
//! honest one has.

mod address;
mod failure;
mod place;
mod resolve;
mod token;

use std::collections::HashMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use afterbay_manifest::SecretBytes;
use getrandom::SysRng;
use getrandom::rand_core::TryRng;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Method, NoProxy, Proxy, Url};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use crate::environment::KeyEnvironment;
use crate::note::KeyNote;
use crate::options::KmsLimits;

pub(crate) use failure::{Failure, Trouble, root_cause, sources};
pub(crate) use place::Place;
pub(crate) use token::{Token, TokenCell};

/// The longest answer that is read, in bytes. A data key and its frame have less than one KiB.
const MOST_BYTES: usize = 64 << 10;

/// A client for one provider.
pub(crate) struct Guarded {
    /// For hosts that files name: public addresses only.
    strangers: reqwest::Client,
    /// For what the operator named, wherever it is.
    named: reqwest::Client,
    places: Vec<Place>,
    limits: KmsLimits,
    /// Places that could not be reached: the keys that are left need not wait for them again.
    outages: Mutex<HashMap<Place, Trouble>>,
}

/// A request, made once for all its attempts.
pub(crate) struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
}

/// What came back, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Zeroizing::default(),
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// A header that is not secret; `None` if the text does not fit into one.
    pub(crate) fn text_header(mut self, name: HeaderName, value: &str) -> Option<Self> {
        self.headers.insert(name, HeaderValue::from_str(value).ok()?);
        Some(self)
    }

    /// A header with a secret behind `prefix`, marked so that nothing prints it.
    pub(crate) fn secret_header(
        mut self,
        name: HeaderName,
        prefix: &str,
        secret: &SecretBytes,
    ) -> Result<Self, Failure> {
        let bytes = secret.expose_bytes();
        let mut text = Zeroizing::new(Vec::with_capacity(prefix.len() + bytes.len()));
        text.extend_from_slice(prefix.as_bytes());
        text.extend_from_slice(bytes);
        let mut value = HeaderValue::from_bytes(&text).map_err(|_| {
            Failure::new(
                "the credentials hold a line end or another control character",
                "take it out of the variable or file that they come from",
            )
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    pub(crate) fn body(mut self, kind: &'static str, body: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        self.body = body.into();
        self.header(reqwest::header::CONTENT_TYPE, kind)
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text, if it is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Guarded {
    /// A client that may also go to `places`, wherever they are, and trusts `authorities` (PEM) instead of
    /// the machine's certificates, if there are some.
    pub(crate) fn new(
        places: Vec<Place>,
        authorities: Option<&[u8]>,
        environment: &KeyEnvironment,
        limits: KmsLimits,
    ) -> Result<Self, Failure> {
        static PROVIDER: Once = Once::new();
        // The client asks for the process's provider. If the program has installed one already, that holds.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let certificates = authorities.map(certificates).transpose()?;
        let proxy = proxy(environment)?;
        let proxy_host = proxy.as_ref().map(|(_, host)| host.clone());
        let build = |resolver: resolve::Resolver| {
            let mut builder = reqwest::Client::builder()
                .no_proxy()
                .user_agent(concat!("afterbay/", env!("CARGO_PKG_VERSION")))
                .referer(false)
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(limits.connect)
                .dns_resolver(resolver);
            if let Some(certificates) = &certificates {
                builder = builder.tls_certs_only(certificates.clone());
            }
            if let Some((proxy, _)) = &proxy {
                builder = builder.proxy(proxy.clone());
            }
            builder.build().map_err(|error| failure::of_setup(&error))
        };
        Ok(Self {
            strangers: build(resolve::Resolver::public_only(proxy_host))?,
            named: build(resolve::Resolver::any())?,
            places,
            limits,
            outages: Mutex::default(),
        })
    }

    pub(crate) fn limits(&self) -> &KmsLimits {
        &self.limits
    }

    /// Whether a place was found to be out of reach.
    pub(crate) fn is_away(&self, place: &Place) -> bool {
        self.outages().contains_key(place)
    }

    /// Whether the operator named this place.
    pub(crate) fn is_named(&self, url: &Url) -> bool {
        let place = Place::of(url);
        self.places.iter().any(|named| Some(named) == place.as_ref())
    }

    /// What is to be said about the way there.
    pub(crate) fn note(url: &Url) -> Option<KeyNote> {
        let place = Place::of(url)?;
        (place.is_plain() && !place.is_loopback()).then(|| KeyNote::WithoutTls {
            endpoint: place.to_string(),
        })
    }

    /// Sends a request until it is answered otherwise than with 429 or 5xx, or the attempts or the time
    /// run out; the last answer is returned whatever it is.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Trouble> {
        let place = self.admit(&call.url)?;
        if let Some(trouble) = self.outages().get(&place) {
            return Err(trouble.clone().again());
        }
        let outcome = match timeout(self.limits.total, self.attempts(call, &place)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Trouble::timed_out(&place, &self.limits)),
        };
        if let Err(trouble) = &outcome
            && trouble.is_outage()
        {
            self.outages().entry(place).or_insert_with(|| trouble.clone());
        }
        outcome
    }

    /// Whether a request may leave at all.
    fn admit(&self, url: &Url) -> Result<Place, Trouble> {
        let place = Place::of(url).ok_or(Trouble::NoPlace)?;
        if self.is_named(url) {
            return Ok(place);
        }
        if place.is_plain() {
            return Err(Trouble::Plain { place });
        }
        match place.address() {
            Some(address) if !address::is_public(address) => Err(Trouble::Private { place, address }),
            _ => Ok(place),
        }
    }

    async fn attempts(&self, call: &Call, place: &Place) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + self.limits.total;
        let mut longest = self.limits.first_wait;
        for left in (0..self.limits.attempts.max(1)).rev() {
            let answer = match timeout(self.limits.attempt, self.once(call, place)).await {
                Ok(answer) => answer?,
                Err(_) => return Err(Trouble::timed_out(place, &self.limits)),
            };
            let wait = wait(&answer, longest);
            if left == 0 || !is_worth_another(answer.status) || Instant::now() + wait >= deadline {
                return Ok(answer);
            }
            sleep(wait).await;
            longest = (longest * 2).min(self.limits.attempt);
        }
        Err(Trouble::timed_out(place, &self.limits))
    }

    async fn once(&self, call: &Call, place: &Place) -> Result<Answer, Trouble> {
        let client = if self.is_named(&call.url) {
            &self.named
        } else {
            &self.strangers
        };
        let request = client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .body(call.body.to_vec());
        let mut response = request
            .send()
            .await
            .map_err(|error| Trouble::of(error, place, &self.limits))?;
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Err(Trouble::Redirect {
                place: place.clone(),
                status,
            });
        }
        let mut body = Zeroizing::new(Vec::with_capacity(4096));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Trouble::of(error, place, &self.limits))?
        {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Trouble::TooLong { place: place.clone() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    fn outages(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Trouble>> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_worth_another(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// What the service asks for, else a time drawn at random: many who were refused at once must not come
/// back at once.
fn wait(answer: &Answer, longest: Duration) -> Duration {
    let asked = answer
        .header(&RETRY_AFTER)
        .and_then(|text| text.parse::<u64>().ok());
    match asked {
        Some(seconds) => Duration::from_secs(seconds),
        None => longest.mul_f64(fraction()),
    }
}

/// A number from 0 to 1.
fn fraction() -> f64 {
    let drawn = SysRng.try_next_u32().unwrap_or(u32::MAX / 2);
    f64::from(drawn) / f64::from(u32::MAX)
}

fn certificates(bundle: &[u8]) -> Result<Vec<Certificate>, Failure> {
    let refused = || {
        Failure::new(
            "the file of certificates holds none in PEM",
            "see whether VAULT_CACERT names the right file",
        )
    };
    let certificates = Certificate::from_pem_bundle(bundle).map_err(|_| refused())?;
    if certificates.is_empty() {
        return Err(refused());
    }
    Ok(certificates)
}

/// `HTTPS_PROXY` for HTTPS, and its host. A proxy looks up names itself.
fn proxy(environment: &KeyEnvironment) -> Result<Option<(Proxy, String)>, Failure> {
    let Some(text) = &environment.https_proxy else {
        return Ok(None);
    };
    let refused = || {
        Failure::new(
            "HTTPS_PROXY is not the URL of a proxy",
            "put it right, or unset it",
        )
    };
    let text = std::str::from_utf8(text.expose_bytes()).map_err(|_| refused())?;
    let text = if text.contains("://") {
        Zeroizing::new(text.to_owned())
    } else {
        Zeroizing::new(format!("http://{text}"))
    };
    let url = Url::parse(&text).map_err(|_| refused())?;
    let host = url.host_str().ok_or_else(refused)?.to_owned();
    let own = "localhost,127.0.0.0/8,::1";
    let exempt = match &environment.no_proxy {
        Some(others) => NoProxy::from_string(&format!("{own},{others}")),
        None => NoProxy::from_string(own),
    };
    let proxy = Proxy::https(url).map_err(|_| refused())?.no_proxy(exempt);
    Ok(Some((proxy, host)))
}

#[cfg(test)]
mod tests;
