//! What can go wrong with a fetch, and what to do about it.
//!
//! No variant holds a credential. Text that a server sent is bounded and free of control characters
//! (see `foreign_text.rs`) before it gets here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use afterbay_manifest::{Finding, RemoteEntry, Scrubber, TreeError};
use thiserror::Error;

mod problem;

pub use problem::TreeProblem;

/// Why a revision could not be fetched. [`SourceError::hint`] says what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The text is no URL or path. It is not repeated, because it may hold a password.
    #[error("the repository URL cannot be used: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a path, `file`, `http` or `https`.
    #[error("repositories are not fetched over {scheme}")]
    UnsupportedScheme {
        /// The scheme.
        scheme: String,
    },
    /// No ref can have that name (`git-check-ref-format(1)`).
    #[error("{reference:?} is not a valid branch, tag, ref or commit")]
    InvalidReference {
        /// The text, escaped.
        reference: String,
    },
    /// The path holds no repository.
    #[error("{path} is not a git repository")]
    NotARepository {
        /// The path.
        path: PathBuf,
        /// The closest directory above that is one.
        parent: Option<PathBuf>,
    },
    /// The path holds a repository that cannot be read.
    #[error("{remote}: the repository cannot be opened: {reason}")]
    Unreadable {
        /// The repository.
        remote: String,
        /// Why, in the words of the reader.
        reason: String,
    },
    /// The repository uses SHA-256 object ids.
    #[error("{remote}: the repository uses the {format} object format, and only sha1 is supported")]
    ObjectFormat {
        /// The repository.
        remote: String,
        /// Its format.
        format: String,
    },
    /// The repository has no branch and no tag.
    #[error("{remote}: the repository is empty")]
    EmptyRepository {
        /// The repository.
        remote: String,
    },
    /// No such branch, tag or ref.
    #[error("{remote}: there is no branch, tag or ref {reference:?}")]
    UnknownReference {
        /// The repository.
        remote: String,
        /// What was asked for.
        reference: String,
        /// Up to ten full names that come closest.
        similar: Vec<String>,
    },
    /// An abbreviated commit id.
    #[error("{remote}: {commit:?} is no branch or tag, and short commit ids are not looked up")]
    ShortCommit {
        /// The repository.
        remote: String,
        /// The text.
        commit: String,
    },
    /// A branch and a tag of that name are different commits.
    #[error("{remote}: {reference:?} is a branch and a tag, and they are different commits")]
    AmbiguousReference {
        /// The repository.
        remote: String,
        /// The text.
        reference: String,
        /// The full names.
        candidates: Vec<String>,
    },
    /// The ref leads to something without a tree of files, such as a tagged blob.
    #[error("{remote}: {reference} is a {kind}, not a commit")]
    NotACommit {
        /// The repository.
        remote: String,
        /// What was asked for.
        reference: String,
        /// What it is.
        kind: String,
    },
    /// The repository on this machine does not have the commit.
    #[error("{remote}: there is no commit {commit}")]
    CommitNotFound {
        /// The repository.
        remote: String,
        /// The full id.
        commit: String,
    },
    /// The server does not have the commit or does not hand it out.
    #[error("{remote}: the server does not serve commit {commit}: {message}")]
    CommitNotServed {
        /// The repository.
        remote: String,
        /// The full id.
        commit: String,
        /// What the server said.
        message: String,
    },
    /// An object is missing or broken.
    #[error("{remote}: object {id} is {problem}")]
    BrokenObject {
        /// The repository.
        remote: String,
        /// Its id in hex.
        id: String,
        /// `missing`, or what is wrong with it.
        problem: String,
    },
    /// Files of the tree are refused; all that were found are listed.
    #[error("{remote}: the tree of {commit} is refused:{}", list(problems))]
    Tree {
        /// The repository.
        remote: String,
        /// The commit.
        commit: String,
        /// What is wrong, in path order.
        problems: Vec<TreeProblem>,
    },
    /// The server wants to know who is asking.
    #[error("{remote}: the server asks for credentials")]
    AuthenticationRequired {
        /// The URL that was asked.
        remote: String,
        /// Whether there were credentials that must not go to that host.
        withheld: Withheld,
    },
    /// The server does not accept the credentials.
    #[error("{remote}: the server does not accept the credentials")]
    AuthenticationFailed {
        /// The URL that was asked.
        remote: String,
    },
    /// The server knows who is asking and says no.
    #[error("{remote}: the server denies access (http 403){}", said(message))]
    AccessDenied {
        /// The URL that was asked.
        remote: String,
        /// What the server said.
        message: String,
    },
    /// The server has no such repository.
    #[error("{remote}: the server has no such repository (http {status})")]
    NotFound {
        /// The URL that was asked.
        remote: String,
        /// 404 or 410.
        status: u16,
    },
    /// Any other HTTP status.
    #[error("{remote}: the server answers with http {status}{}", said(message))]
    HttpStatus {
        /// The URL that was asked.
        remote: String,
        /// The status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// An answer that is not of Git's smart protocol.
    #[error("{remote}: the answer is not of git's smart http protocol (content type {content_type:?})")]
    NotSmart {
        /// The URL that was asked.
        remote: String,
        /// The content type of the answer.
        content_type: String,
    },
    /// A redirect that is not followed.
    #[error("{remote}: the redirect to {target} is refused: {reason}")]
    Redirect {
        /// The URL that was asked.
        remote: String,
        /// Where it points.
        target: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// Credentials would travel in clear text.
    #[error("{remote}: credentials are not sent over plain http")]
    InsecureCredentials {
        /// The repository.
        remote: String,
    },
    /// The credentials cannot be put in a header.
    #[error("the credentials cannot be used: {reason}")]
    InvalidCredentials {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The name of the host leads nowhere.
    #[error("{remote}: the host name cannot be resolved")]
    UnknownHost {
        /// The URL that was asked.
        remote: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// No connection to the host.
    #[error("{remote}: the server cannot be reached")]
    Unreachable {
        /// The URL that was asked.
        remote: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// No trusted connection to the host.
    #[error("{remote}: the tls connection is refused: {reason}")]
    Tls {
        /// The URL that was asked.
        remote: String,
        /// What the TLS library says.
        reason: String,
    },
    /// The connection broke.
    #[error("{remote}: the connection broke")]
    Interrupted {
        /// The URL that was asked.
        remote: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing happened for too long.
    #[error("{remote}: gave up {what} after {} s", after.as_secs_f64())]
    Timeout {
        /// The repository.
        remote: String,
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The CA bundle, a proxy, or the client itself.
    #[error("the http client cannot be set up: {reason}")]
    HttpClient {
        /// What is wrong.
        reason: &'static str,
        /// The cause.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The server reported an error in the Git protocol.
    #[error("{remote}: the server reports: {message}")]
    Server {
        /// The repository.
        remote: String,
        /// What it said.
        message: String,
    },
    /// The server does not follow the protocol.
    #[error("{remote}: the server's answer cannot be understood: {reason}")]
    Protocol {
        /// The repository.
        remote: String,
        /// Where it went wrong.
        reason: String,
    },
    /// The server sends more than is accepted.
    #[error("{remote}: the server sends more than {limit} bytes")]
    ReceivedTooMuch {
        /// The repository.
        remote: String,
        /// The limit.
        limit: u64,
    },
    /// What the server sent inflates to more than is accepted.
    #[error("{remote}: the objects the server sends inflate to more than {limit} bytes")]
    InflatedTooMuch {
        /// The repository.
        remote: String,
        /// The limit.
        limit: u64,
    },
    /// One object inflates to more than any accepted file or directory.
    #[error("{remote}: an object the server sends inflates to more than {limit} bytes")]
    ObjectTooLarge {
        /// The repository.
        remote: String,
        /// The limit.
        limit: usize,
    },
    /// The object cache cannot be used.
    #[error("the object cache {path} cannot be used")]
    Cache {
        /// Its directory, or the file in it.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the cache.
    #[error("the object cache {path} is in use by another process")]
    CacheBusy {
        /// Its directory.
        path: PathBuf,
    },
    /// What the operator allows is no host.
    #[error("--allow-remote {text}: {reason}")]
    InvalidAllowance {
        /// The text, escaped.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What a build needs from other machines could not be fetched.
    #[error("{}", lines(failed))]
    Remotes {
        /// Each entry with what went wrong.
        failed: Vec<RemoteFailure>,
    },
    /// A build needs too much from other machines.
    #[error("the build needs more than {limit} remote repositories and files, which is the limit")]
    TooManyRemotes {
        /// The limit.
        limit: usize,
    },
    /// What was fetched for a build needs more, over and over.
    #[error("remote bases that list remote bases are nested more than {limit} deep, which is the limit")]
    RemotesTooDeep {
        /// The limit.
        limit: usize,
    },
    /// The revision is too large with what was fetched for it.
    #[error("with what is fetched for it the revision has more than {entries} files or {bytes} bytes")]
    RemotesTooLarge {
        /// The limit of files and directories.
        entries: usize,
        /// The limit of bytes.
        bytes: u64,
    },
    /// A file is too large.
    #[error("{remote}: the file has more than {limit} bytes")]
    RemoteFileTooLarge {
        /// Its URL.
        remote: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is another one than the entry means.
    #[error("{remote}: the file has the digest sha256:{found}, and the entry wants sha256:{expected}")]
    Digest {
        /// Its URL.
        remote: String,
        /// As written in the entry.
        expected: String,
        /// Of what was sent.
        found: String,
    },
    /// What was fetched does not fit into the tree.
    #[error(transparent)]
    Place(#[from] TreeError),
    /// The caller gave up.
    #[error("the fetch was canceled")]
    Canceled,
    /// A defect of this program.
    #[error("the fetch stopped on an internal error")]
    Internal,
}

/// An entry of a build that could not be fetched.
#[derive(Debug)]
pub struct RemoteFailure {
    /// The entry.
    pub entry: RemoteEntry,
    /// Why.
    pub error: SourceError,
}

impl fmt::Display for RemoteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RemoteEntry {
            place, what, entry, ..
        } = &self.entry;
        let error = Finding::of(&self.error, None).message;
        write!(f, "{place}: {what} {entry:?}: {error}")?;
        match self.error.hint() {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Whether credentials were kept back from a server that asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// There were none.
    NoneGiven,
    /// A redirect led to another host, which must not see them.
    OtherHost,
    /// A file of the revision named the host.
    NotOfTheRevision,
}

impl SourceError {
    /// The same, without values in the texts that a server sent.
    #[must_use]
    pub(crate) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        match &mut self {
            Self::CommitNotServed { message: text, .. }
            | Self::AccessDenied { message: text, .. }
            | Self::HttpStatus { message: text, .. }
            | Self::NotSmart {
                content_type: text, ..
            }
            | Self::Redirect { target: text, .. }
            | Self::Server { message: text, .. }
            | Self::Protocol { reason: text, .. } => *text = scrubber.scrub(text),
            _ => {}
        }
        self
    }

    /// What to do about it, in one sentence without a full stop; `None` where there is nothing to add.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::InvalidUrl { .. } => "give a path, file:///path, http://host/path or https://host/path",
            Self::UnsupportedScheme { .. } => "use the https:// address of the repository",
            Self::InvalidReference { .. } => "give a branch, a tag, refs/… or a full commit id",
            Self::NotARepository {
                parent: Some(parent), ..
            } => {
                return Some(format!(
                    "the repository is {}; give that and select a directory in it",
                    parent.display()
                ));
            }
            Self::NotARepository { parent: None, .. } => {
                "give the directory that holds .git, or a bare repository"
            }
            Self::Unreadable { .. } => "check the permissions and run git fsck in it",
            Self::ObjectFormat { .. } => "mirror it into a repository created with --object-format=sha1",
            Self::EmptyRepository { .. } => "push a commit first",
            Self::UnknownReference { similar, .. } => {
                return Some(format!("there is {}", similar.join(", ")));
            }
            Self::ShortCommit { .. } => "give all 40 digits of the commit id",
            Self::AmbiguousReference { candidates, .. } => {
                return Some(format!("give {}", candidates.join(" or ")));
            }
            Self::NotACommit { .. } => "give a branch, or a tag that points to a commit",
            Self::CommitNotFound { .. } => "fetch it into that repository first",
            Self::CommitNotServed { .. } => {
                "check the id, and that the server serves it: it may have been rewritten away by a force-push"
            }
            Self::BrokenObject { .. } => "run git fsck on the repository; a partial clone lacks objects",
            Self::Tree { problems, .. } => return Some(problem::hint(problems)),
            Self::AuthenticationRequired {
                withheld: Withheld::NoneGiven,
                ..
            } => {
                "give a password or access token by --git-password-file, and the user name by --git-username"
            }
            Self::AuthenticationRequired {
                withheld: Withheld::OtherHost,
                ..
            } => "credentials are not sent on to another host: give the address the redirect leads to",
            Self::AuthenticationRequired {
                withheld: Withheld::NotOfTheRevision,
                ..
            } => {
                "credentials are sent to the host of --url only: mirror it there, or copy it into the repository"
            }
            Self::AuthenticationFailed { .. } => {
                "check the user name, and that the password or token is valid and may read this repository"
            }
            Self::AccessDenied { .. } => "check that the account or token may read this repository",
            Self::NotFound { .. } => {
                "check the address; many servers answer so for a private repository without credentials"
            }
            Self::HttpStatus {
                status: 500..=599, ..
            } => "try again later",
            Self::HttpStatus { .. } => "check the address",
            Self::NotSmart { .. } => {
                "check the address: it may be a web page or a server of the dumb protocol"
            }
            Self::Redirect { .. } => "give the address the repository really has",
            Self::InsecureCredentials { .. } => {
                "use https, or allow it by --git-allow-plain-http: anyone on the way can read them"
            }
            Self::InvalidCredentials { .. } => "check the user name and the password",
            Self::UnknownHost { .. } => "check the host name and the name server",
            Self::Unreachable { .. } => "check the address, the port, and whether a proxy is needed",
            Self::Tls { .. } => {
                "if the certificate is your organization's own, give its authority by --git-ca-file"
            }
            Self::Interrupted { .. } | Self::Timeout { .. } => {
                "try again; if it stays, check the network and the server"
            }
            Self::HttpClient { .. } => "check the CA bundle and the proxies",
            Self::ReceivedTooMuch { .. } => {
                "if the repository is trusted, raise the limit (--max-received-size)"
            }
            Self::InflatedTooMuch { .. } => {
                "if the repository is trusted, raise the limit (--max-inflated-size)"
            }
            Self::ObjectTooLarge { .. } => {
                "it is most likely a file: take it out of the repository, or raise the limit (--max-file-size)"
            }
            Self::Cache { .. } => {
                "check the permissions of the cache directory, or remove it: it only saves transfers"
            }
            Self::CacheBusy { .. } => "wait for the other process, or use another directory (--cache-dir)",
            other => return other.remote_hint().map(str::to_owned),
        };
        Some(hint.to_owned())
    }

    /// What to do about what a build needs from other machines.
    fn remote_hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidAllowance { .. } => "give HOST, HOST/PREFIX or the address of a repository",
            Self::TooManyRemotes { .. } | Self::RemotesTooDeep { .. } => {
                "copy some of it into the repository"
            }
            Self::RemotesTooLarge { .. } => {
                "copy what is needed into the repository, or raise the limit (--max-files, --max-tree-size)"
            }
            Self::RemoteFileTooLarge { .. } => "if it is the right file, raise the limit (--max-file-size)",
            Self::Digest { .. } => {
                "see what changed; if it is as it should be, correct the digest in the entry"
            }
            _ => return None,
        })
    }
}

/// One a line.
fn lines(failed: &[RemoteFailure]) -> String {
    let lines: Vec<String> = failed.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The problems of a tree, one a line.
fn list(problems: &[TreeProblem]) -> String {
    problems.iter().fold(String::new(), |list, problem| {
        list + "\n  " + &problem.to_string()
    })
}

/// What a server said, after a colon, if it said anything.
fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}
