//! Test support: an HTTP server on loopback whose answers are written down.

mod memory;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use afterbay_decrypt::{DecryptOptions, OpenedFiles, finish, scan_objects};
use afterbay_manifest::{DataKeys, Node, Object, Origin, Position, RenderedSet, Revision, TreePath};
use afterbay_normalize::{NormalizedSet, normalize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Client;
pub(crate) use memory::Memory;

/// What the server does with one request.
pub(crate) enum Reply {
    Json(u16, Value),
    /// The same with one more header.
    With(u16, &'static str, &'static str, Value),
    /// The answer, after a while.
    Late(Duration, u16, Value),
    /// Lines of a watch, each after a while; then the end.
    Lines(Vec<(Duration, Value)>),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Reset,
}

type Script = dyn Fn(&str, &[u8], usize) -> Reply + Send + Sync;

/// The server. It ends with the test.
pub(crate) struct Server {
    address: String,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    requests: Mutex<Vec<String>>,
    /// Requests that are not answered yet, and the most there were at once.
    open: AtomicUsize,
    peak: AtomicUsize,
}

impl Server {
    /// `script` gets `METHOD /path?query`, the body, and how many requests came before.
    pub(crate) async fn start(script: impl Fn(&str, &[u8], usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&log);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&shared)));
            }
        });
        Self { address, log, task }
    }

    pub(crate) fn config(&self) -> kube::Config {
        kube::Config::new(self.address.parse().unwrap())
    }

    pub(crate) fn client(&self, timeout: Duration) -> Client {
        let mut config = self.config();
        config.default_retry = false;
        Client::from_service(kube::Client::try_from(config).unwrap(), timeout)
    }

    /// What was asked, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.requests.lock().unwrap().clone()
    }

    /// The most requests that were under way at once.
    pub(crate) fn peak(&self) -> usize {
        self.log.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, script: Arc<Script>, log: Arc<Log>) {
    // Head and body are two writes; the second must not wait for the first to be acknowledged.
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let request = line.rsplit_once(' ').unwrap().0.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.unwrap();
            let header = header.trim().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let before = {
            let mut requests = log.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let open = log.open.fetch_add(1, Ordering::SeqCst) + 1;
        log.peak.fetch_max(open, Ordering::SeqCst);
        let (status, header, body) = match script(&request, &body, before) {
            Reply::Json(status, body) => (status, String::new(), body),
            Reply::With(status, name, value, body) => (status, format!("{name}: {value}\r\n"), body),
            Reply::Late(after, status, body) => {
                tokio::time::sleep(after).await;
                (status, String::new(), body)
            }
            Reply::Lines(lines) => {
                log.open.fetch_sub(1, Ordering::SeqCst);
                return stream_lines(&mut stream, lines).await;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Reset => {
                log.open.fetch_sub(1, Ordering::SeqCst);
                return;
            }
        };
        log.open.fetch_sub(1, Ordering::SeqCst);
        let body = if let Value::String(text) = body {
            text
        } else {
            body.to_string()
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{header}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
    }
}

/// The end of the connection is the end of the body.
async fn stream_lines(stream: &mut BufReader<TcpStream>, lines: Vec<(Duration, Value)>) {
    let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    let mut sent = stream.write_all(head.as_bytes()).await;
    for (after, line) in lines {
        tokio::time::sleep(after).await;
        sent = sent.and(stream.write_all(format!("{line}\n").as_bytes()).await);
    }
    // Whoever has heard enough has gone.
    drop(sent);
}

/// A `metav1.Status` as the server sends it.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

pub(crate) fn object(index: u32, json: &Value) -> Object {
    let origin = Origin {
        file: TreePath::parse("app.yaml").unwrap(),
        document: 0,
        position: Position::new(index + 1, 1),
    };
    Object::new(Node::from_json(json), origin).unwrap()
}

/// A set of plain objects, made as every set is made.
pub(crate) fn set(objects: &[Value], commit: char) -> NormalizedSet {
    let rendered = RenderedSet {
        revision: Revision {
            reference: Some("main".to_owned()),
            commit: Some(commit.to_string().repeat(40)),
        },
        objects: (0..)
            .zip(objects)
            .map(|(index, json)| object(index, json))
            .collect(),
        warnings: Vec::new(),
    };
    let options = DecryptOptions::default();
    let sealed = scan_objects(&rendered, OpenedFiles::default(), &options);
    normalize(finish(rendered, sealed, &DataKeys::default(), &options).unwrap()).unwrap()
}
