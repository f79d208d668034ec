//! How fast a key service is asked: a bucket of tokens for each service and one for each key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use afterbay_manifest::WrappedKey;

/// How many requests a second, and how many at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; zero for as many as there are.
    pub per_second: u32,
    /// Without waiting, after a pause; zero counts as one.
    pub burst: u32,
}

impl Default for Rate {
    /// A fifth of what AWS KMS grants an account in the smaller regions (5,500 a second, shared by everything
    /// in the account), about what Google Cloud KMS grants a project (1,000), and a burst that lets a repository
    /// of a thousand files pass at once.
    fn default() -> Self {
        Self {
            per_second: 1000,
            burst: 1000,
        }
    }
}

/// The buckets of a ring.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    buckets: Mutex<HashMap<String, Bucket>>,
}

/// When the bucket would be full again, if nothing more was taken from it.
#[derive(Debug, Clone, Copy)]
struct Bucket(Instant);

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Waits until the service of a key and the key itself may be asked once more.
    pub(crate) async fn wait(&self, key: &WrappedKey) {
        let wait = self.reserve(Instant::now(), key);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a token of each bucket and returns how long it has to be waited for.
    fn reserve(&self, now: Instant, key: &WrappedKey) -> Duration {
        if self.rate.per_second == 0 {
            return Duration::ZERO;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut take = |name| {
            let bucket = buckets.entry(name).or_insert(Bucket(now));
            bucket.take(now, self.rate)
        };
        take(service(key)).max(take(key.to_string()))
    }
}

impl Bucket {
    fn take(&mut self, now: Instant, rate: Rate) -> Duration {
        let interval = Duration::from_secs(1) / rate.per_second;
        let full = self.0.max(now);
        let free = interval * rate.burst.saturating_sub(1);
        self.0 = full + interval;
        full.saturating_duration_since(now).saturating_sub(free)
    }
}

/// What grants the requests for a key: a region, a project, a vault, a server.
fn service(key: &WrappedKey) -> String {
    let kind = key.kind();
    match key {
        WrappedKey::AwsKms(key) => format!("{kind} {}", key.arn.split(':').nth(3).unwrap_or_default()),
        WrappedKey::GcpKms(key) => {
            format!("{kind} {}", key.resource_id.split('/').nth(1).unwrap_or_default())
        }
        WrappedKey::AzureKeyVault(key) => format!("{kind} {}", key.vault_url),
        WrappedKey::Vault(key) => format!("{kind} {}", key.vault_address),
        WrappedKey::Age { .. }
        | WrappedKey::Pgp(_)
        | WrappedKey::Pkcs7 { .. }
        | WrappedKey::Unsupported(_) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
