//! Which entries of `resources` kustomize takes for addresses on another machine.
//!
//! The forms are those of kustomize 5.8.2: `http(s)` files, and Git addresses with a scheme, with a user
//! (`git@host:org/repo`), or on GitHub (`github.com/org/repo`).

const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

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

/// The entry with the user and password of an address taken out.
pub(crate) fn redact(entry: &str) -> String {
    let Some((scheme, rest)) = entry.split_once("://") else {
        return entry.to_owned();
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => entry.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::{is_git, is_http, redact};

    #[test]
    fn addresses_are_told_from_paths() {
        for entry in [
            "https://github.com/org/repo//path?ref=v1",
            "git@github.com:org/repo",
            "github.com/org/repo",
            "GitHub.com/org/repo/path?ref=main",
            "ssh://git@host/org/repo.git",
            "git::https://host/repo",
            "org-123@host.example:team/repo.git",
        ] {
            assert!(is_git(entry), "{entry}");
        }
        for entry in [
            "../base",
            "base",
            "github.com/one",
            "a@b",
            "deploy@prod",
            "./x.yaml",
            "a:b/c",
        ] {
            assert!(!is_git(entry) && !is_http(entry), "{entry}");
        }
        assert!(is_http("HTTPS://example.com/x.yaml"));
    }

    #[test]
    fn credentials_are_taken_out() {
        assert_eq!(redact("https://me:token@host/x"), "https://host/x");
        assert_eq!(redact("https://host/x@y"), "https://host/x@y");
        assert_eq!(redact("git@github.com:org/repo"), "git@github.com:org/repo");
    }
}
