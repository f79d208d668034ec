//! KMS of LocalStack, over its plain HTTP API.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// The region of every key that scenarios make.
pub const REGION: &str = "eu-west-1";

/// A LocalStack that serves KMS.
#[derive(Debug, Clone)]
pub struct Kms {
    endpoint: String,
}

/// A key.
#[derive(Debug, Clone)]
pub struct KmsKey {
    kms: Kms,
    /// Its ARN.
    pub arn: String,
}

impl Kms {
    /// The service at a URL.
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
        }
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A new symmetric key.
    pub fn create_key(&self) -> anyhow::Result<KmsKey> {
        let answer = self.call("CreateKey", &json!({}))?;
        let arn = answer["KeyMetadata"]["Arn"]
            .as_str()
            .with_context(|| format!("CreateKey answered {answer}"))?;
        Ok(KmsKey {
            kms: self.clone(),
            arn: arn.to_owned(),
        })
    }

    /// One call of the JSON protocol (`TrentService`). LocalStack checks no signature, but wants to see one.
    fn call(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let address = self.endpoint.trim_start_matches("http://");
        let mut stream =
            TcpStream::connect(address).with_context(|| format!("no KMS at {}", self.endpoint))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let body = body.to_string();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: TrentService.{operation}\r\nContent-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=test/20250101/{REGION}/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        ensure!(head.contains(" 200"), "{operation}: {answer}");
        if body.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(body).with_context(|| format!("{operation}: {body}"))
    }
}

impl KmsKey {
    /// Makes the key refuse every use.
    pub fn disable(&self) -> anyhow::Result<()> {
        self.kms
            .call("DisableKey", &json!({ "KeyId": self.arn }))
            .map(drop)
    }

    /// Makes it usable again.
    pub fn enable(&self) -> anyhow::Result<()> {
        self.kms
            .call("EnableKey", &json!({ "KeyId": self.arn }))
            .map(drop)
    }
}
