//! Requests as they came, and what becomes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// A request, read whole.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query as sent, without the question mark; empty without one.
    pub query: String,
    /// Fields by lowercase name; of several with one name the values are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A field of the head, by lowercase name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the body is not JSON: {error}"))
    }

    /// The body as a form (`application/x-www-form-urlencoded`).
    pub fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The parameters of the query, decoded.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The token after `Bearer `, if the request carries one.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Fields of the head, besides the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with a body of some media type.
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.into(),
        }
    }

    /// An answer of JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// The same with one more field in the head.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) what: What,
    pub(crate) wait: Duration,
    pub(crate) name: Option<String>,
    pub(crate) violation: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Answer(Response),
    Silence,
    Hangup,
}

impl Reply {
    /// No answer at all; the connection stays open.
    pub fn silence() -> Self {
        Self::of(What::Silence)
    }

    /// The connection ends without an answer.
    pub fn hangup() -> Self {
        Self::of(What::Hangup)
    }

    /// The same after a while.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The same, counted under a name ([`super::Server::count`]).
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The same, for a request that the real service would not take in this form: a mistake of the client.
    #[must_use]
    pub fn violation(mut self, what: impl Into<String>) -> Self {
        self.violation = Some(what.into());
        self
    }

    fn of(what: What) -> Self {
        Self {
            what,
            wait: Duration::ZERO,
            name: None,
            violation: None,
        }
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::of(What::Answer(response))
    }
}
