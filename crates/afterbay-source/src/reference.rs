//! What to fetch: the text of `--ref`, and which ref of a repository it means.

use std::fmt;

use gix::ObjectId;

use crate::error::SourceError;

/// Length of a SHA-1 object id in hex.
const COMMIT_HEX: usize = 40;

/// The fewest hex digits Git takes for an abbreviated object id (`MINIMUM_ABBREV` of Git).
const SHORTEST_ABBREVIATION: usize = 4;

/// How many similar names an error lists.
const MOST_SIMILAR: usize = 10;

/// Which revision of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reference {
    /// What the repository's `HEAD` points to.
    #[default]
    Head,
    /// A branch or a tag, by its short name.
    Name(String),
    /// A ref by its full name, `refs/…`.
    Full(String),
    /// A commit by its full id, 40 lower-case hex digits.
    Commit(String),
}

impl Reference {
    /// Reads the text of one option: empty or `HEAD`, `refs/…`, 40 hex digits, or a branch or tag.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text.is_empty() || text == "HEAD" {
            return Ok(Self::Head);
        }
        if text.len() == COMMIT_HEX && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Commit(text.to_ascii_lowercase()));
        }
        let full = text.starts_with("refs/");
        let name = if full {
            text.to_owned()
        } else {
            format!("refs/heads/{text}")
        };
        if gix::validate::reference::name(name.as_str().into()).is_err() || text.starts_with('-') {
            return Err(SourceError::InvalidReference {
                reference: text.escape_debug().to_string(),
            });
        }
        Ok(if full {
            Self::Full(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }

    /// What the revision of the snapshot calls it; `None` for a bare commit.
    pub(crate) fn label(&self) -> Option<String> {
        match self {
            Self::Head => Some("HEAD".to_owned()),
            Self::Name(name) | Self::Full(name) => Some(name.clone()),
            Self::Commit(_) => None,
        }
    }

    /// The full ref names it may mean, the preferred one first (the order of `git clone --branch`).
    pub(crate) fn candidates(&self) -> Vec<String> {
        match self {
            Self::Head => vec!["HEAD".to_owned()],
            Self::Name(name) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
            Self::Full(name) => vec![name.clone()],
            Self::Commit(_) => Vec::new(),
        }
    }

    /// Whether the text could be an abbreviated commit id.
    pub(crate) fn looks_like_short_commit(&self) -> bool {
        let Self::Name(name) = self else { return false };
        (SHORTEST_ABBREVIATION..COMMIT_HEX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && name.bytes().any(|byte| byte.is_ascii_digit())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Name(text) | Self::Full(text) | Self::Commit(text) => f.write_str(text),
        }
    }
}

/// A ref that a repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Its full name.
    pub(crate) name: String,
    /// What it points to: a commit or a tag object.
    pub(crate) id: ObjectId,
    /// The commit behind a tag object, where it is known.
    pub(crate) peeled: ObjectId,
    /// The ref it stands for, for `HEAD`.
    pub(crate) target: Option<String>,
}

impl Tip {
    /// What to call the revision: for `HEAD` the branch it stands for.
    pub(crate) fn label(&self, reference: &Reference) -> Option<String> {
        match (reference, &self.target) {
            (Reference::Head, Some(target)) => {
                Some(target.strip_prefix("refs/heads/").unwrap_or(target).to_owned())
            }
            _ => reference.label(),
        }
    }
}

/// Picks the ref that is meant out of those a repository has.
///
/// `Ok(None)` says that none is. A branch and a tag of one name are refused unless they are the same
/// commit, because Git's own commands disagree on which of them wins.
pub(crate) fn pick(remote: &str, reference: &Reference, tips: &[Tip]) -> Result<Option<Tip>, SourceError> {
    let candidates = reference.candidates();
    let found: Vec<&Tip> = candidates
        .iter()
        .filter_map(|name| tips.iter().find(|tip| tip.name == *name))
        .collect();
    if let [first, second] = found.as_slice()
        && first.peeled != second.peeled
    {
        return Err(SourceError::AmbiguousReference {
            remote: remote.to_owned(),
            reference: reference.to_string(),
            candidates,
        });
    }
    Ok(found.first().map(|tip| (*tip).clone()))
}

/// The error for a ref that is not there, with the names that come closest.
pub(crate) fn unknown<'a>(
    remote: &str,
    reference: &Reference,
    names: impl Iterator<Item = &'a str>,
) -> SourceError {
    let names: Vec<&str> = names.filter(|name| *name != "HEAD").collect();
    let remote = remote.to_owned();
    if names.is_empty() {
        return SourceError::EmptyRepository { remote };
    }
    if reference.looks_like_short_commit() {
        return SourceError::ShortCommit {
            remote,
            commit: reference.to_string(),
        };
    }
    SourceError::UnknownReference {
        remote,
        reference: reference.to_string(),
        similar: similar(reference, &names),
    }
}

/// The closest names first: those that contain the text, then by edit distance, then by name.
fn similar(reference: &Reference, names: &[&str]) -> Vec<String> {
    let wanted = reference.to_string();
    let short = |name: &str| {
        name.strip_prefix("refs/heads/")
            .or_else(|| name.strip_prefix("refs/tags/"))
            .unwrap_or(name)
            .to_owned()
    };
    let wanted = short(&wanted).to_lowercase();
    let mut ranked: Vec<(bool, usize, &str)> = names
        .iter()
        .map(|name| {
            let candidate = short(name).to_lowercase();
            (
                !candidate.contains(&wanted),
                edit_distance(&candidate, &wanted),
                *name,
            )
        })
        .collect();
    ranked.sort_unstable();
    ranked
        .into_iter()
        .take(MOST_SIMILAR)
        .map(|(_, _, name)| name.to_owned())
        .collect()
}

/// Levenshtein distance over bytes.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests;
