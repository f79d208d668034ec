//! Repositories on this machine, read in place.
//!
//! Git's own transport for a path starts `git-upload-pack`; here the object store is opened directly.
//! Only the repository's own configuration is read, of it only what describes the storage, and no
//! command, hook or filter in it is run. Git refuses a repository that another user owns because it would
//! run what that repository configures; as nothing is run here, such a repository is read, with a warning.

use std::path::{Path, PathBuf};

use afterbay_manifest::{Revision, Snapshot};
use gix::ObjectId;
use gix::sec::Trust;

use crate::error::SourceError;
use crate::foreign_text::reasons;
use crate::progress::FetchEvent;
use crate::read;
use crate::reference::{self, Reference, Tip};
use crate::session::Session;

/// What may stand after a repository's name, in Git's order (`enter_repo` of Git's `path.c`).
const SUFFIXES: [&str; 4] = ["/.git", "", ".git/.git", ".git"];

/// Reads one revision of the repository at a path.
pub(crate) fn fetch(path: &Path, reference: &Reference, session: &Session) -> Result<Snapshot, SourceError> {
    let repository = open(path, session)?;
    let store = read::open_store(repository.objects.store_ref().path(), session)
        .map_err(|error| unreadable(&error, session))?;
    let tip = resolve(&repository, &store, reference, session)?;
    let label = tip.label(reference);
    session.emit(FetchEvent::Resolved {
        reference: label.clone(),
        id: tip.id.to_string(),
    });
    let commit = read::peel(&store, session, &reference.to_string(), tip.id)?;
    let tree = read::read_tree(&store, session, commit)?;
    Ok(Snapshot {
        revision: Revision {
            reference: label,
            commit: Some(commit.to_string()),
        },
        tree,
    })
}

fn open(path: &Path, session: &Session) -> Result<gix::Repository, SourceError> {
    let directory = find(path).ok_or_else(|| SourceError::NotARepository {
        path: path.to_owned(),
        parent: path
            .ancestors()
            .skip(1)
            .filter(|above| !above.as_os_str().is_empty())
            .find(|above| find(above).is_some())
            .map(Path::to_owned),
    })?;
    if matches!(Trust::from_path_ownership(&directory), Ok(Trust::Reduced)) {
        session.warn(format!(
            "{} belongs to another user; nothing that its configuration names is run",
            path.display()
        ));
    }
    let options = gix::open::Options::isolated().open_path_as_is(true);
    gix::open_opts(&directory, options).map_err(|error| not_opened(&error, session))
}

/// The protocol library is built for SHA-1 and fails on the configuration of any other repository.
fn not_opened(error: &gix::Error, session: &Session) -> SourceError {
    let reason = reasons(error);
    if reason.contains("sha256") {
        return SourceError::ObjectFormat {
            remote: session.remote.clone(),
            format: "sha256".to_owned(),
        };
    }
    SourceError::Unreadable {
        remote: session.remote.clone(),
        reason,
    }
}

/// The repository at a path, as Git looks for it: a work tree, a bare repository, or either with `.git` left off.
fn find(path: &Path) -> Option<PathBuf> {
    SUFFIXES.iter().find_map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        if name.is_empty() {
            name.push(".");
        }
        name.push(suffix);
        let candidate = PathBuf::from(name);
        // A file named `.git` points to the repository of a linked work tree or submodule.
        let is_link = candidate.is_file() && candidate.file_name().is_some_and(|name| name == ".git");
        let is_repository = candidate.join("HEAD").exists()
            && (candidate.join("objects").is_dir() || candidate.join("commondir").is_file());
        (is_link || is_repository).then_some(candidate)
    })
}

fn resolve(
    repository: &gix::Repository,
    store: &gix::odb::Handle,
    reference: &Reference,
    session: &Session,
) -> Result<Tip, SourceError> {
    if let Reference::Commit(commit) = reference {
        return resolve_commit(store, commit, session);
    }
    let mut tips = Vec::new();
    for name in reference.candidates() {
        tips.extend(look_up(repository, store, &name, session)?);
    }
    if let Some(tip) = reference::pick(&session.remote, reference, &tips)? {
        return Ok(tip);
    }
    let names = names(repository, session)?;
    Err(reference::unknown(
        &session.remote,
        reference,
        names.iter().map(String::as_str),
    ))
}

fn resolve_commit(store: &gix::odb::Handle, commit: &str, session: &Session) -> Result<Tip, SourceError> {
    let missing = || SourceError::CommitNotFound {
        remote: session.remote.clone(),
        commit: commit.to_owned(),
    };
    let id = ObjectId::from_hex(commit.as_bytes()).map_err(|_| missing())?;
    if !read::has(store, id) {
        return Err(missing());
    }
    Ok(Tip {
        name: commit.to_owned(),
        id,
        peeled: id,
        target: None,
    })
}

/// One ref with what it points to; `None` when it is not there or unborn.
fn look_up(
    repository: &gix::Repository,
    store: &gix::odb::Handle,
    name: &str,
    session: &Session,
) -> Result<Option<Tip>, SourceError> {
    let found = repository
        .try_find_reference(name)
        .map_err(|error| unreadable(&error, session))?;
    let Some(mut found) = found.filter(|found| found.name().as_bstr() == name) else {
        return Ok(None);
    };
    let target = found
        .target()
        .try_name()
        .map(|target| target.as_bstr().to_string());
    // A branch that has no commit yet cannot be followed.
    let Ok(id) = found.follow_to_object().map(gix::Id::detach) else {
        return Ok(None);
    };
    let peeled = read::peel(store, session, name, id).unwrap_or(id);
    Ok(Some(Tip {
        name: name.to_owned(),
        id,
        peeled,
        target,
    }))
}

/// The names of all refs.
fn names(repository: &gix::Repository, session: &Session) -> Result<Vec<String>, SourceError> {
    let platform = repository
        .references()
        .map_err(|error| unreadable(&error, session))?;
    let all = platform.all().map_err(|error| unreadable(&error, session))?;
    Ok(all
        .filter_map(Result::ok)
        .map(|found| found.name().as_bstr().to_string())
        .collect())
}

fn unreadable(error: &dyn std::error::Error, session: &Session) -> SourceError {
    SourceError::Unreadable {
        remote: session.remote.clone(),
        reason: reasons(error),
    }
}
