//! One request and its answer, as the readers and the writer the protocol library wants.
//!
//! A request is sent when the head of its answer is first read, because only then its body is complete.

use std::any::Any;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use gix::error::{ErrorExt, message};
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{RequestBuilder, Response, Url};

use super::client::{Client, repository};
use super::redirect;
use crate::error::SourceError;
use crate::foreign_text::foreign_text;
use crate::pkt_line::PktLines;

/// What the protocol library talks HTTP with.
pub(crate) struct GitHttp {
    client: Arc<Client>,
    base: Option<String>,
}

impl GitHttp {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, base: None }
    }

    fn start(
        &self,
        url: &str,
        headers: HeaderMap,
        request: fn(&Client, Url) -> RequestBuilder,
    ) -> gix::Result<Shared> {
        let url = Url::parse(url).map_err(|_| stopped())?;
        Ok(Arc::new(Mutex::new(Exchange {
            client: Arc::clone(&self.client),
            request,
            url,
            headers,
            body: Vec::new(),
            answer: None,
            failed: false,
        })))
    }
}

impl Http for GitHttp {
    type Headers = Head;
    type ResponseBody = Body;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Head, Body>> {
        let exchange = self.start(url, header_map(headers)?, Client::get)?;
        // Redirects have to be known before the library goes on, so this one is sent at once.
        let tail = url
            .strip_prefix(base_url)
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned();
        let reached = lock(&exchange).follow(&tail).map_err(|_| stopped())?;
        if let Some(base) = reached.as_str().strip_suffix(&tail) {
            self.base = Some(base.trim_end_matches('/').to_owned());
        }
        Ok(GetResponse {
            headers: Head::new(&exchange),
            body: Body::new(&exchange),
        })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Head, Body, PostBody>> {
        let exchange = self.start(url, header_map(headers)?, Client::post)?;
        Ok(PostResponse {
            post_body: PostBody(Arc::clone(&exchange)),
            headers: Head::new(&exchange),
            body: Body::new(&exchange),
        })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result<()> {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.base.clone()
    }
}

/// An error whose meaning is in the session.
fn stopped() -> gix::Error {
    message("the request failed").raise()
}

/// The library's header lines. Ours say who we are.
fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> gix::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.as_ref().split_once(':').ok_or_else(stopped)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| stopped())?;
        if name != USER_AGENT {
            headers.insert(name, HeaderValue::from_str(value.trim()).map_err(|_| stopped())?);
        }
    }
    Ok(headers)
}

type Shared = Arc<Mutex<Exchange>>;

fn lock(exchange: &Shared) -> std::sync::MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request before and after it was sent.
struct Exchange {
    client: Arc<Client>,
    request: fn(&Client, Url) -> RequestBuilder,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    answer: Option<Answer>,
    failed: bool,
}

struct Answer {
    response: Response,
    lines: PktLines,
}

impl Exchange {
    /// Leaves an error for the user and fails with one for the library.
    fn fail(&mut self, error: SourceError) -> io::Error {
        self.failed = true;
        self.client.session.fail(error);
        io::Error::other("the request failed")
    }

    /// Sends the request, following redirects that keep `tail`; returns the URL that answered.
    fn follow(&mut self, tail: &str) -> io::Result<Url> {
        for _ in 0..redirect::MOST_REDIRECTS {
            let response = self.send()?;
            if !response.status().is_redirection() {
                self.accept(response)?;
                return Ok(self.url.clone());
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            match redirect::target(&self.url, location, tail, self.client.redirects()) {
                Ok(url) => self.url = url,
                Err((target, reason)) => return Err(self.refuse_redirect(target, reason)),
            }
        }
        let target = repository(&self.url);
        Err(self.refuse_redirect(target, "there are too many"))
    }

    fn refuse_redirect(&mut self, target: String, reason: &'static str) -> io::Error {
        let remote = self.client.session.remote.clone();
        self.fail(SourceError::Redirect {
            remote,
            target,
            reason,
        })
    }

    fn send(&mut self) -> io::Result<Response> {
        let request = (self.request)(&self.client, self.url.clone()).headers(self.headers.clone());
        let request = self.client.authorize(&self.url, request).body(self.body.clone());
        let sent = self.client.send(&self.url, request);
        sent.map_err(|error| self.fail(error))
    }

    /// Takes an answer if it is a success and of the smart protocol.
    fn accept(&mut self, response: Response) -> io::Result<()> {
        if response.status().is_redirection() {
            return Err(
                self.refuse_redirect(repository(&self.url), "only the first request may be redirected")
            );
        }
        if !response.status().is_success() {
            let error = self.client.refusal(&self.url, response);
            return Err(self.fail(error));
        }
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        if !content_type.starts_with(b"application/x-git-upload-pack-") {
            let content_type = foreign_text(content_type);
            let remote = repository(&self.url);
            return Err(self.fail(SourceError::NotSmart { remote, content_type }));
        }
        self.answer = Some(Answer {
            response,
            lines: PktLines::default(),
        });
        Ok(())
    }

    /// The head of the answer, in lines.
    fn head(&mut self) -> io::Result<Vec<u8>> {
        if self.failed {
            return Err(io::Error::other("the request failed"));
        }
        if self.answer.is_none() {
            let response = self.send()?;
            self.accept(response)?;
        }
        let mut lines = Vec::new();
        if let Some(answer) = &self.answer {
            for (name, value) in answer.response.headers() {
                lines.extend_from_slice(name.as_str().as_bytes());
                lines.extend_from_slice(b": ");
                lines.extend_from_slice(value.as_bytes());
                lines.push(b'\n');
            }
        }
        Ok(lines)
    }

    /// The next piece of the body; empty at its end.
    fn chunk(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.any_chunk()? {
                // An empty piece is not the end.
                Some(chunk) if chunk.is_empty() => {}
                chunk => return Ok(chunk.unwrap_or_default()),
            }
        }
    }

    fn any_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(answer) = self.answer.as_mut().filter(|_| !self.failed) else {
            return Err(io::Error::other("the request failed"));
        };
        let client = Arc::clone(&self.client);
        let read = client.wait(
            &self.url,
            "waiting for more of an answer",
            answer.response.chunk(),
        );
        let read = read.and_then(|chunk| {
            let Some(chunk) = chunk.map(Vec::from) else {
                return Ok(None);
            };
            client.session.count_received(chunk.len())?;
            answer.lines.feed(&chunk);
            match answer.lines.report() {
                Some(message) => Err(SourceError::Server {
                    remote: client.session.remote.clone(),
                    message: message.to_owned(),
                }),
                None => Ok(Some(chunk)),
            }
        });
        read.map_err(|error| self.fail(error))
    }
}

/// Writes the body of a request.
pub(crate) struct PostBody(Shared);

impl Write for PostBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the head of an answer, line by line.
pub(crate) struct Head {
    exchange: Shared,
    lines: Option<Cursor<Vec<u8>>>,
}

impl Head {
    fn new(exchange: &Shared) -> Self {
        Self {
            exchange: Arc::clone(exchange),
            lines: None,
        }
    }
}

impl BufRead for Head {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.lines.is_none() {
            self.lines = Some(Cursor::new(lock(&self.exchange).head()?));
        }
        self.lines.as_mut().map_or(Ok(&[]), Cursor::fill_buf)
    }

    fn consume(&mut self, amount: usize) {
        if let Some(lines) = &mut self.lines {
            lines.consume(amount);
        }
    }
}

impl Read for Head {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// Reads the body of an answer as it arrives.
pub(crate) struct Body {
    exchange: Shared,
    chunk: Cursor<Vec<u8>>,
    ended: bool,
}

impl Body {
    fn new(exchange: &Shared) -> Self {
        Self {
            exchange: Arc::clone(exchange),
            chunk: Cursor::default(),
            ended: false,
        }
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let used_up = usize::try_from(self.chunk.position())
            .is_ok_and(|position| position >= self.chunk.get_ref().len());
        if used_up && !self.ended {
            self.chunk = Cursor::new(lock(&self.exchange).chunk()?);
            self.ended = self.chunk.get_ref().is_empty();
        }
        self.chunk.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.consume(amount);
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}
