//! A watch: events one a line, as long as the server likes.

use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::retry::{begin, unreachable, within};
use super::{Client, Failure, Request, Status};

/// Longest event, in bytes: several times the largest object that etcd takes.
const LONGEST: usize = 16 << 20;

/// What happened to an object. It may hold plaintext, so there is no `Debug`.
pub(crate) enum Event {
    /// It was added or changed, and is like this now.
    Seen(Value),
    /// It is gone, or does not match any more, and was like this.
    Gone(Value),
    /// Nothing happened up to the version of this object.
    Bookmark(Value),
}

/// An open watch.
pub(crate) struct Watch {
    body: kube::client::Body,
    /// What has arrived and is not read yet.
    buffer: Vec<u8>,
    /// How much of it is known to hold no end of a line.
    searched: usize,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

pub(super) async fn open(client: &Client, request: &Request) -> Result<Watch, Failure> {
    let (_, body) = within(client, Instant::now(), begin(client, request)).await?;
    Ok(Watch {
        body,
        buffer: Vec::new(),
        searched: 0,
    })
}

impl Watch {
    /// The next event; `None` when the server has ended the watch, which it does from time to time.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(line) = self.take_line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return event(&line).map(Some);
            }
            if self.buffer.len() > LONGEST {
                return Err(Failure::Malformed {
                    problem: format!("an event of a watch is longer than {LONGEST} bytes"),
                });
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(unreachable(&error)),
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(at) = found else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + at + 1);
        self.searched = 0;
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

fn event(line: &[u8]) -> Result<Event, Failure> {
    // serde_json's own text may quote a value.
    let Line { kind, object } = serde_json::from_slice(line).map_err(|_| Failure::Malformed {
        problem: "an event of a watch is not the expected JSON".to_owned(),
    })?;
    match kind.as_str() {
        "ADDED" | "MODIFIED" => Ok(Event::Seen(object)),
        "DELETED" => Ok(Event::Gone(object)),
        "BOOKMARK" => Ok(Event::Bookmark(object)),
        _ => {
            let status: Status = serde_json::from_value(object).unwrap_or_default();
            Err(Failure::Status(Box::new(status)))
        }
    }
}
