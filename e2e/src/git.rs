//! Git repositories made by the real `git`, and a smart HTTP server in front of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use base64::Engine as _;

use crate::program;
use crate::scenario::write;

/// A repository with a work tree.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// A new repository on branch `main` without commits.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let this = Self {
            folder: folder.to_path_buf(),
        };
        this.git(&["init", "--quiet", "--initial-branch", "main"])?;
        Ok(this)
    }

    /// Its path, which is also its URL.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Its path as text.
    pub fn url(&self) -> String {
        self.folder.display().to_string()
    }

    /// Writes a file of the work tree.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> anyhow::Result<&Self> {
        write(&self.folder.join(path), text.as_ref())?;
        Ok(self)
    }

    /// Reads a file of the work tree.
    pub fn read(&self, path: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.folder.join(path)).with_context(|| format!("cannot read {path}"))
    }

    /// Deletes a file of the work tree.
    pub fn remove(&self, path: &str) -> anyhow::Result<&Self> {
        std::fs::remove_file(self.folder.join(path)).with_context(|| format!("cannot delete {path}"))?;
        Ok(self)
    }

    /// Commits everything and returns the commit id.
    pub fn commit(&self, message: &str) -> anyhow::Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// Runs `git` in the repository, without anybody's configuration.
    pub fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "e2e")
                .env(format!("GIT_{role}_EMAIL"), "e2e@example.com");
        }
        program::run(&mut command)?
            .success()
            .with_context(|| format!("git {}", arguments.join(" ")))
    }
}

/// `git http-backend` behind a small HTTP server on loopback; ends when dropped.
#[derive(Debug)]
pub struct GitServer {
    port: u16,
    stop: Arc<AtomicBool>,
    exchanges: Exchanges,
    thread: Option<JoinHandle<()>>,
}

/// One request that the server answered.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Whether it asked for objects (`command=fetch` of protocol version 2), and not for the list of refs.
    pub is_fetch: bool,
    /// Bytes of the answer's body.
    pub bytes: usize,
}

type Exchanges = Arc<Mutex<Vec<Exchange>>>;

impl GitServer {
    /// Serves every repository below `root`, and what is in its folder `files` as it is; with `credentials`, as `user:password`, only to who has them.
    pub fn start(root: &Path, credentials: Option<&str>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let expected = credentials
            .map(|text| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text)));
        let (root, stopped) = (root.to_path_buf(), Arc::clone(&stop));
        let exchanges = Exchanges::default();
        let noted = Arc::clone(&exchanges);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (root, expected, noted) = (root.clone(), expected.clone(), Arc::clone(&noted));
                thread::spawn(move || {
                    let _ = serve(&stream, &root, expected.as_deref(), &noted);
                });
            }
        });
        Ok(Self {
            port,
            stop,
            exchanges,
            thread: Some(thread),
        })
    }

    /// The URL of a repository below the root.
    pub fn url(&self, repository: &str) -> String {
        format!("http://127.0.0.1:{}/{repository}", self.port)
    }

    /// What was answered since this was asked last; refused requests are not in it.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.exchanges
            .lock()
            .map(|mut list| std::mem::take(&mut *list))
            .unwrap_or_default()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request, answered by `git http-backend` as a CGI program (RFC 3875), then the connection closes.
fn serve(
    stream: &TcpStream,
    root: &Path,
    expected: Option<&str>,
    exchanges: &Mutex<Vec<Exchange>>,
) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, target) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    };
    if expected.is_some_and(|expected| header("authorization") != expected) {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return Ok(());
    }
    if path.starts_with("/files/") && !path.contains("..") {
        let content = std::fs::read(root.join(&path[1..]))?;
        return answer(stream, &[b"Content-Type: text/plain\r\n\r\n", &*content].concat());
    }
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    backend
        .stdin
        .take()
        .context("no standard input")?
        .write_all(&body)?;
    let output = backend.wait_with_output()?;
    if let Ok(mut list) = exchanges.lock() {
        list.push(Exchange {
            is_fetch: body
                .windows(b"command=fetch".len())
                .any(|window| window == b"command=fetch"),
            bytes: output.stdout.len(),
        });
    }
    answer(stream, &output.stdout)
}

/// Turns a CGI answer into an HTTP answer.
fn answer(mut stream: &TcpStream, output: &[u8]) -> anyhow::Result<()> {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("no CGI header")?;
    let (head, body) = (
        String::from_utf8_lossy(&output[..end]).into_owned(),
        &output[end + 4..],
    );
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let rest: String = head
        .lines()
        .filter(|line| !line.starts_with("Status: "))
        .map(|line| format!("{line}\r\n"))
        .collect();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{rest}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    Ok(())
}
