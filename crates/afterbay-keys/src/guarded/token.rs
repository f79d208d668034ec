//! A token, asked for once and again only when it expires.

use std::sync::Arc;
use std::time::Duration;

use afterbay_manifest::SecretBytes;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Failure;

/// How long before it expires a token is no longer used.
const MARGIN: Duration = Duration::from_mins(1);

/// What is shown to a service.
pub(crate) struct Token {
    pub(crate) secret: SecretBytes,
    /// When it ends, if it does.
    pub(crate) expires: Option<Instant>,
}

/// The token of a run, or why there is none: one refusal is enough for all keys.
#[derive(Default)]
pub(crate) struct TokenCell(Mutex<Option<Result<Arc<Token>, Failure>>>);

impl Token {
    /// A token for so many seconds from now.
    pub(crate) fn lasting(secret: SecretBytes, seconds: u64) -> Self {
        Self {
            secret,
            expires: Some(Instant::now() + Duration::from_secs(seconds)),
        }
    }

    fn is_fresh(&self) -> bool {
        self.expires
            .is_none_or(|expires| Instant::now() + MARGIN < expires)
    }
}

impl TokenCell {
    /// The token. Whoever comes while it is being asked for waits for the same answer.
    pub(crate) async fn get(
        &self,
        ask: impl AsyncFnOnce() -> Result<Token, Failure>,
    ) -> Result<Arc<Token>, Failure> {
        let mut known = self.0.lock().await;
        match &*known {
            Some(Ok(token)) if token.is_fresh() => return Ok(Arc::clone(token)),
            Some(Err(failure)) => return Err(failure.clone()),
            _ => {}
        }
        let asked = ask().await.map(Arc::new);
        *known = Some(asked.clone());
        asked
    }
}
