//! The transit engine of Vault or OpenBao, over its plain HTTP API, as its administrator.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// An engine of its own for a scenario.
#[derive(Debug, Clone)]
pub struct Transit {
    address: String,
    token: String,
    engine: String,
}

impl Transit {
    /// A new engine at a server, with the token of its administrator.
    pub fn create(address: &str, token: &str, engine: &str) -> anyhow::Result<Self> {
        let this = Self {
            address: address.to_owned(),
            token: token.to_owned(),
            engine: engine.to_owned(),
        };
        this.post(&format!("sys/mounts/{engine}"), &json!({ "type": "transit" }))?;
        Ok(this)
    }

    /// The address of the server.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The token of the administrator.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A new key; its URL, as `sops --hc-vault-transit` wants it.
    pub fn create_key(&self, name: &str) -> anyhow::Result<String> {
        self.post(&format!("{}/keys/{name}", self.engine), &json!({}))?;
        Ok(format!("{}/v1/{}/keys/{name}", self.address, self.engine))
    }

    /// Makes a new version of a key.
    pub fn rotate(&self, name: &str) -> anyhow::Result<()> {
        self.post(&format!("{}/keys/{name}/rotate", self.engine), &json!({}))
    }

    /// Forbids what older versions of a key made.
    pub fn allow_from_version(&self, name: &str, version: u32) -> anyhow::Result<()> {
        let body = json!({ "min_decryption_version": version });
        self.post(&format!("{}/keys/{name}/config", self.engine), &body)
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let host = self.address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).with_context(|| format!("no Vault at {}", self.address))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let body = body.to_string();
        write!(
            stream,
            "POST /v1/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Vault-Token: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        Ok(())
    }
}
