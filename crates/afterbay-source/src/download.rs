//! One file by HTTP, whose digest is known before.

use std::sync::Arc;

use reqwest::header::LOCATION;
use reqwest::{Response, Url};

use crate::digest::sha256;
use crate::error::SourceError;
use crate::http::{Client, redirect};
use crate::options::SourceOptions;
use crate::session::Session;

/// A download, ready to run on a blocking thread.
pub(crate) struct Download {
    client: Client,
    url: Url,
    sha256: String,
    session: Arc<Session>,
}

impl Download {
    /// Checks the options. It has to be called inside a tokio runtime.
    pub(crate) fn new(
        options: &SourceOptions,
        url: &Url,
        sha256: &str,
        session: &Arc<Session>,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            client: Client::new(options, url, session)?,
            url: url.clone(),
            sha256: sha256.to_owned(),
            session: Arc::clone(session),
        })
    }

    /// The content of the file.
    pub(crate) fn run(self) -> Result<Vec<u8>, SourceError> {
        let mut response = self.answer()?;
        match response.status().as_u16() {
            200..=299 => {}
            // To the client it would be a repository that is missing.
            status @ (404 | 410) => {
                return Err(SourceError::HttpStatus {
                    remote: self.session.remote.clone(),
                    status,
                    message: String::new(),
                });
            }
            _ => return Err(self.client.refusal(&self.url, response)),
        }
        let mut content = Vec::new();
        let limit = self.session.limits.file_bytes;
        while let Some(chunk) =
            self.client
                .wait(&self.url, "waiting for more of an answer", response.chunk())?
        {
            self.session.count_received(chunk.len())?;
            content.extend_from_slice(&chunk);
            if content.len() as u64 > limit {
                return Err(SourceError::RemoteFileTooLarge {
                    remote: self.session.remote.clone(),
                    limit,
                });
            }
        }
        let found = sha256(&content);
        if found != self.sha256 {
            return Err(SourceError::Digest {
                remote: self.session.remote.clone(),
                expected: self.sha256,
                found,
            });
        }
        Ok(content)
    }

    /// The answer behind the redirects.
    fn answer(&self) -> Result<Response, SourceError> {
        let mut url = self.url.clone();
        for _ in 0..redirect::MOST_REDIRECTS {
            let request = self.client.authorize(&url, self.client.get(url.clone()));
            let response = self.client.send(&url, request)?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
            url = redirect::target(&url, location, "", self.client.redirects())
                .map_err(|(target, reason)| self.refused(target, reason))?;
        }
        Err(self.refused(
            url.host_str().unwrap_or_default().to_owned(),
            "there are too many",
        ))
    }

    fn refused(&self, target: String, reason: &'static str) -> SourceError {
        SourceError::Redirect {
            remote: self.session.remote.clone(),
            target,
            reason,
        }
    }
}
