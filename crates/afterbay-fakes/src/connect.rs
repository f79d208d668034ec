//! A proxy that answers `CONNECT` for real names and leads to fakes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::http::Server;

/// A proxy on loopback, for `HTTPS_PROXY`. Its thread ends with the process.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads each name (`shop.vault.azure.net`, port 443) to a server, and refuses every other one.
    pub fn start(ways: &[(&str, &Server)]) -> io::Result<Self> {
        let ways: BTreeMap<String, String> = ways
            .iter()
            .map(|(name, server)| {
                let port = server.url().rsplit(':').next().unwrap_or_default();
                (format!("{name}:443"), format!("127.0.0.1:{port}"))
            })
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (ways, kept) = (Arc::new(ways), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (ways, asked) = (Arc::clone(&ways), Arc::clone(&kept));
                thread::spawn(move || lead(stream, &ways, &asked));
            }
        });
        Ok(Self { url, asked })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every name with its port that somebody wanted to get to, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads the head of the request and joins the two ends. Whoever hangs up ends it.
fn lead(mut client: TcpStream, ways: &BTreeMap<String, String>, asked: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        match client.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let name = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let name = name.unwrap_or_default().to_owned();
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(name.clone());
    let server = ways
        .get(&name)
        .and_then(|address| TcpStream::connect(address).ok());
    let Some(server) = server else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    if client
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .is_err()
    {
        return;
    }
    let (Ok(client_back), Ok(server_back)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let back = thread::spawn(move || pump(server_back, client_back));
    pump(client, server);
    let _ = back.join();
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
