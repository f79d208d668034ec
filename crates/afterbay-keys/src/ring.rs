//! The ring: everything a run can unwrap keys with.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use afterbay_manifest::{Attempt, DataKey, DataKeys, KeyFailure, KeyId, KeyKind, KeyRequest, WrappedKey};
use futures::StreamExt;
use futures::stream;
use tokio::sync::OnceCell;
use tokio::task;

use crate::identities::AgeIdentities;
use crate::kms::Kms;
use crate::note::KeyNote;
use crate::options::KeyOptions;
use crate::outside_text::tame;
use crate::pkcs7::RsaKeys;

/// Unwraps the data keys of one run. Key sources are read when the first key needs them, and once.
///
/// ```
/// use afterbay_keys::{KeyEnvironment, KeyOptions, KeyRing};
/// use afterbay_manifest::{KeyRequest, WrappedKey};
///
/// # async fn run(wrapped: WrappedKey) {
/// let mut options = KeyOptions::new(KeyEnvironment::from_process());
/// options.age_key_files.push("keys.txt".into());
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
    kms: Kms,
    notes: Mutex<BTreeSet<KeyNote>>,
}

/// The candidates of a key, or everything that was tried.
type Outcome = Result<Vec<DataKey>, Vec<Attempt>>;

impl KeyRing {
    /// A ring that has not looked anywhere yet.
    pub fn new(options: KeyOptions) -> Self {
        let options = Arc::new(options);
        Self {
            kms: Kms::new(Arc::clone(&options)),
            options,
            identities: OnceCell::new(),
            rsa_keys: OnceCell::new(),
            notes: Mutex::default(),
        }
    }

    /// Unwraps what the requests need: per group of keys one, the others only when it fails, and of several
    /// groups as many as are needed. The order is [`KeyOptions::decryption_order`], or the cheapest first. A
    /// key that several requests share is unwrapped once. Requests proceed side by side, as many as
    /// [`KeyOptions::concurrency`] says. Nothing fails as a whole: what became of each key is in the result.
    pub async fn unwrap_all(&self, requests: Vec<KeyRequest>) -> DataKeys {
        let mut outcomes: HashMap<KeyId, OnceCell<Outcome>> = HashMap::new();
        let mut plans = BTreeSet::new();
        for request in requests {
            for key in request.keys() {
                outcomes.entry(key.id()).or_default();
            }
            plans.insert(Plan::new(request, &self.options.decryption_order));
        }
        stream::iter(&plans)
            .for_each_concurrent(self.options.concurrency.max(1), async |plan| {
                let mut missing = plan.needed;
                for group in &plan.groups {
                    if missing == 0 {
                        break;
                    }
                    for key in group {
                        let Some(outcome) = outcomes.get(&key.id()) else {
                            continue;
                        };
                        if outcome.get_or_init(async || self.unwrap(key).await).await.is_ok() {
                            missing -= 1;
                            break;
                        }
                    }
                }
            })
            .await;
        collect(&plans, outcomes)
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
            WrappedKey::AwsKms(key) => {
                let (opened, notes) = self.kms.unwrap(key).await;
                self.lock_notes().extend(notes);
                opened.map(|key| vec![key]).map_err(|attempt| vec![attempt])
            }
            WrappedKey::Pgp(_)
            | WrappedKey::GcpKms(_)
            | WrappedKey::AzureKeyVault(_)
            | WrappedKey::Vault(_) => Err(vec![Attempt {
                with: key.kind().to_string(),
                reason: "keys of this kind are not supported yet".to_owned(),
                hint: Some("add an age or AWS KMS key and run `sops updatekeys`".to_owned()),
            }]),
            WrappedKey::Unsupported(key) => Err(vec![Attempt {
                with: key.kind.to_string(),
                reason: tame(&key.reason),
                hint: Some("add another key with `sops updatekeys`".to_owned()),
            }]),
        }
    }

    async fn unwrap_age(&self, recipient: String, enc: String) -> Outcome {
        let load = async || {
            let options = Arc::clone(&self.options);
            let load =
                move |notes: &mut _| AgeIdentities::load(&options.age_key_files, &options.environment, notes);
            self.load(load).await
        };
        let identities = Arc::clone(self.identities.get_or_try_init(load).await?);
        blocking(move || identities.unwrap(&recipient, &enc))
            .await?
            .map(|key| vec![key])
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

/// The keys of a request in the order in which they are tried. Equal plans are one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Plan {
    groups: Vec<Vec<WrappedKey>>,
    needed: usize,
}

impl Plan {
    /// Kinds that the operator lists come first, in that order, as with SOPS. Then keys that need no network
    /// before keys that do; what cannot be used comes last, to be named. Groups follow their first key.
    fn new(request: KeyRequest, order: &[KeyKind]) -> Self {
        let rank = |key: &WrappedKey| {
            let listed = order.iter().position(|kind| *kind == key.kind());
            (listed.unwrap_or(order.len()), cost(key))
        };
        let mut groups = request.groups;
        for group in &mut groups {
            group.sort_by_key(rank);
        }
        groups.sort_by_key(|group| group.first().map(rank));
        Self {
            groups,
            needed: request.needed,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &WrappedKey> {
        self.groups.iter().flatten()
    }
}

fn cost(key: &WrappedKey) -> u8 {
    match key {
        WrappedKey::Age { .. } => 0,
        WrappedKey::Pkcs7 { .. } => 1,
        WrappedKey::Pgp(_) => 2,
        WrappedKey::AwsKms(_)
        | WrappedKey::GcpKms(_)
        | WrappedKey::AzureKeyVault(_)
        | WrappedKey::Vault(_) => 3,
        WrappedKey::Unsupported(_) => 4,
    }
}

/// Runs file reading and arithmetic where it holds up nobody else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Vec<Attempt>> {
    task::spawn_blocking(work).await.map_err(|_| {
        vec![Attempt {
            with: "local keys".to_owned(),
            reason: "the work was given up before it ended".to_owned(),
            hint: None,
        }]
    })
}

fn collect(plans: &BTreeSet<Plan>, mut outcomes: HashMap<KeyId, OnceCell<Outcome>>) -> DataKeys {
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
