//! Smart HTTP: what is asked, who is told the credentials, and what a server's failures look like.

use std::sync::Arc;
use std::time::{Duration, Instant};

use afterbay_source::{
    FetchEvent, HttpOptions, Proxies, ProxyUrl, RemoteUrl, SourceError, SourceOptions, Timeouts, fetch,
};

use crate::support::{
    Answer, Repository, Server, ServerOptions, cached, credentials, listing, options, run, text,
};

const PASSWORD: &str = "pa%ss:wörd";

fn scripted(
    repository: &Repository,
    script: impl Fn(&crate::support::Request) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    Server::start(
        repository.root(),
        ServerOptions {
            script: Some(Arc::new(script)),
            ..ServerOptions::default()
        },
    )
}

fn status(code: u16, kind: &str, body: &str) -> Answer {
    Answer::Reply(
        code,
        vec![("Content-Type".to_owned(), kind.to_owned())],
        body.as_bytes().to_vec(),
    )
}

fn redirect(to: String) -> Answer {
    Answer::Reply(302, vec![("Location".to_owned(), to)], Vec::new())
}

/// An error's text without the port, which differs from run to run.
fn place(message: &str, server: &Server) -> String {
    message.replace(&server.authority(), "HOST")
}

#[test]
fn takes_branches_tags_full_refs_and_commits() {
    let repository = Repository::sample();
    let first = repository.id("HEAD");
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
    repository.git(&["update-ref", "refs/pull/7/head", &first]);
    repository.git(&["branch", "team/one"]);
    repository.write("a.yaml", "a: 2\n");
    let second = repository.commit("second");
    for version_0 in [false, true] {
        let server = Server::start(
            repository.root(),
            ServerOptions {
                version_0,
                ..ServerOptions::default()
            },
        );
        for reference in ["light", "v1", "refs/tags/v1", "refs/pull/7/head", "team/one"] {
            let fetched = run(&options(&server.url(), reference));
            assert_eq!(fetched.commit(), first, "{reference}");
            assert_eq!(text(fetched.snapshot(), "a.yaml"), "a: 1\n", "{reference}");
            assert_eq!(fetched.snapshot().revision.reference.as_deref(), Some(reference));
        }
        for reference in ["", "HEAD", "main", "refs/heads/main", second.as_str()] {
            let fetched = run(&options(&server.url(), reference));
            assert_eq!(fetched.commit(), second, "{reference}");
        }
        let head = run(&options(&server.url(), ""));
        assert_eq!(head.snapshot().revision.reference.as_deref(), Some("main"));
    }
}

#[test]
fn a_server_sees_the_same_tree_as_a_path() {
    let repository = Repository::sample();
    repository.write("deep/er/c.yaml", "c: 1\n".repeat(5000));
    repository.commit("more");
    let server = Server::start(repository.root(), ServerOptions::default());
    let (remote, local) = (
        run(&options(&server.url(), "main")),
        run(&options(&repository.url(), "main")),
    );
    assert_eq!(listing(remote.snapshot()), listing(local.snapshot()));
    assert_eq!(remote.snapshot().revision, local.snapshot().revision);
}

#[test]
fn asks_for_one_ref_and_one_commit() {
    let repository = Repository::sample();
    for index in 0..20 {
        repository.write("a.yaml", format!("a: {index}\n"));
        repository.commit("more");
        repository.git(&["branch", &format!("b{index}")]);
    }
    for version_0 in [false, true] {
        let server = Server::start(
            repository.root(),
            ServerOptions {
                version_0,
                ..ServerOptions::default()
            },
        );
        let fetched = run(&options(&server.url(), "main"));
        // One commit, two directories, two files: history is cut off by either version of the protocol.
        assert_eq!(fetched.cost().2, 5, "version 0: {version_0}");
        let expected: &[&str] = if version_0 {
            &["GET /info/refs?service=git-upload-pack", "POST /git-upload-pack"]
        } else {
            &[
                "GET /info/refs?service=git-upload-pack",
                "POST /git-upload-pack ls-refs",
                "POST /git-upload-pack fetch",
            ]
        };
        assert_eq!(server.take_log(), expected);
    }
}

#[test]
fn a_pinned_commit_needs_no_branch_on_version_2() {
    let repository = Repository::sample();
    let first = repository.id("HEAD");
    repository.write("a.yaml", "a: 2\n");
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "--amend", "-m", "rewritten"]);
    let server = Server::start(repository.root(), ServerOptions::default());
    assert_eq!(run(&options(&server.url(), &first)).commit(), first);
    assert_eq!(
        server.take_log(),
        [
            "GET /info/refs?service=git-upload-pack",
            "POST /git-upload-pack fetch"
        ]
    );
}

#[test]
fn says_which_commit_is_not_served() {
    let repository = Repository::sample();
    let first = repository.id("HEAD");
    repository.git(&["commit", "-q", "--amend", "-m", "rewritten"]);
    let absent = "0123456789012345678901234567890123456789";
    let server = Server::start(repository.root(), ServerOptions::default());
    insta::assert_snapshot!(place(&run(&options(&server.url(), absent)).message(), &server), @"
    http://HOST/repo/.git: the server does not serve commit 0123456789012345678901234567890123456789: upload-pack: not our ref 0123456789012345678901234567890123456789
    hint: check the id, and that the server serves it: it may have been rewritten away by a force-push
    ");
    let old = Server::start(
        repository.root(),
        ServerOptions {
            version_0: true,
            ..ServerOptions::default()
        },
    );
    let refused = run(&options(&old.url(), &first));
    assert!(
        matches!(refused.error(), SourceError::CommitNotServed { .. }),
        "{}",
        refused.message()
    );
}

#[test]
fn says_what_refs_there_are() {
    let repository = Repository::sample();
    repository.git(&["branch", "release-1.2"]);
    repository.git(&["tag", "v1.0"]);
    let server = Server::start(repository.root(), ServerOptions::default());
    insta::assert_snapshot!(place(&run(&options(&server.url(), "release-1.3")).message(), &server), @r#"
    http://HOST/repo/.git: there is no branch, tag or ref "release-1.3"
    hint: there is refs/heads/release-1.2, refs/tags/v1.0, refs/heads/main
    "#);
    let empty = Repository::empty();
    for version_0 in [false, true] {
        let server = Server::start(
            empty.root(),
            ServerOptions {
                version_0,
                ..ServerOptions::default()
            },
        );
        for reference in ["", "main", "refs/tags/v1"] {
            let fetched = run(&options(&server.url(), reference));
            assert!(
                matches!(fetched.error(), SourceError::EmptyRepository { .. }),
                "{}",
                fetched.message()
            );
        }
    }
}

#[test]
fn credentials_are_sent_at_once_and_shown_nowhere() {
    let repository = Repository::sample();
    let login = Some(format!("me:{PASSWORD}"));
    let server = Server::start(
        repository.root(),
        ServerOptions {
            login,
            ..ServerOptions::default()
        },
    );
    let mut shown = Vec::new();

    let right = SourceOptions {
        credentials: Some(credentials("me", PASSWORD)),
        ..options(&server.url(), "main")
    };
    let fetched = run(&right);
    assert_eq!(fetched.commit(), repository.id("HEAD"));
    assert_eq!(server.take_log().len(), 3, "no request is spent on a 401");
    shown.push(format!("{right:?}{:?}{:?}", fetched.outcome, fetched.events));

    let wrong = SourceOptions {
        credentials: Some(credentials("me", "wrong-Pa55")),
        ..options(&server.url(), "main")
    };
    let fetched = run(&wrong);
    insta::assert_snapshot!(place(&fetched.message(), &server), @"
    http://HOST/repo/.git: the server does not accept the credentials
    hint: check the user name, and that the password or token is valid and may read this repository
    ");
    shown.push(format!(
        "{wrong:?}{:?}{:?}{}",
        fetched.outcome,
        fetched.events,
        fetched.message()
    ));

    let fetched = run(&options(&server.url(), "main"));
    insta::assert_snapshot!(place(&fetched.message(), &server), @"
    http://HOST/repo/.git: the server asks for credentials
    hint: give a password or access token by --git-password-file, and the user name by --git-username
    ");

    let in_url = server.url().replace("http://", "http://me:pa%25ss%3Aw%C3%B6rd@");
    let fetched = run(&options(&in_url, "main"));
    assert_eq!(fetched.commit(), repository.id("HEAD"));
    assert!(fetched.warnings()[0].contains("holds credentials"));
    let remote = RemoteUrl::parse(&in_url).unwrap();
    shown.push(format!(
        "{remote}{remote:?}{:?}{:?}",
        fetched.outcome, fetched.events
    ));

    for secret in [PASSWORD, "wrong-Pa55", "pa%25ss", "w%C3%B6rd", "bWU6", "wörd"] {
        assert!(!shown.concat().contains(secret), "{secret} shows in {shown:?}");
    }
}

#[test]
fn credentials_do_not_travel_in_clear_text() {
    let remote = "http://git.example.com/repo.git";
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options(remote, "main")
    });
    insta::assert_snapshot!(fetched.message(), @"
    http://git.example.com/repo.git: credentials are not sent over plain http
    hint: use https, or allow it by --git-allow-plain-http: anyone on the way can read them
    ");
    let fetched = run(&options("http://me:Pa55@git.example.com/repo.git", "main"));
    assert!(
        matches!(fetched.error(), SourceError::InsecureCredentials { .. }),
        "{}",
        fetched.message()
    );
}

#[test]
fn a_redirect_to_another_host_loses_the_credentials() {
    let repository = Repository::sample();
    let target = Server::start(repository.root(), ServerOptions::default());
    let base = target.url();
    let login = Some("me:Pa55".to_owned());
    let guarded = Server::start(
        repository.root(),
        ServerOptions {
            login,
            ..ServerOptions::default()
        },
    );
    let guarded_base = guarded.url();
    let first = scripted(&repository, move |request| {
        let base = if request.target.starts_with("/guarded") {
            &guarded_base
        } else {
            &base
        };
        Some(redirect(format!("{base}/info/refs?service=git-upload-pack")))
    });

    let url = format!("http://{}/open", first.authority());
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options(&url, "main")
    });
    assert_eq!(fetched.commit(), repository.id("HEAD"));
    assert_eq!(
        first.take_requests()[0].header("authorization"),
        Some("Basic bWU6UGE1NQ==")
    );
    let there = target.take_requests();
    assert_eq!(there.len(), 3, "everything after the redirect goes to its target");
    assert!(
        there
            .iter()
            .all(|request| request.header("authorization").is_none())
    );

    let url = format!("http://{}/guarded", first.authority());
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options(&url, "main")
    });
    assert_eq!(guarded.take_requests()[0].header("authorization"), None);
    insta::assert_snapshot!(place(&fetched.message(), &guarded), @"
    http://HOST/repo/.git: the server asks for credentials
    hint: credentials are not sent on to another host: give the address the redirect leads to
    ");
}

#[test]
fn a_redirect_on_the_same_host_keeps_the_credentials() {
    let repository = Repository::sample();
    let script = |request: &crate::support::Request| {
        let moved = request.target.strip_prefix("/old")?;
        Some(redirect(format!("/repo/.git{moved}")))
    };
    let login = Some("me:Pa55".to_owned());
    let server = Server::start(
        repository.root(),
        ServerOptions {
            login,
            script: Some(Arc::new(script)),
            ..ServerOptions::default()
        },
    );
    let url = format!("http://{}/old", server.authority());
    let fetched = run(&SourceOptions {
        credentials: Some(credentials("me", "Pa55")),
        ..options(&url, "main")
    });
    assert_eq!(fetched.commit(), repository.id("HEAD"));
}

#[test]
fn redirects_that_lead_astray_are_refused() {
    let repository = Repository::sample();
    let login_page = scripted(&repository, |_| {
        Some(redirect("/users/sign_in?token=abc".to_owned()))
    });
    insta::assert_snapshot!(place(&run(&options(&login_page.url(), "main")).message(), &login_page), @"
    http://HOST/repo/.git: the redirect to http://HOST/users/sign_in is refused: it does not lead to a repository
    hint: give the address the repository really has
    ");
    let circle = scripted(&repository, |request| Some(redirect(request.target.clone())));
    let fetched = run(&options(&circle.url(), "main"));
    assert!(
        fetched.message().contains("there are too many"),
        "{}",
        fetched.message()
    );
    assert_eq!(circle.take_requests().len(), 10);
    let later = scripted(&repository, |request| {
        (request.method == "POST").then(|| redirect(request.target.clone()))
    });
    let fetched = run(&options(&later.url(), "main"));
    assert!(
        fetched.message().contains("only the first request"),
        "{}",
        fetched.message()
    );
}

#[test]
fn statuses_are_told_apart() {
    let repository = Repository::sample();
    let server = scripted(&repository, |request| {
        let code: u16 = request
            .target
            .trim_start_matches('/')
            .split('/')
            .next()?
            .parse()
            .ok()?;
        Some(status(
            code,
            "text/plain",
            "line one\r\n\x1b[31mline\u{202e} two\0\n",
        ))
    });
    let message = |code: u16| {
        let url = format!("http://{}/{code}", server.authority());
        place(&run(&options(&url, "main")).message(), &server)
    };
    insta::assert_snapshot!(message(403), @"
    http://HOST/403: the server denies access (http 403): line one [31mline two
    hint: check that the account or token may read this repository
    ");
    insta::assert_snapshot!(message(404), @"
    http://HOST/404: the server has no such repository (http 404)
    hint: check the address; many servers answer so for a private repository without credentials
    ");
    insta::assert_snapshot!(message(503), @"
    http://HOST/503: the server answers with http 503: line one [31mline two
    hint: try again later
    ");
}

/// A server, or a proxy before it, may print the request that it refuses.
#[test]
fn credentials_that_a_server_repeats_are_not_told() {
    let repository = Repository::sample();
    let server = scripted(&repository, |request| {
        let header = request.header("authorization")?;
        let text = format!("refused: Authorization: {header} (user app, password open sesame)");
        Some(status(403, "text/plain", &text))
    });
    let mut options = options(&server.url(), "main");
    options.credentials = Some(credentials("app", "open sesame"));
    let message = run(&options).message();
    insta::assert_snapshot!(place(&message, &server), @"
    http://HOST/repo/.git: the server denies access (http 403): refused: Authorization: Basic [REDACTED] (user app, password [REDACTED])
    hint: check that the account or token may read this repository
    ");
}

#[test]
fn what_is_not_smart_http_is_refused() {
    let repository = Repository::sample();
    let page = scripted(&repository, |_| {
        Some(status(200, "text/html; charset=utf-8", "<html>hello</html>"))
    });
    insta::assert_snapshot!(place(&run(&options(&page.url(), "main")).message(), &page), @r#"
    http://HOST/repo/.git: the answer is not of git's smart http protocol (content type "text/html; charset=utf-8")
    hint: check the address: it may be a web page or a server of the dumb protocol
    "#);
    let refs = format!("{}\trefs/heads/main\n", repository.id("HEAD"));
    let dumb = scripted(&repository, move |_| Some(status(200, "text/plain", &refs)));
    let fetched = run(&options(&dumb.url(), "main"));
    assert!(
        matches!(fetched.error(), SourceError::NotSmart { .. }),
        "{}",
        fetched.message()
    );
}

#[test]
fn what_breaks_the_protocol_is_an_error() {
    let repository = Repository::sample();
    let kind = "application/x-git-upload-pack-advertisement";
    for body in [
        "",
        "hello",
        "0000",
        "001e# service=git-upload-pack\n0000",
        "ffff",
        "000fversion 2\n00",
    ] {
        let server = scripted(&repository, move |_| Some(status(200, kind, body)));
        let fetched = run(&options(&server.url(), "main"));
        let error = fetched.error();
        let expected = matches!(
            error,
            SourceError::Protocol { .. } | SourceError::EmptyRepository { .. }
        );
        assert!(expected, "{body:?}: {}", fetched.message());
    }
    let server = scripted(&repository, move |_| {
        Some(status(200, kind, "0018ERR access denied or gone\n"))
    });
    let fetched = run(&options(&server.url(), "main"));
    assert!(
        fetched.message().contains("the server reports: access denied"),
        "{}",
        fetched.message()
    );
}

#[test]
fn a_pack_that_is_cut_off_or_altered_is_refused() {
    let repository = Repository::sample();
    repository.write(
        "large.bin",
        (0..60_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>(),
    );
    repository.commit("large");
    let origin = Server::start(repository.root(), ServerOptions::default());
    run(&options(&origin.url(), "main")).snapshot();
    for damage in ["cut", "flip"] {
        let root = repository.root().to_owned();
        let server = scripted(&repository, move |request| {
            if !String::from_utf8_lossy(&request.body).contains("command=fetch") {
                return None;
            }
            let Answer::Reply(code, headers, mut body) = crate::support::respond(request, &root) else {
                return None;
            };
            let middle = body.len() / 2;
            match damage {
                "cut" => body.truncate(middle),
                _ => body[middle] ^= 1,
            }
            Some(Answer::Reply(code, headers, body))
        });
        let cache = tempfile::tempdir().unwrap();
        let fetched = run(&cached(&server.url(), "main", cache.path()));
        assert!(
            matches!(fetched.error(), SourceError::Protocol { .. }),
            "{damage}: {}",
            fetched.message()
        );
        // Nothing of it is taken for complete.
        let healthy = cached(&origin.url(), "main", cache.path());
        assert_eq!(run(&healthy).commit(), repository.id("HEAD"));
    }
}

#[test]
fn waiting_ends() {
    let repository = Repository::sample();
    let brief = Timeouts {
        idle: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let silent = scripted(&repository, |_| Some(Answer::Hang));
    let fetched = run(&SourceOptions {
        timeouts: brief.clone(),
        ..options(&silent.url(), "main")
    });
    insta::assert_snapshot!(place(&fetched.message(), &silent), @"
    http://HOST/repo/.git: gave up waiting for an answer after 0.3 s
    hint: try again; if it stays, check the network and the server
    ");
    let stalled = scripted(&repository, |_| {
        Some(Answer::Stall(
            "application/x-git-upload-pack-advertisement",
            b"001e# service=git-upload-pack\n0000".to_vec(),
        ))
    });
    let fetched = run(&SourceOptions {
        timeouts: brief,
        ..options(&stalled.url(), "main")
    });
    assert!(
        fetched
            .message()
            .contains("waiting for more of an answer after 0.3 s"),
        "{}",
        fetched.message()
    );
    let total = Timeouts {
        total: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let start = Instant::now();
    let fetched = run(&SourceOptions {
        timeouts: total,
        ..options(&silent.url(), "main")
    });
    assert!(
        fetched.message().contains("gave up fetching after 0.3 s"),
        "{}",
        fetched.message()
    );
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_dropped_fetch_stops_and_gives_its_cache_back() {
    let repository = Repository::sample();
    let silent = scripted(&repository, |_| Some(Answer::Hang));
    let cache = tempfile::tempdir().unwrap();
    let options = cached(&silent.url(), "main", cache.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome =
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(300), fetch(&options)).await });
    assert!(outcome.is_err(), "the server never answers");
    let start = Instant::now();
    drop(runtime);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "the runtime waited {:?} for the fetch",
        start.elapsed()
    );
    let timeouts = Timeouts {
        cache: Duration::ZERO,
        idle: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let again = run(&SourceOptions { timeouts, ..options });
    assert!(
        matches!(again.error(), SourceError::Timeout { .. }),
        "{}",
        again.message()
    );
}

#[test]
fn hosts_that_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let fetched = run(&options(&format!("http://{address}/repo"), "main"));
    assert!(
        matches!(fetched.error(), SourceError::Unreachable { .. }),
        "{}",
        fetched.message()
    );
    let fetched = run(&options("http://no-such-host.invalid/repo", "main"));
    assert!(
        matches!(fetched.error(), SourceError::UnknownHost { .. }),
        "{:?}",
        fetched.error()
    );
}

#[test]
fn connecting_ends() {
    // A server that takes the connection and never says a word of TLS.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/repo", listener.local_addr().unwrap());
    let timeouts = Timeouts {
        connect: Duration::from_millis(300),
        ..Timeouts::default()
    };
    let fetched = run(&SourceOptions {
        timeouts,
        ..options(&url, "main")
    });
    assert!(
        fetched.message().contains("gave up connecting after 0.3 s"),
        "{:?}",
        fetched.error()
    );
}

#[test]
fn goes_through_a_proxy_that_it_is_given() {
    let repository = Repository::sample();
    let root = repository.root().to_owned();
    let proxy = scripted(&repository, move |request| {
        let target = request
            .target
            .strip_prefix("http://no-such-host.invalid")?
            .to_owned();
        Some(crate::support::respond(
            &crate::support::Request {
                target,
                ..request.clone()
            },
            &root,
        ))
    });
    let url = "http://no-such-host.invalid/repo/.git";
    let through = |address: &str, exempt: Option<&str>| {
        let http = Some(ProxyUrl::new(format!("http://me:Pa55@{address}")));
        let proxies = Proxies {
            http,
            exempt: exempt.map(str::to_owned),
            ..Proxies::default()
        };
        let http = HttpOptions {
            proxies,
            ..HttpOptions::default()
        };
        SourceOptions {
            http,
            ..options(url, "main")
        }
    };
    let fetched = run(&through(&proxy.authority(), None));
    assert_eq!(fetched.commit(), repository.id("HEAD"));
    assert_eq!(
        proxy.take_requests()[0].header("proxy-authorization"),
        Some("Basic bWU6UGE1NQ==")
    );

    let exempt = run(&through(
        &proxy.authority(),
        Some("example.com,no-such-host.invalid"),
    ));
    assert!(
        matches!(exempt.error(), SourceError::UnknownHost { .. }),
        "{:?}",
        exempt.error()
    );
    let gone = run(&through("127.0.0.1:1", None));
    assert!(
        matches!(gone.error(), SourceError::Unreachable { .. }),
        "{:?}",
        gone.error()
    );
    let invalid = run(&through("[", None));
    assert!(
        matches!(invalid.error(), SourceError::HttpClient { .. }),
        "{:?}",
        invalid.error()
    );
    let options = through(&proxy.authority(), None);
    let shown = format!(
        "{options:?}{:?}{:?}{:?}",
        exempt.error(),
        gone.error(),
        invalid.error()
    );
    assert!(!shown.contains("Pa55"), "{shown}");
}

#[test]
fn loopback_is_never_reached_through_a_proxy() {
    let repository = Repository::sample();
    let login = Some("me:Pa55".to_owned());
    let server = Server::start(
        repository.root(),
        ServerOptions {
            login,
            ..ServerOptions::default()
        },
    );
    let proxy = scripted(&repository, |_| Some(status(502, "text/plain", "seen")));
    let port = server.authority().rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost"] {
        for exempt in [None, Some("example.com".to_owned())] {
            let proxies = Proxies {
                http: Some(ProxyUrl::new(format!("http://{}", proxy.authority()))),
                exempt,
                ..Proxies::default()
            };
            let http = HttpOptions {
                proxies,
                ..HttpOptions::default()
            };
            let fetched = run(&SourceOptions {
                http,
                credentials: Some(credentials("me", "Pa55")),
                ..options(&format!("http://{host}:{port}/repo/.git"), "main")
            });
            assert_eq!(fetched.commit(), repository.id("HEAD"), "{host}");
        }
    }
    let seen = proxy.take_requests();
    assert!(seen.is_empty(), "the proxy was asked: {seen:?}");
}

#[test]
fn names_of_refs_are_checked() {
    let repository = Repository::sample();
    let head = repository.id("HEAD");
    let kind = "application/x-git-upload-pack-advertisement";
    let line = |text: String| format!("{:04x}{text}", text.len() + 4);
    let refs = [
        format!(
            "{head} HEAD\0multi_ack_detailed side-band-64k shallow symref=HEAD:refs/heads/\u{1b}[31mred\n"
        ),
        format!("{head} refs/heads/\u{1b}[31mred\n"),
        format!("{head} refs/heads/plain\n"),
    ];
    let body = format!(
        "001e# service=git-upload-pack\n0000{}0000",
        refs.map(line).concat()
    );
    let server = scripted(&repository, move |_| Some(status(200, kind, &body)));
    let message = run(&options(&server.url(), "blue")).message();
    assert!(
        message.contains("refs/heads/plain") && !message.contains("red"),
        "{message:?}"
    );
    let events = run(&options(&server.url(), "")).events;
    assert!(
        events.contains(&FetchEvent::Resolved {
            reference: Some("HEAD".to_owned()),
            id: head
        }),
        "{events:?}"
    );
}

#[test]
fn other_object_formats_are_refused() {
    let repository = Repository::sample();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    repository.git(&["init", "-q", "-b", "main", "--object-format=sha256", "."]);
    repository.commit("first");
    let server = Server::start(repository.root(), ServerOptions::default());
    insta::assert_snapshot!(place(&run(&options(&server.url(), "main")).message(), &server), @"
    http://HOST/repo/.git: the repository uses the sha256 object format, and only sha1 is supported
    hint: mirror it into a repository created with --object-format=sha1
    ");
}

#[test]
fn events_tell_the_story() {
    let repository = Repository::sample();
    let server = Server::start(repository.root(), ServerOptions::default());
    let fetched = run(&options(&server.url(), "main"));
    let (requests, received_bytes, received_objects) = fetched.cost();
    assert_eq!((requests, received_objects), (3, 5));
    let remote = server.url();
    let reference = Some("main".to_owned());
    let story: Vec<FetchEvent> = fetched
        .events
        .into_iter()
        .filter(|event| !matches!(event, FetchEvent::Receiving { .. }))
        .collect();
    assert_eq!(
        story,
        [
            FetchEvent::Connecting { remote },
            FetchEvent::Resolved {
                reference,
                id: repository.id("HEAD")
            },
            FetchEvent::Read { files: 2, bytes: 10 },
            FetchEvent::Finished {
                requests,
                received_bytes,
                received_objects
            },
        ]
    );
}
