//! A TCP proxy in front of a server, which can be cut and restored.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A proxy on loopback; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cut: AtomicBool,
    ended: AtomicBool,
    /// Milliseconds that every answer waits.
    delay: AtomicU64,
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Forwards connections to `upstream` (`host:port`).
    pub fn start(upstream: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let (state, upstream) = (Arc::clone(&shared), upstream.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if state.ended.load(Ordering::SeqCst) {
                    return;
                }
                // A cut line refuses by closing at once.
                if !state.cut.load(Ordering::SeqCst) {
                    let _ = state.join(client, &upstream);
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Its own `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::SeqCst);
        self.shared.close_all();
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.shared.cut.store(false, Ordering::SeqCst);
    }

    /// Makes everything that the server sends arrive this much later.
    pub fn slow_down(&self, delay: Duration) {
        self.shared.delay.store(
            u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.close_all();
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream, upstream: &str) -> std::io::Result<()> {
        let server = TcpStream::connect(upstream)?;
        if let Ok(mut connections) = self.connections.lock() {
            connections.push(client.try_clone()?);
            connections.push(server.try_clone()?);
        }
        let (client_in, server_out) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || copy(client_in, server_out, || Duration::ZERO));
        let state = Arc::clone(self);
        thread::spawn(move || {
            copy(server, client, || {
                Duration::from_millis(state.delay.load(Ordering::SeqCst))
            });
        });
        Ok(())
    }

    fn close_all(&self) {
        if let Ok(mut connections) = self.connections.lock() {
            for connection in connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, delay: impl Fn() -> Duration) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        thread::sleep(delay());
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
