//! What is found, by whom, and for how long.

use std::collections::BTreeMap;

use afterbay_manifest::{AwsKmsKey, VaultKey};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn cache(entries: usize) -> DataKeyCache {
    DataKeyCache::new(CacheLimits { ttl: MINUTE, entries })
}

fn key(ciphertext: &[u8]) -> AwsKmsKey {
    AwsKmsKey {
        arn: "arn:aws:kms:eu-west-1:000000000000:key/a".to_owned(),
        role: None,
        context: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        aws_profile: None,
        ciphertext: ciphertext.to_vec(),
    }
}

fn wrapped(ciphertext: &[u8]) -> WrappedKey {
    WrappedKey::AwsKms(key(ciphertext))
}

fn ann() -> Identity {
    Identity::of([&b"ann"[..]])
}

/// Keeps the ciphertext as the data key.
fn keep(cache: &DataKeyCache, now: Instant, ciphertext: &[u8]) {
    let data_key = DataKey::new(SecretBytes::new(ciphertext.to_vec()));
    match cache.look_up_at(now, &ann(), &wrapped(ciphertext)) {
        Lookup::Miss(place) => cache.keep_at(now, &place, &data_key),
        Lookup::Off | Lookup::Hit(_) => panic!("{ciphertext:?} is there already"),
    }
}

fn found(cache: &DataKeyCache, now: Instant, key: &WrappedKey) -> Option<Vec<u8>> {
    match cache.look_up_at(now, &ann(), key) {
        Lookup::Hit(key) => Some(key.expose_bytes().to_vec()),
        Lookup::Off | Lookup::Miss(_) => None,
    }
}

#[test]
fn finds_what_was_kept_until_its_time_is_over() {
    let (cache, start) = (cache(10), Instant::now());
    keep(&cache, start, b"one");
    let almost = start + MINUTE.saturating_sub(Duration::from_millis(1));
    assert_eq!(found(&cache, almost, &wrapped(b"one")).unwrap(), b"one");
    assert_eq!(found(&cache, start + MINUTE, &wrapped(b"one")), None);
    let metrics = CacheMetrics {
        hits: 1,
        misses: 2,
        entries: 0,
    };
    assert_eq!(cache.metrics(), metrics);
}

#[test]
fn being_used_does_not_lengthen_a_life() {
    let (cache, start) = (cache(10), Instant::now());
    keep(&cache, start, b"one");
    for second in 1..60 {
        assert!(found(&cache, start + Duration::from_secs(second), &wrapped(b"one")).is_some());
    }
    assert!(found(&cache, start + MINUTE, &wrapped(b"one")).is_none());
}

#[test]
fn another_identity_context_key_or_ciphertext_finds_nothing() {
    let (cache, now) = (cache(10), Instant::now());
    keep(&cache, now, b"one");
    let bob = Identity::of([&b"bob"[..]]);
    assert!(matches!(
        cache.look_up_at(now, &bob, &wrapped(b"one")),
        Lookup::Miss(_)
    ));
    let changes: [fn(&mut AwsKmsKey); 4] = [
        |key| key.ciphertext.push(0),
        |key| key.arn.push('b'),
        |key| key.context.clear(),
        |key| {
            key.context.insert("envprod".to_owned(), String::new());
        },
    ];
    for change in changes {
        let mut other = key(b"one");
        change(&mut other);
        assert_eq!(found(&cache, now, &WrappedKey::AwsKms(other)), None);
    }
    let vault = WrappedKey::Vault(VaultKey {
        vault_address: key(b"").arn,
        engine_path: String::new(),
        key_name: String::new(),
        ciphertext: "one".to_owned(),
    });
    assert_eq!(found(&cache, now, &vault), None);
    assert!(found(&cache, now, &wrapped(b"one")).is_some());
}

#[test]
fn fields_do_not_run_into_each_other() {
    let of = |parts: &[&str]| Identity::of(parts.iter().map(|part| part.as_bytes()));
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["ab", ""]), of(&["ab"]));
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let (cache, now) = (cache(2), Instant::now());
    keep(&cache, now, b"one");
    keep(&cache, now, b"two");
    assert!(found(&cache, now, &wrapped(b"one")).is_some());
    keep(&cache, now, b"three");
    assert!(found(&cache, now, &wrapped(b"two")).is_none());
    assert!(found(&cache, now, &wrapped(b"one")).is_some());
    assert!(found(&cache, now, &wrapped(b"three")).is_some());
    assert_eq!(cache.metrics().entries, 2);
}

#[test]
fn nothing_grows_without_bound() {
    let (cache, start) = (cache(3), Instant::now());
    for number in 0..1000_u32 {
        let now = start + Duration::from_secs(u64::from(number));
        keep(&cache, now, &number.to_le_bytes());
        let kept = cache.lock();
        assert!(kept.entries.len() <= 3 && kept.uses.len() == kept.entries.len());
        assert!(kept.ends.len() <= 61, "{}", kept.ends.len());
    }
}

#[test]
fn without_time_or_room_nothing_is_kept() {
    for limits in [
        CacheLimits::default(),
        CacheLimits {
            ttl: MINUTE,
            entries: 0,
        },
    ] {
        let cache = DataKeyCache::new(limits);
        assert!(matches!(cache.look_up(&ann(), &wrapped(b"one")), Lookup::Off));
        assert_eq!(cache.metrics(), CacheMetrics::default());
    }
}

#[test]
fn clearing_and_showing() {
    let (cache, now) = (cache(10), Instant::now());
    keep(&cache, now, b"canary");
    assert!(!format!("{cache:?}").contains("99, 97, 110"));
    cache.clear();
    assert!(found(&cache, now, &wrapped(b"canary")).is_none());
}
