//! The ring: everything a run can unwrap keys with.

mod plan;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use afterbay_manifest::{Attempt, DataKey, DataKeys, KeyFailure, KeyId, KeyRequest, PgpKey, WrappedKey};
use futures::StreamExt;
use futures::stream;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task;

use crate::azure::AzureKeyVault;
use crate::cache::{Identity, Lookup};
use crate::gcp::GcpKms;
use crate::identities::AgeIdentities;
use crate::kms::Kms;
use crate::note::KeyNote;
use crate::options::KeyOptions;
use crate::outside_text::tame;
use crate::pace::Pace;
use crate::pgp::PgpKeys;
use crate::pkcs7::RsaKeys;
use crate::vault::Vault;
use plan::{Plan, take_reachable};

/// Unwraps the data keys of one run. Key sources are read when the first key needs them, and once.
///
/// ```
/// use afterbay_keys::{SecretSource, KeyEnvironment, KeyOptions, KeyRing};
/// use afterbay_manifest::{KeyRequest, WrappedKey};
///
/// # async fn run(wrapped: WrappedKey) {
/// let mut options = KeyOptions::new(KeyEnvironment::from_process());
/// options.age.identities.push(SecretSource::File("keys.txt".into()));
/// let ring = KeyRing::new(options);
/// let request = KeyRequest::any_of("db/secret.yaml".to_owned(), vec![wrapped]);
/// let keys = ring.unwrap_all(vec![request.clone()]).await;
/// match keys.first_open(&request) {
///     Ok(candidates) => println!("{} opens", candidates.len()),
///     Err(failures) => failures.iter().for_each(|failure| println!("{}", failure.key)),
/// }
/// # }
/// ```
pub struct KeyRing {
    options: Arc<KeyOptions>,
    identities: OnceCell<Arc<AgeIdentities>>,
    rsa_keys: OnceCell<Arc<RsaKeys>>,
    pgp_keys: OnceCell<Arc<PgpKeys>>,
    kms: Kms,
    gcp: GcpKms,
    azure: AzureKeyVault,
    vault: Vault,
    pace: Pace,
    counts: Counts,
    notes: Mutex<BTreeSet<KeyNote>>,
}

/// What a ring has asked of key services, and what it did not have to ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyMetrics {
    /// Keys that a service was asked to open; an attempt that was repeated counts once.
    pub calls: u64,
    /// Keys that the cache had.
    pub hits: u64,
    /// Keys that the cache was asked for and did not have.
    pub misses: u64,
    /// Calls that were not made: hits, and keys that another request of the same run had asked for.
    pub saved: u64,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    shared: AtomicU64,
}

/// The candidates of a key, or everything that was tried.
type Outcome = Result<Vec<DataKey>, Vec<Attempt>>;

/// Is told how many data keys of how many a ring is done with.
pub type OnUnwrapped<'a> = &'a mut (dyn FnMut(usize, usize) + Send);

/// What became of each key of a run, when it was tried.
type Outcomes = HashMap<KeyId, OnceCell<Outcome>>;

/// What a key service gave, and what there is to say about it.
type Answer = (Result<DataKey, Attempt>, Vec<KeyNote>);

impl KeyRing {
    /// A ring that has not looked anywhere yet.
    pub fn new(options: KeyOptions) -> Self {
        let options = Arc::new(options);
        let notes = options
            .environment
            .ignored
            .iter()
            .map(|(source, reason)| KeyNote::SourceUnusable {
                source: (*source).to_owned(),
                reason: (*reason).to_owned(),
            })
            .chain(options.decryption_order.note())
            .collect();
        Self {
            kms: Kms::new(Arc::clone(&options)),
            gcp: GcpKms::new(Arc::clone(&options)),
            azure: AzureKeyVault::new(Arc::clone(&options)),
            vault: Vault::new(Arc::clone(&options)),
            pace: Pace::new(options.rate),
            options,
            identities: OnceCell::new(),
            rsa_keys: OnceCell::new(),
            pgp_keys: OnceCell::new(),
            counts: Counts::default(),
            notes: Mutex::new(notes),
        }
    }

    /// Unwraps what the requests need: per group of keys one, the others only when it fails, and of several
    /// groups as many as are needed. The order is [`KeyOptions::decryption_order`], or the cheapest first; a
    /// service that was found to be out of reach comes last and is not asked again. A key that several requests
    /// share is unwrapped once. Requests proceed side by side, as many as [`KeyOptions::concurrency`] says, and
    /// no faster than [`KeyOptions::rate`]. Nothing fails as a whole: what became of each key is in the result.
    pub async fn unwrap_all(&self, requests: Vec<KeyRequest>) -> DataKeys {
        self.unwrap_each(requests, &mut |_, _| {}).await
    }

    /// The same, and tells on the way how many of how many data keys it is done with, opened or not.
    pub async fn unwrap_each(&self, requests: Vec<KeyRequest>, told: OnUnwrapped<'_>) -> DataKeys {
        let mut outcomes = Outcomes::new();
        let mut plans = BTreeSet::new();
        for request in requests {
            for key in request.keys() {
                outcomes.entry(key.id()).or_default();
            }
            plans.insert(Plan::new(request, &self.options.decryption_order.kinds));
        }
        let progress = Mutex::new((0, told));
        stream::iter(&plans)
            .for_each_concurrent(self.options.concurrency.max(1), async |plan| {
                self.pursue(plan, &outcomes).await;
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                progress.0 += 1;
                let done = progress.0;
                (progress.1)(done, plans.len());
            })
            .await;
        collect(&plans, outcomes)
    }

    /// Tries the keys of a plan until enough groups are open.
    async fn pursue(&self, plan: &Plan, outcomes: &Outcomes) {
        let mut groups: Vec<Vec<&WrappedKey>> =
            plan.groups.iter().map(|group| group.iter().collect()).collect();
        let mut missing = plan.needed;
        while missing > 0 {
            let within_reach = |group: &Vec<&WrappedKey>| group.iter().any(|key| !self.is_away(key));
            let Some(mut keys) = take_reachable(&mut groups, within_reach) else {
                return;
            };
            while let Some(key) = take_reachable(&mut keys, |key| !self.is_away(key)) {
                if self.opens(key, outcomes).await {
                    missing -= 1;
                    break;
                }
            }
        }
    }

    /// Unwraps a key unless another request has, or waits for the one that does.
    async fn opens(&self, key: &WrappedKey, outcomes: &Outcomes) -> bool {
        let Some(outcome) = outcomes.get(&key.id()) else {
            return false;
        };
        let mut is_first = false;
        let unwrap = async || {
            is_first = true;
            self.unwrap(key).await
        };
        let is_open = outcome.get_or_init(unwrap).await.is_ok();
        if !is_first && is_remote(key) {
            self.counts.shared.fetch_add(1, Ordering::Relaxed);
        }
        is_open
    }

    /// Whether the service of a key was found to be out of reach.
    fn is_away(&self, key: &WrappedKey) -> bool {
        match key {
            WrappedKey::AwsKms(key) => self.kms.is_away(key),
            WrappedKey::GcpKms(_) => self.gcp.is_away(),
            WrappedKey::AzureKeyVault(key) => self.azure.is_away(key),
            WrappedKey::Vault(key) => self.vault.is_away(key),
            _ => false,
        }
    }

    /// What was asked of key services so far.
    pub fn metrics(&self) -> KeyMetrics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let hits = read(&self.counts.hits);
        KeyMetrics {
            calls: read(&self.counts.calls),
            hits,
            misses: read(&self.counts.misses),
            saved: hits + read(&self.counts.shared),
        }
    }

    /// What the report should say about the keys used so far, in a fixed order.
    pub fn notes(&self) -> Vec<KeyNote> {
        self.lock_notes().iter().cloned().collect()
    }

    async fn unwrap(&self, key: &WrappedKey) -> Outcome {
        match key {
            WrappedKey::Age { recipient, enc } => self.unwrap_age(recipient.clone(), enc.clone()).await,
            WrappedKey::Pkcs7 {
                encrypted_key,
                key_length,
            } => self.unwrap_pkcs7(encrypted_key.clone(), *key_length).await,
            WrappedKey::AwsKms(aws) => {
                // The SDK's futures are large, and there is one for each request.
                let service = Box::pin(self.kms.unwrap(aws));
                self.ask(key, self.kms.identity(aws), service).await
            }
            WrappedKey::GcpKms(gcp) => {
                let service = Box::pin(self.gcp.unwrap(gcp));
                self.ask(key, self.gcp.identity(gcp), service).await
            }
            WrappedKey::AzureKeyVault(azure) => {
                let service = Box::pin(self.azure.unwrap(azure));
                self.ask(key, self.azure.identity(azure), service).await
            }
            WrappedKey::Vault(vault) => {
                let service = Box::pin(self.vault.unwrap(vault));
                self.ask(key, self.vault.identity(vault), service).await
            }
            WrappedKey::Pgp(key) => self.unwrap_pgp(key.clone()).await,
            WrappedKey::Unsupported(key) => Err(vec![Attempt {
                with: key.kind.to_string(),
                reason: tame(&key.reason),
                hint: Some("add another key with `sops updatekeys`".to_owned()),
            }]),
        }
    }

    /// Asks a key service, unless the cache knows what it has answered to the same identity.
    async fn ask(
        &self,
        key: &WrappedKey,
        identity: Result<Identity, Attempt>,
        service: impl Future<Output = Answer>,
    ) -> Outcome {
        let identity = identity.map_err(|refused| vec![refused])?;
        let place = match self.options.cache.look_up(&identity, key) {
            Lookup::Off => None,
            Lookup::Hit(key) => {
                self.counts.hits.fetch_add(1, Ordering::Relaxed);
                return Ok(vec![key]);
            }
            Lookup::Miss(place) => {
                self.counts.misses.fetch_add(1, Ordering::Relaxed);
                Some(place)
            }
        };
        if !self.is_away(key) {
            self.pace.wait(key).await;
            self.counts.calls.fetch_add(1, Ordering::Relaxed);
        }
        let (opened, notes) = service.await;
        self.lock_notes().extend(notes);
        let opened = opened.map_err(|attempt| vec![attempt])?;
        if let Some(place) = place {
            self.options.cache.keep(&place, &opened);
        }
        Ok(vec![opened])
    }

    async fn unwrap_age(&self, recipient: String, enc: String) -> Outcome {
        let load = async || {
            let options = Arc::clone(&self.options);
            self.load(move |notes: &mut _| AgeIdentities::load(options, notes))
                .await
        };
        let identities = Arc::clone(self.identities.get_or_try_init(load).await?);
        let (opened, notes) = blocking(move || identities.unwrap(&recipient, &enc)).await?;
        self.lock_notes().extend(notes);
        opened.map(|key| vec![key])
    }

    async fn unwrap_pgp(&self, key: PgpKey) -> Outcome {
        let load = async || {
            let options = Arc::clone(&self.options);
            let load = move |notes: &mut _| PgpKeys::load(&options.pgp, &options.environment, notes);
            self.load(load).await
        };
        let keys = Arc::clone(self.pgp_keys.get_or_try_init(load).await?);
        blocking(move || keys.unwrap(&key)).await?.map(|key| vec![key])
    }

    async fn unwrap_pkcs7(&self, encrypted_key: Vec<u8>, key_length: usize) -> Outcome {
        let load = async || {
            let options = Arc::clone(&self.options);
            self.load(move |notes: &mut _| RsaKeys::load(&options.rsa_keys, notes))
                .await
        };
        let keys = Arc::clone(self.rsa_keys.get_or_try_init(load).await?);
        blocking(move || keys.unwrap(&encrypted_key, key_length)).await?
    }

    /// Reads a source of keys off the async threads and keeps what there is to say about it.
    async fn load<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut BTreeSet<KeyNote>) -> T + Send + 'static,
    ) -> Result<Arc<T>, Vec<Attempt>> {
        let (loaded, notes) = blocking(move || {
            let mut notes = BTreeSet::new();
            (read(&mut notes), notes)
        })
        .await?;
        self.lock_notes().extend(notes);
        Ok(Arc::new(loaded))
    }

    fn lock_notes(&self) -> MutexGuard<'_, BTreeSet<KeyNote>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Whether a key is opened by a service.
fn is_remote(key: &WrappedKey) -> bool {
    matches!(
        key,
        WrappedKey::AwsKms(_) | WrappedKey::GcpKms(_) | WrappedKey::AzureKeyVault(_) | WrappedKey::Vault(_)
    )
}

/// One piece of local work for each core: more would only hold memory.
static LOCAL: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));

/// Runs file reading and arithmetic where it holds up nobody else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Vec<Attempt>> {
    // The semaphore is never closed.
    let _turn = LOCAL.acquire().await;
    task::spawn_blocking(work).await.map_err(|_| {
        vec![Attempt {
            with: "local keys".to_owned(),
            reason: "the work was given up before it ended".to_owned(),
            hint: None,
        }]
    })
}

fn collect(plans: &BTreeSet<Plan>, mut outcomes: Outcomes) -> DataKeys {
    let mut keys = DataKeys::default();
    for key in plans.iter().flat_map(Plan::keys) {
        let id = key.id();
        match outcomes.remove(&id).and_then(OnceCell::into_inner) {
            Some(Ok(candidates)) => keys.opened(id, candidates),
            Some(Err(attempts)) => keys.failed(
                id,
                KeyFailure {
                    key: tame(&key.to_string()),
                    attempts,
                },
            ),
            None => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests;
