//! What is a repository's address, and that none shows a password.

use std::path::Path;

use proptest::prelude::*;

use super::{Location, RemoteUrl, percent_decode};
use crate::error::SourceError;

fn path_of(text: &str) -> String {
    match RemoteUrl::parse(text).unwrap().location() {
        Location::Path(path) => path.display().to_string(),
        Location::Http(url) => panic!("{url} is no path"),
    }
}

fn refusal(text: &str) -> String {
    RemoteUrl::parse(text).expect_err(text).to_string()
}

#[test]
fn paths_and_file_urls_are_paths() {
    for path in ["/srv/repo", "repo", "./repo", "../x:y/z", "/srv/a:b"] {
        assert_eq!(path_of(path), path);
    }
    assert_eq!(path_of("file:///srv/a%20b"), "/srv/a b");
    assert_eq!(path_of("FILE://localhost/srv"), "/srv");
    assert_eq!(RemoteUrl::from_path(Path::new("x")).to_string(), "x");
}

#[test]
fn http_urls_are_cleaned() {
    let shown = |text| RemoteUrl::parse(text).unwrap().to_string();
    assert_eq!(
        shown("HTTPS://Git.Example.com/team/repo.git/"),
        "https://git.example.com/team/repo.git"
    );
    assert_eq!(shown("http://me:pw@h:8080/r"), "http://h:8080/r");
}

#[test]
fn userinfo_becomes_credentials() {
    let remote = RemoteUrl::parse("https://me%40corp:p%2Fw%25@h/r").unwrap();
    let credentials = remote.userinfo().unwrap();
    assert_eq!(credentials.username, "me@corp");
    assert_eq!(credentials.password.expose_bytes(), b"p/w%");
    let token = RemoteUrl::parse("https://token@h/r").unwrap();
    assert_eq!(token.userinfo().unwrap().username, "token");
    assert!(RemoteUrl::parse("https://h/r").unwrap().userinfo().is_none());
}

#[test]
fn other_addresses_are_named() {
    assert_eq!(
        refusal("git@github.com:team/repo.git"),
        "repositories are not fetched over ssh"
    );
    assert_eq!(
        refusal("ssh://git@github.com/team/repo.git"),
        "repositories are not fetched over ssh"
    );
    assert_eq!(refusal("git://h/r"), "repositories are not fetched over git");
    assert_eq!(
        refusal("pa ss://h/r"),
        "repositories are not fetched over unknown"
    );
    assert_eq!(refusal(""), "the repository URL cannot be used: it is empty");
    assert_eq!(
        refusal("a\nb"),
        "the repository URL cannot be used: it holds a control character"
    );
    assert_eq!(
        refusal("file://host/r"),
        "the repository URL cannot be used: file:// takes an absolute path and no host"
    );
    assert_eq!(
        refusal("https://h"),
        "the repository URL cannot be used: it names a host but no repository"
    );
    assert_eq!(
        refusal("https://h/r?t=1"),
        "the repository URL cannot be used: a repository URL has no ? or # part"
    );
    assert_eq!(
        refusal("https:///"),
        "the repository URL cannot be used: it is not a well-formed URL"
    );
    assert_eq!(
        refusal("https://me:pw@h:99999/r"),
        "the repository URL cannot be used: it is not a well-formed URL"
    );
}

#[test]
fn percent_signs_that_encode_nothing_stay() {
    assert_eq!(percent_decode("%41%4g%%2"), b"A%4g%%2");
}

proptest! {
    #[test]
    fn no_password_shows(password in "[A-Z]{8,20}", text in "[a-z/?#:@%]{0,20}") {
        for url in [format!("https://me:{password}@{text}"), format!("https://me:{password}@h/{text}"), format!("{text}://me:{password}@h/r")] {
            let shown = match RemoteUrl::parse(&url) {
                // What is no URL with credentials is a path, and a path may show.
                Ok(remote) if matches!(remote.location(), Location::Path(_)) => continue,
                Ok(remote) => format!("{remote} {remote:?}"),
                Err(error) => format!("{error} {error:?} {:?}", error.hint()),
            };
            prop_assert!(!shown.contains(&password), "{shown}");
        }
    }

    #[test]
    fn parsing_does_not_panic(text in ".{0,60}") {
        let _: Result<RemoteUrl, SourceError> = RemoteUrl::parse(&text);
    }
}
