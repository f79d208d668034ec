//! The server of every service: it tells the steps apart by their requests.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Step, framed};

/// Longest request that is read, in bytes.
const LONGEST: usize = 64 << 10;

pub(super) struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

/// The answer that is fuzzed, and whether anybody asked for it.
struct State {
    step: Step,
    answer: Vec<u8>,
    served: bool,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = listener.unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("no address: {error}"));
        let state = Arc::new(Mutex::new(State {
            step: Step::AwsRole,
            answer: Vec::new(),
            served: false,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared);
            }
        });
        Self {
            url: format!("http://{address}"),
            state,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the next request of a step gets.
    pub(super) fn prepare(&self, step: Step, answer: Vec<u8>) {
        *lock(&self.state) = State {
            step,
            answer,
            served: false,
        };
    }

    /// Whether the answer was asked for.
    pub(super) fn has_served(&self) -> bool {
        lock(&self.state).served
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request and hangs up.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let Some(step) = request(&mut stream).as_deref().and_then(step) else {
        return;
    };
    let answer = {
        let mut state = lock(state);
        if state.step == step {
            state.served = true;
            state.answer.clone()
        } else {
            framed(step, 200, step.good().as_bytes())
        }
    };
    let _ = stream.write_all(&answer);
}

/// A request, read to its end: what is left unread would cut the answer off.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut chunk = [0; 8192];
    while request.len() < LONGEST {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let value = value.trim().parse::<usize>().ok()?;
                name.eq_ignore_ascii_case("content-length").then_some(value)
            });
            if body.len() >= length.unwrap_or_default() {
                return Some(text);
            }
        }
        match stream.read(&mut chunk) {
            Ok(length @ 1..) => request.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    }
    None
}

fn step(request: &str) -> Option<Step> {
    let path = request.split(' ').nth(1)?;
    Some(if request.contains("Action=AssumeRole") {
        Step::AwsRole
    } else if request.contains("TrentService.Decrypt") {
        Step::AwsDecrypt
    } else if path.ends_with(":decrypt") {
        Step::GcpDecrypt
    } else if path.contains("/oauth2/") {
        Step::AzureToken
    } else if path.starts_with("/keys/") && !request.contains("Bearer ") {
        Step::AzureChallenge
    } else if path.starts_with("/keys/") {
        Step::AzureDecrypt
    } else if path.ends_with("/login") {
        Step::VaultLogin
    } else if path.contains("/decrypt/") {
        Step::VaultDecrypt
    } else {
        return None;
    })
}
