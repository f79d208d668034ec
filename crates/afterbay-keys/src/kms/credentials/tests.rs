//! Credentials are kept as long as they are good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::Cached;

/// Gives credentials that expire after a while, and counts.
#[derive(Debug, Clone)]
struct Counting {
    lifetime: Option<Duration>,
    asked: Arc<AtomicUsize>,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let expiry = self.lifetime.map(|lifetime| SystemTime::now() + lifetime);
        future::ProvideCredentials::ready(Ok(Credentials::new("AKIA", "canary", None, expiry, "test")))
    }
}

async fn asked_in_three_calls(lifetime: Option<Duration>) -> usize {
    let source = Counting {
        lifetime,
        asked: Arc::default(),
    };
    let cached = Cached::new(Some(SharedCredentialsProvider::new(source.clone())));
    for _ in 0..3 {
        cached.provide_credentials().await.unwrap();
    }
    source.asked.load(Ordering::SeqCst)
}

#[tokio::test]
async fn are_looked_up_once_until_they_expire() {
    assert_eq!(asked_in_three_calls(None).await, 1);
    assert_eq!(asked_in_three_calls(Some(Duration::from_hours(1))).await, 1);
    assert_eq!(asked_in_three_calls(Some(Duration::from_secs(30))).await, 3);
}

#[tokio::test]
async fn do_not_show() {
    let source = Counting {
        lifetime: None,
        asked: Arc::default(),
    };
    let cached = Cached::new(Some(SharedCredentialsProvider::new(source)));
    cached.provide_credentials().await.unwrap();
    assert!(!format!("{cached:?}").contains("canary"));
}
