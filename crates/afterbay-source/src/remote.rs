//! Repositories behind an HTTP server: advertisement, pack, tree.
//!
//! ```text
//! pinned commit in the cache ──────────────────────────────► tree   (no request)
//! refs ─► the wanted one is in the cache ──────────────────► tree   (the advertisement only)
//!      └► want it, have what the cache has, depth 1 ─► pack ► tree
//! ```
//!
//! The negotiation is one round: a shallow cache holds nothing but complete tips, so they are all there
//! is to offer. A server may hand out a pinned commit that no branch holds; that is Git's own behavior.

use std::sync::Arc;
use std::time::Duration;

use afterbay_manifest::{Revision, Snapshot};
use gix::ObjectId;
use gix::odb::pack;
use gix::protocol::fetch::response::ShallowUpdate;
use gix::protocol::fetch::{Arguments, Response};
use gix::protocol::handshake::Ref;
use gix::protocol::ls_refs::RefPrefixes;
use gix::protocol::transport::Protocol;
use gix::protocol::{Command, Handshake, LsRefsCommand};
use gix_transport::client::blocking_io::ExtendedBufRead;
use gix_transport::client::blocking_io::http::Transport;
use reqwest::Url;

use crate::bounded_pack::BoundedPack;
use crate::cache::Cache;
use crate::error::SourceError;
use crate::foreign_text::{foreign_text, reasons};
use crate::http::{Client, GitHttp};
use crate::options::{CacheDir, SourceOptions};
use crate::progress::FetchEvent;
use crate::read;
use crate::reference::{self, Reference, Tip};
use crate::session::{Meter, Session};

/// What we call ourselves inside the protocol.
const AGENT: &str = concat!("git/afterbay-", env!("CARGO_PKG_VERSION"));

/// What the protocol library would ask for and we do not need.
const UNWANTED_FEATURES: [&str; 6] = [
    "include-tag",
    "sideband-all",
    "filter",
    "deepen-relative",
    "deepen-since",
    "deepen-not",
];

/// How much history is asked for.
const DEPTH: usize = 1;

/// A fetch from a server, ready to run on a blocking thread.
pub(crate) struct Job {
    client: Arc<Client>,
    url: Url,
    reference: Reference,
    cache: CacheDir,
    cache_wait: Duration,
    session: Arc<Session>,
}

type GitTransport = Transport<GitHttp>;

impl Job {
    /// Checks the options. It has to be called inside a tokio runtime.
    pub(crate) fn new(
        options: &SourceOptions,
        url: &Url,
        session: &Arc<Session>,
    ) -> Result<Self, SourceError> {
        if options.remote.userinfo().is_some() {
            session.warn(
                "the repository URL holds credentials, which other programs and logs may show; pass them as options"
                    .to_owned(),
            );
        }
        Ok(Self {
            client: Arc::new(Client::new(options, url, session)?),
            url: url.clone(),
            reference: options.reference.clone(),
            cache: options.cache.clone(),
            cache_wait: options.timeouts.cache,
            session: Arc::clone(session),
        })
    }

    /// Runs it. A cache that turns out to be broken is made anew, once.
    pub(crate) fn run(self) -> Result<Snapshot, SourceError> {
        let mut cache = Cache::open(&self.cache, self.cache_wait, &self.session)?;
        let had_objects = !cache.tips().is_empty();
        match self.attempt(&mut cache) {
            Err(SourceError::BrokenObject { id, problem, .. }) if had_objects => {
                self.session.warn(format!(
                    "object {id} of the cache is {problem}; the cache is made anew"
                ));
                cache.clear()?;
                self.attempt(&mut cache)
            }
            outcome => outcome,
        }
    }

    fn attempt(&self, cache: &mut Cache) -> Result<Snapshot, SourceError> {
        if let Some(pinned) = self.pinned().filter(|id| cache.tips().contains(id)) {
            self.session.emit(FetchEvent::Resolved {
                reference: None,
                id: pinned.to_string(),
            });
            self.session.emit(FetchEvent::Unchanged);
            return self.read(cache, pinned, None);
        }
        self.session.emit(FetchEvent::Connecting {
            remote: self.session.remote.clone(),
        });
        let mut connection = Connection::open(self)?;
        let tip = connection.resolve(&self.reference)?;
        let label = tip.label(&self.reference);
        self.session.emit(FetchEvent::Resolved {
            reference: label.clone(),
            id: tip.id.to_string(),
        });
        if cache.tips().contains(&tip.id) {
            self.session.emit(FetchEvent::Unchanged);
        } else {
            connection.fetch(tip.id, cache)?;
        }
        self.read(cache, tip.id, label)
    }

    fn pinned(&self) -> Option<ObjectId> {
        match &self.reference {
            Reference::Commit(commit) => ObjectId::from_hex(commit.as_bytes()).ok(),
            _ => None,
        }
    }

    fn read(&self, cache: &mut Cache, id: ObjectId, label: Option<String>) -> Result<Snapshot, SourceError> {
        let objects = cache.objects();
        let store = read::open_store(&objects, &self.session).map_err(|source| SourceError::Cache {
            path: objects,
            source,
        })?;
        let commit = read::peel(&store, &self.session, &self.reference.to_string(), id)?;
        let tree = read::read_tree(&store, &self.session, commit)?;
        Ok(Snapshot {
            revision: Revision {
                reference: label,
                commit: Some(commit.to_string()),
            },
            tree,
        })
    }
}

/// A server that has introduced itself.
struct Connection<'a> {
    job: &'a Job,
    transport: GitTransport,
    handshake: Handshake,
}

impl<'a> Connection<'a> {
    fn open(job: &'a Job) -> Result<Self, SourceError> {
        let http = GitHttp::new(Arc::clone(&job.client));
        let url = gix::Url::try_from(job.url.as_str()).map_err(|_| SourceError::InvalidUrl {
            reason: "git cannot read it",
        })?;
        let mut transport = Transport::new_http(http, url, Protocol::V2, false);
        let no_credentials = |_| Ok(None);
        let service = gix_transport::Service::UploadPack;
        let mut progress = Meter::new(&job.session);
        let handshake =
            gix::protocol::handshake(&mut transport, service, no_credentials, Vec::new(), &mut progress)
                .map_err(|error| job.misunderstood(&error))?;
        let connection = Self {
            job,
            transport,
            handshake,
        };
        connection.check_capabilities()?;
        Ok(connection)
    }

    fn check_capabilities(&self) -> Result<(), SourceError> {
        let capabilities = &self.handshake.capabilities;
        let format = capabilities
            .capability("object-format")
            .and_then(|format| format.value().map(ToOwned::to_owned));
        if let Some(format) = format.filter(|format| format != "sha1") {
            let format = foreign_text(&format);
            return Err(SourceError::ObjectFormat {
                remote: self.job.session.remote.clone(),
                format,
            });
        }
        Ok(())
    }

    /// Finds out which object is meant.
    fn resolve(&mut self, reference: &Reference) -> Result<Tip, SourceError> {
        if let Some(id) = self.job.pinned() {
            return Ok(Tip {
                name: id.to_string(),
                id,
                peeled: id,
                target: None,
            });
        }
        let remote = &self.job.session.remote;
        let tips = self.list(&reference.candidates())?;
        if let Some(tip) = reference::pick(remote, reference, &tips)? {
            return Ok(tip);
        }
        // The error names what there is, which costs one more request.
        let all = self.list(&["refs/heads/".to_owned(), "refs/tags/".to_owned()])?;
        Err(reference::unknown(
            remote,
            reference,
            all.iter().map(|tip| tip.name.as_str()),
        ))
    }

    /// The refs that begin with one of the prefixes.
    fn list(&mut self, prefixes: &[String]) -> Result<Vec<Tip>, SourceError> {
        let advertised = if let Some(refs) = &self.handshake.refs {
            refs.clone()
        } else {
            self.ls_refs(prefixes)?
        };
        let tips = advertised.into_iter().filter_map(tip);
        Ok(tips
            .filter(|tip| {
                prefixes
                    .iter()
                    .any(|prefix| tip.name.starts_with(prefix.as_str()))
            })
            .collect())
    }

    /// Asks a server of protocol version 2 for its refs.
    fn ls_refs(&mut self, prefixes: &[String]) -> Result<Vec<Ref>, SourceError> {
        let mut filter = RefPrefixes::new();
        filter.extend(prefixes.iter().map(|prefix| prefix.as_str().into()));
        let agent = ("agent", Some(AGENT.to_owned()));
        let command = LsRefsCommand::new(Some(filter), &self.handshake.capabilities, agent);
        let listed = command.invoke_blocking(&mut self.transport, &mut Meter::new(&self.job.session), false);
        listed.map_err(|error| self.job.misunderstood(&error))
    }

    /// Brings an object and all it needs into the cache.
    fn fetch(mut self, id: ObjectId, cache: &mut Cache) -> Result<(), SourceError> {
        let version = self.handshake.server_protocol_version;
        let mut arguments = self.arguments(id, cache);
        let job = self.job;
        let misunderstood = |error: &dyn std::error::Error| job.misunderstood(error);
        let sent = arguments.send(&mut self.transport, true);
        let mut reader = sent.map_err(|error| misunderstood(&error))?;
        let response = Response::from_line_reader(version, &mut reader, true, false);
        let response = response.map_err(|error| misunderstood(&error))?;
        if !response.has_pack() {
            return Err(job.misunderstood(&std::io::Error::other("there is no pack in the answer")));
        }
        // From here on the server sends side bands; without a handler they would not be told apart.
        reader.set_progress_handler(Some(Box::new(|_, _| std::ops::ControlFlow::Continue(()))));
        self.job.receive(&mut reader, cache)?;
        drop(reader);
        let shallow = apply(cache.shallow(), response.shallow_updates());
        cache.record(&[id], shallow)
    }

    /// What is wanted and what is there.
    fn arguments(&self, id: ObjectId, cache: &Cache) -> Arguments {
        let version = self.handshake.server_protocol_version;
        let mut features = Command::Fetch.default_features(version, &self.handshake.capabilities);
        // The tag that is wanted is asked for by its id, and to name `deepen-relative` in version 0 is to
        // ask for it: the depth would count from a boundary that is not there, and all history would come.
        features.retain(|(name, _)| !UNWANTED_FEATURES.contains(name));
        features.push(("agent", Some(AGENT.to_owned())));
        let mut arguments = Arguments::new(version, features, false);
        if version == Protocol::V2 {
            arguments.add_feature("no-progress");
        }
        arguments.want(id);
        if arguments.can_use_shallow() {
            cache.shallow().iter().for_each(|id| arguments.shallow(id));
            arguments.deepen(DEPTH);
        } else {
            self.job
                .session
                .warn("the server cannot cut history off, so all of it is transferred".to_owned());
        }
        cache.tips().iter().for_each(|id| arguments.have(id));
        arguments
    }
}

impl Job {
    /// Writes the pack into the cache, completed from what is there.
    fn receive<'a>(
        &self,
        reader: &mut Box<dyn ExtendedBufRead<'a> + Unpin + 'a>,
        cache: &Cache,
    ) -> Result<(), SourceError> {
        let objects = cache.objects();
        let store = read::open_store(&objects, &self.session).map_err(|source| SourceError::Cache {
            path: objects.clone(),
            source,
        })?;
        let options = pack::bundle::write::Options {
            alloc_limit_bytes: Some(read::allocation_limit(&self.session)),
            ..Default::default()
        };
        let mut pack = BoundedPack::new(reader, &self.session);
        let outcome = pack::Bundle::write_to_directory(
            &mut pack,
            Some(&objects.join("pack")),
            &mut Meter::new(&self.session),
            self.session.stop_flag(),
            Some(store),
            gix::hash::Kind::Sha1,
            options,
        )
        .map_err(|error| self.misunderstood(&error))?;
        // The state file, not a `.keep` file, says what is complete.
        cache.discard(outcome.keep_path.iter())
    }

    /// What a failure of the protocol library means: what a part of ours left, or the library's own words.
    fn misunderstood(&self, error: &dyn std::error::Error) -> SourceError {
        match (self.session.take_fault(), self.pinned()) {
            (Some(SourceError::Server { remote, message }), Some(pinned)) if is_not_served(&message) => {
                SourceError::CommitNotServed {
                    remote,
                    commit: pinned.to_string(),
                    message,
                }
            }
            (Some(fault), _) => fault,
            (None, _) => SourceError::Protocol {
                remote: self.session.remote.clone(),
                reason: reasons(error),
            },
        }
    }
}

/// How Git servers say that they do not have a commit, or do not hand it out (`upload-pack.c` of Git).
fn is_not_served(message: &str) -> bool {
    message.contains("not our ref") || message.contains("unadvertised object")
}

/// An advertised ref, unless it leads nowhere or has a name that no ref can have.
fn tip(advertised: Ref) -> Option<Tip> {
    let (name, id, peeled, target) = match advertised {
        Ref::Peeled {
            full_ref_name,
            tag,
            object,
        } => (full_ref_name, tag, object, None),
        Ref::Direct {
            full_ref_name,
            object,
        } => (full_ref_name, object, object, None),
        Ref::Symbolic {
            full_ref_name,
            target,
            tag,
            object,
        } => (full_ref_name, tag.unwrap_or(object), object, Some(target)),
        Ref::Unborn { .. } => return None,
    };
    let is_ref = |name: &gix::bstr::BString| gix::validate::reference::name(name.as_ref()).is_ok();
    if !is_ref(&name) {
        return None;
    }
    let target = target.filter(is_ref).map(|target| target.to_string());
    Some(Tip {
        name: String::from_utf8(name.into()).ok()?,
        id,
        peeled,
        target,
    })
}

/// The shallow commits after a fetch.
fn apply(shallow: &[ObjectId], updates: &[ShallowUpdate]) -> Vec<ObjectId> {
    let mut shallow = shallow.to_vec();
    for update in updates {
        match update {
            ShallowUpdate::Shallow(id) if !shallow.contains(id) => shallow.push(*id),
            ShallowUpdate::Shallow(_) => {}
            ShallowUpdate::Unshallow(id) => shallow.retain(|other| other != id),
        }
    }
    shallow
}
