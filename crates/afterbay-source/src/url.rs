//! Where a repository is, without ever showing a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use afterbay_manifest::SecretBytes;
use reqwest::Url;

use crate::error::SourceError;
use crate::options::Credentials;

/// A repository by path, `file://`, `http://` or `https://`.
///
/// Credentials in a URL are taken out when it is read; they show in neither `Display` nor `Debug`.
#[derive(Clone)]
pub struct RemoteUrl {
    location: Location,
    userinfo: Option<Arc<Credentials>>,
}

/// The two ways to reach a repository.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// On this machine.
    Path(PathBuf),
    /// Behind a server; no user name, password, query or fragment.
    Http(Url),
}

impl RemoteUrl {
    /// Reads what a user wrote. No error repeats the text, because it may hold a password.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let invalid = |reason| SourceError::InvalidUrl { reason };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        if text.contains(|c: char| c.is_control()) {
            return Err(invalid("it holds a control character"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::parse_path(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => Self::parse_file(rest),
            "http" | "https" => Self::parse_http(text),
            _ => Err(SourceError::UnsupportedScheme {
                scheme: scheme_name(scheme),
            }),
        }
    }

    /// A repository on this machine.
    pub fn from_path(path: impl Into<PathBuf>) -> Self {
        Self {
            location: Location::Path(path.into()),
            userinfo: None,
        }
    }

    /// A path, unless it is `host:path`, which Git takes for SSH when a colon precedes every slash.
    fn parse_path(text: &str) -> Result<Self, SourceError> {
        let before_slash = text.split('/').next().unwrap_or_default();
        if before_slash.contains(':') && !Path::new(text).exists() {
            return Err(SourceError::UnsupportedScheme {
                scheme: "ssh".to_owned(),
            });
        }
        Ok(Self::from_path(text))
    }

    /// `file:///path` or `file://localhost/path`, percent-decoded as Git does.
    fn parse_file(rest: &str) -> Result<Self, SourceError> {
        let path = rest
            .strip_prefix("localhost")
            .filter(|path| path.starts_with('/'))
            .unwrap_or(rest);
        if !path.starts_with('/') {
            return Err(SourceError::InvalidUrl {
                reason: "file:// takes an absolute path and no host",
            });
        }
        Ok(Self::from_path(path_from_bytes(percent_decode(path))))
    }

    fn parse_http(text: &str) -> Result<Self, SourceError> {
        let invalid = |reason| SourceError::InvalidUrl { reason };
        let mut url = Url::parse(text).map_err(|_| invalid("it is not a well-formed URL"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("a repository URL has no ? or # part"));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(invalid("it names a host but no repository"));
        }
        let userinfo = (!url.username().is_empty() || url.password().is_some()).then(|| {
            Arc::new(Credentials {
                username: String::from_utf8_lossy(&percent_decode(url.username())).into_owned(),
                password: SecretBytes::new(percent_decode(url.password().unwrap_or_default())),
            })
        });
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| invalid("its credentials cannot be separated"))?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self {
            location: Location::Http(url),
            userinfo,
        })
    }

    /// Where it is.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// The credentials that stood in the URL.
    pub(crate) fn userinfo(&self) -> Option<&Arc<Credentials>> {
        self.userinfo.as_ref()
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Path(path) => write!(f, "{}", path.display()),
            Location::Http(url) => write!(f, "{url}"),
        }
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

/// The scheme for an error, unless it is not a word: then it may be a mistyped secret.
fn scheme_name(scheme: &str) -> String {
    let is_word = scheme.len() <= 16
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    if is_word {
        scheme.to_owned()
    } else {
        "unknown".to_owned()
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1); a `%` without two hex digits stays.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |index: usize| tail.get(index).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

#[cfg(unix)]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
