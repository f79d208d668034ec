//! Where a build may fetch more from: what the operator named, and nothing else.
//!
//! An author names addresses, so an address counts by what will be asked, as the URL parser reads it: host and port
//! have to be the same, the path the same or below. There is no pattern for all hosts. Who is named is reached wherever it
//! is, inside a network too; nobody else is asked at all.

use std::fmt;

use reqwest::Url;

use crate::error::SourceError;
use crate::http::same_origin;

/// Characters that a server may take for a step of a path, encoded so that the URL parser does not.
const HIDDEN_STEPS: [&str; 3] = ["%2e", "%2f", "%5c"];

/// A host, or a part of what it serves.
#[derive(Clone, PartialEq, Eq)]
pub struct AllowedRemote {
    /// Without a slash at its end.
    base: Url,
}

impl AllowedRemote {
    /// Reads `HOST[:PORT][/PREFIX]`, which means HTTPS, or a URL with `https://` or `http://`.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let invalid = |reason| SourceError::InvalidAllowance {
            text: text.escape_debug().to_string(),
            reason,
        };
        let url = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut base = Url::parse(&url).map_err(|_| invalid("it is no host"))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(invalid("more is fetched over https and http only"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            // The text is not repeated, because it may hold a password.
            return Err(SourceError::InvalidAllowance {
                text: "…".to_owned(),
                reason: "it holds credentials",
            });
        }
        if base.query().is_some()
            || base.fragment().is_some()
            || base.host_str().is_none_or(|host| host.contains('*'))
        {
            return Err(invalid("it is a host, and a path if you like, without ?, # or *"));
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        base.set_path(&path);
        Ok(Self { base })
    }

    /// Whether a request may go there.
    pub(crate) fn permits(&self, url: &Url) -> bool {
        if !same_origin(&self.base, url) {
            return false;
        }
        let prefix = self.base.path().trim_end_matches('/');
        if prefix.is_empty() {
            return true;
        }
        let path = url.path().to_ascii_lowercase();
        let is_plain = !HIDDEN_STEPS.iter().any(|hidden| path.contains(hidden));
        let rest = url.path().strip_prefix(prefix);
        let rest = rest.map(|rest| rest.strip_prefix(".git").unwrap_or(rest));
        is_plain && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for AllowedRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.base.as_str().trim_end_matches('/');
        f.write_str(text.strip_prefix("https://").unwrap_or(text))
    }
}

impl fmt::Debug for AllowedRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AllowedRemote({self})")
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::AllowedRemote;

    fn permits(allowed: &str, url: &str) -> bool {
        AllowedRemote::parse(allowed)
            .unwrap()
            .permits(&Url::parse(url).unwrap())
    }

    #[test]
    fn host_and_port_are_the_same_and_the_path_is_below() {
        for (allowed, url) in [
            ("git.example.com", "https://git.example.com/any/repo"),
            ("GIT.example.com:443/", "https://git.example.com/any/repo"),
            ("git.example.com/team", "https://git.example.com/team/repo.git"),
            ("git.example.com/team/repo", "https://git.example.com/team/repo"),
            (
                "git.example.com/team/repo",
                "https://git.example.com/team/repo.git/info/refs",
            ),
            (
                "git.example.com/team/repo.git",
                "https://git.example.com/team/repo",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/repo"),
            ("[::1]:8443", "https://[::1]:8443/repo"),
        ] {
            assert!(permits(allowed, url), "{allowed} {url}");
        }
        for (allowed, url) in [
            ("git.example.com", "http://git.example.com/team/repo"),
            ("git.example.com", "https://git.example.com:8443/team/repo"),
            (
                "git.example.com",
                "https://git.example.com.evil.example/team/repo",
            ),
            ("git.example.com", "https://x.git.example.com/team/repo"),
            ("git.example.com/team", "https://git.example.com/team-b/repo"),
            (
                "git.example.com/team",
                "https://git.example.com/team/../other/repo",
            ),
            (
                "git.example.com/team",
                "https://git.example.com/team/%2e%2e/other/repo",
            ),
            (
                "git.example.com/team",
                "https://git.example.com/team/..%2fother/repo",
            ),
            (
                "git.example.com/team",
                "https://git.example.com/team/..\\other/repo",
            ),
            ("git.example.com/team", "https://git.example.com/Team/repo"),
            ("127.0.0.1", "https://127.0.0.2/repo"),
        ] {
            assert!(!permits(allowed, url), "{allowed} {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "*",
            "*.example.com",
            "ssh://git.example.com",
            "file:///srv/git",
            "me:token@git.example.com",
            "git.example.com/team?x=y",
            "git.example.com#x",
        ] {
            let refused = AllowedRemote::parse(text).unwrap_err().to_string();
            assert!(!refused.contains("token"), "{refused}");
        }
        assert_eq!(
            AllowedRemote::parse("https://git.example.com/team.git/")
                .unwrap()
                .to_string(),
            "git.example.com/team"
        );
    }
}
