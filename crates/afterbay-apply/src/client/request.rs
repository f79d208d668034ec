//! One request and one answer, with bodies that nothing can print.

use std::fmt::Write as _;

use http::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{Failure, ServerText};

/// What a request does, which decides whether an unclear outcome may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Reads.
    Get,
    /// Server-side apply, which has the same outcome when it is sent twice.
    Apply,
    /// JSON merge patch.
    Merge,
    /// Creates.
    Create,
    /// Replaces, guarded by a `resourceVersion`.
    Replace,
    /// Deletes, guarded by a `uid`.
    Delete,
}

/// The body of a request: JSON, possibly with plaintext, so it has no `Debug`.
pub(crate) struct Body(Vec<u8>);

impl Body {
    /// Serializes a value.
    pub(crate) fn json(value: &serde_json::Value) -> Self {
        // A `Value` has string keys only, so writing it to memory cannot fail.
        let text = serde_json::to_string(value).unwrap_or_default();
        if !text.contains(is_other_in_yaml) {
            return Self(text.into_bytes());
        }
        let mut escaped = String::with_capacity(text.len() + 16);
        for character in text.chars() {
            if is_other_in_yaml(character) {
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            } else {
                escaped.push(character);
            }
        }
        Self(escaped.into_bytes())
    }
}

/// Characters that JSON takes as they are and the server does not: it reads an apply as YAML, which refuses
/// control characters and turns line breaks of Unicode into blanks (seen with Kubernetes 1.34). JSON has
/// them in strings only, where both languages read `\uXXXX`.
fn is_other_in_yaml(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// One request to the API server.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query, already escaped.
    pub(crate) uri: String,
    /// What the answer should be, when not plain JSON.
    pub(crate) accept: Option<&'static str>,
    pub(crate) body: Option<Body>,
}

impl Request {
    /// A read of a path.
    pub(crate) fn get(uri: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            uri: uri.into(),
            accept: None,
            body: None,
        }
    }

    /// A request with a JSON body.
    pub(crate) fn with_body(method: Method, uri: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method,
            uri: uri.into(),
            accept: None,
            body: Some(Body::json(body)),
        }
    }

    /// The same request with another wish for the form of the answer.
    pub(crate) fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = Some(accept);
        self
    }

    /// Whether it changes something, which a dry-run does not.
    pub(super) fn is_write(&self) -> bool {
        self.method != Method::Get && !self.uri.contains("dryRun=All")
    }

    pub(super) fn to_http(&self) -> Result<http::Request<kube::client::Body>, http::Error> {
        let (method, content_type) = match self.method {
            Method::Get => (http::Method::GET, None),
            Method::Apply => (http::Method::PATCH, Some("application/apply-patch+yaml")),
            Method::Merge => (http::Method::PATCH, Some("application/merge-patch+json")),
            Method::Create => (http::Method::POST, Some("application/json")),
            Method::Replace => (http::Method::PUT, Some("application/json")),
            Method::Delete => (http::Method::DELETE, Some("application/json")),
        };
        let mut builder = http::Request::builder()
            .method(method)
            .uri(&self.uri)
            .header(ACCEPT, self.accept.unwrap_or("application/json"))
            .header(http::header::USER_AGENT, USER_AGENT);
        if let Some(content_type) = content_type {
            builder = builder.header(CONTENT_TYPE, content_type);
        }
        let body = self.body.as_ref().map(|body| body.0.clone()).unwrap_or_default();
        builder.body(kube::client::Body::from(body))
    }
}

const USER_AGENT: &str = concat!("afterbay/", env!("CARGO_PKG_VERSION"));

/// An answer with a success status. Its body may hold plaintext, so it has no `Debug`.
pub(crate) struct Response {
    /// Whether the server says that the object did not exist before (status 201).
    pub(crate) created: bool,
    /// The texts of `Warning` headers (RFC 7234 §5.5).
    pub(crate) warnings: Vec<ServerText>,
    /// The server's clock.
    pub(crate) date: Option<OffsetDateTime>,
    bytes: Vec<u8>,
}

impl Response {
    pub(super) fn new(created: bool, headers: &HeaderMap, bytes: Vec<u8>) -> Self {
        let date = headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| OffsetDateTime::parse(text, &Rfc2822).ok());
        let warnings = headers
            .get_all(http::header::WARNING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .map(|header| ServerText::new(warning_text(header)))
            .collect();
        Self {
            created,
            warnings,
            date,
            bytes,
        }
    }

    /// The body as a typed value.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.bytes).map_err(|error| Failure::Malformed {
            // serde_json's own text may quote a value of the body.
            problem: format!(
                "not the expected JSON (line {}, column {})",
                error.line(),
                error.column()
            ),
        })
    }
}

/// The quoted text of `299 - "text"`.
fn warning_text(header: &str) -> String {
    let text = header
        .split_once('"')
        .map_or(header, |(_, rest)| rest.trim_end().trim_end_matches('"'));
    text.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// One step of a path, escaped (RFC 3986 `pchar` minus the characters that a router could read).
pub(crate) fn segment(text: &str) -> String {
    escape(text, b"-._~:@!$'()*,")
}

/// The value of a query parameter, escaped.
pub(crate) fn query_value(text: &str) -> String {
    escape(text, b"-._~:/@,")
}

fn escape(text: &str, plain: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_path_segment() {
        assert_eq!(segment("a/../b?x=1#y%2f"), "a%2F..%2Fb%3Fx%3D1%23y%252f");
        assert_eq!(segment("system:node"), "system:node");
    }

    #[test]
    fn what_yaml_reads_otherwise_is_escaped() {
        let value = serde_json::json!({ "k\u{85}": "a\u{7f}\u{2028} \u{2029}\u{feff}\u{ffff}\t\u{a0}ü🔑" });
        let text = String::from_utf8(Body::json(&value).0).unwrap();
        assert_eq!(
            text,
            r#"{"k\u0085":"a\u007f\u2028 \u2029\ufeff\uffff\t"#.to_owned() + "\u{a0}ü🔑\"}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn reads_warning_headers() {
        assert_eq!(
            warning_text(r#"299 - "v1 \"Old\" is deprecated""#),
            r#"v1 "Old" is deprecated"#
        );
    }

    #[test]
    fn reads_the_clock_of_the_server() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Tue, 24 Nov 2026 03:11:33 GMT".parse().unwrap());
        let response = Response::new(false, &headers, Vec::new());
        assert_eq!(response.date.unwrap().unix_timestamp(), 1_795_489_893);
    }
}
