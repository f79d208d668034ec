//! Data keys that a key service has opened before, for programs that live longer than a run.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use afterbay_manifest::{DataKey, SecretBytes, WrappedKey};
use sha2::{Digest as _, Sha256};

/// How long and how many data keys are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// How long a data key is used after it was opened; zero for never, which turns the cache off.
    pub ttl: Duration,
    /// How many are kept at most; the one that was not used for the longest time goes first.
    pub entries: usize,
}

impl Default for CacheLimits {
    /// Off.
    fn default() -> Self {
        Self {
            ttl: Duration::ZERO,
            entries: 10_000,
        }
    }
}

/// Data keys in memory, wiped when they go. One cache can serve many rings at the same time: what one identity
/// has opened, no other is given.
///
/// An entry is found by a hash of who asks (credentials, role, endpoint), of the key and its encryption
/// context, and of the ciphertext. Only what a key service opened is kept; what a local key opens is opened again.
pub struct DataKeyCache {
    limits: CacheLimits,
    kept: Mutex<Kept>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a cache has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheMetrics {
    /// Keys that were found.
    pub hits: u64,
    /// Keys that were looked for and not found.
    pub misses: u64,
    /// Keys that are kept now.
    pub entries: usize,
}

/// SHA-256 of everything that an entry depends on.
type Digest = [u8; 32];

#[derive(Default)]
struct Kept {
    entries: HashMap<Digest, Entry>,
    /// By last use, oldest first.
    uses: BTreeMap<u64, Digest>,
    /// By end, oldest first; all entries live equally long.
    ends: VecDeque<(Instant, Digest)>,
    next_use: u64,
}

struct Entry {
    key: DataKey,
    end: Instant,
    used: u64,
}

/// Who asks a key service: two askers with equal identities may share what one of them was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(Digest);

/// What a cache knows about a key.
pub(crate) enum Lookup {
    /// Nothing is kept at all.
    Off,
    /// The open data key.
    Hit(DataKey),
    /// It is not there; it can be put there.
    Miss(Place),
}

/// Where a data key is to be kept.
pub(crate) struct Place(Digest);

impl DataKeyCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            kept: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// What it has done so far.
    pub fn metrics(&self) -> CacheMetrics {
        CacheMetrics {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: self.lock().entries.len(),
        }
    }

    /// Wipes what has come to its end. Every use of the cache does so, too; this is for those who use it rarely.
    pub fn forget_expired(&self) {
        self.lock().expire(Instant::now());
    }

    /// Wipes everything.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    pub(crate) fn look_up(&self, identity: &Identity, key: &WrappedKey) -> Lookup {
        self.look_up_at(Instant::now(), identity, key)
    }

    pub(crate) fn keep(&self, place: &Place, key: &DataKey) {
        self.keep_at(Instant::now(), place, key);
    }

    fn look_up_at(&self, now: Instant, identity: &Identity, key: &WrappedKey) -> Lookup {
        if self.limits.ttl.is_zero() || self.limits.entries == 0 {
            return Lookup::Off;
        }
        let digest = digest(identity, key);
        if let Some(key) = self.lock().find(now, digest) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Lookup::Hit(key);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        Lookup::Miss(Place(digest))
    }

    fn keep_at(&self, now: Instant, place: &Place, key: &DataKey) {
        let mut kept = self.lock();
        kept.expire(now);
        kept.remove(&place.0);
        while kept.entries.len() >= self.limits.entries {
            let Some((_, oldest)) = kept.uses.pop_first() else {
                break;
            };
            kept.entries.remove(&oldest);
        }
        let entry = Entry {
            key: copy(key),
            end: now + self.limits.ttl,
            used: kept.next_use(place.0),
        };
        kept.ends.push_back((entry.end, place.0));
        kept.entries.insert(place.0, entry);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, now: Instant, digest: Digest) -> Option<DataKey> {
        self.expire(now);
        let used = self.entries.get(&digest)?.used;
        self.uses.remove(&used);
        let used = self.next_use(digest);
        let entry = self.entries.get_mut(&digest)?;
        entry.used = used;
        Some(copy(&entry.key))
    }

    fn next_use(&mut self, digest: Digest) -> u64 {
        self.next_use += 1;
        self.uses.insert(self.next_use, digest);
        self.next_use
    }

    fn expire(&mut self, now: Instant) {
        while let Some((end, digest)) = self.ends.front().copied() {
            if end > now {
                break;
            }
            self.ends.pop_front();
            // The entry may have been replaced by a younger one since.
            if self.entries.get(&digest).is_some_and(|entry| entry.end <= now) {
                self.remove(&digest);
            }
        }
    }

    fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.remove(digest) {
            self.uses.remove(&entry.used);
        }
    }
}

impl Default for DataKeyCache {
    /// Off.
    fn default() -> Self {
        Self::new(CacheLimits::default())
    }
}

impl fmt::Debug for DataKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKeyCache")
            .field("limits", &self.limits)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// An identity made of everything that it depends on, secrets included; the hash does not show them.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self(parts.into_iter().fold(Fields::default(), Fields::with).finish())
    }
}

fn digest(Identity(identity): &Identity, key: &WrappedKey) -> Digest {
    let fields = Fields::default()
        .with(identity)
        .with(key.kind().as_str().as_bytes());
    match key {
        WrappedKey::AwsKms(key) => {
            let fields = fields.with(key.arn.as_bytes()).with(&key.ciphertext);
            key.context
                .iter()
                .fold(fields, |fields, (name, value)| {
                    fields.with(name.as_bytes()).with(value.as_bytes())
                })
                .finish()
        }
        WrappedKey::GcpKms(key) => fields
            .with(key.resource_id.as_bytes())
            .with(&key.ciphertext)
            .finish(),
        WrappedKey::AzureKeyVault(key) => fields
            .with(key.vault_url.as_bytes())
            .with(key.name.as_bytes())
            .with(key.version.as_bytes())
            .with(&key.ciphertext)
            .finish(),
        WrappedKey::Vault(key) => fields
            .with(key.vault_address.as_bytes())
            .with(key.engine_path.as_bytes())
            .with(key.key_name.as_bytes())
            .with(key.ciphertext.as_bytes())
            .finish(),
        WrappedKey::Age { enc, .. } => fields.with(enc.as_bytes()).finish(),
        WrappedKey::Pgp(key) => fields.with(&key.message).finish(),
        WrappedKey::Pkcs7 { encrypted_key, .. } => fields.with(encrypted_key).finish(),
        WrappedKey::Unsupported(key) => fields.with(key.id.as_bytes()).finish(),
    }
}

/// Fields with their lengths, so that no two lists of fields give the same bytes.
#[derive(Default)]
struct Fields(Sha256);

impl Fields {
    fn with(mut self, field: &[u8]) -> Self {
        self.0
            .update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(field);
        self
    }

    fn finish(self) -> Digest {
        self.0.finalize().into()
    }
}

fn copy(key: &DataKey) -> DataKey {
    DataKey::new(SecretBytes::new(key.expose_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
