//! A strict KMS and STS on loopback: it answers what a test has scripted and notes what is wrong with a
//! request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the fake does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The data key, after a while.
    Key(Vec<u8>, Duration),
    /// A JSON error.
    Error(u16, &'static str, String),
    /// No answer at all.
    Silence,
    /// Something that is not of KMS.
    Body(u16, &'static str),
}

impl Reply {
    pub(crate) fn key(bytes: &[u8]) -> Self {
        Self::Key(bytes.to_vec(), Duration::ZERO)
    }

    pub(crate) fn error(status: u16, code: &'static str, message: &str) -> Self {
        Self::Error(status, code, message.to_owned())
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `Decrypt` or `AssumeRole`.
    pub(crate) action: &'static str,
    /// JSON of KMS, or the form of STS as an object.
    pub(crate) body: Value,
    /// Access key id, region and service of the signature.
    pub(crate) scope: String,
    /// The session token, when one was sent.
    pub(crate) token: Option<String>,
}

#[derive(Default)]
struct State {
    /// Replies by ciphertext; the last one repeats.
    replies: Mutex<HashMap<Vec<u8>, VecDeque<Reply>>>,
    contexts: Mutex<HashMap<Vec<u8>, BTreeMap<String, String>>>,
    refuse_roles: Mutex<Option<(&'static str, &'static str)>>,
    calls: Mutex<Vec<Call>>,
    violations: Mutex<Vec<String>>,
    connections: AtomicUsize,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
}

pub(crate) struct Fake {
    url: String,
    state: Arc<State>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&accepting)));
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Scripts the replies to a ciphertext.
    pub(crate) fn on(&self, ciphertext: &[u8], replies: impl IntoIterator<Item = Reply>) {
        let replies = replies.into_iter().collect();
        self.state
            .replies
            .lock()
            .unwrap()
            .insert(ciphertext.to_vec(), replies);
    }

    /// Makes a ciphertext open with this encryption context only.
    pub(crate) fn bind(&self, ciphertext: &[u8], context: BTreeMap<String, String>) {
        self.state
            .contexts
            .lock()
            .unwrap()
            .insert(ciphertext.to_vec(), context);
    }

    /// Makes STS refuse every role.
    pub(crate) fn refuse_roles(&self, code: &'static str, message: &'static str) {
        *self.state.refuse_roles.lock().unwrap() = Some((code, message));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, action: &str) -> usize {
        self.calls().iter().filter(|call| call.action == action).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn most_busy(&self) -> usize {
        self.state.most_busy.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let violations = self.state.violations.lock().unwrap().clone();
        if !std::thread::panicking() {
            assert!(
                violations.is_empty(),
                "requests KMS would not take: {violations:#?}"
            );
        }
    }
}

/// A parsed request.
struct Request {
    head: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let busy = state.busy.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_busy.fetch_max(busy, Ordering::SeqCst);
        let reply = answer(&request, &state);
        let response = match reply {
            Ok(Response::Json(status, body)) => http(status, "application/x-amz-json-1.1", &body.to_string()),
            Ok(Response::Xml(status, body)) => http(status, "text/xml", &body),
            Ok(Response::After(wait, body)) => {
                tokio::time::sleep(wait).await;
                http(200, "application/x-amz-json-1.1", &body.to_string())
            }
            Ok(Response::Never) => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                return;
            }
            Err(violation) => {
                state.violations.lock().unwrap().push(violation.clone());
                http(
                    400,
                    "application/x-amz-json-1.1",
                    &error("ValidationException", &violation).to_string(),
                )
            }
        };
        state.busy.fetch_sub(1, Ordering::SeqCst);
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let (head, fields) = text.split_once("\r\n").unwrap();
            let header = |line: &str| {
                line.split_once(':')
                    .map(|(k, v)| (k.to_lowercase(), v.trim().to_owned()))
            };
            let headers: HashMap<_, _> = fields.lines().filter_map(header).collect();
            let length: usize = headers
                .get("content-length")
                .map_or(0, |length| length.parse().unwrap());
            if buffer.len() >= end + 4 + length {
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Some(Request {
                    head: head.to_owned(),
                    headers,
                    body,
                });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

enum Response {
    Json(u16, Value),
    Xml(u16, String),
    After(Duration, Value),
    Never,
}

fn http(status: u16, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn error(code: &str, message: &str) -> Value {
    json!({ "__type": code, "message": message })
}

fn answer(request: &Request, state: &State) -> Result<Response, String> {
    if request.head != "POST / HTTP/1.1" {
        return Err(format!("request line {}", request.head));
    }
    match request.headers.get("x-amz-target").map(String::as_str) {
        Some("TrentService.Decrypt") => decrypt(request, state),
        None => assume_role(request, state),
        Some(other) => Err(format!("target {other}")),
    }
}

/// `Credential=ID/DATE/REGION/SERVICE/aws4_request`, without the date.
fn scope(request: &Request, service: &str) -> Result<String, String> {
    let authorization = request.headers.get("authorization").ok_or("no signature")?;
    let scope = authorization
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .and_then(|rest| rest.split(',').next())
        .ok_or("no credential in the signature")?;
    match scope.split('/').collect::<Vec<_>>().as_slice() {
        [id, _, region, signed, "aws4_request"] if *signed == service => {
            Ok(format!("{id} {region} {service}"))
        }
        _ => Err(format!("scope {scope}")),
    }
}

fn record(
    state: &State,
    request: &Request,
    action: &'static str,
    body: &Value,
    service: &str,
) -> Result<(), String> {
    state.calls.lock().unwrap().push(Call {
        action,
        body: body.clone(),
        scope: scope(request, service)?,
        token: request.headers.get("x-amz-security-token").cloned(),
    });
    Ok(())
}

fn decrypt(request: &Request, state: &State) -> Result<Response, String> {
    if request.headers.get("content-type").map(String::as_str) != Some("application/x-amz-json-1.1") {
        return Err("content type".to_owned());
    }
    let body: Value = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
    record(state, request, "Decrypt", &body, "kms")?;
    let fields = body.as_object().ok_or("body")?;
    if let Some(field) = fields
        .keys()
        .find(|key| !["KeyId", "CiphertextBlob", "EncryptionContext"].contains(&key.as_str()))
    {
        return Err(format!("field {field}"));
    }
    let key_id = fields.get("KeyId").and_then(Value::as_str).ok_or("no KeyId")?;
    let blob = fields
        .get("CiphertextBlob")
        .and_then(Value::as_str)
        .ok_or("no CiphertextBlob")?;
    let blob = BASE64_STANDARD.decode(blob).map_err(|error| error.to_string())?;
    let context: BTreeMap<String, String> = match fields.get("EncryptionContext") {
        Some(context) => serde_json::from_value(context.clone()).map_err(|error| error.to_string())?,
        None => BTreeMap::new(),
    };
    if context
        != state
            .contexts
            .lock()
            .unwrap()
            .get(&blob)
            .cloned()
            .unwrap_or_default()
    {
        return Ok(Response::Json(
            400,
            json!({ "__type": "InvalidCiphertextException" }),
        ));
    }
    let mut replies = state.replies.lock().unwrap();
    let replies = replies
        .get_mut(&blob)
        .ok_or("a ciphertext that no test has scripted")?;
    let reply = if replies.len() > 1 {
        replies.pop_front()
    } else {
        replies.front().cloned()
    };
    Ok(match reply.ok_or("no reply")? {
        Reply::Key(key, wait) => Response::After(
            wait,
            json!({ "KeyId": key_id, "Plaintext": BASE64_STANDARD.encode(key), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }),
        ),
        Reply::Error(status, code, message) => Response::Json(status, error(code, &message)),
        Reply::Silence => Response::Never,
        Reply::Body(status, text) => Response::Xml(status, text.to_owned()),
    })
}

fn assume_role(request: &Request, state: &State) -> Result<Response, String> {
    let text = String::from_utf8(request.body.clone()).map_err(|error| error.to_string())?;
    let form: BTreeMap<String, String> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), unescape(value)))
        .collect();
    record(state, request, "AssumeRole", &json!(form), "sts")?;
    let keys: Vec<&str> = form.keys().map(String::as_str).collect();
    if keys != ["Action", "RoleArn", "RoleSessionName", "Version"] || form["Action"] != "AssumeRole" {
        return Err(format!("form {text}"));
    }
    if let Some((code, message)) = *state.refuse_roles.lock().unwrap() {
        let body = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        );
        return Ok(Response::Xml(403, body));
    }
    Ok(Response::Xml(
        200,
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>canary-role-secret</SecretAccessKey>\
         <SessionToken>canary-role-token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
            .to_owned(),
    ))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}
