//! How long is waited for a token.

use std::collections::BTreeMap;

use afterbay_manifest::AwsKmsKey;

use super::*;

fn key(region: &str, id: u32) -> WrappedKey {
    WrappedKey::AwsKms(AwsKmsKey {
        arn: format!("arn:aws:kms:{region}:000000000000:key/{id}"),
        role: None,
        context: BTreeMap::new(),
        aws_profile: None,
        ciphertext: Vec::new(),
    })
}

fn pace(per_second: u32, burst: u32) -> Pace {
    Pace::new(Rate { per_second, burst })
}

fn millis(pace: &Pace, now: Instant, key: &WrappedKey) -> u128 {
    pace.reserve(now, key).as_millis()
}

#[test]
fn a_burst_is_free_and_the_rest_comes_one_by_one() {
    let (pace, now) = (pace(10, 3), Instant::now());
    let waits: Vec<u128> = (0..6).map(|_| millis(&pace, now, &key("eu-west-1", 1))).collect();
    assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
}

#[test]
fn tokens_come_back() {
    let (pace, start) = (pace(10, 2), Instant::now());
    let key = key("eu-west-1", 1);
    assert_eq!((millis(&pace, start, &key), millis(&pace, start, &key)), (0, 0));
    assert_eq!(millis(&pace, start, &key), 100);
    let later = start + Duration::from_secs(1);
    assert_eq!((millis(&pace, later, &key), millis(&pace, later, &key)), (0, 0));
    assert_eq!(millis(&pace, later, &key), 100);
}

#[test]
fn a_service_is_shared_by_its_keys_and_others_have_their_own() {
    let (pace, now) = (pace(10, 1), Instant::now());
    assert_eq!(millis(&pace, now, &key("eu-west-1", 1)), 0);
    assert_eq!(millis(&pace, now, &key("eu-west-1", 2)), 100);
    assert_eq!(millis(&pace, now, &key("us-east-1", 1)), 0);
}

#[test]
fn without_a_rate_nothing_waits() {
    let (pace, now) = (pace(0, 0), Instant::now());
    assert!((0..10_000).all(|_| millis(&pace, now, &key("eu-west-1", 1)) == 0));
}

#[test]
fn a_thousand_keys_pass_at_once_by_default() {
    let (pace, now) = (Pace::new(Rate::default()), Instant::now());
    assert!((0..1000).all(|id| millis(&pace, now, &key("eu-west-1", id)) == 0));
    assert!(millis(&pace, now, &key("eu-west-1", 1000)) > 0);
}
