//! Scheme, host and port: what a request is sent to, and what an operator allows.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use crate::options::Endpoint;

/// An origin: `https://vault.example.com:8200`. The host is as the URL parser leaves it, in lower case and
/// with every spelling of an address made one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Place {
    /// The origin of a URL of HTTP.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let (scheme, default) = match url.scheme() {
            "https" => ("https", 443),
            "http" => ("http", 80),
            _ => return None,
        };
        Some(Self {
            scheme,
            host: url.host_str()?.trim_end_matches('.').to_owned(),
            port: url.port().unwrap_or(default),
        })
    }

    /// The origin of an endpoint that the operator chose.
    pub(crate) fn of_endpoint(endpoint: &Endpoint) -> Option<Self> {
        Self::of(&Url::parse(endpoint.as_str()).ok()?)
    }

    /// Name or address, without a port; an IPv6 address stands in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether nothing is encrypted on the way.
    pub(crate) fn is_plain(&self) -> bool {
        self.scheme == "http"
    }

    /// The address, if the host is one and no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let v6 = self
            .host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match v6 {
            Some(text) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => self.host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// Whether it is this machine, whatever a name server says.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        let default = if self.is_plain() { 80 } else { 443 };
        if self.port == default {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}
