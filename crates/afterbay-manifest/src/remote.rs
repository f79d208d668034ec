//! What a build needs from other machines: named by render, fetched by source, laid into the tree between the two.

use crate::{Place, TreeError, TreePath};

/// Something on another machine whose content is fixed by its address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteAddress {
    /// A commit of a Git repository.
    Git {
        /// URL of the repository, without credentials.
        repository: String,
        /// The full id of the commit, 40 lower-case hex digits.
        commit: String,
    },
    /// A file.
    File {
        /// Its URL, without credentials and without the digest.
        url: String,
        /// SHA-256 of its content, 64 lower-case hex digits.
        sha256: String,
    },
}

impl RemoteAddress {
    /// The URL that is asked.
    pub fn url(&self) -> &str {
        match self {
            Self::Git { repository, .. } => repository,
            Self::File { url, .. } => url,
        }
    }

    /// The directory of a tree that holds it: `https:/host/repository@commit`, `https:/host/directory@sha256:digest`.
    pub fn mount(&self) -> Result<TreePath, TreeError> {
        match self {
            Self::Git { repository, commit } => TreePath::parse(&format!("{repository}@{commit}")),
            Self::File { url, sha256 } => {
                let (directory, _) = split_file(url);
                TreePath::parse(&format!("{directory}@sha256:{sha256}"))
            }
        }
    }

    /// The name of the file in that directory; `None` for a repository.
    pub fn file_name(&self) -> Option<&str> {
        match self {
            Self::Git { .. } => None,
            Self::File { url, .. } => Some(split_file(url).1),
        }
    }
}

/// A URL without its query, before and behind its last slash.
fn split_file(url: &str) -> (&str, &str) {
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    path.rsplit_once('/').unwrap_or(("", path))
}

/// An entry of a kustomization file that is on another machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteEntry {
    /// Where it is written.
    pub place: Place,
    /// What kind of entry: `resource`, `component`, ….
    pub what: &'static str,
    /// As written, without credentials.
    pub entry: String,
    /// What it means, or why it is never fetched and what to do.
    pub address: Result<RemoteAddress, &'static str>,
}

#[cfg(test)]
mod tests {
    use super::RemoteAddress;

    #[test]
    fn a_place_in_the_tree_tells_address_and_content() {
        let repository = RemoteAddress::Git {
            repository: "https://git.example.com/team/bases".to_owned(),
            commit: "0".repeat(40),
        };
        let mount = repository.mount().unwrap();
        assert_eq!(
            mount.as_str(),
            format!("https:/git.example.com/team/bases@{}", "0".repeat(40))
        );
        let file = RemoteAddress::File {
            url: "https://example.com/v1/crds.yaml?raw=1".to_owned(),
            sha256: "a".repeat(64),
        };
        assert_eq!(
            file.mount().unwrap().as_str(),
            format!("https:/example.com/v1@sha256:{}", "a".repeat(64))
        );
        assert_eq!(file.file_name(), Some("crds.yaml"));
    }
}
