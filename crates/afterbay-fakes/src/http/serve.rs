//! Connections in, replies out.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::message::{Reply, Request, Response, What};
use super::{COUNTS_PATH, Counts, Handler};

/// Largest body that is read, in bytes; no key service takes more.
const MAX_BODY: usize = 1 << 20;

/// Takes connections until the runtime ends.
pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<Handler>,
    counts: Arc<Counts>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, handler, counts) = (tls.clone(), Arc::clone(&handler), Arc::clone(&counts));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => connection(stream, handler, counts).await,
                Some(tls) => {
                    // A client that does not trust the certificate is no matter of the fake's.
                    if let Ok(stream) = tls.accept(stream).await {
                        connection(stream, handler, counts).await;
                    }
                }
            }
        });
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: Arc<Handler>,
    counts: Arc<Counts>,
) {
    let service = service_fn(move |request| {
        let (handler, counts) = (Arc::clone(&handler), Arc::clone(&counts));
        async move { respond(request, &*handler, &counts).await }
    });
    // Clients hang up as they like, and a scripted hangup ends the connection with an error.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: hyper::Request<Incoming>,
    handler: &Handler,
    counts: &Counts,
) -> Result<hyper::Response<Full<Bytes>>, io::Error> {
    let request = read(request).await?;
    if request.path == COUNTS_PATH {
        return answer(Response::json(200, &json!(*counts.named())));
    }
    counts.requests.fetch_add(1, Ordering::SeqCst);
    let _busy = Busy::new(counts);
    let reply = handler(&request);
    keep(&reply, counts);
    tokio::time::sleep(reply.wait).await;
    match reply.what {
        What::Answer(response) => answer(response),
        What::Silence => std::future::pending().await,
        What::Hangup => Err(io::Error::other("scripted")),
    }
}

/// Counted at once, so that what a client does not wait for is counted, too.
fn keep(reply: &Reply, counts: &Counts) {
    if let Some(name) = &reply.name {
        *counts.named().entry(name.clone()).or_default() += 1;
    }
    if let Some(violation) = &reply.violation {
        counts.violations().push(violation.clone());
    }
}

/// A request that is being answered.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(counts: &'a Counts) -> Self {
        let busy = counts.busy.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most_busy.fetch_max(busy, Ordering::SeqCst);
        Self(&counts.busy)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request, io::Error> {
    let (head, body) = request.into_parts();
    let mut read = Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        read.headers
            .entry(name.as_str().to_owned())
            .and_modify(|values| *values = format!("{values},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    let body = Limited::new(body, MAX_BODY).collect().await;
    read.body = body.map_err(io::Error::other)?.to_bytes().to_vec();
    Ok(read)
}

fn answer(response: Response) -> Result<hyper::Response<Full<Bytes>>, io::Error> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(response.body)))
        .map_err(io::Error::other)
}
