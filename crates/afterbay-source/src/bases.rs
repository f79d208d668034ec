//! What a build needs from other machines: fetched where the operator allowed it, and laid into the tree.
//!
//! Who builds names what is missing, and after each round again, because what was fetched may need more. What the operator did
//! not allow is left missing, so that the build says of every entry what to do.

use std::collections::BTreeSet;

use afterbay_manifest::{Entry, FileTree, RemoteAddress, RemoteEntry, Snapshot, TreePath};
use reqwest::Url;

use crate::error::{RemoteFailure, SourceError, Withheld};
use crate::fetch::{download, fetch};
use crate::http::same_origin;
use crate::options::{Redirects, SourceOptions};
use crate::reference::Reference;
use crate::url::{Location, RemoteUrl};

/// How many repositories and files are fetched for one build.
const MOST_REMOTES: usize = 64;

/// How often what was fetched may need more.
const MOST_ROUNDS: usize = 8;

/// Fetches one revision, and what its build needs beside it: [`fetch`], then [`fetch_bases`].
pub async fn fetch_for(
    options: &SourceOptions,
    missing: impl Fn(&FileTree) -> Vec<RemoteEntry>,
) -> Result<Snapshot, SourceError> {
    let Snapshot { revision, tree } = fetch(options).await?;
    let tree = fetch_bases(tree, options, missing).await?;
    Ok(Snapshot { revision, tree })
}

/// Fetches what `missing` names and the options allow, until it names nothing of that kind.
///
/// Everything is pinned, so the content does not depend on the server. The limits hold for each of it as for the revision, and
/// for all of it together. Credentials go to the server of the revision only.
pub async fn fetch_bases(
    mut tree: FileTree,
    options: &SourceOptions,
    missing: impl Fn(&FileTree) -> Vec<RemoteEntry>,
) -> Result<FileTree, SourceError> {
    if options.allowed_remotes.is_empty() {
        return Ok(tree);
    }
    let mut count = 0;
    for _ in 0..=MOST_ROUNDS {
        let wanted = wanted(missing(&tree), options);
        if wanted.is_empty() {
            return Ok(tree);
        }
        count += wanted.len();
        if count > MOST_REMOTES {
            return Err(SourceError::TooManyRemotes { limit: MOST_REMOTES });
        }
        let mut failed = Vec::new();
        for (entry, address) in wanted {
            let laid_in = match obtain(&address, options).await {
                Ok(files) => lay_in(&mut tree, &address, files, options),
                Err(error) => Err(error),
            };
            if let Err(error) = laid_in {
                failed.push(RemoteFailure { entry, error });
            }
        }
        if !failed.is_empty() {
            return Err(SourceError::Remotes { failed });
        }
    }
    Err(SourceError::RemotesTooDeep { limit: MOST_ROUNDS })
}

/// What is allowed of what is missing, each once, by the entry that comes first.
fn wanted(missing: Vec<RemoteEntry>, options: &SourceOptions) -> Vec<(RemoteEntry, RemoteAddress)> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    for entry in missing {
        let Ok(address) = entry.address.clone() else {
            continue;
        };
        let is_allowed = Url::parse(address.url()).is_ok_and(|url| {
            options
                .allowed_remotes
                .iter()
                .any(|allowed| allowed.permits(&url))
        });
        if is_allowed && seen.insert(address.clone()) {
            wanted.push((entry, address));
        }
    }
    wanted
}

async fn obtain(address: &RemoteAddress, options: &SourceOptions) -> Result<FileTree, SourceError> {
    let invalid = |_| SourceError::InvalidUrl {
        reason: "it is not a well-formed URL",
    };
    let url = Url::parse(address.url()).map_err(invalid)?;
    let is_home = matches!(options.remote.location(), Location::Http(home) if same_origin(home, &url));
    let mut own = options.clone();
    let credentials = options.credentials.as_ref().or(options.remote.userinfo());
    own.credentials = credentials.filter(|_| is_home).cloned();
    own.http.redirects = Redirects::Within(options.allowed_remotes.clone());
    let obtained = match address {
        RemoteAddress::Git { repository, commit } => {
            own.remote = RemoteUrl::parse(repository)?;
            own.reference = Reference::parse(commit)?;
            fetch(&own).await.map(|snapshot| snapshot.tree)
        }
        RemoteAddress::File { sha256, .. } => {
            own.remote = RemoteUrl::from_path("");
            let name = address.file_name().unwrap_or_default();
            download(&own, &url, sha256).await.map(|content| {
                let mut files = FileTree::new();
                files.insert_file(TreePath::name_only(name), content, false);
                files
            })
        }
    };
    obtained.map_err(|error| match error {
        SourceError::AuthenticationRequired { remote, .. } if !is_home => {
            SourceError::AuthenticationRequired {
                remote,
                withheld: Withheld::NotOfTheRevision,
            }
        }
        error => error,
    })
}

fn lay_in(
    tree: &mut FileTree,
    address: &RemoteAddress,
    files: FileTree,
    options: &SourceOptions,
) -> Result<(), SourceError> {
    let at = address.mount()?;
    tree.mount(&at, files)?;
    let (entries, bytes) = size(tree);
    let limits = &options.limits;
    if entries > limits.entries || bytes > limits.tree_bytes {
        return Err(SourceError::RemotesTooLarge {
            entries: limits.entries,
            bytes: limits.tree_bytes,
        });
    }
    Ok(())
}

/// Entries, and the bytes of all files.
fn size(tree: &FileTree) -> (usize, u64) {
    tree.entries().fold((0, 0), |(count, bytes), (_, entry)| {
        let more = match entry {
            Entry::File(file) => file.source().len() as u64,
            Entry::Link(_) | Entry::Submodule(_) => 0,
        };
        (count + 1, bytes + more)
    })
}
