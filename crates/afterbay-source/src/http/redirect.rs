//! Which redirects are followed: those of the first request that lead to the same place of another server.

use reqwest::Url;

use crate::options::Redirects;

/// How many redirects in a row are followed.
pub(crate) const MOST_REDIRECTS: usize = 10;

/// The URL a redirect leads to, or why it is not followed.
///
/// `tail` is what the protocol appended to the repository's URL; a target without it would not be a
/// repository, and Git refuses it as well (`update_url_from_redirect` of Git's `http.c`).
/// `within` says where else it may lead.
pub(crate) fn target(
    from: &Url,
    location: &str,
    tail: &str,
    within: &Redirects,
) -> Result<Url, (String, &'static str)> {
    let Ok(mut to) = from.join(location) else {
        return Err(("an invalid address".to_owned(), "it is not a URL"));
    };
    let cleared = to.set_username("").and_then(|()| to.set_password(None));
    let shown = shown(&to);
    if cleared.is_err() || !matches!(to.scheme(), "http" | "https") {
        return Err((shown, "it is not http or https"));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err((shown, "it leaves https"));
    }
    if !to.as_str().ends_with(tail) {
        return Err((shown, "it does not lead to a repository"));
    }
    match within {
        Redirects::Within(allowed) if !allowed.iter().any(|allowed| allowed.permits(&to)) => {
            Err((shown, "--allow-remote does not name it"))
        }
        _ => Ok(to),
    }
}

/// An address without what may hold a token.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    crate::foreign_text::foreign_text(url.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    //! The rules, one by one.

    use reqwest::Url;

    use super::target;
    use crate::AllowedRemote;
    use crate::options::Redirects;

    const TAIL: &str = "info/refs?service=git-upload-pack";

    fn verdict(from: &str, location: &str) -> String {
        verdict_within(from, location, &Redirects::Anywhere)
    }

    fn verdict_within(from: &str, location: &str, within: &Redirects) -> String {
        match target(&Url::parse(from).unwrap(), location, TAIL, within) {
            Ok(url) => url.to_string(),
            Err((shown, reason)) => format!("{shown}: {reason}"),
        }
    }

    #[test]
    fn follows_only_what_stays_a_repository() {
        let from = "https://git.example/a.git/info/refs?service=git-upload-pack";
        let moved = "https://new.example/b.git/info/refs?service=git-upload-pack";
        assert_eq!(verdict(from, moved), moved);
        assert_eq!(
            verdict(from, "/b.git/info/refs?service=git-upload-pack"),
            "https://git.example/b.git/info/refs?service=git-upload-pack"
        );
        assert_eq!(
            verdict(
                from,
                "https://u:secret@new.example/b.git/info/refs?service=git-upload-pack"
            ),
            moved
        );
        assert_eq!(
            verdict(from, "/login?return=abc"),
            "https://git.example/login: it does not lead to a repository"
        );
        assert_eq!(
            verdict(from, "http://git.example/a.git/info/refs?service=git-upload-pack"),
            "http://git.example/a.git/info/refs: it leaves https"
        );
        assert_eq!(
            verdict(from, "file:///etc/passwd"),
            "file:///etc/passwd: it is not http or https"
        );
        assert_eq!(verdict(from, "http://["), "an invalid address: it is not a URL");
    }

    #[test]
    fn what_a_file_named_is_followed_to_what_the_operator_named() {
        let from = "https://git.example/team/a.git/info/refs?service=git-upload-pack";
        let within = Redirects::Within(vec![AllowedRemote::parse("git.example/team").unwrap()]);
        let moved = "https://git.example/team/b.git/info/refs?service=git-upload-pack";
        assert_eq!(verdict_within(from, moved, &within), moved);
        for elsewhere in [
            "https://new.example/team/a.git",
            "https://git.example/other/a.git",
            "https://169.254.169.254",
        ] {
            let location = format!("{elsewhere}/info/refs?service=git-upload-pack");
            assert_eq!(
                verdict_within(from, &location, &within),
                format!("{elsewhere}/info/refs: --allow-remote does not name it")
            );
        }
    }
}
