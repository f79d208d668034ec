//! A thousand data keys behind a KMS that takes its time: how long a run takes, and how many calls the next one makes.
//!
//! ```text
//! cargo run --release -p afterbay-keys --example thousand_keys -- 20
//! ```
//!
//! The argument is the latency in milliseconds. Each line of the output is JSON.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use afterbay_fakes::aws::{AwsFake, Scripted};
use afterbay_keys::{
    AwsCredentials, CacheLimits, DataKeyCache, Endpoint, FixedCredentials, KeyEnvironment, KeyOptions,
    KeyRing,
};
use afterbay_manifest::{AwsKmsKey, KeyRequest, SecretBytes, WrappedKey};
use serde_json::json;

const ARN: &str = "arn:aws:kms:eu-west-1:000000000000:key/612d5f0a-1b2c-45e6-aca6-a5b005693a48";
const KEYS: u32 = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let latency = env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let fake = AwsFake::start()?;
    fake.add_user("test", "test", "000000000000");
    fake.add_key(ARN);
    fake.set_latency(Duration::from_millis(latency));
    let cache = Arc::new(DataKeyCache::new(CacheLimits {
        ttl: Duration::from_mins(10),
        entries: 10_000,
    }));
    for name in ["cold", "warm"] {
        let before = fake.count("Decrypt");
        let ring = KeyRing::new(options(fake.url(), &cache)?);
        let requests: Vec<KeyRequest> = (0..KEYS).map(|number| request(&fake, number)).collect();
        let start = Instant::now();
        let keys = ring.unwrap_all(requests.clone()).await;
        let wall = start.elapsed();
        let opened = requests
            .iter()
            .filter(|request| keys.first_open(request).is_ok())
            .count();
        println!(
            "{}",
            json!({
                "run": name,
                "opened": opened,
                "wall_s": wall.as_secs_f64(),
                "kms_calls": fake.count("Decrypt") - before,
            })
        );
    }
    Ok(())
}

fn options(url: &str, cache: &Arc<DataKeyCache>) -> Result<KeyOptions, Box<dyn Error>> {
    let mut options = KeyOptions::new(KeyEnvironment::default());
    options.kms.endpoint = Some(Endpoint::parse(url)?);
    options.kms.credentials = AwsCredentials::Fixed(FixedCredentials {
        access_key_id: "test".to_owned(),
        secret_access_key: SecretBytes::new(b"test".to_vec()),
        session_token: None,
    });
    options.cache = Arc::clone(cache);
    Ok(options)
}

fn request(fake: &AwsFake, number: u32) -> KeyRequest {
    let ciphertext = number.to_be_bytes();
    fake.on(&ciphertext, [Scripted::key(&[7; 32])]);
    let key = WrappedKey::AwsKms(AwsKmsKey {
        arn: ARN.to_owned(),
        role: None,
        context: [].into(),
        aws_profile: None,
        ciphertext: ciphertext.to_vec(),
    });
    KeyRequest::any_of(format!("secret-{number}.yaml"), vec![key])
}
