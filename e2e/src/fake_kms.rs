//! A KMS endpoint in trouble: one that never answers, one that throttles before it answers, and one that says too much.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// An endpoint on loopback; ends when dropped.
#[derive(Debug)]
pub struct FakeKms {
    endpoint: String,
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU32,
    ended: AtomicBool,
}

impl FakeKms {
    /// Takes connections and requests and answers none.
    pub fn silent() -> anyhow::Result<Self> {
        Self::start(|stream, shared| {
            let mut stream = BufReader::new(stream);
            while read_request(&mut stream)?.is_some() {
                shared.requests.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        })
    }

    /// Answers this many requests with `ThrottlingException` and hands the others to the real endpoint.
    pub fn throttling(times: u32, upstream: &str) -> anyhow::Result<Self> {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        Self::start(move |stream, shared| {
            let mut writer = stream.try_clone()?;
            let mut reader = BufReader::new(stream);
            let Some(request) = read_request(&mut reader)? else {
                return Ok(());
            };
            if shared.requests.fetch_add(1, Ordering::SeqCst) >= times {
                let mut server = TcpStream::connect(&upstream)?;
                server.write_all(&request)?;
                let mut answer = Vec::new();
                server.read_to_end(&mut answer)?;
                return writer.write_all(&answer);
            }
            let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
            write!(
                writer,
                "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        })
    }

    /// Denies every request with this message.
    pub fn denying(message: &str) -> anyhow::Result<Self> {
        let body = serde_json::json!({ "__type": "AccessDeniedException", "message": message }).to_string();
        Self::start(move |stream, shared| {
            let mut writer = stream.try_clone()?;
            let mut reader = BufReader::new(stream);
            while read_request(&mut reader)?.is_some() {
                shared.requests.fetch_add(1, Ordering::SeqCst);
                write!(
                    writer,
                    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )?;
            }
            Ok(())
        })
    }

    fn start(
        serve: impl Fn(TcpStream, &Shared) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let (state, serve) = (Arc::clone(&shared), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if state.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (state, serve) = (Arc::clone(&state), Arc::clone(&serve));
                thread::spawn(move || {
                    let _ = serve(stream, &state);
                });
            }
        });
        Ok(Self {
            endpoint: format!("http://{address}"),
            address,
            shared,
        })
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many requests came in.
    pub fn requests(&self) -> u32 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for FakeKms {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

/// One request as bytes, with `Connection: close`; `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim_end().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "connection" => continue,
            _ => {}
        }
        head.push_str(&line);
    }
    let mut request = format!("{head}Connection: close\r\n\r\n").into_bytes();
    let start = request.len();
    request.resize(start + length, 0);
    reader.read_exact(&mut request[start..])?;
    Ok(Some(request))
}
