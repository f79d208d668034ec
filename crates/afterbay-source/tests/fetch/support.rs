//! What the tests share: repositories, servers, and a fetch that remembers its events.

mod repository;
mod server;

use std::path::Path;
use std::sync::{Arc, Mutex};

use afterbay_manifest::{Entry, SecretBytes, Snapshot};
use afterbay_source::{
    CacheDir, Credentials, FetchEvent, Reference, RemoteUrl, SourceError, SourceOptions, fetch,
};

pub(crate) use repository::{Repository, write_file};
pub(crate) use server::{Answer, Request, Server, ServerOptions, respond};

/// The options for a remote and a reference, both as a user writes them.
pub(crate) fn options(remote: &str, reference: &str) -> SourceOptions {
    let mut options = SourceOptions::new(RemoteUrl::parse(remote).expect("a remote"));
    options.reference = Reference::parse(reference).expect("a reference");
    options
}

/// The same with a cache.
pub(crate) fn cached(remote: &str, reference: &str, cache: &Path) -> SourceOptions {
    SourceOptions {
        cache: CacheDir::Path(cache.to_owned()),
        ..options(remote, reference)
    }
}

pub(crate) fn credentials(username: &str, password: &str) -> Arc<Credentials> {
    let password = SecretBytes::new(password.as_bytes().to_vec());
    Arc::new(Credentials {
        username: username.to_owned(),
        password,
    })
}

/// What a fetch came to, with its events in order.
pub(crate) struct Fetched {
    pub(crate) outcome: Result<Snapshot, SourceError>,
    pub(crate) events: Vec<FetchEvent>,
}

impl Fetched {
    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.outcome
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}\n{error:?}"))
    }

    pub(crate) fn error(&self) -> &SourceError {
        self.outcome.as_ref().expect_err("the fetch should fail")
    }

    /// The error and its hint as a user sees them.
    pub(crate) fn message(&self) -> String {
        let error = self.error();
        format!("{error}\nhint: {}", error.hint().unwrap_or_default())
    }

    pub(crate) fn commit(&self) -> &str {
        self.snapshot().revision.commit.as_deref().expect("a commit")
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        let events = self.events.iter();
        let text = events.filter_map(|event| match event {
            FetchEvent::Warning(warning) => Some(warning.message.as_str()),
            _ => None,
        });
        text.collect()
    }

    /// Requests, received bytes and received objects.
    pub(crate) fn cost(&self) -> (u64, u64, u64) {
        match self.events.last() {
            Some(FetchEvent::Finished {
                requests,
                received_bytes,
                received_objects,
            }) => (*requests, *received_bytes, *received_objects),
            other => panic!("the last event is {other:?}: {:?}", self.outcome),
        }
    }
}

/// Runs a fetch to its end.
pub(crate) fn run(options: &SourceOptions) -> Fetched {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let mut options = options.clone();
    options.on_event = Some(Arc::new(move |event| heard.lock().expect("no panic").push(event)));
    let outcome = runtime.block_on(fetch(&options));
    let events = events.lock().expect("no panic").clone();
    Fetched { outcome, events }
}

/// The text of a file of a snapshot.
pub(crate) fn text(snapshot: &Snapshot, path: &str) -> String {
    let path = afterbay_manifest::TreePath::parse(path).expect("a path");
    let (_, file) = snapshot
        .tree
        .file(&path)
        .unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8(file.source().to_vec()).expect("text")
}

/// Every entry of a snapshot, one a line.
pub(crate) fn listing(snapshot: &Snapshot) -> String {
    let line = |(path, entry): (&afterbay_manifest::TreePath, &Entry)| match entry {
        Entry::File(file) if file.is_executable() => {
            format!("{path} executable, {} bytes\n", file.source().len())
        }
        Entry::File(file) => format!("{path} {} bytes\n", file.source().len()),
        Entry::Link(target) => format!("{path} -> {target}\n"),
        Entry::Submodule(commit) => format!("{path} @ {commit}\n"),
    };
    snapshot.tree.entries().map(line).collect()
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
