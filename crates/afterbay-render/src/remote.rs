//! Which entries of a kustomization file kustomize takes for addresses on another machine, and which of these can be fetched.
//!
//! The forms are those of kustomize 5.8.2 (`api/internal/git/repospec.go`): `http(s)` files, and Git addresses with a
//! scheme, with a user (`git@host:org/repo`), or on GitHub (`github.com/org/repo`). Where kustomize asks the server whether
//! an address is a file or a repository, the pin tells it here: `?ref=COMMIT` is a repository,
//! `?checksum=sha256:DIGEST` (the form of go-getter; kustomize passes it on to the server) a file.

use afterbay_manifest::RemoteAddress;

const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

/// Parameters that are shown with their values.
const SHOWN_PARAMETERS: [&str; 5] = ["ref", "version", "timeout", "submodules", "checksum"];

const UNPINNED: &str = "is not pinned; end the address of a file with ?checksum=sha256: and its digest, and the \
                        address of a repository with ?ref= and a full commit id";
const UNPINNED_REPOSITORY: &str =
    "is not pinned; end the address of a repository with ?ref= and a full commit id, 40 digits";
const NOT_HTTP: &str =
    "is fetched over https only; use the https:// address of the repository, with ?ref= and a full commit id";
pub(crate) const CREDENTIALS: &str =
    "holds credentials, which do not belong into a repository; take them out";
const QUERY: &str = "has parameters other than ref, version, timeout and submodules; take them out";
const PATH: &str =
    "names nothing, or has a path with a step that is empty or made of dots; write the address out";
const DIGEST: &str = "has a checksum that is not sha256: and 64 hexadecimal digits; correct it";

/// Something to fetch.
pub(crate) struct Remote {
    pub(crate) address: RemoteAddress,
    /// The directory in a repository, as kustomize writes it; empty for its top and for a file.
    pub(crate) path: String,
}

/// What an entry means that [`is_http`] or [`is_git`] has found, or why it is never fetched.
pub(crate) fn read(entry: &str) -> Result<Remote, &'static str> {
    let is_file = is_http(entry);
    let entry = strip_prefix(entry, "git::").unwrap_or(entry);
    let (address, query) = entry.split_once('?').unwrap_or((entry, ""));
    if normalize(address).is_none() {
        return Err(NOT_HTTP);
    }
    if userinfo(entry).is_some() {
        return Err(CREDENTIALS);
    }
    let parameters = parameters(query);
    let pin = pin(&parameters);
    match value(&parameters, "checksum") {
        "" if pin.is_empty() && is_file => Err(UNPINNED),
        "" => repository(address, pin, &parameters),
        checksum if is_file => file(address, checksum, &parameters),
        _ => Err(QUERY),
    }
}

fn file(address: &str, checksum: &str, parameters: &[(&str, &str)]) -> Result<Remote, &'static str> {
    let digest = checksum.strip_prefix("sha256:").unwrap_or_default();
    if digest.len() != 64 || !is_hex(digest) {
        return Err(DIGEST);
    }
    let address = normalize(address).ok_or(NOT_HTTP)?;
    let (_, steps) = address.split_once("://").ok_or(PATH)?;
    if !is_plain_path(steps) || !steps.contains('/') {
        return Err(PATH);
    }
    let rest: Vec<String> = parameters
        .iter()
        .filter(|(name, _)| *name != "checksum")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let separator = if rest.is_empty() { "" } else { "?" };
    Ok(Remote {
        address: RemoteAddress::File {
            url: format!("{address}{separator}{}", rest.join("&")),
            sha256: digest.to_ascii_lowercase(),
        },
        path: String::new(),
    })
}

fn repository(address: &str, pin: &str, parameters: &[(&str, &str)]) -> Result<Remote, &'static str> {
    let address = normalize(address).ok_or(NOT_HTTP)?;
    if pin.len() != 40 || !is_hex(pin) {
        return Err(UNPINNED_REPOSITORY);
    }
    let is_known = |(name, _): &(&str, &str)| matches!(*name, "ref" | "version" | "timeout" | "submodules");
    if !parameters.iter().all(is_known) {
        return Err(QUERY);
    }
    let (repository, path) = split(&address).ok_or(PATH)?;
    let path = path.trim_matches('/');
    let (_, steps) = repository.split_once("://").ok_or(PATH)?;
    if !is_plain_path(steps) || !(path.is_empty() || is_plain_path(path)) {
        return Err(PATH);
    }
    Ok(Remote {
        address: RemoteAddress::Git {
            repository: repository.to_owned(),
            commit: pin.to_ascii_lowercase(),
        },
        path: path.to_owned(),
    })
}

/// What kustomize notes as the origin of an entry that it can read as a Git address, which many a file's is: repository,
/// reference and the path in it (`Origin.Append`). The top of a repository has the name of a folder that kustomize makes up.
pub(crate) fn origin(entry: &str) -> Option<(String, String, String)> {
    let entry = strip_prefix(entry, "git::").unwrap_or(entry);
    let (address, query) = entry.split_once('?').unwrap_or((entry, ""));
    let address = normalize(address)?;
    let (repository, path) = split(&address)?;
    let path = match path.trim_start_matches('/') {
        "" => "notCloned",
        path => path,
    };
    Some((
        repository.to_owned(),
        pin(&parameters(query)).to_owned(),
        path.to_owned(),
    ))
}

fn parameters(query: &str) -> Vec<(&str, &str)> {
    query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .collect()
}

fn value<'e>(parameters: &[(&str, &'e str)], wanted: &str) -> &'e str {
    let found = parameters.iter().find(|(name, _)| *name == wanted);
    found.map_or("", |(_, value)| *value)
}

fn pin<'e>(parameters: &[(&str, &'e str)]) -> &'e str {
    match value(parameters, "ref") {
        "" => value(parameters, "version"),
        pin => pin,
    }
}

/// The address with its scheme, if that is HTTP. kustomize asks GitHub over TLS whatever scheme is written
/// (`normalizeGithubHostParts`).
fn normalize(address: &str) -> Option<String> {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), address),
    };
    if let Some(path) = strip_prefix(rest, "github.com/") {
        return matches!(&*scheme, "" | "http" | "https").then(|| format!("https://github.com/{path}"));
    }
    matches!(&*scheme, "http" | "https").then(|| format!("{scheme}://{rest}"))
}

/// The repository, with scheme and host, and the directory in it.
fn split(address: &str) -> Option<(&str, &str)> {
    let host = address.find("://")? + "://".len();
    let path = host + address.get(host..)?.find('/')? + 1;
    let (repository, _) = split_repository(address.get(path..)?)?;
    (!repository.is_empty() && path > host + 1).then(|| address.split_at(path + repository.len()))
}

/// The repository and the directory in it (`parsePathParts`): split behind the step after `_git/`, at `//`, behind
/// `.git`, or after two steps.
fn split_repository(path: &str) -> Option<(&str, &str)> {
    let cut = |at: usize| Some((path.get(..at)?, path.get(at..)?));
    if let Some(at) = path.find("_git/") {
        let name = at + "_git/".len();
        return cut(path.get(name..)?.find('/').map_or(path.len(), |end| name + end));
    }
    if let Some(at) = path.find("//") {
        return cut(at);
    }
    if let Some(at) = path.find(".git") {
        return cut(at + ".git".len());
    }
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.next()?;
    cut(slashes.next().unwrap_or(path.len()))
}

/// Whether every step says where it leads by itself.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |step: &str| !matches!(step, "" | "." | "..") && !step.contains(['\\', '#']);
    path.split('/').all(is_plain)
        && !path
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the entry is a file to be fetched by HTTP, which is tried before any local path.
pub(crate) fn is_http(entry: &str) -> bool {
    strip_prefix(entry, "http://").is_some() || strip_prefix(entry, "https://").is_some()
}
/// Whether the entry is a Git address, which is tried after a local file and before a local directory.
pub(crate) fn is_git(entry: &str) -> bool {
    let address = strip_prefix(entry, "git::").unwrap_or(entry);
    let address = address.split_once('?').map_or(address, |(address, _)| address);
    if SCHEMES
        .iter()
        .any(|scheme| strip_prefix(address, scheme).is_some())
    {
        return true;
    }
    let (user, rest) = split_user(address);
    let github = ["github.com/", "github.com:"]
        .iter()
        .any(|host| strip_prefix(rest, host).is_some());
    (user || github) && repository_path(rest).is_some_and(names_repository)
}

/// The entry as messages show it: user and password of an address are taken out, and what its parameters say, because tokens
/// are handed over in them too. What steers kustomize or pins the entry stays.
pub(crate) fn redact(entry: &str) -> String {
    let shown = match (userinfo(entry), password_before_host(entry)) {
        (Some((scheme, rest)), _) => format!("{scheme}://{rest}"),
        (None, Some(rest)) => format!("…@{rest}"),
        (None, None) => entry.to_owned(),
    };
    match shown.split_once('?') {
        Some((address, query)) if is_http(entry) || is_git(entry) => {
            let shown: Vec<String> = query.split('&').map(redact_parameter).collect();
            format!("{address}?{}", shown.join("&"))
        }
        _ => shown,
    }
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if !SHOWN_PARAMETERS.contains(&name) => format!("{name}=…"),
        Some(_) => parameter.to_owned(),
        None if parameter.is_empty() => String::new(),
        None => "…".to_owned(),
    }
}

/// The scheme of an address with user or password, and what follows these.
///
/// A `/` in a password ends the host, and what is before it then has a port that is no number; the address is of no use, but
/// it holds a password.
fn userinfo(entry: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = entry.split_once("://")?;
    let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = port.ends_with(']') || port.bytes().all(|byte| byte.is_ascii_digit());
    let at = host.rfind('@').or_else(|| (!is_port).then(|| rest.rfind('@'))?)?;
    Some((scheme, rest.get(at + 1..)?))
}

/// What follows the password in `user:password@host:path`. Git knows no such address, but somebody may have written one.
pub(crate) fn password_before_host(entry: &str) -> Option<&str> {
    let head = entry.split('/').next()?;
    let at = head.rfind('@')?;
    head.get(..at)?.contains(':').then(|| entry.get(at + 1..))?
}

/// What follows the host, which ends at the first `/`, or at a `:` before it.
fn repository_path(address: &str) -> Option<&str> {
    let end = address.find(['/', ':']).filter(|end| *end > 0)?;
    Some(&address[end + 1..])
}

/// An organization and a repository, or a mark that says where the repository ends.
fn names_repository(path: &str) -> bool {
    path.contains('/') || path.contains(".git")
}

/// Splits `user@` off; a user is a letter followed by letters, digits and dashes.
fn split_user(address: &str) -> (bool, &str) {
    match address.split_once('@') {
        Some((user, rest))
            if user.starts_with(|first: char| first.is_ascii_alphabetic())
                && user
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-') =>
        {
            (true, rest)
        }
        _ => (false, address),
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}
