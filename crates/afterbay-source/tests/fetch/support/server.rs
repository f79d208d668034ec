//! A small HTTP server on loopback that runs `git http-backend` as a CGI program (RFC 3875).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::repository::git;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What to answer instead of asking Git.
pub(crate) enum Answer {
    /// Status, headers, body.
    Reply(u16, Vec<(String, String)>, Vec<u8>),
    /// Nothing, until the client goes away.
    Hang,
    /// A content type and a body of which more is promised than follows, then silence.
    Stall(&'static str, Vec<u8>),
}

type Script = Arc<dyn Fn(&Request) -> Option<Answer> + Send + Sync>;

/// How the server behaves.
#[derive(Clone, Default)]
pub(crate) struct ServerOptions {
    /// `user:password` that is asked for.
    pub(crate) login: Option<String>,
    /// Whether to act as a server that knows protocol version 0 only.
    pub(crate) version_0: bool,
    /// Answers in place of Git's.
    pub(crate) script: Option<Script>,
    /// Certificate chain and key, both PEM.
    pub(crate) tls: Option<(&'static str, &'static str)>,
}

/// A running server. Its threads end with the test process.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves the repositories below a folder.
    pub(crate) fn start(root: &Path, options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (root, log) = (root.to_owned(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, log, options) = (root.clone(), Arc::clone(&log), options.clone());
                std::thread::spawn(move || accept(stream, &root, &log, &options));
            }
        });
        Self {
            address,
            scheme,
            requests,
        }
    }

    /// The address of the repository that [`super::Repository`] makes.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}/repo/.git", self.scheme, self.address)
    }

    /// Address and port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().expect("no panic"))
    }

    /// Method and path of each request since the last call, with the command of protocol version 2.
    pub(crate) fn take_log(&self) -> Vec<String> {
        let line = |request: Request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let command = body
                .split("command=")
                .nth(1)
                .and_then(|rest| rest.split(['\n', '0']).next());
            let path = request.target.trim_start_matches("/repo/.git").to_owned();
            format!("{} {path} {}", request.method, command.unwrap_or_default())
                .trim_end()
                .to_owned()
        };
        self.take_requests().into_iter().map(line).collect()
    }
}

fn accept(stream: TcpStream, root: &Path, log: &Mutex<Vec<Request>>, options: &ServerOptions) {
    let Some((chain, key)) = options.tls else {
        let reader = stream.try_clone().expect("a second handle");
        return serve(reader, stream, root, log, options);
    };
    let connection = super::super::tls::server_connection(chain, key);
    let shared = Arc::new(Mutex::new(rustls::StreamOwned::new(connection, stream)));
    serve(Locked(Arc::clone(&shared)), Locked(shared), root, log, options);
}

/// The two directions of a TLS stream; requests and answers take turns.
struct Locked(Arc<Mutex<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>>);

impl Read for Locked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").read(buffer)
    }
}

impl Write for Locked {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().expect("no panic").flush()
    }
}

fn serve(
    reader: impl Read,
    mut writer: impl Write,
    root: &Path,
    log: &Mutex<Vec<Request>>,
    options: &ServerOptions,
) {
    let mut reader = BufReader::new(reader);
    while let Some(request) = read_request(&mut reader) {
        log.lock().expect("no panic").push(request.clone());
        let answer = match options.script.as_ref().and_then(|script| script(&request)) {
            Some(answer) => answer,
            None => check_login(&request, root, options),
        };
        match answer {
            Answer::Reply(status, headers, body) => {
                if reply(&mut writer, status, &headers, body.len(), &body).is_err() {
                    return;
                }
            }
            Answer::Hang => std::thread::sleep(Duration::from_mins(1)),
            Answer::Stall(kind, body) => {
                let kind = ("Content-Type".to_owned(), kind.to_owned());
                let _ = reply(&mut writer, 200, &[kind], body.len() + 1000, &body);
                std::thread::sleep(Duration::from_mins(1));
            }
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn reply(
    writer: &mut impl Write,
    status: u16,
    headers: &[(String, String)],
    length: usize,
    body: &[u8],
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n");
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    writer.write_all(head.as_bytes())?;
    writer.write_all(b"\r\n")?;
    writer.write_all(body)?;
    writer.flush()
}

/// What Git answers to a request.
pub(crate) fn respond(request: &Request, root: &Path) -> Answer {
    run_backend(request, root, &ServerOptions::default())
}

fn check_login(request: &Request, root: &Path, options: &ServerOptions) -> Answer {
    if let Some(login) = &options.login {
        let expected = format!("Basic {}", base64(login.as_bytes()));
        if request.header("authorization") != Some(expected.as_str()) {
            let challenge = ("WWW-Authenticate".to_owned(), "Basic realm=\"git\"".to_owned());
            return Answer::Reply(401, vec![challenge], Vec::new());
        }
    }
    run_backend(request, root, options)
}

/// RFC 4648, written out so that the client's own encoder is not checked against itself.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = usize::try_from((word >> (18 - 6 * index)) & 63).expect("six bits");
            text.push(if index <= chunk.len() {
                char::from(DIGITS[digit])
            } else {
                '='
            });
        }
    }
    text
}

fn run_backend(request: &Request, root: &Path, options: &ServerOptions) -> Answer {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut command = git(root);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    command
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method);
    command.env("CONTENT_TYPE", request.header("content-type").unwrap_or_default());
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    if let (false, Some(version)) = (options.version_0, request.header("git-protocol")) {
        command.env("GIT_PROTOCOL", version);
    }
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.expect("this test needs git http-backend; install the package git");
    // A backend that answers early does not read the rest.
    let _ = child.stdin.take().expect("a pipe").write_all(&request.body);
    let output = child.wait_with_output().expect("it ends").stdout;
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a CGI head");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut headers: Vec<(String, String)> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let status = headers
        .iter()
        .position(|(name, _)| name == "Status")
        .map(|index| headers.remove(index).1);
    let status = status
        .and_then(|status| status.split(' ').next()?.parse().ok())
        .unwrap_or(200);
    Answer::Reply(status, headers, output[end + 4..].to_vec())
}
